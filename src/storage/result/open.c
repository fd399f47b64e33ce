#include "storage/hdf5/file.h"
#include "storage/hdf5/isolate.h"
#include "storage/limits.h"
#include "storage/names.h"
#include "storage/result/open_child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- what the child has handed over, which is not believed ---------------------- */

static int check_shape(const bd_result_shape_t *shape) {
  return shape->run_count >= 1 && shape->run_count <= BD_RUNS_MAX && shape->attack_count >= 1 &&
         shape->attack_count <= RESULT_ATTACKS_MAX && shape->first_run >= 0 &&
         shape->first_run < FIRST_RUN_MAX && shape->count >= 1 && shape->complete >= 0 &&
         shape->complete <= 1 && (shape->views & ~BD_VIEWS_MADE) < BD_VIEW_BIT(BD_VIEWS) &&
         shape->record_bytes == (int64_t)bd_record_bytes(shape->views) &&
         (!shape->store_images ||
          (shape->store_images == 1 && shape->channels >= 1 && shape->channels <= BD_CHANNELS_MAX &&
           shape->height >= 1 && shape->height <= BD_SIDE_MAX && shape->width >= 1 &&
           shape->width <= BD_SIDE_MAX));
}

static int check_names(const bd_result_t *result) {
  for (int a = 0; a < result->shape.attack_count; a++)
    if (name_problem(result->names, sizeof *result->names, a) != NAME_IS_GOOD) return 0;
  return 1;
}

/* Do `count` things of `each` bytes lie inside the file? */
static int lies_inside(int64_t place, int64_t count, size_t each, int64_t file_size) {
  int64_t bytes;
  return place > 0 && place <= file_size && !__builtin_mul_overflow(count, (int64_t)each, &bytes) &&
         bytes <= file_size - place;
}

static int check_places(const bd_result_t *r, int64_t file_size) {
  const bd_result_shape_t *shape = &r->shape;
  const int64_t n = shape->count;
  /* If datasets could share bytes, a small file could stand for endless work. */
  const double each = (double)shape->run_count * shape->attack_count *
                      ((double)shape->record_bytes + 8 +
                       (shape->store_images ? 4.0 * (double)result_image_values(shape) : 0));
  if ((double)n * (each + 8 + 8.0 * shape->attack_count) > (double)file_size) return 0;
  int right = lies_inside(result_labels_place(r), n, sizeof(int64_t), file_size);
  for (int a = 0; a < shape->attack_count; a++)
    right &= lies_inside(result_input_place(r, a), n, sizeof(uint64_t), file_size);
  for (int g = 0; g < shape->run_count * shape->attack_count; g++) {
    const int run = shape->first_run + g / shape->attack_count, attack = g % shape->attack_count;
    right &= lies_inside(result_group_place(r, run, attack, DATASET_RECORDS), n,
                         (size_t)shape->record_bytes, file_size) &&
             lies_inside(result_group_place(r, run, attack, DATASET_MARKS), n, sizeof(uint64_t),
                         file_size);
    if (shape->store_images)
      right &= lies_inside(result_group_place(r, run, attack, DATASET_IMAGES), n,
                           result_image_values(shape) * sizeof(float), file_size);
  }
  return right;
}

/* Copy `count` items of `size` bytes from the parcel.  Returns NULL if it is too short. */
static void *copy_from(parcel_t *parcel, int64_t count, size_t size) {
  const void *items = parcel_take(parcel, count, size);
  void *copy = items ? malloc((size_t)count * size) : NULL;
  if (copy) memcpy(copy, items, (size_t)count * size);
  return copy;
}

/* Take the parts of an open result from the parcel.  The rest, which is texts, stays in it. */
static bd_status_t take_over(bd_result_t *result, int64_t file_size, bd_error_t *error) {
  parcel_t *parcel = &result->texts;
  const bd_result_shape_t *shape = parcel_take(parcel, 1, sizeof *shape);
  if (shape && check_shape(shape)) {
    result->shape = *shape;
    result->names = copy_from(parcel, shape->attack_count, sizeof *result->names);
    result->places =
        copy_from(parcel, (int64_t)bd_result_place_count(shape), sizeof *result->places);
    if (result->names && result->places && check_names(result) && check_places(result, file_size))
      return BD_OK;
  }
  return bd_fail(error, BD_BAD_INPUT, "%s: a damaged result: HDF5 lists nonsense in it",
                 result->path);
}

int bd_result_text(const bd_result_t *result, int run, const char *name, char *text, size_t size) {
  parcel_t rest = result->texts;
  for (;;) {
    const int *its_run = parcel_take(&rest, 1, sizeof *its_run);
    const char *its_name = its_run ? parcel_take_text(&rest) : NULL,
               *value = its_name ? parcel_take_text(&rest) : NULL;
    if (!value) return 0;
    if (*its_run != run || strcmp(its_name, name) != 0) continue;
    snprintf(text, size, "%s", value);
    return 1;
  }
}

/* ---- opening ------------------------------------------------------------------- */

bd_status_t bd_result_open(const char *path, bd_result_t **out, bd_error_t *error) {
  struct stat file;
  *out = NULL;
  bd_result_t *result;
  bd_status_t status = result_allocate(path, &result, error);
  if (status == BD_OK) status = file_open(path, &result->descriptor, &file, error);
  if (status == BD_OK) {
    const isolation_t isolation = {open_child_hand_over, result, path, isolate_size(&file),
                                   CHILD_RESULT_MEMORY};
    status = isolate(&isolation, &result->texts, error);
  }
  if (status == BD_OK) status = take_over(result, file.st_size, error);
  if (status == BD_OK) {
    result_identify(result);
    *out = result;
  } else bd_result_close(result);
  return status;
}

bd_status_t bd_result_join(const char *path, const bd_result_shape_t *shape, const int64_t *places,
                           bd_result_t **out, bd_error_t *error) {
  struct stat file;
  *out = NULL;
  bd_result_t *result;
  const size_t size = bd_result_place_count(shape) * sizeof *places;
  bd_status_t status = result_allocate(path, &result, error);
  if (status == BD_OK) status = file_open(path, &result->descriptor, &file, error);
  if (status == BD_OK && !(result->places = malloc(size)))
    status = bd_fail(error, BD_FAILED, "%s: no memory", path);
  if (status == BD_OK) {
    memcpy(result->places, places, size);
    result_identify(result);
    if (result->shape.file_size != shape->file_size ||
        result->shape.head_digest != shape->head_digest)
      status = bd_fail(error, BD_BAD_INPUT, "%s: another rank sees another file than rank 0", path);
    result->shape = *shape;
  }
  if (status == BD_OK) *out = result;
  else bd_result_close(result);
  return status;
}
