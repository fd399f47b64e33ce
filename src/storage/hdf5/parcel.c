#include "storage/hdf5/parcel.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 8 };

static size_t padded(size_t size) { return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

void parcel_put(FILE *out, const void *items, size_t count, size_t size) {
  static const char zeros[ALIGNMENT];
  const size_t bytes = count * size;
  fwrite(items, 1, bytes, out);
  fwrite(zeros, 1, padded(bytes) - bytes, out);
}

void parcel_put_text(FILE *out, const char *text) {
  const uint64_t size = strlen(text) + 1;
  parcel_put(out, &size, 1, sizeof size);
  parcel_put(out, text, 1, size);
}

void *parcel_take(parcel_t *parcel, int64_t count, size_t size) {
  const size_t left = parcel->size - parcel->taken;
  size_t bytes;
  if (count < 0 || __builtin_mul_overflow((size_t)count, size, &bytes) || bytes > left ||
      padded(bytes) > left)
    return NULL;
  void *items = (char *)parcel->bytes + parcel->taken;
  parcel->taken += padded(bytes);
  return items;
}

char *parcel_take_text(parcel_t *parcel) {
  const size_t before = parcel->taken;
  const uint64_t *size = parcel_take(parcel, 1, sizeof *size);
  char *text =
      size && *size > 0 && *size <= INT64_MAX ? parcel_take(parcel, (int64_t)*size, 1) : NULL;
  if (text && memchr(text, 0, *size) == text + *size - 1) return text;
  parcel->taken = before;
  return NULL;
}

int parcel_is_empty(const parcel_t *parcel) { return parcel->taken == parcel->size; }

void parcel_free(parcel_t *parcel) {
  free(parcel->bytes);
  *parcel = (parcel_t){0};
}
