/* What a child process hands over to its parent.  The child puts items one after the other, and
   the parent, which trusts nothing, takes them in the same order.  Every item begins at a multiple
   of 8 bytes, so that it can be used in place. */
#ifndef BD_PARCEL_H
#define BD_PARCEL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct parcel {
  void *bytes; /* from malloc: parcel_free */
  size_t size, taken;
} parcel_t;

/* Put `count` items of `size` bytes each.  A failure stays with `out` (ferror). */
void parcel_put(FILE *out, const void *items, size_t count, size_t size);

/* Put a text with its zero. */
void parcel_put_text(FILE *out, const char *text);

/* Take the next `count` items of `size` bytes each, without copying them.  Returns NULL, and takes
   nothing, if there are fewer or the count is negative. */
void *parcel_take(parcel_t *parcel, int64_t count, size_t size);

/* Take the next text, without copying it.  Returns NULL if it is cut short or does not end. */
char *parcel_take_text(parcel_t *parcel);

/* Has everything been taken? */
int parcel_is_empty(const parcel_t *parcel);

void parcel_free(parcel_t *parcel);

#endif
