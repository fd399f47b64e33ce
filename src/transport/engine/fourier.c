#include "transport/engine/gibbs.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* K in is a circular convolution on an array padded by the reach of the window, image by image.
   All images of a register interleaved in one plan need as many times the cache (measured: equal at
   28 x 28, half as long again at 224 x 224).

   Plans are made by FFTW_ESTIMATE.  A measured plan would change from run to run, and the bits of
   the result with it.  FFTW's planner is not thread-safe: one thread at a time may create or
   destroy such a kernel; applying it is safe. */
typedef struct fourier {
  bd_gibbs_t base;
  bd_shape_t shape;
  int rows, columns, half;   /* padded; half = columns/2 + 1 */
  double *spectrum;          /* [rows][half], real as K is symmetric; scaled by 1/(rows columns) */
  double *padded;            /* [rows][columns], zero outside the image */
  double *back;              /* the same, transformed back */
  fftw_complex *transformed; /* [rows][half] */
  fftw_plan forward, backward;
} fourier_t;

/* Error of an output, relative to the largest: a few roundings. */
static const double noise = 8 * 2.2e-16;

static void destroy(bd_gibbs_t *base) {
  fourier_t *g = (fourier_t *)base;
  fftw_destroy_plan(g->forward);
  fftw_destroy_plan(g->backward);
  fftw_free(g->spectrum);
  free(g->padded);
  free(g->back);
  free(g->transformed);
  free(g);
}

/* A size at which FFTW is fast without measuring: a power of two where that is not much longer,
   else the next 2^a 3^b 5^c 7^d. */
static int good_size(int size) {
  int power = 1;
  while (power < size) power *= 2;
  if (power <= size + size / 7) return power;
  for (;; size++) {
    int rest = size;
    for (int prime = 2; prime <= 7; prime++)
      while (rest % prime == 0) rest /= prime;
    if (rest == 1) return size;
  }
}

static void apply(bd_gibbs_t *base, const bd_lanes_t *in, bd_lanes_t *out,
                  const bd_lanes_t *reach) {
  fourier_t *g = (fourier_t *)base;
  const size_t count = (size_t)g->rows * (size_t)g->half;
  (void)reach;
  for (int l = 0; l < BD_LANES / g->shape.strips; l++) {
    lanes_get(&g->shape, in, l, g->padded, (size_t)g->columns);
    fftw_execute(g->forward);
    for (size_t i = 0; i < count; i++) {
      g->transformed[i][0] *= g->spectrum[i];
      g->transformed[i][1] *= g->spectrum[i];
    }
    fftw_execute(g->backward);
    lanes_put(&g->shape, out, l, g->back, (size_t)g->columns);
  }
}

/* The spectrum of K: the kernel laid out around the origin, transformed once. */
static int make_spectrum(fourier_t *g, const bd_solver_options_t *o) {
  int radius_y = kernel_radius(o->window, g->shape.height),
      radius_x = kernel_radius(o->window, shape_columns(&g->shape));
  size_t size = (size_t)g->rows * (size_t)g->columns, half = (size_t)g->rows * (size_t)g->half;
  double *kernel = fftw_alloc_real(size);
  fftw_complex *transformed = fftw_alloc_complex(half);
  fftw_plan plan = kernel && transformed ? fftw_plan_dft_r2c_2d(g->rows, g->columns, kernel,
                                                                transformed, FFTW_ESTIMATE)
                                         : NULL;
  if (plan) {
    memset(kernel, 0, size * sizeof *kernel);
    for (int dy = -radius_y; dy <= radius_y; dy++)
      for (int dx = -radius_x; dx <= radius_x; dx++)
        kernel[(dy + g->rows) % g->rows * g->columns + (dx + g->columns) % g->columns] =
            exp(-kernel_cost(o->cost, dy, dx) / o->gamma);
    fftw_execute(plan);
    for (size_t i = 0; i < half; i++) g->spectrum[i] = transformed[i][0] / (double)size;
  }
  fftw_destroy_plan(plan);
  fftw_free(kernel);
  fftw_free(transformed);
  return plan != NULL;
}

bd_status_t BD_X(gibbs_fourier)(const bd_solver_options_t *o, const bd_shape_t *shape,
                                bd_gibbs_t **gibbs, bd_error_t *error) {
  const int height = shape->height, width = shape_columns(shape);
  fourier_t *g = calloc(1, sizeof *g);
  *gibbs = (bd_gibbs_t *)g;
  if (!g) return bd_fail(error, BD_FAILED, "no memory for a kernel");
  *g = (fourier_t){
      .base = {.noise = noise, .farthest = INFINITY, .apply = apply, .destroy = destroy},
      .shape = *shape};
  g->rows = good_size(height + kernel_radius(o->window, height));
  g->columns = good_size(width + kernel_radius(o->window, width));
  g->half = g->columns / 2 + 1;
  size_t size = (size_t)g->rows * (size_t)g->columns, half = (size_t)g->rows * (size_t)g->half;
  g->spectrum = fftw_alloc_real(half);
  /* Aligned for whole vectors, which FFTW's own allocator does not promise. */
  g->padded = lanes_allocate(size * sizeof *g->padded);
  g->back = lanes_allocate(size * sizeof *g->back);
  g->transformed = lanes_allocate(half * sizeof *g->transformed);
  if (g->spectrum && g->padded && g->back && g->transformed) {
    g->forward = fftw_plan_dft_r2c_2d(g->rows, g->columns, g->padded, g->transformed,
                                      FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
    g->backward = fftw_plan_dft_c2r_2d(g->rows, g->columns, g->transformed, g->back, FFTW_ESTIMATE);
    memset(g->padded, 0, size * sizeof *g->padded);
  }
  if (g->forward && g->backward && make_spectrum(g, o)) return BD_OK;
  bd_status_t status =
      bd_fail(error, BD_FAILED, "no memory for FFTs of %d x %d pixels", g->rows, g->columns);
  destroy(&g->base);
  *gibbs = NULL;
  return status;
}
