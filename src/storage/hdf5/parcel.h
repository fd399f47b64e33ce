/* What a child process hands over to its parent.  The child puts items one after the other, and the
   parent, which believes nothing, takes them in the same order.  Every item begins at a multiple of
   8 bytes, so that it can be used where it lies. */
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

/* The next `count` items of `size` bytes each, where they lie.  NULL where there are fewer, or
   where the count is negative; nothing is taken then. */
void *parcel_take(parcel_t *parcel, int64_t count, size_t size);

/* The next text, where it lies.  NULL where it is not whole or does not end. */
char *parcel_take_text(parcel_t *parcel);

/* Has everything been taken? */
int parcel_is_empty(const parcel_t *parcel);

void parcel_free(parcel_t *parcel);

#endif
