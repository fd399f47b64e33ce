/* The Gibbs kernel K = exp(-C/gamma), applied to a block of BD_LANES images, or to one image in as
   many strips (lanes.h).

   K acts between pixels of the image only, so no mass enters or leaves.  There are four ways to
   apply it:

     direct     windows: two passes of taps for a cost that separates, taps with symmetry for one
                that does not; the full window too
     recursion  the full window of a cost that has a recursion: two passes, O(1) a pixel
     fourier    any cost and window, by FFT (FFTW)
     wide       any cost and window, on numbers that carry their own exponent (wide.h)

   A bd_gibbs_t is one of the first three, for one image size.

   Domain.  direct and recursion only add and multiply positive numbers.  Every output is right to
   a few ulp as long as neither input nor output leaves the exponents of this precision; the caller
   guards this by the range of the input.  fourier is wrong by about `noise` times its largest
   output, everywhere; the caller guards the quotient. */
#ifndef BD_GIBBS_H
#define BD_GIBBS_H

#include "transport/engine/sweep.h"
#include "transport/kernel.h"

typedef struct bd_gibbs bd_gibbs_t;
struct bd_gibbs {
  double noise;    /* absolute error of an output, relative to the largest output of its lane */
  double farthest; /* the largest reach that it can serve, in units of the cost */
  /* out = K in, planes that do not overlap; inputs are positive or zero.  reach[0][l]: in lane l
     offsets that cost more do not matter and may be left out. */
  void (*apply)(bd_gibbs_t *gibbs, const bd_lanes_t *in, bd_lanes_t *out, const bd_lanes_t *reach);
  /* A marginal of an iteration in one go (sweep.h).  NULL where there is no such way. */
  void (*sweep)(bd_gibbs_t *gibbs, bd_sweep_t *sweep);
  /* The same for the reverse pass, in float64.  Prepared before its first use.
     Errors: BD_FAILED without memory. */
  bd_status_t (*prepare_back)(bd_gibbs_t *gibbs, bd_error_t *error);
  void (*sweep_back)(bd_gibbs_t *gibbs, const bd_sweep_back_t *sweep);
  void (*destroy)(bd_gibbs_t *gibbs);
};

/* The kernel of these options by the way named; recursion only where kernel_recurs, fourier only in
   float64.  The caller calls (*gibbs)->destroy(*gibbs).  Errors: BD_FAILED without memory. */
bd_status_t BD_X(gibbs_direct)(const bd_solver_options_t *options, const bd_shape_t *shape,
                               bd_gibbs_t **gibbs, bd_error_t *error);
bd_status_t BD_X(gibbs_recursion)(const bd_solver_options_t *options, const bd_shape_t *shape,
                                  bd_gibbs_t **gibbs, bd_error_t *error);
bd_status_t BD_X(gibbs_fourier)(const bd_solver_options_t *options, const bd_shape_t *shape,
                                bd_gibbs_t **gibbs, bd_error_t *error);

#endif
