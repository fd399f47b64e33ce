/* Chunks as they are stored: undoing their filters without HDF5 and within given bounds. */
#ifndef BD_CHUNK_H
#define BD_CHUNK_H

#include "storage/set/survey.h"

/* Decode chunk->size bytes in `stored`, which change on the way, to chunk_bytes(place) bytes in
   `plain`.  `room` and `plain` have chunk_room(place) bytes.  NULL, or what is wrong with the
   chunk.
   */
const char *chunk_decode(const place_t *place, const chunk_t *chunk, unsigned char *stored,
                         unsigned char *room, unsigned char *plain);

/* Bytes of a chunk that is decoded, with its checksum. */
size_t chunk_room(const place_t *place);

#endif
