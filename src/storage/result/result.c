#include "storage/result/result.h"
#include "storage/hdf5/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

const bd_result_shape_t *bd_result_shape(const bd_result_t *result) { return &result->shape; }
const int64_t *bd_result_places(const bd_result_t *result) { return result->places; }
const char *bd_result_path(const bd_result_t *result) { return result->path; }
const char *bd_result_attack(const bd_result_t *result, int attack) {
  return result->names[attack];
}

size_t bd_result_place_count(const bd_result_shape_t *shape) {
  return 1 + (size_t)shape->attack_count +
         3 * (size_t)shape->run_count * (size_t)shape->attack_count;
}

/* ---- bytes --------------------------------------------------------------------- */

bd_status_t read_at(const bd_result_t *result, int64_t place, void *bytes, size_t size,
                    bd_error_t *error) {
  const int number = file_read(result->descriptor, (uint64_t)place, bytes, size);
  if (number == 0) return BD_OK;
  return bd_fail(error, BD_FAILED, "%s: cannot be read: %s", result->path,
                 number == ENODATA ? "it ends too early" : strerror(number));
}

bd_status_t write_at(const bd_result_t *result, int64_t place, const void *bytes, size_t size,
                     bd_error_t *error) {
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

/* The root's attributes are there, when it was started and whether it is complete among them, and
 * nothing that blocks change. */
void result_identify(bd_result_t *result) {
  enum { HEAD = 4096 };
  char head[HEAD];
  struct stat file;
  result->shape.file_size = fstat(result->descriptor, &file) == 0 ? file.st_size : 0;
  result->shape.head_digest =
      file_read(result->descriptor, 0, head, HEAD) == 0 ? (int64_t)XXH3_64bits(head, HEAD) : 0;
}

/* ---- writing ------------------------------------------------------------------- */

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
      result->waiting ? result->waiting : malloc(WAITING_MAX * sizeof *result->waiting);
  if (!result->waiting) return bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  if (writer == BD_WRITER_JOINED) return BD_OK;
  bd_status_t status = file_lock(result->descriptor, seconds, result->path, error);
  result_identify(result); /* who was waited for may have completed it */
  return status;
}

uint64_t bd_result_mark(uint64_t input_mark, const void *record, size_t record_bytes,
                        const float *image, size_t pixels) {
  uint64_t mark = XXH3_64bits_withSeed(record, record_bytes, input_mark);
  if (image) mark = XXH3_64bits_withSeed(image, pixels * sizeof *image, mark);
  return mark ? mark : 1;
}

int is_marked(const bd_result_t *result, int64_t place, size_t size, uint64_t input_mark,
              const void *record, uint64_t mark) {
  enum { PORTION = 1 << 16 };
  unsigned char bytes[PORTION];
  const size_t record_bytes = (size_t)result->shape.record_bytes;
  if (size == 0) return bd_result_mark(input_mark, record, record_bytes, NULL, 0) == mark;
  XXH3_state_t *state = XXH3_createState();
  int is_read = state != NULL;
  if (state)
    XXH3_64bits_reset_withSeed(state, XXH3_64bits_withSeed(record, record_bytes, input_mark));
  for (size_t at = 0, n; is_read && at < size; at += n) {
    n = size - at < PORTION ? size - at : PORTION;
    is_read = read_at(result, place + (int64_t)at, bytes, n, NULL) == BD_OK;
    if (is_read) XXH3_64bits_update(state, bytes, n);
  }
  const uint64_t found = is_read ? XXH3_64bits_digest(state) : 0;
  XXH3_freeState(state);
  return is_read && (found ? found : 1) == mark;
}

void checksum_text(uint64_t checksum, char text[17]) {
  snprintf(text, 17, "%016" PRIx64, checksum);
}

void labels_checksum(int64_t count, const int64_t *labels, char text[17]) {
  checksum_text(XXH3_64bits(labels, (size_t)count * sizeof *labels), text);
}

bd_status_t bd_result_write_images(bd_result_t *result, bd_rows_t rows, const float *images,
                                   bd_error_t *error) {
  size_t size = image_values(&result->shape) * sizeof *images;
  return write_at(result,
                  group_place(result, rows.run, rows.attack, IMAGES) + rows.first * (int64_t)size,
                  images, (size_t)rows.count * size, error);
}

bd_status_t bd_result_write_records(bd_result_t *result, bd_rows_t rows, const void *records,
                                    const uint64_t *marks, const uint64_t *input_marks,
                                    bd_error_t *error) {
  const int64_t mark_size = sizeof *marks, size = result->shape.record_bytes;
  bd_status_t status =
      write_at(result, group_place(result, rows.run, rows.attack, RECORDS) + rows.first * size,
               records, (size_t)(rows.count * size), error);
  if (status == BD_OK)
    status = write_at(result, input_place(result, rows.attack) + rows.first * mark_size,
                      input_marks, (size_t)(rows.count * mark_size), error);
  for (int64_t i = 0; status == BD_OK && i < rows.count; i++) {
    if (result->waiting_count == WAITING_MAX) status = bd_result_sync(result, BD_SYNC_NOW, error);
    if (status != BD_OK) break;
    result->waiting[result->waiting_count++] = (waiting_t){
        group_place(result, rows.run, rows.attack, MARKS) + (rows.first + i) * mark_size, marks[i]};
  }
  return status;
}

bd_status_t bd_result_unmark(bd_result_t *result, bd_rows_t rows, bd_error_t *error) {
  const uint64_t none = 0;
  bd_status_t status = BD_OK;
  for (int64_t i = rows.first; status == BD_OK && i < rows.first + rows.count; i++)
    status = write_at(result,
                      group_place(result, rows.run, rows.attack, MARKS) + i * (int64_t)sizeof none,
                      &none, sizeof none, error);
  return status;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Seconds of finished work that a kill can cost, at most, on a disk that is slow to sync. */
static const double SYNC_INTERVAL_MAX = 2;

/* Marks beside each other in one write. */
static bd_status_t write_marks(bd_result_t *result, bd_error_t *error) {
  enum { TOGETHER = 512 };
  uint64_t marks[TOGETHER];
  for (int64_t i = 0, n; i < result->waiting_count; i += n) {
    const waiting_t *first = &result->waiting[i];
    for (n = 0;
         n < TOGETHER && i + n < result->waiting_count && first[n].place == first->place + n * 8;
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

bd_status_t check_in_place(const bd_result_t *result, bd_error_t *error) {
  struct stat ours, there;
  if (fstat(result->descriptor, &ours) == 0 && stat(result->path, &there) == 0 &&
      file_is_same(&ours, &there))
    return BD_OK;
  return bd_fail(error, BD_FAILED, "%s: was removed or replaced while it was written",
                 result->path);
}

bd_status_t bd_result_sync(bd_result_t *result, bd_sync_t when, bd_error_t *error) {
  const int at_once = when == BD_SYNC_NOW;
  double start = now();
  const double interval = 100 * result->sync_seconds < SYNC_INTERVAL_MAX
                              ? 100 * result->sync_seconds
                              : SYNC_INTERVAL_MAX;
  if (result->waiting_count == 0 || (!at_once && start - result->synced < interval)) return BD_OK;
  bd_status_t status = check_in_place(result, error);
  if (status == BD_OK) status = bd_result_flush(result, error);
  if (status == BD_OK) status = write_marks(result, error);
  if (status == BD_OK && at_once) status = bd_result_flush(result, error);
  if (status != BD_OK) result->waiting_count = 0;
  result->synced = now();
  result->sync_seconds = result->synced - start;
  return status;
}

bd_status_t bd_result_write_labels(bd_result_t *result, const int64_t *labels, bd_error_t *error) {
  return write_at(result, labels_place(result), labels,
                  (size_t)result->shape.count * sizeof *labels, error);
}
