#include "storage/hdf5/isolate.h"
#include "storage/result/fields.h"
#include "storage/result/result.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bd_status_t bd_result_verify(bd_result_t *result, bd_rows_t rows, bd_verify_t how, uint8_t *states,
                             uint64_t *input_marks, bd_error_t *error) {
  const bd_result_shape_t *shape = &result->shape;
  const size_t n = (size_t)rows.count,
               image_size = shape->store_images ? image_values(shape) * sizeof(float) : 0;
  const int64_t mark_size = sizeof(uint64_t);
  int any = 0;
  uint64_t *marks = malloc(n * sizeof *marks);
  const size_t record_bytes = (size_t)shape->record_bytes;
  char *records = malloc(n * record_bytes);
  bd_status_t status =
      marks && records ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  if (status == BD_OK)
    status =
        read_at(result, group_place(result, rows.run, rows.attack, MARKS) + rows.first * mark_size,
                marks, n * sizeof *marks, error);
  for (size_t i = 0; status == BD_OK && i < n; i++) any |= marks[i] != 0;
  if (status == BD_OK && how == BD_VERIFY_CONTENTS && any)
    status = read_at(result,
                     group_place(result, rows.run, rows.attack, RECORDS) +
                         rows.first * shape->record_bytes,
                     records, n * record_bytes, error);
  if (status == BD_OK)
    status = read_at(result, input_place(result, rows.attack) + rows.first * mark_size, input_marks,
                     n * sizeof *marks, error);
  for (int64_t i = 0; status == BD_OK && i < rows.count; i++) {
    states[i] = marks[i] ? BD_ROW_DONE : BD_ROW_MISSING;
    if (!marks[i] || how == BD_VERIFY_MARKS) continue;
    const int64_t place =
        group_place(result, rows.run, rows.attack, IMAGES) + (rows.first + i) * (int64_t)image_size;
    if (!is_marked(result, place, image_size, input_marks[i], records + (size_t)i * record_bytes,
                   marks[i]))
      states[i] = BD_ROW_DAMAGED;
  }
  free(records);
  free(marks);
  return status;
}

static bd_status_t verify_labels(bd_result_t *result, int *right, bd_error_t *error) {
  char stored[17] = "", computed[17];
  const size_t n = (size_t)result->shape.count;
  int64_t *labels = malloc(n * sizeof *labels);
  bd_status_t status = labels ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  if (status == BD_OK)
    status = read_at(result, labels_place(result), labels, n * sizeof *labels, error);
  if (status == BD_OK) labels_checksum(result->shape.count, labels, computed);
  *right = status == BD_OK && h5_get_text(result->file, "labels_checksum", stored, sizeof stored) &&
           !strcmp(stored, computed);
  free(labels);
  return status;
}

/* What a run says of its images that went through wide-range arithmetic. */
static void verify_fallbacks(const bd_result_t *result, int run, int64_t counted, FILE *out) {
  char path[32];
  int64_t there = -1;
  snprintf(path, sizeof path, "/runs/%03d", run);
  hid_t group = h5_has(result->file, path) ? H5Oopen(result->file, path, H5P_DEFAULT) : -1;
  h5_get_integer(group, "fallbacks", &there);
  h5_close(group);
  if (there != counted) fprintf(out, "attribute fallbacks of %s\n", path);
}

/* The statistics, computed again. */
static bd_status_t verify_statistics(bd_result_t *result, FILE *out, bd_error_t *error) {
  const bd_result_shape_t *shape = &result->shape;
  const size_t rows = (size_t)shape->run_count * (size_t)shape->attack_count;
  int64_t by_status[BD_STATUSES_MAX] = {0};
  char library[64] = "none";
  h5_get_text(result->file, "victim_library", library, sizeof library);
  bd_statistics_t computed;
  hid_t dataset = H5Dopen2(result->file, "/statistics", H5P_DEFAULT),
        packed = fields_statistics_type(shape->views, FIELDS_PACKED),
        type = fields_statistics_type(shape->views, FIELDS_AS_IN_MEMORY);
  const size_t size = H5Tget_size(packed);
  char *bytes = malloc(rows * size), *again = malloc(sizeof computed),
       *background = calloc(1, sizeof computed);
  bd_status_t status = bytes && again && background
                           ? BD_OK
                           : bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  if (status == BD_OK && H5Dread(dataset, packed, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0)
    status =
        bd_fail(error, BD_FAILED, "%s: /statistics cannot be read (%s)", result->path, h5_reason());
  int right = 1;
  int64_t fallbacks = 0;
  for (size_t g = 0; status == BD_OK && g < rows; g++) {
    const int run = shape->first_run + (int)(g / (size_t)shape->attack_count),
              attack = (int)(g % (size_t)shape->attack_count);
    status = statistics_row(result, run, attack, strcmp(library, "none") != 0, &computed, by_status,
                            error);
    fallbacks = computed.fallbacks + (attack ? fallbacks : 0);
    if (status == BD_OK && attack + 1 == shape->attack_count)
      verify_fallbacks(result, run, fallbacks, out);
    memcpy(again, &computed, sizeof computed);
    H5Tconvert(type, packed, 1, again, background, H5P_DEFAULT);
    right &= memcmp(again, bytes + g * size, size) == 0;
  }
  if (!right) fprintf(out, "/statistics\n");
  free(background);
  free(again);
  free(bytes);
  h5_close(type);
  h5_close(packed);
  h5_close(dataset);
  return status;
}

/* In a child: HDF5 reads the statistics, and attributes that they depend on. */
static bd_status_t verify_tables(void *opened, FILE *out, bd_error_t *error) {
  int right = 1;
  bd_result_t *result;
  bd_status_t status = result_open_here(opened, &result, error);
  if (status != BD_OK) return status;
  status = verify_labels(result, &right, error);
  if (!right) fprintf(out, "/labels\n");
  if (status == BD_OK) attributes_verify(result, out);
  if (status == BD_OK && result->shape.complete) status = verify_statistics(result, out, error);
  bd_result_close(result);
  return status;
}

bd_status_t bd_result_verify_tables(bd_result_t *result, const char **wrong, bd_error_t *error) {
  struct stat file;
  void *found;
  size_t size;
  *wrong = NULL;
  if (fstat(result->descriptor, &file) != 0)
    return bd_fail(error, BD_FAILED, "%s: cannot be read: %m", result->path);
  bd_status_t status = isolate(verify_tables, result, result->path, isolate_size(&file),
                               RESULT_MEMORY, &found, &size, error);
  if (status != BD_OK || size == 0) {
    free(found);
    return status;
  }
  free(result->wrong);
  *wrong = result->wrong = found;
  result->wrong[size - 1] = 0; /* a newline */
  for (char *line = result->wrong, *end; line; line = end) {
    if ((end = strchr(line, '\n'))) *end = 0;
    text_clean(line);
    if (end) *end++ = '\n';
  }
  return BD_OK;
}
