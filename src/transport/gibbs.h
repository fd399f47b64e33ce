/* The Gibbs kernel K = exp(-C/gamma) applied to a block of 8 images.

   One object holds one kernel for one image size and the scratch plane it works in.
   K acts between pixels of the image only: no mass enters or leaves. */
#ifndef BD_GIBBS_H
#define BD_GIBBS_H

#include "lanes.h"

#include <barydef/solver.h>

typedef struct bd_gibbs {
  int height, width;
  int radius;          /* (window - 1) / 2 */
  double *tap;         /* [radius + 1], exp(-d/gamma) */
  bd_lanes_t *scratch; /* one plane */
} bd_gibbs_t;

/* Errors: BD_FAILED without memory.  Freed by gibbs_free, also after an error. */
bd_status_t gibbs_create(const bd_solver_options_t *options, int height, int width,
                         bd_gibbs_t *gibbs, bd_error_t *error);
void gibbs_free(bd_gibbs_t *gibbs);

/* out = K in; planes that do not overlap.  Every value in `in` is positive or zero, so
   every sum is free of cancellation and right to a few ulp. */
void gibbs_apply(bd_gibbs_t *gibbs, const bd_lanes_t *in, bd_lanes_t *out);

#endif
