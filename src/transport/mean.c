/* With m = 1'x, s_k = 1'A_k x and q_k = A_k x / s_k the mean is y = min(m p, 1), p = (1/N) sum q_k.
   For an adjoint yb of y, 0 where y is clipped, the adjoint of x is

       xb = <yb, p> 1 + (m/N) sum_k (A_k' yb - <yb, q_k> A_k' 1) / s_k

   Where masses are joint, the sums and products are over all channels of the image. */
#include "transport/mean.h"

#include <math.h>

/* What the planes have in common that are scaled by one mass: a channel, or all of them. */
typedef struct group {
  const bd_moved_t *moved;
  size_t area, planes;
  double mass, marginal_mass[BD_MARGINALS_MAX];
  double with_mean, with_marginal[BD_MARGINALS_MAX]; /* <yb, p>, <yb, q_k> */
} group_t;

static void weigh(group_t *g, const double *x) {
  for (size_t i = 0; i < g->planes * g->area; i++) {
    g->mass += x[i];
    for (int k = 0; k < g->moved->options.marginals.count; k++)
      g->marginal_mass[k] += g->moved->column_mass[(size_t)k * g->area + i % g->area] * x[i];
  }
}

/* yb without what is clipped, and its products with p and q_k. */
static void clip(group_t *g, const double *x, const double *adjoint, double *yb) {
  const int count = g->moved->options.marginals.count;
  for (size_t i = 0; i < g->area; i++) {
    double q[BD_MARGINALS_MAX], p = 0;
    for (int k = 0; k < count; k++) {
      q[k] = stencil_pixel(&g->moved->stencils[k], x, i) / g->marginal_mass[k];
      p += q[k] / count;
    }
    yb[i] = g->mass * p <= 1 ? adjoint[i] : 0;
    g->with_mean += yb[i] * p;
    for (int k = 0; k < count; k++) g->with_marginal[k] += yb[i] * q[k];
  }
}

static void pull(const group_t *g, const double *yb, double *xb) {
  const int count = g->moved->options.marginals.count;
  for (size_t i = 0; i < g->area; i++) xb[i] = g->with_mean;
  for (int k = 0; k < count; k++) {
    const double *column = g->moved->column_mass + (size_t)k * g->area;
    const double scale = g->mass / count / g->marginal_mass[k];
    for (size_t i = 0; i < g->area; i++) xb[i] -= scale * g->with_marginal[k] * column[i];
    stencil_scatter(&g->moved->stencils[k], scale, yb, xb);
  }
}

static double least_mass(const group_t *g) {
  double least = INFINITY;
  for (int k = 0; k < g->moved->options.marginals.count; k++)
    least = fmin(least, g->marginal_mass[k]);
  return least;
}

static void pull_group(group_t *g, const double *x, const double *adjoint, double *room,
                       double *gradient) {
  weigh(g, x);
  if (!(g->mass > 0) || !(least_mass(g) > 0)) {
    for (size_t i = 0; i < g->planes * g->area; i++) gradient[i] = g->mass == 0 ? 0 : NAN;
    return;
  }
  for (size_t c = 0; c < g->planes; c++)
    clip(g, x + c * g->area, adjoint + c * g->area, room + c * g->area);
  for (size_t c = 0; c < g->planes; c++) pull(g, room + c * g->area, gradient + c * g->area);
}

void mean_vjp(const bd_moved_t *moved, const double *image, const double *adjoint, double *room,
              double *gradient) {
  const size_t area = (size_t)moved->height * (size_t)moved->width,
               channels = (size_t)moved->channels,
               planes = moved->options.mass == BD_MASS_JOINT ? channels : 1;
  for (size_t c = 0; c < channels; c += planes) {
    group_t group = {.moved = moved, .area = area, .planes = planes};
    const size_t at = c * area;
    pull_group(&group, image + at, adjoint + at, room + at, gradient + at);
  }
}
