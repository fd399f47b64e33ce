#include "transport/kernel.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

/* ---- costs: the functions of BD_COST_TABLE -------------------------------------- */

static double cost_l1(double dy, double dx) { return fabs(dy) + fabs(dx); }
static double cost_l2(double dy, double dx) { return sqrt(dy * dy + dx * dx); }
static double cost_sql2(double dy, double dx) { return dy * dy + dx * dx; }

typedef enum traits { PLAIN, SEPARABLE, RECURSIVE } traits_t;

static const struct {
  const char *name;
  double (*function)(double dy, double dx);
  traits_t traits;
} costs[BD_COSTS] = {
#define ROW(NAME, name, traits, formula, meaning) {#name, cost_##name, traits},
    BD_COST_TABLE(ROW)
#undef ROW
};

const char *bd_cost_name(int cost) {
  return cost >= 0 && cost < BD_COSTS ? costs[cost].name : NULL;
}

double kernel_cost(bd_cost_t cost, int dy, int dx) { return costs[cost].function(dy, dx); }

int kernel_separates(bd_cost_t cost) { return costs[cost].traits != PLAIN; }

int kernel_recurs(const bd_solver_options_t *o) {
  return costs[o->cost].traits == RECURSIVE && o->window == BD_WINDOW_FULL;
}

/* ---- taps and windows ----------------------------------------------------------- */

int kernel_radius(int window, int size) {
  int radius = window == BD_WINDOW_FULL ? size - 1 : (window - 1) / 2;
  return radius < size ? radius : size - 1;
}

double kernel_tap(double cost, double gamma) {
  double tap = exp(-cost / gamma);
  return tap < DBL_MIN ? 0 : tap;
}

/* log2 of the sum of all taps of the window but that of the offset 0.  The nearest offset is taken
   out of the sum, which would underflow at a small gamma. */
static double moving_bits(const bd_solver_options_t *o, int height, int width) {
  const int rows = kernel_radius(o->window, height), columns = kernel_radius(o->window, width);
  if (rows == 0 && columns == 0) return -INFINITY;
  const double nearest = kernel_cost(o->cost, 0, 1);
  double sum = 0;
  for (int dy = 0; dy <= rows; dy++)
    for (int dx = dy == 0; dx <= columns; dx++) {
      const double tap = exp((nearest - kernel_cost(o->cost, dy, dx)) / o->gamma);
      if (tap < DBL_EPSILON / 4 && dx > 0) break; /* so are those behind it */
      sum += tap * (dy > 0 ? 2 : 1) * (dx > 0 ? 2 : 1);
    }
  return log2(fmax(sum, 1)) - nearest / o->gamma * M_LOG2E;
}

double kernel_identity_range(const bd_solver_options_t *o, int height, int width, int fraction) {
  return -moving_bits(o, height, width) - (fraction + 2);
}

int kernel_support(const bd_solver_options_t *o, int radius) {
  while (radius > 0 && kernel_tap(kernel_cost(o->cost, radius, 0), o->gamma) == 0) radius--;
  return radius;
}

/* The range of potentials, in gamma, that is usual. */
enum { USUAL_RANGE = 60 };

int kernel_usual(const bd_solver_options_t *o, int radius) {
  radius = kernel_support(o, radius);
  while (radius > 0 && kernel_cost(o->cost, radius, 0) > (KERNEL_MARGIN + USUAL_RANGE) * o->gamma)
    radius--;
  return radius;
}

/* ---- the way --------------------------------------------------------------------- */

/* What was measured: half-widths beyond which FFTs are faster than the taps of a cost that does
   not separate, and the gamma from which they are right. */
enum { TAPS_RADIUS_MAX = 7 };
static const double fourier_least_gamma = 0.2;

bd_way_t kernel_choice(const bd_solver_options_t *o, int height, int width) {
  int radius = kernel_radius(o->window, height > width ? height : width);
  if (o->kernel == BD_KERNEL_FFTW) return BD_WAY_FOURIER;
  if (kernel_recurs(o)) return BD_WAY_RECURSION;
  if (o->kernel == BD_KERNEL_DIRECT) return BD_WAY_DIRECT;
  if (!kernel_separates(o->cost))
    return radius > TAPS_RADIUS_MAX && o->gamma >= fourier_least_gamma ? BD_WAY_FOURIER
                                                                       : BD_WAY_DIRECT;
  /* FFTs are faster than long taps; a cost with a recursion has that for its widest window. */
  if (costs[o->cost].traits != RECURSIVE && kernel_usual(o, radius) > SWEEP_RADIUS_USUAL)
    return BD_WAY_FOURIER;
  return BD_WAY_DIRECT;
}

const char *bd_kernel_choice(const bd_solver_options_t *options, int height, int width) {
  static const char *const names[] = {
      [BD_WAY_DIRECT] = "direct", [BD_WAY_RECURSION] = "recursion", [BD_WAY_FOURIER] = "fftw"};
  return names[kernel_choice(options, height, width)];
}
