/* The Gibbs kernel K = exp(-C/gamma), applied to a block of BD_LANES images, or to one in as many
   strips (lanes.h).

   K acts between pixels of the image only, so no mass enters or leaves.  There are four
   ways to apply it; each object below is one of them, for one image size:

     direct     odd windows: two passes of taps for the costs that separate (l1, sql2), taps
                with symmetry for l2; the full window for sql2 and l2 too
     recursion  l1 on the full window: two passes of a first-order recursion, O(1) a pixel
     fourier    any cost and window, by FFT (FFTW)
     wide       any cost and window on numbers that carry their own exponent (wide.h)

   Domain.  direct and recursion only add and multiply positive numbers: every output is
   right to a few ulp as long as neither input nor output leaves the exponents of float64,
   which the caller guards by the range of the input.  fourier is wrong by about
   `noise` times its largest output, everywhere: the caller guards the quotient. */
#ifndef BD_GIBBS_H
#define BD_GIBBS_H

#include "transport/engine/sweep.h"
#include "transport/kernel.h"

typedef struct bd_gibbs bd_gibbs_t;
struct bd_gibbs {
  double noise;    /* absolute error of an output, relative to the largest output of its lane */
  double farthest; /* the largest reach it can serve */
  /* out = K in, planes that do not overlap; inputs positive or zero.  reach[0][l]: in lane l
     offsets longer than this (in units of the cost) do not matter and may be left out. */
  void (*apply)(bd_gibbs_t *gibbs, const bd_lanes_t *in, bd_lanes_t *out, const bd_lanes_t *reach);
  /* A marginal of an iteration in one go (sweep.h); NULL where there is no such way. */
  void (*sweep)(bd_gibbs_t *gibbs, bd_sweep_t *sweep);
  void (*destroy)(bd_gibbs_t *gibbs);
};

/* The kernel of these options by the way named.  Errors: BD_FAILED without memory,
   BD_BAD_INPUT where the way does not exist for the cost and window.  The caller calls
   (*gibbs)->destroy(*gibbs). */
bd_status_t BD_X(gibbs_direct)(const bd_solver_options_t *options, int height, int width,
                               int strips, bd_gibbs_t **gibbs, bd_error_t *error);
bd_status_t BD_X(gibbs_recursion)(const bd_solver_options_t *options, int height, int width,
                                  int strips, bd_gibbs_t **gibbs, bd_error_t *error);
bd_status_t BD_X(gibbs_fourier)(const bd_solver_options_t *options, int height, int width,
                                int strips, bd_gibbs_t **gibbs, bd_error_t *error);

#endif
