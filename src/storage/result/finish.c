#include "storage/hdf5/isolate.h"
#include "storage/result/fields.h"
#include "storage/result/result.h"
#include "text.h"

#include <barydef/solver.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bd_status_t write_failed(const bd_result_t *result, bd_error_t *error) {
  return bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", result->path, h5_reason());
}

/* HDF5 keeps what it is given until it is flushed: no disk that is full is met here. */
static bd_status_t set_failed(const bd_result_t *result, const char *attribute, bd_error_t *error) {
  return bd_fail(error, BD_FAILED, "%s: cannot be written: attribute %s is missing or damaged",
                 result->path, attribute);
}

static hid_t open_group(hid_t file, int run, const char *attack) {
  char path[BD_ATTACK_NAME + 32];
  snprintf(path, sizeof path, attack ? "/runs/%03d/%s" : "/runs/%03d", run, attack);
  return h5_has(file, path) ? H5Gopen2(file, path, H5P_DEFAULT) : -1;
}

/* The records in portions, so that memory does not grow with the set. */
bd_status_t statistics_row(bd_result_t *result, int run, int attack, int has_victim,
                           bd_statistics_t *row, int64_t *by_status, bd_error_t *error) {
  enum { PORTION = 4096 };
  const size_t record_bytes = (size_t)result->shape.record_bytes;
  char *records = malloc(PORTION * record_bytes);
  bd_status_t status = records ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  bd_tally_t tally = {0};
  char method[16] = "";
  double tau = 0;
  memset(row, 0, sizeof *row);
  hid_t group = open_group(result->file, run, NULL);
  /* Only forward-backward steps have the length tau. */
  if (h5_get_text(group, "solver.method", method, sizeof method) && !strcmp(method, "fb"))
    h5_get_real(group, "solver.tau", &tau);
  h5_close(group);
  for (int64_t first = 0, count; status == BD_OK && first < result->shape.count; first += count) {
    count = result->shape.count - first < PORTION ? result->shape.count - first : PORTION;
    status =
        read_at(result, group_place(result, run, attack, RECORDS) + first * (int64_t)record_bytes,
                records, (size_t)count * record_bytes, error);
    for (int64_t i = 0; status == BD_OK && i < count; i++) {
      bd_per_image_t record;
      bd_record_unpack(result->shape.views, records + (size_t)i * record_bytes, &record);
      bd_tally_add(&tally, tau, 1, &record);
    }
  }
  free(records);
  group = open_group(result->file, run, result->names[attack]);
  h5_get_text(group, "norm", row->norm, sizeof row->norm);
  h5_get_real(group, "epsilon", &row->epsilon);
  h5_close(group);
  row->run = run;
  // The result was opened, not joined.  NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker)
  memcpy(row->attack, result->names[attack], sizeof row->attack);
  bd_tally_finish(&tally, has_victim ? result->shape.views : 0, row);
  for (int s = 0; s < BD_STATUSES_MAX; s++) by_status[s] += tally.by_status[s];
  return status;
}

/* All rows, and each run's count of fallbacks as its attribute. */
static bd_status_t write_statistics(bd_result_t *result, int has_victim, int64_t *by_status,
                                    bd_error_t *error) {
  const bd_result_shape_t *shape = &result->shape;
  const int rows = shape->run_count * shape->attack_count;
  bd_statistics_t *row = calloc((size_t)rows, sizeof *row);
  bd_status_t status = row ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  for (int run = 0; status == BD_OK && run < shape->run_count; run++) {
    int64_t fallbacks = 0;
    for (int a = 0; status == BD_OK && a < shape->attack_count; a++) {
      bd_statistics_t *one = &row[run * shape->attack_count + a];
      status = statistics_row(result, shape->first_run + run, a, has_victim, one, by_status, error);
      fallbacks += one->fallbacks;
    }
    hid_t group = open_group(result->file, shape->first_run + run, NULL);
    if (status == BD_OK && (group < 0 || !h5_set_integer(group, "fallbacks", fallbacks)))
      status = set_failed(result, "fallbacks", error);
    h5_close(group);
  }
  hid_t dataset = H5Dopen2(result->file, "/statistics", H5P_DEFAULT),
        type = fields_statistics_type(shape->views, FIELDS_AS_IN_MEMORY);
  /* Flushed here, as the close would write them without telling of a failure. */
  if (status == BD_OK &&
      (H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, row) < 0 || H5Dflush(dataset) < 0))
    status = write_failed(result, error);
  h5_close(type);
  h5_close(dataset);
  free(row);
  return status;
}

static int set_attribute(hid_t file, const bd_attribute_t *attribute) {
  switch (attribute->kind) {
    case BD_ATTRIBUTE_TEXT: return h5_set_text(file, attribute->name, attribute->text);
    case BD_ATTRIBUTE_INTEGER: return h5_set_integer(file, attribute->name, attribute->integer);
    case BD_ATTRIBUTE_REAL: return h5_set_real(file, attribute->name, attribute->real);
  }
  return 0;
}

/* A resume has written the labels anew; what they are checked against may have been damaged too. */
static bd_status_t write_labels_checksum(bd_result_t *result, bd_error_t *error) {
  char checksum[17];
  const size_t n = (size_t)result->shape.count;
  int64_t *labels = malloc(n * sizeof *labels);
  bd_status_t status = labels ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  if (status == BD_OK)
    status = read_at(result, labels_place(result), labels, n * sizeof *labels, error);
  if (status == BD_OK) labels_checksum(result->shape.count, labels, checksum);
  free(labels);
  if (status == BD_OK && !h5_set_text(result->file, "labels_checksum", checksum))
    status = set_failed(result, "labels_checksum", error);
  return status;
}

/* ---- in a child: HDF5 opens a file that may be made up, and writes to it ---------- */

/* Out of HDF5, and out of the kernel's memory. */
static bd_status_t flush(bd_result_t *result, bd_error_t *error) {
  return H5Fflush(result->file, H5F_SCOPE_GLOBAL) >= 0 ? bd_result_flush(result, error)
                                                       : write_failed(result, error);
}

static bd_status_t set_complete(bd_result_t *result, int complete, bd_error_t *error) {
  return h5_set_integer(result->file, "complete", complete) ? flush(result, error)
                                                            : write_failed(result, error);
}

/* The file of the descriptor, which nothing written here makes longer. */
static bd_status_t open_here(bd_result_t *result, int writable, bd_error_t *error) {
  struct stat file;
  if (fstat(result->descriptor, &file) != 0)
    return bd_fail(error, BD_FAILED, "%s: cannot be read: %m", result->path);
  result->file = h5_open_descriptor(result->descriptor, writable);
  isolate_close_doors();
  isolate_keep_length(file.st_size);
  return result->file >= 0 ? BD_OK : write_failed(result, error);
}

static bd_status_t close_written(bd_result_t *result, bd_status_t status, bd_error_t *error) {
  hid_t file = result->file;
  result->file = -1;
  if (file >= 0 && H5Fclose(file) < 0 && status == BD_OK) status = write_failed(result, error);
  return status;
}

static bd_status_t reopen(void *context, FILE *out, bd_error_t *error) {
  (void)out;
  bd_result_t *result = context;
  bd_status_t status = open_here(result, 1, error);
  if (status == BD_OK) status = set_complete(result, 0, error);
  return close_written(result, status, error);
}

typedef struct finish {
  bd_result_t *result;
  int has_victim, attribute_count;
  const bd_attribute_t *attributes;
} finish_t;

static bd_status_t write_attributes(const finish_t *f, bd_error_t *error) {
  for (int i = 0; i < f->attribute_count; i++)
    if (!set_attribute(f->result->file, &f->attributes[i]))
      return set_failed(f->result, f->attributes[i].name, error);
  return BD_OK;
}

static bd_status_t finish(void *context, FILE *out, bd_error_t *error) {
  const finish_t *f = context;
  bd_result_t *result = f->result;
  int64_t by_status[BD_STATUSES_MAX] = {0};
  bd_status_t status = open_here(result, 1, error);
  if (status == BD_OK) status = write_statistics(result, f->has_victim, by_status, error);
  if (status == BD_OK) status = write_labels_checksum(result, error);
  if (status == BD_OK) status = write_attributes(f, error);
  if (status == BD_OK) status = flush(result, error);
  if (status == BD_OK) status = set_complete(result, 1, error);
  fwrite(by_status, sizeof by_status, 1, out);
  return close_written(result, status, error);
}

typedef struct comparison {
  bd_result_t *result;
  const bd_result_layout_t *layout;
  int mend;
} comparison_t;

static bd_status_t compare_attributes(void *context, FILE *out, bd_error_t *error) {
  const comparison_t *c = context;
  attributes_found_t found = {0};
  bd_status_t status = open_here(c->result, c->mend, error);
  if (status == BD_OK &&
      attributes_put(c->result->file, c->layout, c->mend ? H5_MEND : H5_COMPARE, &found) && c->mend)
    status = flush(c->result, error);
  fwrite(&found, sizeof found, 1, out);
  return close_written(c->result, status, error);
}

/* ---- the parent ------------------------------------------------------------------ */

/* Whatever goes wrong, the blocks are in the file, and it is not complete. */
static bd_status_t in_child(isolated_t *work, void *context, bd_result_t *result, void **bytes,
                            size_t *size, bd_error_t *error) {
  struct stat file;
  *bytes = NULL;
  bd_status_t status = check_in_place(result, error);
  if (status == BD_OK && fstat(result->descriptor, &file) != 0)
    status = bd_fail(error, BD_FAILED, "%s: cannot be read: %m", result->path);
  if (status == BD_OK)
    status =
        isolate(work, context, result->path, isolate_size(&file),
                RESULT_MEMORY + result->shape.count * (int64_t)sizeof(int64_t), bytes, size, error);
  if (status != BD_OK && error) error->status = BD_FAILED;
  return status == BD_OK ? BD_OK : BD_FAILED;
}

bd_status_t bd_result_reopen(bd_result_t *result, bd_error_t *error) {
  void *nothing;
  size_t size;
  bd_status_t status = in_child(reopen, result, result, &nothing, &size, error);
  free(nothing);
  result->shape.complete = 0;
  return status;
}

bd_status_t bd_result_finish(bd_result_t *result, int has_victim, int attribute_count,
                             const bd_attribute_t *attributes, int64_t *by_status,
                             bd_error_t *error) {
  finish_t request = {result, has_victim, attribute_count, attributes};
  void *found = NULL;
  size_t size = 0;
  memset(by_status, 0, BD_STATUSES_MAX * sizeof *by_status);
  bd_status_t status = bd_result_sync(result, BD_SYNC_NOW, error);
  if (status == BD_OK) status = in_child(finish, &request, result, &found, &size, error);
  if (status == BD_OK && size != BD_STATUSES_MAX * sizeof *by_status)
    status = bd_fail(error, BD_FAILED, "%s: HDF5 counts nonsense in it: damaged, or made to harm",
                     result->path);
  if (status == BD_OK) memcpy(by_status, found, size);
  free(found);
  bd_result_close(result);
  return status;
}

bd_status_t bd_result_compare_attributes(bd_result_t *result, const bd_result_layout_t *layout,
                                         bd_attributes_how_t how,
                                         bd_attributes_differing_t *differing, bd_error_t *error) {
  const int mend = how == BD_ATTRIBUTES_MENDED;
  comparison_t comparison = {result, layout, mend};
  attributes_found_t found = {0};
  void *bytes;
  size_t size;
  bd_status_t status = in_child(compare_attributes, &comparison, result, &bytes, &size, error);
  if (status == BD_OK && size == sizeof found) memcpy(&found, bytes, size);
  free(bytes);
  found.name[sizeof found.name - 1] = 0;
  text_clean(found.name);
  snprintf(differing->first, sizeof differing->first, "%s", found.name);
  differing->count = found.differing;
  if (status != BD_OK || !found.is_hopeless) return status;
  if (mend)
    return bd_fail(error, BD_FAILED, "%s: %s cannot be written", result->path,
                   differing->first); /* the comparison before it has seen no damage */
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: cannot be resumed: %s is damaged, or missing; --overwrite begins anew",
                 result->path, differing->first);
}
