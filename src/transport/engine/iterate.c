#include "transport/engine/iterate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- creation --------------------------------------------------------------------- */

/* Points whose potentials are kept: FISTA extrapolates from two others. */
static int points(const bd_setup_t *s) { return s->options.method == BD_METHOD_FISTA ? 3 : 1; }

/* Can forward-backward steps leave potentials implied (identity.h)? */
static int can_imply(const bd_setup_t *s) {
  return s->options.method == BD_METHOD_FB && s->identity_range >= 0;
}

bd_status_t BD_X(iterate_create)(const bd_setup_t *s, const bd_batch_t *batch, bd_iterate_t *it,
                                 bd_error_t *error) {
  const int n = s->marginals, kept = points(s);
  const size_t count = (size_t)n * (size_t)(1 + kept) + 2 + (size_t)kept + (can_imply(s) ? 2 : 0);
  *it = (bd_iterate_t){.setup = s, .batch = batch};
  it->planes = lanes_allocate(count * s->pixels * sizeof *it->planes);
  if (!it->planes)
    return bd_fail(error, BD_FAILED, "no memory for %zu planes of %d x %d pixels", count,
                   s->shape.height, s->shape.width);
  bd_lanes_t *next = it->planes;
  it->a = next, next += s->pixels;
  it->b = next, next += s->pixels;
  for (int k = 0; k < n; k++, next += s->pixels) it->p[k] = next;
  bd_potentials_t *point[3] = {&it->at, &it->z, &it->z_next};
  for (int i = 0; i < kept; i++) {
    for (int k = 0; k < n; k++, next += s->pixels) point[i]->u[k] = next;
    point[i]->v = next, next += s->pixels;
  }
  if (!can_imply(s)) return BD_OK;
  it->implied.sum = next, next += s->pixels;
  it->implied.drift = next;
  return BD_OK;
}

void BD_X(iterate_free)(bd_iterate_t *it) { free(it->planes); }

/* Planes of implied potentials are cleared when the first lane leaves the guard. */
static void clear(const bd_iterate_t *it, bd_potentials_t *at) {
  const bd_setup_t *s = it->setup;
  for (int k = 0; k < s->marginals; k++) {
    at->max[k] = at->min[k] = lanes_all(0);
    if (!it->implied.sum || k == s->marginals - 1)
      memset(at->u[k], 0, s->pixels * sizeof *at->u[k]);
  }
  memset(at->v, 0, s->pixels * sizeof *at->v);
}

void BD_X(iterate_start)(bd_iterate_t *it) {
  bd_potentials_t *point[3] = {&it->at, &it->z, &it->z_next};
  for (int i = 0; i < points(it->setup); i++) clear(it, point[i]);
  iterate_clear_figures(it);
}

/* ---- potentials ------------------------------------------------------------------- */

void BD_X(extent)(const bd_setup_t *s, const bd_lanes_t *u, bd_lanes_t *max, bd_lanes_t *min) {
  bd_lanes_t largest = lanes_all(-INFINITY), smallest = lanes_all(INFINITY);
  for (size_t i = 0; i < s->pixels; i++) {
    largest = lanes_max(largest, u[i]);
    smallest = lanes_min(smallest, u[i]);
  }
  *max = whole_max(s, largest);
  *min = whole_min(s, smallest);
}

void BD_X(eliminate)(const bd_setup_t *s, bd_potentials_t *at) {
  const int last = s->marginals - 1;
  const bd_real_t factor = (bd_real_t)(-1 / s->beta[last]);
  for (size_t i = 0; i < s->pixels; i++) at->u[last][i] = eliminated(s, at, i) * factor;
  BD_X(extent)(s, at->u[last], &at->max[last], &at->min[last]);
}

/* ---- the mean of p ---------------------------------------------------------------- */

void BD_X(consensus)(bd_iterate_t *it, bd_lanes_t *residual) {
  const bd_setup_t *s = it->setup;
  bd_lanes_t worst = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) {
    bd_lanes_t sum = lanes_all(0);
    for (int k = 0; k < s->marginals; k++) sum += it->p[k][i];
    it->a[i] = sum * (bd_real_t)(1.0 / s->marginals);
  }
  for (int k = 0; k < s->marginals; k++) {
    bd_lanes_t distance = lanes_all(0);
    for (size_t i = 0; i < s->pixels; i++) distance += lanes_abs(it->p[k][i] - it->a[i]);
    worst = lanes_max(worst, whole_sum(s, distance));
  }
  *residual = worst;
}
