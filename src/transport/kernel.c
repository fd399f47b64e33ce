#include "transport/kernel.h"

#include <float.h>
#include <math.h>

double kernel_cost(bd_cost_t cost, int dy, int dx) {
  switch (cost) {
    case BD_COST_L1: return fabs((double)dy) + fabs((double)dx);
    case BD_COST_L2: return sqrt((double)dy * dy + (double)dx * dx);
    case BD_COST_SQL2: return (double)dy * dy + (double)dx * dx;
  }
  return NAN;
}

int kernel_radius(int window, int size) {
  int radius = window == BD_WINDOW_FULL ? size - 1 : (window - 1) / 2;
  return radius < size ? radius : size - 1;
}

double kernel_tap(double cost, double gamma) {
  double tap = exp(-cost / gamma);
  return tap < DBL_MIN ? 0 : tap;
}

int kernel_support(const bd_solver_options_t *o, int radius) {
  while (radius > 0 && kernel_tap(kernel_cost(o->cost, radius, 0), o->gamma) == 0) radius--;
  return radius;
}

int kernel_usual(const bd_solver_options_t *o, int radius) {
  radius = kernel_support(o, radius);
  while (radius > 0 && kernel_cost(o->cost, radius, 0) > (KERNEL_MARGIN + 60) * o->gamma) radius--;
  return radius;
}

bd_way_t kernel_choice(const bd_solver_options_t *o, int height, int width) {
  int radius = kernel_radius(o->window, height > width ? height : width);
  if (o->kernel == BD_KERNEL_FFTW) return BD_WAY_FOURIER;
  if (o->cost == BD_COST_L1 && o->window == BD_WINDOW_FULL) return BD_WAY_RECURSION;
  /* FFTs are faster beyond a small window for l2, which does not separate, and beyond a large one
     for sql2; they are right where gamma is not small. */
  if (o->kernel == BD_KERNEL_AUTO && o->cost == BD_COST_L2 && radius > 7 && o->gamma >= 0.2)
    return BD_WAY_FOURIER;
  if (o->kernel == BD_KERNEL_AUTO && o->cost == BD_COST_SQL2 &&
      kernel_usual(o, radius) > SWEEP_RADIUS_USUAL)
    return BD_WAY_FOURIER;
  return BD_WAY_DIRECT;
}

const char *bd_kernel_choice(const bd_solver_options_t *options, int height, int width) {
  static const char *const names[] = {"direct", "recursion", "fftw"};
  return names[kernel_choice(options, height, width)];
}
