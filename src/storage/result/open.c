#include "storage/hdf5/file.h"
#include "storage/hdf5/isolate.h"
#include "storage/result/fields.h"
#include "storage/result/result.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RUNS_MAX = 1000, ATTACKS_MAX = 1001 };

/* ---- by HDF5, in a child ---------------------------------------------------------- */

static hid_t open_run(const bd_result_t *result, int run) {
  char path[32] = "/";
  if (run >= 0) snprintf(path, sizeof path, "/runs/%03d", run);
  return h5_has(result->file, run >= 0 ? path : "/labels")
             ? H5Oopen(result->file, path, H5P_DEFAULT)
             : -1;
}

static bd_status_t damaged(const bd_result_t *result, const char *what, bd_error_t *error) {
  return bd_fail(error, BD_BAD_INPUT, "%s: a damaged result: %s is not what it should be",
                 result->path, what);
}

/* Place of a dataset that must be contiguous, of this type and shape, and inside the file;
   0 where it is not. */
static int64_t place_of(const bd_result_t *result, const char *path, hid_t type, int rank,
                        const hsize_t *shape, int64_t file_size) {
  if (!h5_has(result->file, path)) return 0;
  hid_t dataset = H5Dopen2(result->file, path, H5P_DEFAULT);
  hid_t space = H5Dget_space(dataset), stored = H5Dget_type(dataset),
        plan = H5Dget_create_plist(dataset);
  hsize_t size[H5S_MAX_RANK] = {0};
  int fits = dataset >= 0 && H5Sget_simple_extent_ndims(space) == rank &&
             H5Tequal(stored, type) > 0 && H5Pget_layout(plan) == H5D_CONTIGUOUS &&
             H5Pget_external_count(plan) == 0;
  int64_t bytes = (int64_t)H5Tget_size(type);
  if (fits) H5Sget_simple_extent_dims(space, size, NULL);
  for (int i = 0; fits && i < rank; i++)
    fits = size[i] == shape[i] && !__builtin_mul_overflow(bytes, (int64_t)size[i], &bytes);
  haddr_t place = fits ? H5Dget_offset(dataset) : HADDR_UNDEF;
  h5_close(plan);
  h5_close(stored);
  h5_close(space);
  h5_close(dataset);
  return place != HADDR_UNDEF && place <= (uint64_t)file_size && bytes <= file_size - (int64_t)place
             ? (int64_t)place
             : 0;
}

/* Count of images, runs, the first of them, and the names of the attacks. */
static bd_status_t read_structure(bd_result_t *result, bd_error_t *error) {
  bd_result_shape_t *shape = &result->shape;
  H5G_info_t runs;
  char first[16] = "", *names = calloc(1, 1 << 20);
  hid_t dataset =
      h5_has(result->file, "/labels") ? H5Dopen2(result->file, "/labels", H5P_DEFAULT) : -1;
  hid_t space = H5Dget_space(dataset);
  shape->count = H5Sget_simple_extent_ndims(space) == 1 ? H5Sget_simple_extent_npoints(space) : 0;
  h5_close(space);
  h5_close(dataset);
  if (!names || !h5_get_text(result->file, "attacks", names, 1 << 20)) shape->count = 0;
  if (shape->count < 1 || !h5_has(result->file, "/runs") ||
      H5Gget_info_by_name(result->file, "/runs", &runs, H5P_DEFAULT) < 0 || runs.nlinks < 1 ||
      runs.nlinks > RUNS_MAX ||
      H5Lget_name_by_idx(result->file, "/runs", H5_INDEX_NAME, H5_ITER_INC, 0, first, sizeof first,
                         H5P_DEFAULT) < 0) {
    free(names);
    return damaged(result, "the structure of the file", error);
  }
  shape->run_count = (int)runs.nlinks;
  shape->first_run = (int)strtol(first, NULL, 10);
  for (const char *c = names; *c; c++) shape->attack_count += *c == '/';
  if (++shape->attack_count > ATTACKS_MAX) {
    free(names);
    return damaged(result, "the list of attacks", error);
  }
  result->names = calloc((size_t)shape->attack_count, sizeof *result->names);
  char *rest = names;
  for (int a = 0; result->names && a < shape->attack_count; a++)
    snprintf(result->names[a], sizeof *result->names, "%s", strsep(&rest, "/"));
  free(names);
  return result->names ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory", result->path);
}

/* Channels, height, width of the first group's images, where there are any. */
static bd_status_t read_image_shape(bd_result_t *result, bd_error_t *error) {
  bd_result_shape_t *shape = &result->shape;
  char path[BD_ATTACK_NAME + 64];
  hsize_t size[4] = {0};
  snprintf(path, sizeof path, "/runs/%03d/%s/images", shape->first_run, result->names[0]);
  if (!h5_has(result->file, path))
    return H5Lexists(result->file, path, H5P_DEFAULT) > 0 ? damaged(result, path, error) : BD_OK;
  hid_t images = H5Dopen2(result->file, path, H5P_DEFAULT), space = H5Dget_space(images);
  if (H5Sget_simple_extent_ndims(space) == 4) H5Sget_simple_extent_dims(space, size, NULL);
  shape->store_images = 1;
  shape->channels = (int)size[1];
  shape->height = (int)size[2];
  shape->width = (int)size[3];
  h5_close(space);
  h5_close(images);
  return BD_OK;
}

static bd_status_t find_places(bd_result_t *result, int64_t file_size, bd_error_t *error) {
  bd_result_shape_t *shape = &result->shape;
  const hsize_t count = (hsize_t)shape->count,
                runs = (hsize_t)shape->run_count * (hsize_t)shape->attack_count;
  const hsize_t images[4] = {count, (hsize_t)shape->channels, (hsize_t)shape->height,
                             (hsize_t)shape->width};
  int64_t *place = result->places = calloc(bd_result_place_count(shape), sizeof *place);
  if (!place) return bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  char path[BD_ATTACK_NAME + 64];
  bd_status_t status = BD_OK;
  hid_t record = fields_per_image_type(shape->views),
        row = fields_statistics_type(shape->views, FIELDS_PACKED);
  shape->record_bytes = (int64_t)H5Tget_size(record);
  if (!place_of(result, "/statistics", row, 1, &runs, file_size))
    status = damaged(result, "/statistics", error);
  if (!(*place++ = place_of(result, "/labels", H5T_NATIVE_INT64, 1, &count, file_size)))
    status = damaged(result, "/labels", error);
  for (int a = 0; status == BD_OK && a < shape->attack_count; a++) {
    snprintf(path, sizeof path, "/checksums/input/%s", result->names[a]);
    if (!(*place++ = place_of(result, path, H5T_NATIVE_UINT64, 1, &count, file_size)))
      status = damaged(result, path, error);
  }
  for (int g = 0; status == BD_OK && g < shape->run_count * shape->attack_count; g++, place += 3) {
    const int run = shape->first_run + g / shape->attack_count;
    const char *attack = result->names[g % shape->attack_count];
    place[IMAGES] = -1;
    snprintf(path, sizeof path, "/runs/%03d/%s/images", run, attack);
    if (shape->store_images &&
        !(place[IMAGES] = place_of(result, path, H5T_NATIVE_FLOAT, 4, images, file_size)))
      break;
    snprintf(path, sizeof path, "/runs/%03d/%s/per_image", run, attack);
    if (!(place[RECORDS] = place_of(result, path, record, 1, &count, file_size))) break;
    snprintf(path, sizeof path, "/checksums/%03d/%s", run, attack);
    if (!(place[MARKS] = place_of(result, path, H5T_NATIVE_UINT64, 1, &count, file_size))) break;
  }
  if (status == BD_OK && place != result->places + bd_result_place_count(shape))
    status = damaged(result, path, error);
  h5_close(row);
  h5_close(record);
  return status;
}

static bd_result_t *allocate(const char *path, bd_error_t *error) {
  bd_result_t *result = calloc(1, sizeof *result);
  if (result) {
    result->file = result->descriptor = -1;
    result->path = strdup(path);
  }
  if (result && result->path) return result;
  bd_result_close(result);
  bd_fail(error, BD_FAILED, "%s: no memory", path);
  return NULL;
}

bd_status_t result_open_here(const bd_result_t *opened, bd_result_t **out, bd_error_t *error) {
  const char *path = opened->path;
  char schema[64];
  int64_t version = 0, complete = -1;
  struct stat file;
  haddr_t end;
  *out = NULL;
  bd_result_t *result = allocate(path, error);
  if (!result) return BD_FAILED;
  bd_status_t status = BD_OK;
  result->descriptor = opened->descriptor;
  if (fstat(result->descriptor, &file) != 0)
    status = bd_fail(error, BD_FAILED, "%s: cannot be read: %m", path);
  if (status == BD_OK && (result->file = h5_open_descriptor(result->descriptor, 0)) < 0)
    status =
        bd_fail(error, BD_BAD_INPUT, "%s: not an HDF5 file, or damaged (%s)", path, h5_reason());
  isolate_close_doors();
  if (status == BD_OK && (!h5_get_text(result->file, "schema", schema, sizeof schema) ||
                          strcmp(schema, "barydef-result")))
    status = bd_fail(error, BD_BAD_INPUT, "%s: not a result of barydef", path);
  if (status == BD_OK &&
      (!h5_get_integer(result->file, "schema_version", &version) || version != 1))
    status = bd_fail(error, BD_BAD_INPUT,
                     "%s: attribute schema_version of / is %" PRId64 ", this program writes 1",
                     path, version);
  if (status == BD_OK && H5Lexists(result->file, "/checksums", H5P_DEFAULT) == 0)
    status = bd_fail(error, BD_BAD_INPUT,
                     "%s: has no /checksums: from a barydef before they were, which this program "
                     "can only inspect",
                     path);
  /* HDF5 would cut the file off where it says it ends. */
  if (status == BD_OK && (H5Fget_eoa(result->file, &end) < 0 || end != (haddr_t)file.st_size))
    status = damaged(result, "the end of the file", error);
  if (status == BD_OK &&
      (!h5_get_integer(result->file, "complete", &complete) || complete < 0 || complete > 1))
    status = damaged(result, "attribute complete of /", error);
  result->shape.complete = (int)complete;
  if (status == BD_OK) result->shape.views = fields_views_of(result->file);
  if (status == BD_OK) status = read_structure(result, error);
  if (status == BD_OK) status = read_image_shape(result, error);
  if (status == BD_OK) status = find_places(result, file.st_size, error);
  if (status != BD_OK) {
    bd_result_close(result);
    return status;
  }
  *out = result;
  return BD_OK;
}

/* ---- from the child to its parent ------------------------------------------------ */

/* Texts that are asked for later: of the root, and of every run. */
static const char *const root_texts[] = {"job",          "program_version", "git_revision",
                                         "input_digest", "victim_digest",   "victim_library",
                                         "part",         "labels_checksum", "attacks"};
static const char *const run_texts[] = {"instructions_used", "solver.instructions"};
enum { TEXT_MAX = 1 << 20 };

static void put_text(const bd_result_t *result, int run, const char *name, char *text, FILE *out) {
  hid_t group = open_run(result, run);
  if (group >= 0 && h5_get_text(group, name, text, TEXT_MAX)) {
    fwrite(&run, sizeof run, 1, out);
    fprintf(out, "%s%c%s%c", name, 0, text, 0);
  }
  h5_close(group);
}

/* A result may be made up as well as an input: a child opens it by HDF5.  It hands over the shape,
   names, places, and texts: the number of a run or -1, name and value, each with its zero. */
static bd_status_t hand_over(void *opened, FILE *out, bd_error_t *error) {
  bd_result_t *result;
  bd_status_t status = result_open_here(opened, &result, error);
  if (status != BD_OK) return status;
  const bd_result_shape_t *shape = &result->shape;
  fwrite(shape, sizeof *shape, 1, out);
  fwrite(result->names, sizeof *result->names, (size_t)shape->attack_count, out);
  fwrite(result->places, sizeof *result->places, bd_result_place_count(shape), out);
  char *text = malloc(TEXT_MAX);
  for (size_t i = 0; text && i < sizeof root_texts / sizeof *root_texts; i++)
    put_text(result, -1, root_texts[i], text, out);
  for (int run = shape->first_run; text && run < shape->first_run + shape->run_count; run++)
    for (size_t i = 0; i < sizeof run_texts / sizeof *run_texts; i++)
      put_text(result, run, run_texts[i], text, out);
  if (!text) status = bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  free(text);
  bd_result_close(result);
  return status;
}

/* `count` things of `each` bytes at a place of the file? */
static int lies_inside(int64_t place, int64_t count, size_t each, int64_t file_size) {
  int64_t bytes;
  return place > 0 && place <= file_size && !__builtin_mul_overflow(count, (int64_t)each, &bytes) &&
         bytes <= file_size - place;
}

static int check_places(const bd_result_t *r, int64_t file_size) {
  const bd_result_shape_t *shape = &r->shape;
  const int64_t n = shape->count;
  /* Datasets that share bytes would let a small file stand for endless work. */
  const double each = (double)shape->run_count * shape->attack_count *
                      ((double)shape->record_bytes + 8 +
                       (shape->store_images ? 4.0 * (double)image_values(shape) : 0));
  if ((double)n * (each + 8 + 8.0 * shape->attack_count) > (double)file_size) return 0;
  int right = lies_inside(labels_place(r), n, sizeof(int64_t), file_size);
  for (int a = 0; a < shape->attack_count; a++)
    right &= lies_inside(input_place(r, a), n, sizeof(uint64_t), file_size);
  for (int g = 0; g < shape->run_count * shape->attack_count; g++) {
    const int run = shape->first_run + g / shape->attack_count, attack = g % shape->attack_count;
    right &= lies_inside(group_place(r, run, attack, RECORDS), n, (size_t)shape->record_bytes,
                         file_size) &&
             lies_inside(group_place(r, run, attack, MARKS), n, sizeof(uint64_t), file_size);
    if (shape->store_images)
      right &= lies_inside(group_place(r, run, attack, IMAGES), n,
                           image_values(shape) * sizeof(float), file_size);
  }
  return right;
}

/* Names of attacks are parts of paths, and stand for one group each. */
static int check_names(const bd_result_t *r) {
  for (int a = 0; a < r->shape.attack_count; a++) {
    const char *name = r->names[a];
    if (!memchr(name, 0, sizeof *r->names) || !text_is_name(name)) return 0;
    for (int before = 0; before < a; before++)
      if (!strcmp(r->names[before], name)) return 0;
  }
  return 1;
}

/* Believes nothing; `bytes` become the result's. */
static bd_status_t take_over(bd_result_t *r, char *bytes, size_t size, int64_t file_size,
                             bd_error_t *error) {
  bd_result_shape_t *shape = &r->shape;
  r->found = bytes;
  if (size >= sizeof *shape) memcpy(shape, bytes, sizeof *shape);
  int right = size >= sizeof *shape && shape->run_count >= 1 && shape->run_count <= RUNS_MAX &&
              shape->attack_count >= 1 && shape->attack_count <= ATTACKS_MAX &&
              shape->first_run >= 0 && shape->first_run < 1 << 20 && shape->count >= 1 &&
              shape->complete >= 0 && shape->complete <= 1 &&
              shape->views < BD_VIEW_BIT(BD_VIEWS) &&
              shape->record_bytes == (int64_t)bd_record_bytes(shape->views);
  if (right && shape->store_images)
    right = shape->store_images == 1 && shape->channels >= 1 && shape->channels <= 4096 &&
            shape->height >= 1 && shape->height <= 32768 && shape->width >= 1 &&
            shape->width <= 32768;
  const size_t names = right ? (size_t)shape->attack_count * sizeof *r->names : 0;
  const size_t places = right ? bd_result_place_count(shape) * sizeof *r->places : 0;
  right = right && size >= sizeof *shape + names + places;
  if (right) {
    r->names = malloc(names);
    r->places = malloc(places);
    if (!r->names || !r->places) return bd_fail(error, BD_FAILED, "%s: no memory", r->path);
    memcpy(r->names, bytes + sizeof *shape, names);
    memcpy(r->places, bytes + sizeof *shape + names, places);
    r->texts = bytes + sizeof *shape + names + places;
    r->texts_size = size - sizeof *shape - names - places;
    right = check_names(r) && check_places(r, file_size) &&
            (r->texts_size == 0 || r->texts[r->texts_size - 1] == 0);
  }
  return right ? BD_OK
               : bd_fail(error, BD_BAD_INPUT, "%s: a damaged result: HDF5 lists nonsense of it",
                         r->path);
}

int bd_result_text(const bd_result_t *result, int run, const char *name, char *text, size_t size) {
  const char *end = result->texts + result->texts_size;
  for (const char *at = result->texts; at && (size_t)(end - at) > sizeof run;) {
    int of;
    memcpy(&of, at, sizeof of);
    const char *its_name = at + sizeof of, *value = its_name + strlen(its_name) + 1;
    if (value >= end) return 0;
    if (of == run && !strcmp(its_name, name)) {
      snprintf(text, size, "%s", value);
      return 1;
    }
    at = value + strlen(value) + 1;
  }
  return 0;
}

bd_status_t bd_result_open(const char *path, bd_result_t **out, bd_error_t *error) {
  struct stat file;
  void *bytes = NULL;
  size_t size;
  *out = NULL;
  bd_result_t *result = allocate(path, error);
  if (!result) return BD_FAILED;
  bd_status_t status = file_open(path, &result->descriptor, &file, error);
  if (status == BD_OK)
    status =
        isolate(hand_over, result, path, isolate_size(&file), RESULT_MEMORY, &bytes, &size, error);
  if (status == BD_OK) status = take_over(result, bytes, size, file.st_size, error);
  if (status == BD_OK) result_identify(result);
  if (status != BD_OK) {
    bd_result_close(result);
    return status;
  }
  *out = result;
  return BD_OK;
}

bd_status_t bd_result_join(const char *path, const bd_result_shape_t *shape, const int64_t *places,
                           bd_result_t **out, bd_error_t *error) {
  struct stat file;
  *out = NULL;
  bd_result_t *result = allocate(path, error);
  if (!result) return BD_FAILED;
  size_t size = bd_result_place_count(shape) * sizeof *places;
  bd_status_t status = file_open(path, &result->descriptor, &file, error);
  result->places = malloc(size);
  if (status == BD_OK && !result->places) status = bd_fail(error, BD_FAILED, "%s: no memory", path);
  if (status == BD_OK) {
    memcpy(result->places, places, size);
    result_identify(result);
    if (result->shape.file_size != shape->file_size ||
        result->shape.head_digest != shape->head_digest)
      status = bd_fail(error, BD_BAD_INPUT, "%s: another rank sees another file than rank 0", path);
    result->shape = *shape;
  }
  if (status != BD_OK) {
    bd_result_close(result);
    return status;
  }
  *out = result;
  return BD_OK;
}

void bd_result_close(bd_result_t *result) {
  if (!result) return;
  h5_close(result->file);
  if (result->descriptor >= 0) close(result->descriptor);
  free(result->waiting);
  free(result->found);
  free(result->wrong);
  free(result->names);
  free(result->places);
  free(result->path);
  free(result);
}
