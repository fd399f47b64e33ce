/* A chunk as it is stored, back through its filters, without HDF5 and within given bounds. */
#ifndef BD_CHUNK_H
#define BD_CHUNK_H

#include "storage/set/survey.h"

/* `stored` bytes of a chunk, changed on the way, to chunk_bytes(place) bytes in `plain`.
   `room` and `plain` have chunk_room(place) bytes.  NULL, or what is wrong with it. */
const char *chunk_decode(const place_t *place, const chunk_t *chunk, unsigned char *stored,
                         unsigned char *room, unsigned char *plain);

/* Bytes of a chunk with its checksum. */
size_t chunk_room(const place_t *place);

#endif
