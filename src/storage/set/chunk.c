#include "storage/set/chunk.h"

#include "storage/set/inflate.h"
#include "storage/set/lzf.h"

#include <string.h>

size_t chunk_room(const place_t *place) { return (size_t)chunk_bytes(place) + 4; }

/* J.  Fletcher, "An arithmetic checksum for serial transmissions", 1982, over big-endian words of
   16 bits modulo 65535.  An odd last byte counts as the high byte of a word. */
static uint32_t fletcher32(const unsigned char *bytes, size_t size) {
  uint32_t a = 0, b = 0;
  for (size_t i = 0; i < size; i += 2) {
    a += (uint32_t)bytes[i] << 8 | (i + 1 < size ? bytes[i + 1] : 0);
    a = (a & 0xffff) + (a >> 16);
    b += a;
    b = (b & 0xffff) + (b >> 16);
  }
  return (b & 0xffff) << 16 | (a & 0xffff);
}

static const char *check_sum(const unsigned char *bytes, size_t *size) {
  if (*size < 4) return "is shorter than its checksum";
  const unsigned char *end = bytes + (*size -= 4);
  const uint32_t told =
      (uint32_t)end[0] | (uint32_t)end[1] << 8 | (uint32_t)end[2] << 16 | (uint32_t)end[3] << 24;
  return told == fletcher32(bytes, *size) ? NULL
                                          : "has another checksum (fletcher32) than is stored";
}

/* Shuffling puts byte k of all elements together. */
static void unshuffle(const unsigned char *from, size_t size, size_t element, unsigned char *to) {
  const size_t count = size / element;
  for (size_t k = 0; k < element; k++)
    for (size_t i = 0; i < count; i++) to[i * element + k] = from[k * count + i];
  memcpy(to + count * element, from + count * element, size - count * element);
}

const char *chunk_decode(const place_t *place, const chunk_t *chunk, unsigned char *stored,
                         unsigned char *room, unsigned char *plain) {
  const size_t wanted = (size_t)chunk_bytes(place);
  unsigned char *from = stored, *to = room;
  size_t size = chunk->size;
  const char *wrong = NULL;
  for (int i = place->filter_count - 1; i >= 0 && !wrong; i--) {
    if (chunk->skipped >> i & 1) continue;
    if (place->filters[i] == FILTER_FLETCHER32) {
      wrong = check_sum(from, &size);
      continue;
    }
    size_t got = size;
    if (place->filters[i] == FILTER_DEFLATE)
      wrong = inflate_into(from, size, to, chunk_room(place), &got);
    else if (place->filters[i] == FILTER_LZF)
      wrong = lzf_into(from, size, to, chunk_room(place), &got);
    else if (size > chunk_room(place)) wrong = "is longer than declared";
    else unshuffle(from, size, element_size(place->element), to);
    /* The two buffers take turns; `stored` is no longer needed once it has been read. */
    size = got;
    from = to;
    to = from == room ? plain : room;
  }
  if (!wrong && size != wanted) wrong = "has another size than declared";
  if (!wrong && from != plain) memcpy(plain, from, wanted);
  return wrong;
}
