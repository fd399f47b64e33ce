#include "result.h"

#include <barydef/solver.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bd_status_t write_failed(const bd_result_t *result, bd_error_t *error) {
  return bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", result->path, h5_reason());
}

static hid_t open_group(hid_t file, int run, const char *attack) {
  char path[BD_ATTACK_NAME + 32];
  snprintf(path, sizeof path, attack ? "/runs/%03d/%s" : "/runs/%03d", run, attack);
  return h5_has(file, path) ? H5Gopen2(file, path, H5P_DEFAULT) : -1;
}

/* The records in portions, so that memory does not grow with the set. */
bd_status_t statistics_row(bd_result_t *result, int run, int attack, int has_victim, bd_statistics_t *row,
                           int64_t *by_status, bd_error_t *error) {
  enum { PORTION = 4096 };
  bd_per_image_t *records = malloc(PORTION * sizeof *records);
  bd_status_t status = records ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  bd_tally_t tally = {0};
  char method[16] = "";
  double tau = 0;
  memset(row, 0, sizeof *row);
  hid_t group = open_group(result->file, run, NULL);
  /* Only forward-backward steps have the length tau. */
  if (h5_get_text(group, "solver.method", method, sizeof method) && !strcmp(method, "fb")) h5_get_real(group, "solver.tau", &tau);
  h5_close(group);
  for (int64_t first = 0, count; status == BD_OK && first < result->shape.count; first += count) {
    count = result->shape.count - first < PORTION ? result->shape.count - first : PORTION;
    status = read_at(result, group_place(result, run, attack, RECORDS) + first * (int64_t)sizeof *records, records,
                     (size_t)count * sizeof *records, error);
    if (status == BD_OK) bd_tally_add(&tally, tau, (size_t)count, records);
  }
  free(records);
  group = open_group(result->file, run, result->names[attack]);
  h5_get_text(group, "norm", row->norm, sizeof row->norm);
  h5_get_real(group, "epsilon", &row->epsilon);
  h5_close(group);
  row->run = run;
  memcpy(row->attack, result->names[attack], sizeof row->attack); // NOLINT(clang-analyzer-core.NonNullParamChecker): not joined
  bd_tally_finish(&tally, has_victim, row);
  for (int s = 0; s < BD_STATUSES_MAX; s++) by_status[s] += tally.by_status[s];
  return status;
}

/* All rows, and each run's count of fallbacks as its attribute. */
static bd_status_t write_statistics(bd_result_t *result, int has_victim, int64_t *by_status, bd_error_t *error) {
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
    if (status == BD_OK && (group < 0 || !h5_set_integer(group, "fallbacks", fallbacks))) status = write_failed(result, error);
    h5_close(group);
  }
  hid_t dataset = H5Dopen2(result->file, "/statistics", H5P_DEFAULT), type = h5_statistics_type(0);
  if (status == BD_OK && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, row) < 0) status = write_failed(result, error);
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
  if (status == BD_OK) status = read_at(result, labels_place(result), labels, n * sizeof *labels, error);
  if (status == BD_OK) labels_checksum(result->shape.count, labels, checksum);
  free(labels);
  if (status == BD_OK && !h5_set_text(result->file, "labels_checksum", checksum)) status = write_failed(result, error);
  return status;
}

/* Out of HDF5, and out of the kernel's memory. */
static int flush(bd_result_t *result) {
  return H5Fflush(result->file, H5F_SCOPE_GLOBAL) >= 0 && fdatasync(result->descriptor) == 0;
}

static bd_status_t open_writable(bd_result_t *result, bd_error_t *error) {
  h5_close(result->file);
  result->file = -1;
  /* HDF5 opens by name. */
  bd_status_t status = check_in_place(result, error);
  if (status != BD_OK) return status;
  result->file = h5_open(result->path, 1);
  return result->file >= 0 ? BD_OK : write_failed(result, error);
}

bd_status_t bd_result_reopen(bd_result_t *result, bd_error_t *error) {
  bd_status_t status = open_writable(result, error);
  if (status == BD_OK && (!h5_set_integer(result->file, "complete", 0) || !flush(result))) status = write_failed(result, error);
  h5_close(result->file);
  result->file = -1;
  result->shape.complete = 0;
  return status;
}

bd_status_t bd_result_finish(bd_result_t *result, int has_victim, int attribute_count,
                             const bd_attribute_t *attributes, int64_t *by_status, bd_error_t *error) {
  memset(by_status, 0, BD_STATUSES_MAX * sizeof *by_status);
  bd_status_t status = bd_result_sync(result, 1, error);
  if (status == BD_OK) status = open_writable(result, error);
  if (status == BD_OK) status = write_statistics(result, has_victim, by_status, error);
  int done = status == BD_OK;
  if (done) status = write_labels_checksum(result, error);
  done = status == BD_OK;
  for (int i = 0; done && i < attribute_count; i++) done = set_attribute(result->file, &attributes[i]);
  done = done && flush(result) && h5_set_integer(result->file, "complete", 1) && flush(result);
  if (status == BD_OK && !done) status = write_failed(result, error);
  hid_t file = result->file;
  result->file = -1;
  if (file >= 0 && H5Fclose(file) < 0 && status == BD_OK) status = write_failed(result, error);
  bd_result_close(result);
  return status;
}
