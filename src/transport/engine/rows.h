/* How rows flow through the stages of a sweep (sweep.h).

   A stage takes a band of rows at once, as soon as the stage before it is ready with as many rows
   as the kernel reaches further down.  Between the stages lie rings of rows. */
#ifndef BD_ROWS_H
#define BD_ROWS_H

#include "transport/engine/sweep.h"

/* A stage takes `band` rows at once.  It then loads a row of a ring (band + 2 radius)/band times
   instead of 2 radius + 1 times, but longer bands need longer rings.  What is best was measured
   (tests/bench): 4 rows, or 2 where the rings would not fit into half of a second-level cache of
   1 MiB; and the size of a plane from which fetching ahead pays. */
enum { BAND = 4, NARROW_BAND = 2, RINGS_MAX = 512 * 1024, FAR_PIXELS = 8000 };

/* Rings of a sweep, and of one that goes back. */
enum { RINGS = 3, RINGS_BACK = 5 };

/* Do planes fit into the second-level cache? */
typedef enum distance { NEAR, FAR } distance_t;

/* What all stages share.  Where radii, band and distance are constants, the compiler unrolls loops
   and drops branches. */
typedef struct rows {
  const bd_sweeper_t *s;
  const bd_lanes_t *tap;
  bd_radii_t radii;
  int band;
  distance_t distance;
} rows_t;

/* Rows of a ring: between what its writer has written and what its last reader still needs. */
BD_INLINE size_t ring_length(int band, int radius) { return 2 * (size_t)(radius + band); }

/* Row j of the bands, the row of zeros, and row y of a ring, each at its first pixel, with `margin`
   zeros on either side. */
BD_INLINE bd_lanes_t *band_row(const rows_t *t, int j) {
  return t->s->memory + (size_t)j * t->s->row + t->s->margin;
}
BD_INLINE bd_lanes_t *zero_row(const rows_t *t) { return t->s->zero; }
BD_INLINE bd_lanes_t *ring_row(const rows_t *t, unsigned ring, int y) {
  const size_t length = ring_length(t->band, t->radii.y);
  return zero_row(t) + (1 + ring * length + (size_t)y % length) * t->s->row;
}

/* Rows first - radius .. first + rows - 1 + radius of a ring. */
BD_INLINE void gather_rows(const rows_t *t, unsigned ring, int first, int rows,
                           const bd_lanes_t **in) {
  for (int j = 0; j < rows + 2 * t->radii.y; j++) {
    int y = first - t->radii.y + j;
    in[j] = y < 0 || y >= t->s->shape.height ? zero_row(t) : ring_row(t, ring, y);
  }
}

/* The pass along a row, whose neighbouring strips are joined first. */
BD_INLINE void pass_row(const rows_t *t, bd_lanes_t *row, bd_lanes_t *out) {
  if (t->s->shape.strips > 1) lanes_join(row, t->s->shape.width, t->radii.x);
  lanes_pass(row, out, t->s->shape.width, t->tap, t->radii.x);
}

/* The pass down columns for the rows of a band at pixel x.  Nothing is stored before its end, so
   that what two rows share is loaded once. */
BD_INLINE void pass_columns(const bd_lanes_t *const *in, int rows, int x, const bd_lanes_t *tap,
                            int radius, bd_lanes_t *out) {
  for (int j = 0; j < rows; j++) {
    bd_lanes_t sum = in[j + radius][x];
    for (int d = 1; d <= radius; d++)
      sum += tap[d] * (in[j + radius - d][x] + in[j + radius + d][x]);
    out[j] = sum;
  }
}

/* The rows that a stage can take now, when it has done `next` rows and the stage before it `ready`:
   a band, single rows at the end, or none yet. */
BD_INLINE int takes(const rows_t *t, int next, int ready) {
  const int height = t->s->shape.height;
  if (next == height || (ready < height && next + t->band + t->radii.y > ready)) return 0;
  return next + t->band <= height ? t->band : 1;
}

#endif
