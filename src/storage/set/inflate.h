/* Inflating a chunk, by libdeflate or, in a build without it, by zlib.  What a valid stream holds
   is the same bytes for both. */
#ifndef STORAGE_SET_INFLATE_H
#define STORAGE_SET_INFLATE_H

#include <stddef.h>

/* Inflate a whole zlib stream (RFC 1950) of `size` bytes into `room` bytes at `to`.  `got` is set
   to the length of what it held.  Bytes behind the end of the stream are ignored.  Returns NULL,
   or what is wrong: the stream is no such stream, has another Adler-32, or needs more room. */
const char *inflate_into(const unsigned char *from, size_t size, unsigned char *to, size_t room,
                         size_t *got);

#endif
