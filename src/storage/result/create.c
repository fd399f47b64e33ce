#include "storage/hdf5/file.h"
#include "storage/hdf5/h5.h"
#include "storage/result/attributes.h"
#include "storage/result/checksums.h"
#include "storage/result/fields.h"
#include "storage/result/new_file.h"
#include "storage/result/result.h"
#include "storage/result/worst_child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- datasets ------------------------------------------------------------------ */

/* What a dataset is created with. */
typedef struct contents {
  hid_t type;
  int rank;
  hsize_t size[4];
  const void *fill; /* one value of the type; NULL: not filled */
} contents_t;

/* Create a contiguous dataset and allocate its space at once, because blocks are written as raw
   data at known places. */
static hid_t create_dataset(hid_t location, const char *name, const contents_t *contents) {
  hid_t space = H5Screate_simple(contents->rank, contents->size, NULL),
        plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_layout(plan, H5D_CONTIGUOUS);
  H5Pset_alloc_time(plan, H5D_ALLOC_TIME_EARLY);
  if (contents->fill) H5Pset_fill_value(plan, contents->type, contents->fill);
  H5Pset_fill_time(plan, contents->fill ? H5D_FILL_TIME_ALLOC : H5D_FILL_TIME_NEVER);
  hid_t dataset = H5Dcreate2(location, name, contents->type, space, H5P_DEFAULT, plan, H5P_DEFAULT);
  h5_close(plan);
  h5_close(space);
  return dataset;
}

/* Do the same and close the dataset.  Returns 1 on success. */
static int has_created(hid_t location, const char *name, const contents_t *contents) {
  hid_t dataset = create_dataset(location, name, contents);
  h5_close(dataset);
  return dataset >= 0;
}

static int create_records(hid_t group, const bd_result_layout_t *layout) {
  char pending[sizeof(bd_per_image_t)];
  fields_pending(layout->views, pending);
  const contents_t contents = {
      fields_per_image_type(layout->views), 1, {(hsize_t)layout->count}, pending};
  const int done = has_created(group, "per_image", &contents);
  h5_close(contents.type);
  return done;
}

static int create_marks(hid_t group, const char *name, int64_t count) {
  const uint64_t zero = 0;
  return has_created(group, name, &(contents_t){H5T_NATIVE_UINT64, 1, {(hsize_t)count}, &zero});
}

static int create_images(hid_t group, const bd_result_layout_t *layout) {
  const bd_images_info_t *info = layout->info;
  return has_created(group, "images",
                     &(contents_t){H5T_NATIVE_FLOAT,
                                   4,
                                   {(hsize_t)layout->count, (hsize_t)info->channels,
                                    (hsize_t)info->height, (hsize_t)info->width},
                                   NULL});
}

static int create_labels(hid_t file, const bd_result_layout_t *layout) {
  const contents_t contents = {H5T_NATIVE_INT64, 1, {(hsize_t)layout->count}, NULL};
  hid_t labels = create_dataset(file, "labels", &contents);
  /* Flush here, since a failure to write during the close would not be seen. */
  const int done =
      labels >= 0 &&
      H5Dwrite(labels, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, layout->labels) >= 0 &&
      H5Dflush(labels) >= 0;
  h5_close(labels);
  return done;
}

static int create_statistics(hid_t file, const bd_result_layout_t *layout) {
  const hid_t type = fields_statistics_type(layout->views, FIELDS_PACKED);
  const hsize_t rows = (hsize_t)layout->run_count * (hsize_t)layout->attack_count;
  char *zeros = calloc(1, H5Tget_size(type));
  const int done = zeros && has_created(file, "statistics", &(contents_t){type, 1, {rows}, zeros});
  free(zeros);
  h5_close(type);
  return done;
}

static int create_worst_case(hid_t file, const bd_result_layout_t *layout) {
  if (!worst_is_there(layout->views)) return 1;
  const hid_t type = worst_type();
  const bd_worst_case_t zeros = {0};
  const int done =
      has_created(file, "worst_case", &(contents_t){type, 1, {(hsize_t)layout->run_count}, &zeros});
  h5_close(type);
  return done;
}

/* ---- groups -------------------------------------------------------------------- */

static int create_group(hid_t run, const bd_result_layout_t *layout, const bd_attack_t *attack) {
  hid_t group = H5Gcreate2(run, attack->name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const int done = group >= 0 && create_records(group, layout) &&
                   (!layout->store_images || create_images(group, layout));
  h5_close(group);
  return done;
}

static int create_runs(hid_t file, const bd_result_layout_t *layout) {
  hid_t runs = H5Gcreate2(file, "runs", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int done = runs >= 0;
  for (int r = layout->first_run; done && r < layout->first_run + layout->run_count; r++) {
    char name[16];
    snprintf(name, sizeof name, "%03d", r);
    hid_t run = H5Gcreate2(runs, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    done = run >= 0;
    for (int a = 0; done && a < layout->attack_count; a++)
      done = create_group(run, layout, &layout->attacks[a]);
    h5_close(run);
  }
  h5_close(runs);
  return done;
}

/* Create /checksums/input and /checksums/<run>, with a dataset for each attack.  They are not
   below /runs, so that its bits can be compared with those of other results. */
static int create_checksums(hid_t file, const bd_result_layout_t *layout) {
  hid_t checksums = H5Gcreate2(file, "checksums", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int done = checksums >= 0;
  for (int r = -1; done && r < layout->run_count; r++) {
    char name[16] = "input";
    if (r >= 0) snprintf(name, sizeof name, "%03d", layout->first_run + r);
    hid_t group = H5Gcreate2(checksums, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    done = group >= 0;
    for (int a = 0; done && a < layout->attack_count; a++)
      done = create_marks(group, layout->attacks[a].name, layout->count);
    h5_close(group);
  }
  h5_close(checksums);
  return done;
}

/* List the attacks in order.  No name contains a slash. */
static int put_attack_names(hid_t file, const bd_result_layout_t *layout) {
  char *names = calloc((size_t)layout->attack_count, BD_ATTACK_NAME + 1);
  for (int a = 0; names && a < layout->attack_count; a++)
    strcat(strcat(names, a ? "/" : ""), layout->attacks[a].name);
  int done = names && h5_put_text(file, "attacks", names, 0);
  free(names);
  return done;
}

static int create_contents(hid_t file, const bd_result_layout_t *layout) {
  char checksum[CHECKSUM_TEXT];
  attributes_found_t found = {0};
  checksum_labels(layout->count, layout->labels, checksum);
  int done = h5_put_text(file, "schema", BD_RESULT_SCHEMA, 0) &&
             h5_put_integer(file, "schema_version", BD_RESULT_SCHEMA_VERSION) &&
             h5_put_integer(file, "complete", 0) && put_attack_names(file, layout) &&
             h5_put_text(file, "labels_checksum", checksum, 0);
  for (int i = 0; done && i < layout->attribute_count; i++)
    done = h5_put(file, &layout->attributes[i], H5_CREATE) != H5_FAILED;
  return done && create_labels(file, layout) && create_statistics(file, layout) &&
         create_worst_case(file, layout) && create_runs(file, layout) &&
         create_checksums(file, layout) && attributes_put(file, layout, H5_CREATE, &found);
}

/* ---- the file ------------------------------------------------------------------ */

static bd_status_t fill_layout(hid_t file, const char *path, void *layout, bd_error_t *error) {
  return create_contents(file, layout)
             ? BD_OK
             : bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", path, h5_reason());
}

bd_status_t bd_result_create(const char *path, bd_existing_t existing,
                             const bd_result_layout_t *layout, bd_result_t **result,
                             bd_error_t *error) {
  struct stat made, opened;
  const new_file_t new_file = {path, existing, fill_layout, (void *)(uintptr_t)layout, NULL};
  *result = NULL;
  bd_status_t status = new_file_create(&new_file, &made, error);
  if (status == BD_OK) status = bd_result_open(path, result, error);
  if (status != BD_OK ||
      (fstat((*result)->descriptor, &opened) == 0 && file_is_same(&made, &opened)))
    return status;
  bd_result_close(*result);
  *result = NULL;
  return bd_fail(error, BD_FAILED, "%s: another run has created it meanwhile", path);
}
