/* Undo the filters of stored chunks, without HDF5 and within given bounds. */
#ifndef BD_CHUNK_H
#define BD_CHUNK_H

#include "storage/set/survey.h"

/* Decode chunk->size bytes in `stored`, which are overwritten, to chunk_bytes(place) bytes in
   `plain`.  `room` and `plain` have chunk_room(place) bytes.  Returns NULL, or what is wrong with
   the chunk. */
const char *chunk_decode(const place_t *place, const chunk_t *chunk, unsigned char *stored,
                         unsigned char *room, unsigned char *plain);

/* Bytes of a decoded chunk and its checksum. */
size_t chunk_room(const place_t *place);

#endif
