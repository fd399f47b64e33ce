/* A point of the dual, and the planes in which it is evaluated. */
#ifndef BD_ITERATE_H
#define BD_ITERATE_H

#include "transport/engine/batch.h"

/* u_1 .. u_{N-1} and v.  u[N-1] is the eliminated one. */
typedef struct bd_potentials {
  bd_lanes_t *u[BD_MARGINALS_MAX], *v;                     /* planes */
  bd_lanes_t max[BD_MARGINALS_MAX], min[BD_MARGINALS_MAX]; /* of each u */
} bd_potentials_t;

/* What evaluations have found since these were cleared. */
typedef struct bd_figures {
  bd_lanes_t p_max;       /* the largest p */
  bd_lanes_t mass_defect; /* max_k |sum p_k - sum q_k| */
  bd_mask_t fallback;     /* lanes that needed the wide way */
  bd_mask_t skipped;      /* evaluations of p_k that were known beforehand */
} bd_figures_t;

/* What is asked of one marginal. */
typedef struct bd_evaluation {
  const bd_potentials_t *at;
  int k;
  bd_lanes_t *p;       /* plane for p_k = grad H*_{q_k}(u_k); NULL: not wanted */
  int wants_log;       /* 1: sums.log_ka is wanted */
  bd_mask_t known;     /* lanes whose p_k is q_k (identity.h) */
  bd_mask_t beyond;    /* lanes that need the wide way */
  bd_dual_sums_t sums; /* the result */
} bd_evaluation_t;

/* Potentials that no plane holds (identity.h). */
typedef struct bd_implied {
  bd_mask_t lanes[BD_MARGINALS_MAX];   /* of u_k, k < N */
  bd_lanes_t range[BD_MARGINALS_MAX];  /* an upper bound of their range */
  int steps;                           /* t, from the start */
  bd_lanes_t *sum, *drift;             /* planes S and Q; NULL: no potential is ever implied */
  bd_lanes_t squares;                  /* B */
  int planes, plane[BD_MARGINALS_MAX]; /* the k that are explicit in some lane */
} bd_implied_t;

typedef struct bd_iterate {
  const bd_setup_t *setup;
  const bd_batch_t *batch;
  bd_lanes_t *planes; /* the memory of all planes below */
  bd_lanes_t *a, *b;  /* work */
  bd_lanes_t *p[BD_MARGINALS_MAX];
  bd_potentials_t at;        /* where p is evaluated */
  bd_potentials_t z, z_next; /* method fista only */
  bd_implied_t implied;      /* method fb only */
  struct bd_tape *tape;      /* keeps every iteration (tape.h); NULL: no gradient is asked for */
  bd_figures_t figures;
} bd_iterate_t;

/* Errors: BD_FAILED without memory.  Freed by iterate_free, also after an error. */
bd_status_t BD_X(iterate_create)(const bd_setup_t *setup, const bd_batch_t *batch,
                                 bd_iterate_t *iterate, bd_error_t *error);
void BD_X(iterate_free)(bd_iterate_t *iterate);

/* Potentials of zero. */
void BD_X(iterate_start)(bd_iterate_t *iterate);

BD_INLINE void iterate_clear_figures(bd_iterate_t *it) {
  it->figures =
      (bd_figures_t){lanes_all(0), lanes_all(0), (bd_mask_t)lanes_all(0), (bd_mask_t)lanes_all(0)};
}

/* The largest and smallest of a plane of potentials. */
void BD_X(extent)(const bd_setup_t *setup, const bd_lanes_t *u, bd_lanes_t *max, bd_lanes_t *min);

/* v + sum_{k<N} beta_k u_k at pixel i. */
BD_INLINE bd_lanes_t eliminated(const bd_setup_t *s, const bd_potentials_t *at, size_t i) {
  bd_lanes_t sum = at->v[i];
  for (int k = 0; k < s->marginals - 1; k++) sum += s->weight[k] * at->u[k][i];
  return sum;
}

/* u_N = -(v + sum_{k<N} beta_k u_k) / beta_N. */
void BD_X(eliminate)(const bd_setup_t *setup, bd_potentials_t *at);

/* a = mean_k p_k, and max_k |p_k - a|_1. */
void BD_X(consensus)(bd_iterate_t *iterate, bd_lanes_t *residual);

#endif
