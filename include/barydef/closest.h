/** @file
   The word that somebody may have meant. */
#ifndef BARYDEF_CLOSEST_H
#define BARYDEF_CLOSEST_H

#include <barydef/api.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The candidate that is closest to a word: the fewest letters inserted, deleted, replaced, or
   swapped with their neighbour, whatever their case (F. Damerau, "A technique for computer
   detection and correction of spelling errors", 1964).  NULL where none is close: more than one
   letter in three is different. */
BD_API const char *bd_closest(const char *word, const char *const *candidates, int count);

#ifdef __cplusplus
}
#endif
#endif
