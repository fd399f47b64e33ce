/* LZF, the compression that h5py calls `lzf`. */
#ifndef BD_LZF_H
#define BD_LZF_H

#include <stddef.h>

/* The number of the filter in HDF5's registry. */
enum { LZF_FILTER = 32000 };

/* Expand `size` bytes of a stream into `room` bytes at `to`, and set *got to the length of what it
   held.  Returns NULL, or what is wrong: the stream breaks off, points before its own beginning, or
   needs more room. */
const char *lzf_into(const unsigned char *from, size_t size, unsigned char *to, size_t room,
                     size_t *got);

#endif
