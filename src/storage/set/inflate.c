#include "storage/set/inflate.h"

static const char no_memory[] = "cannot be inflated, as there is no memory";
static const char no_stream[] = "cannot be inflated to the size declared";

#ifdef BD_HAS_LIBDEFLATE

#include <libdeflate.h>

const char *inflate_into(const unsigned char *from, size_t size, unsigned char *to, size_t room,
                         size_t *got) {
  struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
  if (!inflater) return no_memory;
  const enum libdeflate_result result =
      libdeflate_zlib_decompress(inflater, from, size, to, room, got);
  libdeflate_free_decompressor(inflater);
  return result == LIBDEFLATE_SUCCESS ? NULL : no_stream;
}

#else

#include <limits.h>
#include <zlib.h>

/* zlib counts in unsigned int, so it gets long chunks in portions. */
static uInt portion(size_t size) { return size < UINT_MAX ? (uInt)size : UINT_MAX; }

const char *inflate_into(const unsigned char *from, size_t size, unsigned char *to, size_t room,
                         size_t *got) {
  z_stream stream = {0};
  if (inflateInit(&stream) != Z_OK) return no_memory;
  stream.next_in = (z_const Bytef *)from;
  stream.next_out = to;
  int result = Z_OK;
  while (result == Z_OK) {
    stream.avail_in = portion(size - (size_t)(stream.next_in - from));
    stream.avail_out = portion(room - (size_t)(stream.next_out - to));
    result = inflate(&stream, Z_NO_FLUSH); /* Z_BUF_ERROR where nothing more can be done */
  }
  *got = (size_t)(stream.next_out - to);
  inflateEnd(&stream);
  return result == Z_STREAM_END ? NULL : result == Z_MEM_ERROR ? no_memory : no_stream;
}

#endif
