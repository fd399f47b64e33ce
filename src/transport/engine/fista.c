#include "transport/engine/method.h"

#include <math.h>

/* An upper estimate of the curvature of F over max(p)/gamma.  H*_q'' <= max(p)/gamma; u_k
   enters F through beta_k H*_k and, with v, through beta_N H*_N(-(v + sum beta_k u_k)/beta_N). */
static double curvature(const bd_setup_t *s) {
  const int last = s->marginals - 1;
  double largest = 0, squares = 1;
  for (int k = 0; k < last; k++) {
    if (s->beta[k] > largest) largest = s->beta[k];
    squares += s->beta[k] * s->beta[k];
  }
  return largest + squares / s->beta[last];
}

/* z_next = prox of a gradient step of length 1/L from y = it->at.  *linear = <grad F(y), z_next -
 *y>, squared = |z_next - y|^2. */
static void proximal_step(bd_iterate_t *it, const bd_lanes_t *lipschitz, bd_lanes_t *linear,
                          bd_lanes_t *squared) {
  const bd_setup_t *s = it->setup;
  const int last = s->marginals - 1;
  const bd_real_t unit = (bd_real_t)s->unit;
  const bd_lanes_t length = 1 / (*lipschitz * unit),
                   shrink = 1 / (1 + length * (bd_real_t)(s->unit / s->options.theta));
  bd_lanes_t inner = lanes_all(0), norm = lanes_all(0);
  for (int k = 0; k < last; k++)
    for (size_t i = 0; i < s->pixels; i++) {
      bd_lanes_t gradient = (bd_real_t)s->beta[k] * (it->p[k][i] - it->p[last][i]),
                 change = -length * gradient;
      it->z_next.u[k][i] = it->at.u[k][i] + change;
      inner += gradient * change;
      norm += change * change;
    }
  if (s->options.regularizer != BD_REGULARIZER_NONE) {
    const bd_real_t pull = s->options.regularizer == BD_REGULARIZER_DATA ? 1 : 0;
    for (size_t i = 0; i < s->pixels; i++) {
      bd_lanes_t gradient = -it->p[last][i];
      bd_lanes_t v = (it->at.v[i] - length * (gradient + pull * it->batch->x[i])) * shrink,
                 change = v - it->at.v[i];
      it->z_next.v[i] = v;
      inner += gradient * change;
      norm += change * change;
    }
  }
  *linear = whole_sum(s, inner) * unit;
  *squared = whole_sum(s, norm) * (unit * unit);
}

/* Free variable k of a point: u_k, or v in the place of the eliminated one. */
static bd_lanes_t *variable(const bd_iterate_t *it, const bd_potentials_t *at, int k) {
  return k < it->setup->marginals - 1 ? at->u[k] : at->v;
}

/* y = z_next + momentum (z_next - z), then z = z_next. */
static void extrapolate(bd_iterate_t *it, const bd_lanes_t *factor) {
  const bd_lanes_t momentum = *factor;
  for (int k = 0; k < it->setup->marginals; k++) {
    bd_lanes_t *y = variable(it, &it->at, k), *z = variable(it, &it->z, k);
    const bd_lanes_t *next = variable(it, &it->z_next, k);
    for (size_t i = 0; i < it->setup->pixels; i++) {
      y[i] = next[i] + momentum * (next[i] - z[i]);
      z[i] = next[i];
    }
  }
}

/* <y - z_next, z_next - z>, which is positive when the momentum points uphill. */
static void overshoot(const bd_iterate_t *it, bd_lanes_t *product) {
  bd_lanes_t sum = lanes_all(0);
  for (int k = 0; k < it->setup->marginals; k++) {
    const bd_lanes_t *y = variable(it, &it->at, k), *z = variable(it, &it->z, k),
                     *next = variable(it, &it->z_next, k);
    for (size_t i = 0; i < it->setup->pixels; i++) sum += (y[i] - next[i]) * (next[i] - z[i]);
  }
  *product = whole_sum(it->setup, sum);
}

static void all_extents(const bd_setup_t *s, bd_potentials_t *at) {
  for (int k = 0; k < s->marginals - 1; k++) BD_X(extent)(s, at->u[k], &at->max[k], &at->min[k]);
}

/* F at z_next.  Only the lanes that ask are accounted for. */
static bd_lanes_t smooth_at_next(bd_iterate_t *it, bd_trajectory_t *t, bd_mask_t asking) {
  bd_lanes_t objective, conjugated;
  all_extents(it->setup, &it->z_next);
  iterate_clear_figures(it);
  BD_X(evaluate)(it, &it->z_next, BD_WANT_OBJECTIVE, &objective);
  it->figures.fallback &= asking;
  BD_X(trajectory_account)(t, &it->figures);
  BD_X(conjugate)(it, it->z_next.v, &conjugated);
  return objective - conjugated;
}

/* How often L may be doubled.  From any start it has then left every sensible range. */
enum { ATTEMPTS = 60 };

/* Rounding of F, relative. */
static const bd_real_t rounding = (bd_real_t)1e-10;

/* The step with backtracking.  L grows, lane by lane, until F(z_next) lies under the parabola that
   touches F at y.  Near the optimum the parabola is lower than the rounding of F and cannot be
   tested; there L is the bound that holds where p is what it is at y. */
static void backtrack(bd_iterate_t *it, bd_trajectory_t *t, bd_lanes_t *lipschitz,
                      bd_lanes_t smooth, bd_lanes_t bound) {
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    bd_lanes_t linear, squared;
    proximal_step(it, lipschitz, &linear, &squared);
    bd_lanes_t parabola = (bd_real_t)0.5 * *lipschitz * squared;
    bd_mask_t testable = parabola > rounding * (1 + lanes_abs(smooth));
    bd_mask_t fails = ~testable & (*lipschitz < bound);
    if (lanes_any(testable & ~t->done))
      fails |= testable & (smooth_at_next(it, t, testable) > smooth + linear + parabola);
    fails &= ~t->done;
    if (!lanes_any(fails)) return;
    *lipschitz = lanes_select(fails, lanes_select(testable, *lipschitz * 2, bound), *lipschitz);
  }
}

/* The momentum of this step, and t for the next: t_next = (1 + sqrt(1 + 4 t^2)) / 2.  Where the
   last momentum pointed uphill, both start anew. */
static bd_lanes_t next_momentum(const bd_iterate_t *it, bd_lanes_t *t) {
  bd_lanes_t product, t_next;
  overshoot(it, &product);
  *t = lanes_select(product > 0, lanes_all(1), *t);
  for (int l = 0; l < BD_LANES; l++)
    t_next[l] = (bd_real_t)(1 + sqrt(1 + 4 * (*t)[l] * (*t)[l])) / 2;
  const bd_lanes_t momentum = lanes_select(product > 0, lanes_all(0), (*t - 1) / t_next);
  *t = t_next;
  return momentum;
}

/* L begins with this part of its last value, or with a quarter of the bound, and is never 0. */
static const bd_real_t kept = (bd_real_t)0.9, part = 4, never_zero = (bd_real_t)1e-30;

void BD_X(fista)(bd_iterate_t *it, bd_trajectory_t *t) {
  const bd_setup_t *s = it->setup;
  const bd_real_t factor = (bd_real_t)(curvature(s) / s->options.gamma);
  bd_lanes_t lipschitz = lanes_all(0), inertia = lanes_all(1);
  for (int iteration = 0;; iteration++) {
    bd_lanes_t objective, conjugated;
    iterate_clear_figures(it);
    BD_X(evaluate)(it, &it->at, BD_WANT_P_AND_OBJECTIVE, &objective);
    const bd_lanes_t p_max = it->figures.p_max;
    t->figures.p_max = lanes_all(0); /* only the last step says which is stable */
    BD_X(trajectory_account)(t, &it->figures);
    BD_X(trajectory_range)(t, it);
    if (BD_X(trajectory_wants_objective)(t, iteration) &&
        BD_X(trajectory_look)(t, it, iteration, &objective))
      return;
    BD_X(conjugate)(it, it->at.v, &conjugated);
    /* Start from what the largest p here suggests, and from not much less than last time. */
    lipschitz = lanes_max(lipschitz * kept, p_max * (factor / part) + never_zero);
    backtrack(it, t, &lipschitz, objective - conjugated, p_max * factor);
    const bd_lanes_t momentum = next_momentum(it, &inertia);
    extrapolate(it, &momentum);
    all_extents(s, &it->at);
    if (BD_X(trajectory_given_up)(t)) return;
    poll_caller(t);
  }
}
