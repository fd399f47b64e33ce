#include "storage/hdf5/isolate.h"
#include "storage/limits.h"
#include "storage/result/checksums.h"
#include "storage/result/verify_child.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The marks of some rows and, if their contents are verified, the records. */
typedef struct stored {
  uint64_t *marks;
  char *records;
} stored_t;

static bd_status_t read_stored(const bd_result_t *result, const bd_rows_t *rows, bd_verify_t how,
                               stored_t *stored, bd_error_t *error) {
  const size_t n = (size_t)rows->count;
  const int64_t record = result->shape.record_bytes, mark = sizeof(uint64_t);
  int any = 0;
  stored->marks = malloc(n * sizeof *stored->marks);
  stored->records = malloc(n * (size_t)record);
  if (!stored->marks || !stored->records)
    return bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  bd_status_t status = result_read(
      result,
      result_group_place(result, rows->run, rows->attack, DATASET_MARKS) + rows->first * mark,
      stored->marks, n * sizeof *stored->marks, error);
  for (size_t i = 0; status == BD_OK && i < n; i++) any |= stored->marks[i] != 0;
  if (status == BD_OK && how == BD_VERIFY_CONTENTS && any)
    status = result_read(result,
                         result_group_place(result, rows->run, rows->attack, DATASET_RECORDS) +
                             rows->first * record,
                         stored->records, n * (size_t)record, error);
  return status;
}

bd_status_t bd_result_verify(bd_result_t *result, bd_rows_t rows, bd_verify_t how, uint8_t *states,
                             uint64_t *input_marks, bd_error_t *error) {
  const bd_result_shape_t *shape = &result->shape;
  const size_t size = shape->store_images ? result_image_values(shape) * sizeof(float) : 0;
  const int64_t place = result_group_place(result, rows.run, rows.attack, DATASET_IMAGES);
  stored_t stored = {0};
  bd_status_t status = read_stored(result, &rows, how, &stored, error);
  if (status == BD_OK)
    status = result_read(
        result, result_input_place(result, rows.attack) + rows.first * (int64_t)sizeof *input_marks,
        input_marks, (size_t)rows.count * sizeof *input_marks, error);
  for (int64_t i = 0; status == BD_OK && i < rows.count; i++) {
    const marked_t marked = {place + (rows.first + i) * (int64_t)size, size, input_marks[i],
                             stored.records + i * shape->record_bytes, stored.marks[i]};
    states[i] = stored.marks[i] == 0                                           ? BD_ROW_MISSING
                : how == BD_VERIFY_MARKS || checksum_is_right(result, &marked) ? BD_ROW_DONE
                                                                               : BD_ROW_DAMAGED;
  }
  free(stored.records);
  free(stored.marks);
  return status;
}

bd_status_t bd_result_verify_tables(bd_result_t *result, const char **wrong, bd_error_t *error) {
  struct stat file;
  parcel_t lines;
  *wrong = NULL;
  if (fstat(result->descriptor, &file) != 0)
    return bd_fail(error, BD_FAILED, "%s: cannot be read: %m", result->path);
  const isolation_t isolation = {verify_child, result, result->path, isolate_size(&file),
                                 CHILD_RESULT_MEMORY};
  bd_status_t status = isolate(&isolation, &lines, error);
  if (status != BD_OK || lines.size == 0) {
    parcel_free(&lines);
    return status;
  }
  free(result->wrong);
  *wrong = result->wrong = lines.bytes;
  result->wrong[lines.size - 1] = 0; /* a newline */
  text_clean_lines(result->wrong);
  return BD_OK;
}
