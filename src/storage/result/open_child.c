#include "storage/result/open_child.h"

#include "storage/hdf5/h5.h"
#include "storage/hdf5/isolate_child.h"
#include "storage/limits.h"
#include "storage/result/fields.h"
#include "storage/result/worst_child.h"

#include <barydef/version.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

hid_t open_child_run(hid_t file, int run) {
  char path[32] = "/";
  if (run >= 0) snprintf(path, sizeof path, "/runs/%03d", run);
  /* No link leads to the root. */
  return run < 0 || h5_has(file, path) ? H5Oopen(file, path, H5P_DEFAULT) : -1;
}

static bd_status_t damaged(const char *path, const char *what, bd_error_t *error) {
  return bd_fail(error, BD_BAD_INPUT, "%s: a damaged result: %s is not what it should be", path,
                 what);
}

/* ---- the structure ------------------------------------------------------------- */

/* Count the images.  Returns 0 if /labels is not what it should be. */
static int64_t count_images(hid_t file) {
  hid_t labels = h5_has(file, "/labels") ? H5Dopen2(file, "/labels", H5P_DEFAULT) : -1,
        space = H5Dget_space(labels);
  const int64_t count =
      H5Sget_simple_extent_ndims(space) == 1 ? H5Sget_simple_extent_npoints(space) : 0;
  h5_close(space);
  h5_close(labels);
  return count;
}

/* Count the runs and find the first.  Returns 0 if /runs is not what it should be. */
static int read_runs(hid_t file, bd_result_shape_t *shape) {
  H5G_info_t runs;
  char first[16] = "";
  if (!h5_has(file, "/runs") || H5Gget_info_by_name(file, "/runs", &runs, H5P_DEFAULT) < 0 ||
      runs.nlinks < 1 || runs.nlinks > BD_RUNS_MAX ||
      H5Lget_name_by_idx(file, "/runs", H5_INDEX_NAME, H5_ITER_INC, 0, first, sizeof first,
                         H5P_DEFAULT) < 0)
    return 0;
  shape->run_count = (int)runs.nlinks;
  shape->first_run = (int)strtol(first, NULL, 10);
  return 1;
}

/* Take apart the list of attacks, "one/other". */
static bd_status_t split_names(bd_result_t *result, char *names, bd_error_t *error) {
  bd_result_shape_t *shape = &result->shape;
  shape->attack_count = 1;
  for (const char *c = names; *c; c++) shape->attack_count += *c == '/';
  if (shape->attack_count > RESULT_ATTACKS_MAX)
    return damaged(result->path, "the list of attacks", error);
  result->names = calloc((size_t)shape->attack_count, sizeof *result->names);
  if (!result->names) return bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  for (int a = 0; a < shape->attack_count; a++)
    snprintf(result->names[a], sizeof *result->names, "%s", strsep(&names, "/"));
  return BD_OK;
}

static bd_status_t read_structure(const open_child_t *open, bd_error_t *error) {
  bd_result_t *result = open->result;
  char *names = calloc(1, RESULT_TEXT_MAX);
  if (!names) return bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  result->shape.count = count_images(open->file);
  bd_status_t status = result->shape.count >= 1 &&
                               h5_get_text(open->file, "attacks", names, RESULT_TEXT_MAX) &&
                               read_runs(open->file, &result->shape)
                           ? split_names(result, names, error)
                           : damaged(result->path, "the structure of the file", error);
  free(names);
  return status;
}

/* Read channels, height and width of the first group's images, if there are any. */
static bd_status_t read_image_shape(const open_child_t *open, bd_error_t *error) {
  bd_result_t *result = open->result;
  bd_result_shape_t *shape = &result->shape;
  char path[BD_ATTACK_NAME + 64];
  hsize_t size[4] = {0};
  snprintf(path, sizeof path, "/runs/%03d/%s/images", shape->first_run, result->names[0]);
  if (!h5_has(open->file, path))
    return H5Lexists(open->file, path, H5P_DEFAULT) > 0 ? damaged(result->path, path, error)
                                                        : BD_OK;
  hid_t images = H5Dopen2(open->file, path, H5P_DEFAULT), space = H5Dget_space(images);
  if (H5Sget_simple_extent_ndims(space) == 4) H5Sget_simple_extent_dims(space, size, NULL);
  shape->store_images = 1;
  shape->channels = (int)size[1];
  shape->height = (int)size[2];
  shape->width = (int)size[3];
  h5_close(space);
  h5_close(images);
  return BD_OK;
}

/* ---- places -------------------------------------------------------------------- */

/* What a dataset must be. */
typedef struct wanted {
  hid_t type;
  int rank;
  const hsize_t *shape;
} wanted_t;

/* Find the place of a dataset that is as required, contiguous and inside the file.  Returns 0 if
   it is not. */
static int64_t place_of(hid_t file, const char *path, const wanted_t *wanted, int64_t file_size) {
  if (!h5_has(file, path)) return 0;
  hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT);
  hid_t space = H5Dget_space(dataset), stored = H5Dget_type(dataset),
        plan = H5Dget_create_plist(dataset);
  hsize_t size[H5S_MAX_RANK] = {0};
  int fits = dataset >= 0 && H5Sget_simple_extent_ndims(space) == wanted->rank &&
             H5Tequal(stored, wanted->type) > 0 && H5Pget_layout(plan) == H5D_CONTIGUOUS &&
             H5Pget_external_count(plan) == 0;
  int64_t bytes = (int64_t)H5Tget_size(wanted->type);
  if (fits) H5Sget_simple_extent_dims(space, size, NULL);
  for (int i = 0; fits && i < wanted->rank; i++)
    fits = size[i] == wanted->shape[i] && !__builtin_mul_overflow(bytes, (int64_t)size[i], &bytes);
  haddr_t place = fits ? H5Dget_offset(dataset) : HADDR_UNDEF;
  h5_close(plan);
  h5_close(stored);
  h5_close(space);
  h5_close(dataset);
  return place != HADDR_UNDEF && place <= (uint64_t)file_size && bytes <= file_size - (int64_t)place
             ? (int64_t)place
             : 0;
}

/* The types and shapes of the datasets of a result. */
typedef struct datasets {
  hsize_t count, runs, rows, images[4];
  wanted_t labels, marks, records, pixels, statistics, worst_case;
  int64_t file_size;
} datasets_t;

static void describe_datasets(bd_result_shape_t *shape, int64_t file_size, datasets_t *d) {
  d->count = (hsize_t)shape->count;
  d->runs = (hsize_t)shape->run_count;
  d->rows = d->runs * (hsize_t)shape->attack_count;
  const hsize_t images[4] = {d->count, (hsize_t)shape->channels, (hsize_t)shape->height,
                             (hsize_t)shape->width};
  memcpy(d->images, images, sizeof images);
  d->labels = (wanted_t){H5T_NATIVE_INT64, 1, &d->count};
  d->marks = (wanted_t){H5T_NATIVE_UINT64, 1, &d->count};
  d->records = (wanted_t){fields_per_image_type(shape->views), 1, &d->count};
  d->pixels = (wanted_t){H5T_NATIVE_FLOAT, 4, d->images};
  d->statistics = (wanted_t){fields_statistics_type(shape->views, FIELDS_PACKED), 1, &d->rows};
  d->worst_case = (wanted_t){worst_type(), 1, &d->runs};
  d->file_size = file_size;
  shape->record_bytes = (int64_t)H5Tget_size(d->records.type);
}

enum { PATH_ROOM = BD_ATTACK_NAME + 64 };

/* Find images, records and marks of a group.  Returns 0 if the one at `path` is not what it must
   be. */
static int find_group(const open_child_t *open, int group, const datasets_t *d, int64_t *place,
                      char path[PATH_ROOM]) {
  const bd_result_t *result = open->result;
  const bd_result_shape_t *shape = &result->shape;
  const int run = shape->first_run + group / shape->attack_count;
  const char *attack = result->names[group % shape->attack_count];
  place[DATASET_IMAGES] = -1;
  snprintf(path, PATH_ROOM, "/runs/%03d/%s/images", run, attack);
  if (shape->store_images &&
      !(place[DATASET_IMAGES] = place_of(open->file, path, &d->pixels, d->file_size)))
    return 0;
  snprintf(path, PATH_ROOM, "/runs/%03d/%s/per_image", run, attack);
  if (!(place[DATASET_RECORDS] = place_of(open->file, path, &d->records, d->file_size))) return 0;
  snprintf(path, PATH_ROOM, "/checksums/%03d/%s", run, attack);
  return (place[DATASET_MARKS] = place_of(open->file, path, &d->marks, d->file_size)) != 0;
}

/* Find all datasets, in the order of the places.  Returns 0 if the one at `path` is not what it
   must be. */
static int find_all(const open_child_t *open, const datasets_t *d, char path[PATH_ROOM]) {
  const bd_result_shape_t *shape = &open->result->shape;
  int64_t *place = open->result->places;
  snprintf(path, PATH_ROOM, "/statistics");
  if (!place_of(open->file, path, &d->statistics, d->file_size)) return 0;
  snprintf(path, PATH_ROOM, "/worst_case");
  if (worst_is_there(shape->views) && !place_of(open->file, path, &d->worst_case, d->file_size))
    return 0;
  snprintf(path, PATH_ROOM, "/labels");
  if (!(*place++ = place_of(open->file, path, &d->labels, d->file_size))) return 0;
  for (int a = 0; a < shape->attack_count; a++) {
    snprintf(path, PATH_ROOM, "/checksums/input/%s", open->result->names[a]);
    if (!(*place++ = place_of(open->file, path, &d->marks, d->file_size))) return 0;
  }
  for (int g = 0; g < shape->run_count * shape->attack_count; g++, place += DATASETS)
    if (!find_group(open, g, d, place, path)) return 0;
  return 1;
}

/* A dataset is not what it must be.  Another version may have written it as it is. */
static bd_status_t not_found(const open_child_t *open, const char *dataset, bd_error_t *error) {
  char version[32];
  if (!h5_get_text(open->file, "program_version", version, sizeof version) ||
      !strcmp(version, bd_version()))
    return damaged(open->result->path, dataset, error);
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: written by barydef %s, whose %s has other fields: this program, %s, can only "
                 "inspect it",
                 open->result->path, version, dataset, bd_version());
}

static bd_status_t find_places(const open_child_t *open, int64_t file_size, bd_error_t *error) {
  bd_result_t *result = open->result;
  datasets_t datasets;
  char path[PATH_ROOM];
  result->places = calloc(bd_result_place_count(&result->shape), sizeof *result->places);
  if (!result->places) return bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  describe_datasets(&result->shape, file_size, &datasets);
  const int found = find_all(open, &datasets, path);
  h5_close(datasets.statistics.type);
  h5_close(datasets.worst_case.type);
  h5_close(datasets.records.type);
  return found ? BD_OK : not_found(open, path, error);
}

/* ---- opening ------------------------------------------------------------------- */

/* Is it a result that this program knows how to read? */
static bd_status_t check_schema(hid_t file, const char *path, bd_error_t *error) {
  char schema[64];
  int64_t version = 0;
  if (!h5_get_text(file, "schema", schema, sizeof schema) || strcmp(schema, BD_RESULT_SCHEMA))
    return bd_fail(error, BD_BAD_INPUT, "%s: not a result of barydef", path);
  if (!h5_get_integer(file, "schema_version", &version) || version != BD_RESULT_SCHEMA_VERSION)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: attribute schema_version of / is %" PRId64 ", this program writes %d", path,
                   version, BD_RESULT_SCHEMA_VERSION);
  if (H5Lexists(file, "/checksums", H5P_DEFAULT) == 0)
    return bd_fail(
        error, BD_BAD_INPUT,
        "%s: has no /checksums: it was written by an older barydef, and this program can "
        "only inspect it",
        path);
  return BD_OK;
}

static bd_status_t check_ends(const open_child_t *open, int64_t file_size, bd_error_t *error) {
  int64_t complete = -1;
  haddr_t end;
  /* HDF5 would truncate the file at the end that it declares. */
  if (H5Fget_eoa(open->file, &end) < 0 || end != (haddr_t)file_size)
    return damaged(open->result->path, "the end of the file", error);
  if (!h5_get_integer(open->file, "complete", &complete) || complete < 0 || complete > 1)
    return damaged(open->result->path, "attribute complete of /", error);
  open->result->shape.complete = (int)complete;
  return BD_OK;
}

bd_status_t open_child(const bd_result_t *opened, open_child_t *open, bd_error_t *error) {
  const char *path = opened->path;
  struct stat file;
  *open = (open_child_t){.file = -1};
  bd_status_t status = result_allocate(path, &open->result, error);
  if (status != BD_OK) return status;
  open->result->descriptor = opened->descriptor;
  if (fstat(opened->descriptor, &file) != 0)
    status = bd_fail(error, BD_FAILED, "%s: cannot be read: %m", path);
  if (status == BD_OK && (open->file = h5_open_descriptor(opened->descriptor, H5_TO_READ)) < 0)
    status =
        bd_fail(error, BD_BAD_INPUT, "%s: not an HDF5 file, or damaged (%s)", path, h5_reason());
  isolate_close_doors();
  if (status == BD_OK) status = check_schema(open->file, path, error);
  if (status == BD_OK) status = check_ends(open, file.st_size, error);
  if (status == BD_OK) open->result->shape.views = fields_views_of(open->file);
  if (status == BD_OK) status = read_structure(open, error);
  if (status == BD_OK) status = read_image_shape(open, error);
  if (status == BD_OK) status = find_places(open, file.st_size, error);
  return status;
}

void open_child_close(open_child_t *open) {
  h5_close(open->file);
  bd_result_close(open->result);
}

/* ---- handing it over ----------------------------------------------------------- */

/* Texts of the root and of every run, which are asked for later. */
static const char *const root_texts[] = {"job",          "program_version", "git_revision",
                                         "input_digest", "victim_digest",   "victim_library",
                                         "part",         "labels_checksum", "attacks"};
static const char *const run_texts[] = {"instructions_used", "solver.instructions"};

static void put_texts(hid_t file, int run, size_t count, const char *const *names, char *text,
                      FILE *out) {
  hid_t group = open_child_run(file, run);
  for (size_t i = 0; group >= 0 && i < count; i++) {
    if (!h5_get_text(group, names[i], text, RESULT_TEXT_MAX)) continue;
    parcel_put(out, &run, 1, sizeof run);
    parcel_put_text(out, names[i]);
    parcel_put_text(out, text);
  }
  h5_close(group);
}

static bd_status_t put_all_texts(const open_child_t *open, FILE *out, bd_error_t *error) {
  const bd_result_shape_t *shape = &open->result->shape;
  char *text = malloc(RESULT_TEXT_MAX);
  if (!text) return bd_fail(error, BD_FAILED, "%s: no memory", open->result->path);
  put_texts(open->file, -1, sizeof root_texts / sizeof *root_texts, root_texts, text, out);
  for (int run = shape->first_run; run < shape->first_run + shape->run_count; run++)
    put_texts(open->file, run, sizeof run_texts / sizeof *run_texts, run_texts, text, out);
  free(text);
  return BD_OK;
}

bd_status_t open_child_hand_over(void *opened, FILE *out, bd_error_t *error) {
  open_child_t open;
  bd_status_t status = open_child(opened, &open, error);
  if (status == BD_OK) {
    const bd_result_t *result = open.result;
    parcel_put(out, &result->shape, 1, sizeof result->shape);
    parcel_put(out, result->names, (size_t)result->shape.attack_count, sizeof *result->names);
    parcel_put(out, result->places, bd_result_place_count(&result->shape), sizeof *result->places);
    status = put_all_texts(&open, out, error);
  }
  open_child_close(&open);
  return status;
}
