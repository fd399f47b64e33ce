/* Everything that happens to one marginal in an iteration, in one sweep over the rows.

       p = a . K(q / K a),   a = 2^(u - max),   then   u <- (u + pull o - push p) shrink

   for a separable kernel.  Rows flow through exp2, the pass along rows, the pass down columns,
   the division, the same two passes again, the product and the step of the potential; between
   the stages lie rings of rows that stay in cache.  So u and q are read and u is written once
   an iteration, and p is stored only where it is asked for.  A row of K a needs rows up to
   radius_y further down, and so does the second K: a stage runs that many rows behind the one
   before, and a sweep may stop after any row and go on later.

   Its plain twins: tests/reference/twin.c in its own right, and plane by plane
   evaluate_marginal() of gradient.c with apply_separable() of direct.c. */
#ifndef BD_SWEEP_H
#define BD_SWEEP_H

#include "lanes.h"

#include <barydef/error.h>

enum { SWEEP_RADIUS_MAX = 31 };

/* What moves once p is known; potential NULL: nothing does. */
typedef struct bd_step {
  bd_lanes_t *potential;    /* plane: u_k, or v */
  const bd_lanes_t *other;  /* plane o: p_N for u_k, x for v */
  bd_real_t push, pull, shrink;
  bd_lanes_t max, min;      /* of the potential after the step, over the rows done */
} bd_step_t;

/* Sums over the plane of one marginal. */
typedef struct bd_gradient_sums {
  bd_lanes_t mass, largest; /* of p */
  bd_lanes_t log_ka;        /* sum of q log(K a), where wanted */
} bd_gradient_sums_t;

/* The geometry all sweeps of a solver share. */
typedef struct bd_sweeper {
  int height, width, radius_y, radius_x;
  int length;           /* rows of a ring */
  size_t row;           /* vectors of a ring's row, margins included */
  const bd_real_t *tap; /* [max radius + 1], the caller's */
  bd_lanes_t *zeros;    /* a row outside the image */
  int far;              /* planes lie beyond the second-level cache: fetch ahead */
} bd_sweeper_t;

/* One marginal on its way. */
typedef struct bd_sweep {
  const bd_lanes_t *u, *q;  /* planes */
  bd_lanes_t max;           /* of u */
  bd_lanes_t *p;            /* plane to store p in; NULL (not without a step): it is not stored */
  const bd_mask_t *given;   /* lanes whose p is in the plane p already, or NULL */
  int wants_log;
  bd_step_t step;
  bd_gradient_sums_t sums;  /* over the rows done */
  int exponentiated, divided, done; /* rows each stage has passed */
  bd_lanes_t *memory;       /* its rings */
} bd_sweep_t;

/* Errors: BD_FAILED without memory.  Freed by sweeper_free, also after an error. */
bd_status_t sweeper_create(int height, int width, int radius_y, int radius_x, const bd_real_t *tap, bd_sweeper_t *sweeper,
                           bd_error_t *error);
void sweeper_free(bd_sweeper_t *sweeper);

/* Memory for the rings of one sweep, cleared; freed with free().  NULL without memory. */
bd_lanes_t *sweep_memory(const bd_sweeper_t *sweeper);

/* Begin a sweep; the caller has set u, q, max, p, given, wants_log, step and memory. */
void sweep_start(bd_sweep_t *sweep);

/* Read u down to `rows` rows (height: all), and take every stage as far as that goes. */
void sweep_rows(const bd_sweeper_t *sweeper, bd_sweep_t *sweep, int rows);

/* Before the first pixel of a step; sweep_start does it. */
void step_start(bd_step_t *step);

/* The step for `count` pixels from pixel `first` on; p begins at the first of them. */
void step_pixels(bd_step_t *step, const bd_lanes_t *p, size_t first, size_t count);

#endif
