/* In place of fourier.c in a build without FFTW.  No other way is taken in its stead, since its
   bits would differ from those of a build with FFTW. */
#include "transport/engine/gibbs.h"

bd_status_t BD_X(gibbs_fourier)(const bd_solver_options_t *o, const bd_shape_t *shape,
                                bd_gibbs_t **gibbs, bd_error_t *error) {
  *gibbs = NULL;
  return bd_fail(error, BD_BAD_INPUT,
                 "solver.kernel = %s needs FFTW for images of %d x %d pixels, and this build has "
                 "none; solver.kernel = direct does without, more slowly",
                 o->kernel == BD_KERNEL_FFTW ? "fftw" : "auto", shape->height,
                 shape_columns(shape));
}
