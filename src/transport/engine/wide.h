/* The path that is right at any range: numbers that carry their own exponent.

   Where exp(u/gamma) leaves the range of float64, a value is a pair m * 2^e with a float64
   mantissa and an integer exponent of its own (in a float64), so nothing underflows and no
   logarithm is needed: adding two of them shifts one mantissa.  It serves every cost and
   window; error a few ulp of u, as in the log domain.  About 8 times the cost of the
   float64 path. */
#ifndef BD_WIDE_H
#define BD_WIDE_H

#include "transport/engine/gibbs.h"

typedef struct bd_wide_number {
  bd_lanes_t m, e; /* m >= 0; a zero has m = 0 and an e below every other */
} bd_wide_number_t;

typedef struct bd_wide {
  int height, width, radius_y, radius_x, is_recursion;
  bd_cost_t cost;
  double *mantissa; /* taps, as in direct.c */
  double *exponent;
  double *distance;                  /* cost of each tap */
  bd_wide_number_t *a, *b, *c, *row; /* planes; row: one line */
} bd_wide_t;

/* Errors: BD_FAILED without memory.  Freed by wide_free, also after an error. */
bd_status_t BD_X(wide_create)(const bd_solver_options_t *options, int height, int width,
                              bd_wide_t *wide, bd_error_t *error);
void BD_X(wide_free)(bd_wide_t *wide);

/* p = a . K(q / K a), a = 2^(u - max u), for a block.  reach as in gibbs.h.  Where
   `log_ka` is not NULL it becomes the sum over pixels of q log(K a); p may be NULL. */
void BD_X(wide_gradient)(bd_wide_t *wide, const bd_lanes_t *u, const bd_lanes_t *max,
                         const bd_lanes_t *q, bd_lanes_t *p, const bd_lanes_t *reach,
                         bd_lanes_t *log_ka);

#endif
