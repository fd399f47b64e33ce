/* Everything that happens to one marginal in an iteration, in one sweep over the rows.

       p = a . K(q / K a),   a = 2^(u - max),   then   u <- u + length (o - p)

   for a separable kernel.  Rows flow through exp2, the pass along rows, the pass down columns,
   the division, the same two passes again, the product and the step of the potential.  Between
   the stages lie rings of rows that stay in cache.  So u and q are read and u is written once
   an iteration, and p is stored only where it is asked for.

   A row of K a needs the rows up to radii.y further down, and so does the second K.  Each stage
   therefore runs that many rows behind the one before.

   Its plain twin is tests/reference/twin.c. */
#ifndef BD_SWEEP_H
#define BD_SWEEP_H

#include "transport/engine/lanes.h"
#include "transport/kernel.h"

/* The paper's window and what a short reach leaves of it: these loops are unrolled. */
enum { UNROLLED_RADIUS = 3 };

/* Half-widths of a kernel, in pixels. */
typedef struct bd_radii {
  int y, x;
} bd_radii_t;

/* How u moves once p is known.  With u NULL it does not. */
typedef struct bd_step {
  bd_lanes_t *u;           /* plane */
  const bd_lanes_t *other; /* plane o */
  bd_lanes_t length;
  bd_lanes_t max, min; /* of u after the step */
} bd_step_t;

/* Sums over the plane of one marginal. */
typedef struct bd_dual_sums {
  bd_lanes_t mass, largest; /* of p */
  bd_lanes_t log_ka;        /* sum of q log(K a), where wanted */
} bd_dual_sums_t;

/* The sweep of one marginal. */
typedef struct bd_sweep {
  const bd_lanes_t *u, *q; /* planes */
  bd_lanes_t max;          /* of u */
  bd_lanes_t *p;           /* plane to store p in; NULL, with a step only: p is not stored */
  const bd_mask_t *given;  /* lanes whose p is in the plane p already; NULL: none */
  bd_lanes_t reach;        /* offsets that cost more do not matter */
  int wants_log;           /* 1: sums.log_ka is wanted */
  bd_step_t step;
  bd_dual_sums_t sums; /* the result */
} bd_sweep_t;

/* What becomes of a pixel of p: it moves u and is gone, or goes into a plane and moves u later. */
typedef enum bd_keep { BD_STEP_AT_ONCE, BD_KEEP_P } bd_keep_t;

/* The geometry of the sweeps of a solver, and memory for one at a time. */
typedef struct bd_sweeper {
  bd_shape_t shape;
  int margin;         /* pixels on either side of a ring's row */
  int band;           /* rows that a stage takes at once */
  int bands;          /* of rows to work in */
  size_t row;         /* vectors of a ring's row, margins included */
  bd_lanes_t *memory; /* bands, a row of zeros, the rings */
  bd_lanes_t *zero;   /* the row of zeros, at its first pixel */
  int far;            /* 1: planes lie beyond the second-level cache, fetch ahead */
} bd_sweeper_t;

/* What a sweeper is for: sweep_marginal, or sweep_back. */
typedef enum bd_direction { BD_FORWARD, BD_BACK } bd_direction_t;

/* Prepare for half-widths up to `largest`, mostly about `usual_y`.  Errors: BD_FAILED without
   memory.  Freed by sweeper_free, also after an error. */
bd_status_t BD_X(sweeper_create)(const bd_shape_t *shape, bd_radii_t largest, int usual_y,
                                 bd_direction_t direction, bd_sweeper_t *sweeper,
                                 bd_error_t *error);
void BD_X(sweeper_free)(bd_sweeper_t *sweeper);

/* The least half-width of a window that pays to be cut to: below it no loops are unrolled. */
int BD_X(sweep_least)(const bd_sweeper_t *sweeper);

/* The whole sweep of one marginal with tap[0 .. the larger radius].  In strips radii.x is at most
   the width of a strip. */
void BD_X(sweep_marginal)(const bd_sweeper_t *sweeper, bd_sweep_t *sweep, const bd_lanes_t *tap,
                          bd_radii_t radii);

/* A sweep back through one marginal (reverse.h), from potentials that were kept.  Lanes in `left`
   add nothing. */
typedef struct bd_sweep_back {
  const bd_lanes_t *u, *q, *pb; /* planes; pb: the adjoint of p */
  bd_lanes_t max, reach;        /* as above */
  bd_mask_t left;
  bd_lanes_t *qb, *g; /* planes: z and g are added to them */
  bd_lanes_t *nu;     /* plane, from which nu_scale times g is taken; NULL: none */
  bd_real_t nu_scale;
} bd_sweep_back_t;

/* The whole of it, with taps and radii as above. */
void BD_X(sweep_back)(const bd_sweeper_t *sweeper, const bd_sweep_back_t *sweep,
                      const bd_lanes_t *tap, bd_radii_t radii);

/* The step alone, for a plane of p. */
void BD_X(step_plane)(bd_step_t *step, const bd_lanes_t *p, size_t pixels);

/* ---- for those who sweep ------------------------------------------------------- */

/* Clear the results: sums, and the extent of the step. */
void BD_X(sweep_start)(bd_sweep_t *sweep);

BD_INLINE bd_dual_sums_t no_sums(void) {
  return (bd_dual_sums_t){lanes_all(0), lanes_all(0), lanes_all(0)};
}

BD_INLINE void step_pixel(bd_step_t *step, bd_lanes_t p, size_t i) {
  bd_lanes_t u = step->u[i] + step->length * (step->other[i] - p);
  step->u[i] = u;
  step->max = lanes_max(step->max, u);
  step->min = lanes_min(step->min, u);
}

BD_INLINE void step_pixels(bd_step_t *step, const bd_lanes_t *p, size_t first, size_t count) {
  bd_step_t local = *step; /* in registers */
  for (size_t i = first; i < first + count; i++) step_pixel(&local, p[i], i);
  *step = local;
}

/* Take p at pixel i into the sums, and keep it or step.  `step` and `sums` are the caller's copies,
   in registers. */
BD_INLINE void sweep_pixel(const bd_sweep_t *w, bd_lanes_t p, size_t i, bd_keep_t keep,
                           bd_step_t *step, bd_dual_sums_t *sums) {
  sums->mass += p;
  sums->largest = lanes_max(sums->largest, p);
  if (keep == BD_KEEP_P) w->p[i] = w->given ? lanes_select(*w->given, w->p[i], p) : p;
  else step_pixel(step, p, i);
}

/* End the pixels first .. first + count - 1: write the copies back, and step where p was kept.
   Masses are added part by part, which rounds less. */
BD_INLINE void sweep_part(bd_sweep_t *w, size_t first, size_t count, bd_keep_t keep,
                          const bd_step_t *step, const bd_dual_sums_t *sums) {
  w->sums.mass += sums->mass;
  w->sums.largest = lanes_max(w->sums.largest, sums->largest);
  w->step = *step;
  if (keep == BD_KEEP_P && w->step.u) step_pixels(&w->step, w->p, first, count);
}

#endif
