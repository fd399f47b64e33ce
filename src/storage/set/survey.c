#include "storage/set/survey.h"

#include "storage/hdf5/parcel.h"

int survey_take_apart(void *bytes, size_t size, survey_t *survey) {
  parcel_t parcel = {.bytes = bytes, .size = size};
  const survey_head_t *head = survey->head = parcel_take(&parcel, 1, sizeof *head);
  if (!head) return 0;
  survey->attacks = parcel_take(&parcel, head->attack_count, sizeof *survey->attacks);
  survey->places = parcel_take(&parcel, head->attack_count, sizeof *survey->places);
  survey->labels = parcel_take(&parcel, head->count, sizeof *survey->labels);
  survey->chunks = parcel_take(&parcel, head->chunk_count, sizeof *survey->chunks);
  return survey->attacks && survey->places && survey->labels && survey->chunks &&
         parcel_is_empty(&parcel);
}

size_t element_size(element_t element) {
  static const size_t sizes[] = {[ELEMENT_FLOAT32] = 4,
                                 [ELEMENT_FLOAT64] = 8,
                                 [ELEMENT_UINT8] = 1,
                                 [ELEMENT_FLOAT16] = 2,
                                 [ELEMENT_OTHER] = 4};
  return sizes[element];
}

int64_t image_bytes(const place_t *place) {
  return place->shape[1] * place->shape[2] * place->shape[3] *
         (int64_t)element_size(place->element);
}

int64_t chunk_bytes(const place_t *place) {
  int64_t bytes = (int64_t)element_size(place->element);
  for (int d = 0; d < 4; d++) bytes *= place->chunk[d];
  return bytes;
}

int64_t chunks_along(const place_t *place, int d) {
  return (place->shape[d] - 1) / place->chunk[d] + 1;
}

int64_t chunks_of(const place_t *place) {
  int64_t all = place->chunk[0] != 0;
  for (int d = 0; d < 4 && all; d++)
    if (__builtin_mul_overflow(all, chunks_along(place, d), &all)) return INT64_MAX;
  return all;
}
