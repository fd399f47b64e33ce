/* The gradient of a separable kernel on a small odd window in one sweep over the rows.

       p = a . K(q / K a),  a = exp((u - max) scale)

   Rows flow through exp, the pass along rows, the pass down columns, the division, the same
   two passes again and the product; between the stages lie rings of 2 radius + 1 rows that
   stay in the first-level cache, so that u and q are read and p is written once.  Its plain
   twin, plane by plane, is evaluate_marginal() of gradient.c with apply_separable() of
   direct.c. */
#ifndef BD_FUSED_H
#define BD_FUSED_H

#include "lanes.h"

#include <barydef/error.h>

enum { FUSED_RADIUS_MAX = 15 };

typedef struct bd_fused {
  int height, width, radius_y, radius_x;
  const double *tap; /* [radius + 1], the caller's */
  size_t row;        /* of the rings, with margins */
  bd_lanes_t *memory;
} bd_fused_t;

/* Sums over the plane of one marginal. */
typedef struct bd_gradient_sums {
  bd_lanes_t mass, largest; /* of p */
  bd_lanes_t log_ka;        /* sum of q log(K a), where wanted */
} bd_gradient_sums_t;

/* radius_y == radius_x <= FUSED_RADIUS_MAX.  Errors: BD_FAILED without memory. */
bd_status_t fused_create(int height, int width, int radius_y, int radius_x, const double *tap, bd_fused_t *fused,
                         bd_error_t *error);
void fused_free(bd_fused_t *fused);

/* One marginal of a block; lanes in `skip` compute with a = 1. */
void fused_gradient(const bd_fused_t *fused, const bd_lanes_t *u, const bd_lanes_t *max, double scale, const bd_mask_t *skip,
                    const bd_lanes_t *q, bd_lanes_t *p, int wants_log, bd_gradient_sums_t *sums);

#endif
