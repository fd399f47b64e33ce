#include "storage/result/result.h"

#include "storage/hdf5/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

const bd_result_shape_t *bd_result_shape(const bd_result_t *result) { return &result->shape; }
const int64_t *bd_result_places(const bd_result_t *result) { return result->places; }
const char *bd_result_path(const bd_result_t *result) { return result->path; }
const char *bd_result_unlocked(const bd_result_t *result) {
  return *result->unlocked.message ? result->unlocked.message : NULL;
}
const char *bd_result_attack(const bd_result_t *result, int attack) {
  return result->names[attack];
}

/* ---- places -------------------------------------------------------------------- */

size_t bd_result_place_count(const bd_result_shape_t *shape) {
  return 1 + (size_t)shape->attack_count +
         DATASETS * (size_t)shape->run_count * (size_t)shape->attack_count;
}

int64_t result_labels_place(const bd_result_t *result) { return result->places[0]; }

int64_t result_input_place(const bd_result_t *result, int attack) {
  return result->places[1 + attack];
}

int64_t result_group_place(const bd_result_t *result, int run, int attack, dataset_t dataset) {
  const bd_result_shape_t *shape = &result->shape;
  const int group = (run - shape->first_run) * shape->attack_count + attack;
  return result->places[1 + shape->attack_count + DATASETS * group + (int)dataset];
}

size_t result_image_values(const bd_result_shape_t *shape) {
  return (size_t)shape->channels * (size_t)shape->height * (size_t)shape->width;
}

/* ---- life ---------------------------------------------------------------------- */

bd_status_t result_allocate(const char *path, bd_result_t **out, bd_error_t *error) {
  bd_result_t *result = *out = calloc(1, sizeof *result);
  if (result) {
    result->descriptor = -1;
    result->path = strdup(path);
  }
  if (result && result->path) return BD_OK;
  bd_result_close(result);
  *out = NULL;
  return bd_fail(error, BD_FAILED, "%s: no memory", path);
}

void bd_result_close(bd_result_t *result) {
  if (!result) return;
  if (result->descriptor >= 0) close(result->descriptor);
  parcel_free(&result->texts);
  free(result->waiting);
  free(result->wrong);
  free(result->names);
  free(result->places);
  free(result->path);
  free(result);
}

/* ---- bytes --------------------------------------------------------------------- */

bd_status_t result_read(const bd_result_t *result, int64_t place, void *bytes, size_t size,
                        bd_error_t *error) {
  const int number = file_read(result->descriptor, (uint64_t)place, bytes, size);
  if (number == 0) return BD_OK;
  return bd_fail(error, BD_FAILED, "%s: cannot be read: %s", result->path,
                 number == ENODATA ? "it ends too early" : strerror(number));
}

bd_status_t result_read_labels(const bd_result_t *result, int64_t **labels, bd_error_t *error) {
  const size_t size = (size_t)result->shape.count * sizeof **labels;
  *labels = malloc(size);
  bd_status_t status = *labels
                           ? result_read(result, result_labels_place(result), *labels, size, error)
                           : bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  if (status == BD_OK) return BD_OK;
  free(*labels);
  *labels = NULL;
  return status;
}

/* The head holds the attributes of the root, including `started` and `complete`, and nothing that
   blocks change. */
void result_identify(bd_result_t *result) {
  enum { HEAD = 4096 };
  char head[HEAD];
  struct stat file;
  result->shape.file_size = fstat(result->descriptor, &file) == 0 ? file.st_size : 0;
  result->shape.head_digest =
      file_read(result->descriptor, 0, head, HEAD) == 0 ? (int64_t)XXH3_64bits(head, HEAD) : 0;
}

bd_status_t result_check_in_place(const bd_result_t *result, bd_error_t *error) {
  struct stat ours, there;
  if (fstat(result->descriptor, &ours) == 0 && stat(result->path, &there) == 0 &&
      file_is_same(&ours, &there))
    return BD_OK;
  return bd_fail(error, BD_FAILED, "%s: was removed or replaced while it was being written",
                 result->path);
}
