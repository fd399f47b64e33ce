#include "clock.h"
#include "storage/hdf5/file.h"
#include "storage/hdf5/lock.h"
#include "storage/limits.h"
#include "storage/result/result.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bd_status_t bd_result_begin_writing(bd_result_t *result, bd_writer_t writer, double seconds,
                                    bd_error_t *error) {
  struct stat checked, opened;
  const int writable = open(result->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (writable < 0)
    return bd_fail(error, BD_FAILED, "%s: cannot be opened for writing: %m", result->path);
  if (fstat(result->descriptor, &checked) != 0 || fstat(writable, &opened) != 0 ||
      !file_is_same(&checked, &opened) || checked.st_size != opened.st_size) {
    close(writable);
    return bd_fail(error, BD_FAILED, "%s: was replaced after it had been checked", result->path);
  }
  close(result->descriptor);
  result->descriptor = writable;
  result->waiting =
      result->waiting ? result->waiting : malloc(MARKS_WAITING_MAX * sizeof *result->waiting);
  if (!result->waiting) return bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  if (writer == BD_WRITER_JOINED) return BD_OK;
  bd_status_t status =
      lock_take(result->descriptor, seconds, result->path, &result->unlocked, error);
  result_identify(result); /* a previous writer may have completed it */
  return status;
}

/* Write all of `size` bytes at `place`. */
static bd_status_t write_at(const bd_result_t *result, int64_t place, const void *bytes,
                            size_t size, bd_error_t *error) {
  for (const char *from = bytes; size > 0;) {
    ssize_t put = pwrite(result->descriptor, from, size, place);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0)
      return bd_fail(error, BD_FAILED, "%s: cannot be written: %s", result->path,
                     strerror(put ? errno : EIO));
    from += put;
    place += put;
    size -= (size_t)put;
  }
  return BD_OK;
}

bd_status_t bd_result_write_images(bd_result_t *result, bd_rows_t rows, const float *images,
                                   bd_error_t *error) {
  size_t size = result_image_values(&result->shape) * sizeof *images;
  return write_at(result,
                  result_group_place(result, rows.run, rows.attack, DATASET_IMAGES) +
                      rows.first * (int64_t)size,
                  images, (size_t)rows.count * size, error);
}

bd_status_t bd_result_write_records(bd_result_t *result, bd_rows_t rows, const void *records,
                                    const uint64_t *marks, const uint64_t *input_marks,
                                    bd_error_t *error) {
  const int64_t mark_size = sizeof *marks, size = result->shape.record_bytes;
  bd_status_t status = write_at(result,
                                result_group_place(result, rows.run, rows.attack, DATASET_RECORDS) +
                                    rows.first * size,
                                records, (size_t)(rows.count * size), error);
  if (status == BD_OK)
    status = write_at(result, result_input_place(result, rows.attack) + rows.first * mark_size,
                      input_marks, (size_t)(rows.count * mark_size), error);
  for (int64_t i = 0; status == BD_OK && i < rows.count; i++) {
    if (result->waiting_count == MARKS_WAITING_MAX)
      status = bd_result_sync(result, BD_SYNC_NOW, error);
    if (status != BD_OK) break;
    result->waiting[result->waiting_count++] =
        (waiting_t){result_group_place(result, rows.run, rows.attack, DATASET_MARKS) +
                        (rows.first + i) * mark_size,
                    marks[i]};
  }
  return status;
}

bd_status_t bd_result_read_images(const bd_result_t *result, bd_rows_t rows, float *images,
                                  bd_error_t *error) {
  const size_t size = result_image_values(&result->shape) * sizeof *images;
  return result_read(result,
                     result_group_place(result, rows.run, rows.attack, DATASET_IMAGES) +
                         rows.first * (int64_t)size,
                     images, (size_t)rows.count * size, error);
}

bd_status_t bd_result_unmark(bd_result_t *result, bd_rows_t rows, bd_error_t *error) {
  const uint64_t none = 0;
  bd_status_t status = BD_OK;
  for (int64_t i = rows.first; status == BD_OK && i < rows.first + rows.count; i++)
    status = write_at(result,
                      result_group_place(result, rows.run, rows.attack, DATASET_MARKS) +
                          i * (int64_t)sizeof none,
                      &none, sizeof none, error);
  return status;
}

/* Write the marks that wait.  Adjacent ones take one call. */
static bd_status_t write_marks(bd_result_t *result, bd_error_t *error) {
  enum { TOGETHER = 512 };
  uint64_t marks[TOGETHER];
  for (int64_t i = 0, n; i < result->waiting_count; i += n) {
    const waiting_t *first = &result->waiting[i];
    for (n = 0; n < TOGETHER && i + n < result->waiting_count &&
                first[n].place == first->place + n * (int64_t)sizeof *marks;
         n++)
      marks[n] = first[n].mark;
    bd_status_t status = write_at(result, first->place, marks, (size_t)n * sizeof *marks, error);
    if (status != BD_OK) return status;
  }
  result->waiting_count = 0;
  return BD_OK;
}

bd_status_t bd_result_flush(bd_result_t *result, bd_error_t *error) {
  if (!result->is_broken && fdatasync(result->descriptor) == 0) return BD_OK;
  if (!result->is_broken) bd_fail(error, BD_FAILED, "%s: cannot be written: %m", result->path);
  else bd_fail(error, BD_FAILED, "%s: cannot be written: an earlier write failed", result->path);
  result->is_broken = 1;
  return BD_FAILED;
}

static int is_due(const bd_result_t *result) {
  const double interval = SYNC_TIMES * result->sync_seconds;
  return clock_seconds() - result->synced >=
         (interval < SYNC_SECONDS_MOST ? interval : SYNC_SECONDS_MOST);
}

bd_status_t bd_result_sync(bd_result_t *result, bd_sync_t when, bd_error_t *error) {
  if (result->waiting_count == 0 || (when == BD_SYNC_WHEN_DUE && !is_due(result))) return BD_OK;
  const double start = clock_seconds();
  bd_status_t status = result_check_in_place(result, error);
  if (status == BD_OK) status = bd_result_flush(result, error);
  if (status == BD_OK) status = write_marks(result, error);
  if (status == BD_OK && when == BD_SYNC_NOW) status = bd_result_flush(result, error);
  if (status != BD_OK) result->waiting_count = 0;
  result->synced = clock_seconds();
  result->sync_seconds = result->synced - start;
  return status;
}

bd_status_t bd_result_write_labels(bd_result_t *result, const int64_t *labels, bd_error_t *error) {
  return write_at(result, result_labels_place(result), labels,
                  (size_t)result->shape.count * sizeof *labels, error);
}
