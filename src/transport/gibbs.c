#include "gibbs.h"

#include <math.h>

double gibbs_cost(bd_cost_t cost, int dy, int dx) {
  switch (cost) {
    case BD_COST_L1: return fabs((double)dy) + fabs((double)dx);
    case BD_COST_L2: return sqrt((double)dy * dy + (double)dx * dx);
    case BD_COST_SQL2: return (double)dy * dy + (double)dx * dx;
  }
  return NAN;
}

int gibbs_radius(int window, int size) {
  int radius = window == BD_WINDOW_FULL ? size - 1 : (window - 1) / 2;
  return radius < size ? radius : size - 1;
}

typedef bd_status_t create_t(const bd_solver_options_t *, int, int, bd_gibbs_t **, bd_error_t *);

static const struct way {
  const char *name;
  create_t *create;
} direct = {"direct", gibbs_direct}, recursion = {"recursion", gibbs_recursion}, fourier = {"fftw", gibbs_fourier};

static const struct way *choose(const bd_solver_options_t *o, int height, int width) {
  int radius = gibbs_radius(o->window, height > width ? height : width);
  if (o->kernel == BD_KERNEL_FFTW) return &fourier;
  if (o->cost == BD_COST_L1 && o->window == BD_WINDOW_FULL) return &recursion;
  /* l2 does not separate: beyond a small window FFTs are faster, where they are right. */
  if (o->kernel == BD_KERNEL_AUTO && o->cost == BD_COST_L2 && radius > 7 && o->gamma >= 0.2) return &fourier;
  return &direct;
}

const char *bd_kernel_choice(const bd_solver_options_t *options, int height, int width) {
  return choose(options, height, width)->name;
}

bd_status_t gibbs_create(const bd_solver_options_t *options, int height, int width, bd_gibbs_t **gibbs, bd_error_t *error) {
  return choose(options, height, width)->create(options, height, width, gibbs, error);
}
