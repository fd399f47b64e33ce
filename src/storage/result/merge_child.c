#include "storage/result/merge_child.h"

#include "storage/hdf5/file.h"
#include "storage/hdf5/h5.h"
#include "storage/hdf5/isolate_child.h"
#include "storage/result/fields.h"
#include "storage/result/new_file.h"
#include "storage/result/worst_child.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* A part that HDF5 has opened. */
typedef struct open_part {
  const bd_result_t *part;
  hid_t file;
} open_part_t;

typedef struct joining {
  const merge_request_t *request;
  open_part_t *open; /* one for each part */
} joining_t;

/* ---- the root ------------------------------------------------------------------ */

/* Copy an attribute of the root if it is what this program writes, a single number or a text. */
static herr_t copy_attribute(hid_t root, const char *name, const H5A_info_t *info, void *to) {
  hid_t from = H5Aopen(root, name, H5P_DEFAULT), type = H5Aget_type(from),
        space = H5Aget_space(from);
  if (H5Sget_simple_extent_npoints(space) != 1 || H5Tis_variable_str(type) ||
      H5Tget_size(type) != info->data_size) {
    h5_close(space);
    h5_close(type);
    h5_close(from);
    return 0;
  }
  void *value = calloc(1, H5Tget_size(type));
  hid_t made = H5Acreate2(*(hid_t *)to, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  int done = value && H5Aread(from, type, value) >= 0 && H5Awrite(made, type, value) >= 0;
  free(value);
  h5_close(made);
  h5_close(space);
  h5_close(type);
  h5_close(from);
  return done ? 0 : -1;
}

/* A table that is joined row by row. */
typedef struct table {
  const char *name;
  hid_t type;
  int rows_of_run;
} table_t;

/* Read the rows of all parts, one after the other.  Returns NULL if they cannot be read. */
static char *read_table(const joining_t *joining, const table_t *table, hsize_t rows) {
  const size_t size = H5Tget_size(table->type);
  // Every part has rows.  NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI)
  char *all = malloc(rows * size), *to = all;
  int done = all != NULL;
  for (int i = 0; done && i < joining->request->merge->count; i++) {
    hid_t dataset = H5Dopen2(joining->open[i].file, table->name, H5P_DEFAULT);
    done = H5Dread(dataset, table->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0;
    h5_close(dataset);
    to += size * (size_t)(joining->open[i].part->shape.run_count * table->rows_of_run);
  }
  if (done) return all;
  free(all);
  return NULL;
}

static int join_table(hid_t file, const joining_t *joining, const table_t *table) {
  const merge_t *merge = joining->request->merge;
  hsize_t rows = 0;
  for (int i = 0; i < merge->count; i++)
    rows += (hsize_t)(merge->parts[i]->shape.run_count * table->rows_of_run);
  char *all = read_table(joining, table, rows);
  hid_t space = H5Screate_simple(1, &rows, NULL), plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_alloc_time(plan, H5D_ALLOC_TIME_EARLY);
  hid_t dataset = H5Dcreate2(file, table->name, table->type, space, H5P_DEFAULT, plan, H5P_DEFAULT);
  /* Flush here, since a failure to write during the close would not be seen. */
  const int done = all && dataset >= 0 &&
                   H5Dwrite(dataset, table->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) >= 0 &&
                   H5Dflush(dataset) >= 0;
  h5_close(dataset);
  h5_close(plan);
  h5_close(space);
  free(all);
  return done;
}

static int join_tables(hid_t file, const joining_t *joining) {
  const bd_result_shape_t *shape = &joining->request->merge->parts[0]->shape;
  const table_t statistics = {"statistics", fields_statistics_type(shape->views, FIELDS_PACKED),
                              shape->attack_count},
                worst = {"worst_case", worst_type(), 1};
  const int done = join_table(file, joining, &statistics) &&
                   (!worst_is_there(shape->views) || join_table(file, joining, &worst));
  h5_close(statistics.type);
  h5_close(worst.type);
  return done;
}

/* ---- the runs ------------------------------------------------------------------ */

/* Refuse a group that holds more than it does in a result, since all of it would be copied.
   bd_result_open has checked that it holds no less. */
static bd_status_t check_links(const open_part_t *open, const char *path, int count,
                               bd_error_t *error) {
  H5G_info_t group;
  if (H5Gget_info_by_name(open->file, path, &group, H5P_DEFAULT) >= 0 &&
      group.nlinks == (hsize_t)count)
    return BD_OK;
  return bd_fail(error, BD_BAD_INPUT, "%s: %s holds more than it does in a result",
                 open->part->path, path);
}

static bd_status_t check_groups(const open_part_t *open, bd_error_t *error) {
  char path[BD_ATTACK_NAME + 32];
  const bd_result_shape_t *shape = &open->part->shape;
  bd_status_t status = check_links(open, "/checksums/input", shape->attack_count, error);
  for (int run = shape->first_run; status == BD_OK && run < shape->first_run + shape->run_count;
       run++) {
    snprintf(path, sizeof path, "/checksums/%03d", run);
    status = check_links(open, path, shape->attack_count, error);
    snprintf(path, sizeof path, "/runs/%03d", run);
    if (status == BD_OK) status = check_links(open, path, shape->attack_count, error);
    for (int a = 0; status == BD_OK && a < shape->attack_count; a++) {
      snprintf(path, sizeof path, "/runs/%03d/%s", run, open->part->names[a]);
      status = check_links(open, path, 1 + shape->store_images, error);
    }
  }
  return status;
}

static int copy(hid_t from, hid_t to, const char *path) {
  return H5Ocopy(from, path, to, path, H5P_DEFAULT, H5P_DEFAULT) >= 0;
}

static int copy_run(hid_t from, hid_t to, const char *group, int run) {
  char path[32];
  snprintf(path, sizeof path, "%s/%03d", group, run);
  return copy(from, to, path);
}

static int join_runs(hid_t file, const joining_t *joining) {
  hid_t runs = H5Gcreate2(file, "runs", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  hid_t checksums = H5Gcreate2(file, "checksums", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int done = runs >= 0 && copy(joining->open[0].file, file, "checksums/input");
  for (int i = 0; done && i < joining->request->merge->count; i++) {
    const open_part_t *open = &joining->open[i];
    const bd_result_shape_t *shape = &open->part->shape;
    for (int run = shape->first_run; done && run < shape->first_run + shape->run_count; run++)
      done =
          copy_run(open->file, file, "/runs", run) && copy_run(open->file, file, "/checksums", run);
  }
  h5_close(checksums);
  h5_close(runs);
  return done;
}

/* ---- the whole ----------------------------------------------------------------- */

/* Reserve what the parts need, because HDF5 1.10 crashes if the disk is full during a copy.
   new_file.c gives back the excess.  Parts that would take more, because their data lies in holes
   or shares one place, are not results. */
static bd_status_t take_room(hid_t file, const char *path, const merge_t *merge,
                             bd_error_t *error) {
  enum { MORE = 1 << 24 }; /* HDF5 lays out metadata in its own way */
  struct stat part;
  int64_t room = 0;
  void *descriptor;
  for (int i = 0; i < merge->count; i++)
    room += fstat(merge->parts[i]->descriptor, &part) == 0 ? part.st_size : 0;
  isolate_keep_length(room + MORE);
  return H5Fget_vfd_handle(file, H5P_DEFAULT, &descriptor) >= 0
             ? file_take_room(*(int *)descriptor, room, path, error)
             : BD_OK;
}

static bd_status_t open_parts(joining_t *joining, bd_error_t *error) {
  const merge_t *merge = joining->request->merge;
  for (int i = 0; i < merge->count; i++) {
    const bd_result_t *part = merge->parts[i];
    joining->open[i] = (open_part_t){part, h5_open_descriptor(part->descriptor, H5_TO_READ)};
    if (joining->open[i].file < 0)
      return bd_fail(error, BD_FAILED, "%s: cannot be opened (%s)", part->path, h5_reason());
  }
  bd_status_t status = BD_OK;
  for (int i = 0; status == BD_OK && i < merge->count; i++)
    status = check_groups(&joining->open[i], error);
  return status;
}

static bd_status_t join(hid_t file, const char *path, void *context, bd_error_t *error) {
  joining_t *joining = context;
  bd_status_t status = open_parts(joining, error);
  if (status == BD_OK) status = take_room(file, path, joining->request->merge, error);
  if (status != BD_OK) return status;
  joining->request->news->is_writing = 1;
  const hid_t first = joining->open[0].file;
  const int done =
      H5Aiterate2(first, H5_INDEX_NAME, H5_ITER_INC, NULL, copy_attribute, &file) >= 0 &&
      copy(first, file, "labels") && join_tables(file, joining) && join_runs(file, joining) &&
      H5Adelete(file, "part") >= 0 && h5_put_text(file, "part", "1/1", 0);
  joining->request->news->is_writing = 0;
  return done ? BD_OK : bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", path, h5_reason());
}

bd_status_t merge_child(void *context, FILE *out, bd_error_t *error) {
  (void)out;
  const merge_request_t *request = context;
  const int count = request->merge->count;
  struct stat made;
  joining_t joining = {request, malloc((size_t)count * sizeof *joining.open)};
  if (!joining.open) return bd_fail(error, BD_FAILED, "no memory for %d parts", count);
  for (int i = 0; i < count; i++) joining.open[i].file = -1;
  const new_file_t new_file = {request->path, request->existing, join, &joining,
                               &request->news->note};
  bd_status_t status = new_file_create(&new_file, &made, error);
  for (int i = 0; i < count; i++) h5_close(joining.open[i].file);
  free(joining.open);
  return status;
}
