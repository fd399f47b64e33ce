#include "storage/result/checksums.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

/* 0 stands for "not done". */
static uint64_t as_mark(uint64_t checksum) { return checksum ? checksum : 1; }

uint64_t bd_result_mark(uint64_t input_mark, const void *record, size_t record_bytes,
                        const float *image, size_t pixels) {
  uint64_t mark = XXH3_64bits_withSeed(record, record_bytes, input_mark);
  if (image) mark = XXH3_64bits_withSeed(image, pixels * sizeof *image, mark);
  return as_mark(mark);
}

int checksum_is_right(const bd_result_t *result, const marked_t *marked) {
  enum { PORTION = 1 << 16 };
  unsigned char bytes[PORTION];
  const size_t record_bytes = (size_t)result->shape.record_bytes;
  if (marked->size == 0)
    return bd_result_mark(marked->input_mark, marked->record, record_bytes, NULL, 0) ==
           marked->mark;
  XXH3_state_t *state = XXH3_createState();
  int is_read = state != NULL;
  if (state)
    XXH3_64bits_reset_withSeed(
        state, XXH3_64bits_withSeed(marked->record, record_bytes, marked->input_mark));
  for (size_t at = 0, n; is_read && at < marked->size; at += n) {
    n = marked->size - at < PORTION ? marked->size - at : PORTION;
    is_read = result_read(result, marked->place + (int64_t)at, bytes, n, NULL) == BD_OK;
    if (is_read) XXH3_64bits_update(state, bytes, n);
  }
  const uint64_t found = is_read ? XXH3_64bits_digest(state) : 0;
  XXH3_freeState(state);
  return is_read && as_mark(found) == marked->mark;
}

void checksum_text(uint64_t checksum, char text[CHECKSUM_TEXT]) {
  snprintf(text, CHECKSUM_TEXT, "%016" PRIx64, checksum);
}

void checksum_labels(int64_t count, const int64_t *labels, char text[CHECKSUM_TEXT]) {
  checksum_text(XXH3_64bits(labels, (size_t)count * sizeof *labels), text);
}
