/* M. Lehmann, LibLZF, https://software.schmorp.de/pkg/liblzf.html.  A stream is a row of runs: a
   byte below 32 says how many bytes follow as they are, less one; any other has the length of a
   piece to repeat in its upper three bits (7: the next byte adds to it), and in the rest and one
   more byte how far back the piece is.  This is shorter than what a library would take to find, to
   package and to bound. */
#include "storage/set/lzf.h"

#include <string.h>

static const char no_stream[] = "cannot be expanded (lzf) to the size declared";

enum { LITERALS = 32, LONG_PIECE = 7, LEAST_PIECE = 2 };

const char *lzf_into(const unsigned char *from, size_t size, unsigned char *to, size_t room,
                     size_t *got) {
  const unsigned char *const end = from + size;
  size_t at = 0;
  while (from < end) {
    const size_t control = *from++;
    if (control < LITERALS) {
      const size_t length = control + 1;
      if (length > (size_t)(end - from) || length > room - at) return no_stream;
      memcpy(to + at, from, length);
      from += length;
      at += length;
      continue;
    }
    size_t length = (control >> 5) + LEAST_PIECE, back = (control & 31) << 8;
    if (control >> 5 == LONG_PIECE) {
      if (from == end) return no_stream;
      length += *from++;
    }
    if (from == end) return no_stream;
    back += (size_t)*from++ + 1;
    if (back > at || length > room - at) return no_stream;
    /* Byte by byte, since a piece may repeat what it has just made. */
    for (const size_t stop = at + length; at < stop; at++) to[at] = to[at - back];
  }
  *got = at;
  return NULL;
}
