/* The way that is right at any range, on numbers that carry their own exponent.

   Where exp(u/gamma) leaves the range of float64, a value is a pair m * 2^e of a float64 mantissa
   and an integer exponent, itself held in a float64.  So nothing underflows, and no logarithm is
   needed: adding two of them shifts one mantissa.  This serves every cost and window with an error
   of a few ulp of u, as in the log domain, at about 8 times the time of the narrow way. */
#ifndef BD_WIDE_H
#define BD_WIDE_H

#include "transport/engine/gibbs.h"

/* m * 2^e with m >= 0.  A zero has m = 0 and an e below every other. */
typedef struct bd_wide_number {
  bd_lanes_t m, e;
} bd_wide_number_t;

typedef struct bd_wide {
  int height, width;
  bd_radii_t radii;
  bd_cost_t cost;
  int is_recursion;
  double *mantissa; /* of the taps, laid out as in direct.c */
  double *exponent;
  double *distance;                  /* cost of each tap */
  bd_wide_number_t *a, *b, *c, *row; /* planes; row: one line */
} bd_wide_t;

/* p = a . K(q / K a), a = 2^(u - max), for a block. */
typedef struct bd_wide_task {
  const bd_lanes_t *u, *q; /* planes */
  bd_lanes_t max;          /* of u */
  bd_lanes_t reach;        /* as in gibbs.h */
  bd_lanes_t *p;           /* plane of the result; NULL: not wanted */
  bd_lanes_t *log_ka;      /* sum over pixels of q log(K a); NULL: not wanted */
} bd_wide_task_t;

/* Its adjoint (reverse.h) for the adjoint pb of p, which may have any sign. */
typedef struct bd_wide_adjoint {
  const bd_lanes_t *u, *q, *pb; /* planes */
  bd_lanes_t max, reach;        /* as above */
  bd_wide_number_t *ka, *r;     /* planes to work in */
  bd_lanes_t *z, *g;            /* planes of the result */
} bd_wide_adjoint_t;

/* Errors: BD_FAILED without memory.  Freed by wide_free, also after an error. */
bd_status_t BD_X(wide_create)(const bd_solver_options_t *options, int height, int width,
                              bd_wide_t *wide, bd_error_t *error);
void BD_X(wide_free)(bd_wide_t *wide);

void BD_X(wide_marginal)(const bd_wide_t *wide, const bd_wide_task_t *task);
void BD_X(wide_adjoint)(const bd_wide_t *wide, const bd_wide_adjoint_t *task);

#endif
