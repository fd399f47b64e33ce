#include "transport/engine/engine.h"

#include <math.h>

/* An upper estimate of the curvature of F over max(p)/gamma.  H*_q'' <= max(p)/gamma; u_k
   enters F through beta_k H*_k and, with v, through beta_N H*_N(-(v + sum beta_k u_k)/beta_N). */
static double curvature(const bd_engine_t *s) {
  const int last = s->marginals - 1;
  double largest = 0, squares = 1;
  for (int k = 0; k < last; k++) {
    if (s->beta[k] > largest) largest = s->beta[k];
    squares += s->beta[k] * s->beta[k];
  }
  return largest + squares / s->beta[last];
}

/* z_next = prox of a gradient step of length 1/L from y = s->at; *linear = <grad F(y), z_next - y>,
 *squared = |z_next - y|^2. */
static void proximal_step(bd_engine_t *s, const bd_lanes_t *lipschitz, bd_lanes_t *linear,
                          bd_lanes_t *squared) {
  const int last = s->marginals - 1;
  const bd_real_t unit = (bd_real_t)s->unit;
  const bd_lanes_t length = 1 / (*lipschitz * unit),
                   shrink = 1 / (1 + length * (bd_real_t)(s->unit / s->options.theta));
  bd_lanes_t inner = lanes_all(0), norm = lanes_all(0);
  for (int k = 0; k < last; k++)
    for (size_t i = 0; i < s->pixels; i++) {
      bd_lanes_t gradient = (bd_real_t)s->beta[k] * (s->p[k][i] - s->p[last][i]),
                 change = -length * gradient;
      s->z_next.u[k][i] = s->at.u[k][i] + change;
      inner += gradient * change;
      norm += change * change;
    }
  if (s->options.regularizer != BD_REGULARIZER_NONE) {
    const bd_real_t pull = s->options.regularizer == BD_REGULARIZER_DATA ? 1 : 0;
    for (size_t i = 0; i < s->pixels; i++) {
      bd_lanes_t gradient = -s->p[last][i];
      bd_lanes_t v = (s->at.v[i] - length * (gradient + pull * s->x[i])) * shrink,
                 change = v - s->at.v[i];
      s->z_next.v[i] = v;
      inner += gradient * change;
      norm += change * change;
    }
  }
  *linear = whole_sum(s, inner) * unit;
  *squared = whole_sum(s, norm) * (unit * unit);
}

/* y = z_next + momentum (z_next - z), z = z_next. */
static void extrapolate(bd_engine_t *s, const bd_lanes_t *factor) {
  const bd_lanes_t momentum = *factor;
  for (int k = 0; k < s->marginals; k++) {
    bd_lanes_t *y = k < s->marginals - 1 ? s->at.u[k] : s->at.v,
               *z = k < s->marginals - 1 ? s->z.u[k] : s->z.v;
    const bd_lanes_t *next = k < s->marginals - 1 ? s->z_next.u[k] : s->z_next.v;
    for (size_t i = 0; i < s->pixels; i++) {
      y[i] = next[i] + momentum * (next[i] - z[i]);
      z[i] = next[i];
    }
  }
}

/* <y - z_next, z_next - z>: positive when the momentum points uphill. */
static void overshoot(const bd_engine_t *s, bd_lanes_t *product) {
  bd_lanes_t sum = lanes_all(0);
  for (int k = 0; k < s->marginals; k++) {
    const bd_lanes_t *y = k < s->marginals - 1 ? s->at.u[k] : s->at.v,
                     *z = k < s->marginals - 1 ? s->z.u[k] : s->z.v;
    const bd_lanes_t *next = k < s->marginals - 1 ? s->z_next.u[k] : s->z_next.v;
    for (size_t i = 0; i < s->pixels; i++) sum += (y[i] - next[i]) * (next[i] - z[i]);
  }
  *product = whole_sum(s, sum);
}

static void all_extents(bd_engine_t *s, potentials_t *at) {
  for (int k = 0; k < s->marginals - 1; k++) BD_X(extent)(s, at->u[k], &at->max[k], &at->min[k]);
}

/* The step with backtracking: L grows, lane by lane, until F(z_next) lies under the parabola
   that touches F at y.  Near the optimum the parabola is lower than the rounding of F and
   cannot be tested: there L is the bound that holds where p is what it is at y. */
static void backtrack(bd_engine_t *s, bd_lanes_t *lipschitz, bd_lanes_t smooth, bd_lanes_t bound) {
  for (int attempt = 0; attempt < 60; attempt++) {
    bd_lanes_t linear, squared, next, conjugated;
    proximal_step(s, lipschitz, &linear, &squared);
    bd_lanes_t parabola = (bd_real_t)0.5 * *lipschitz * squared;
    bd_mask_t testable = parabola > (bd_real_t)1e-10 * (1 + lanes_abs(smooth));
    bd_mask_t fails = ~testable & (*lipschitz < bound);
    if (lanes_any(testable & ~s->done)) {
      const bd_mask_t before = s->fallback;
      all_extents(s, &s->z_next);
      BD_X(evaluate)(s, &s->z_next, 0, &next);
      s->fallback = before | (s->fallback & testable); /* the other lanes did not ask */
      BD_X(conjugate)(s, s->z_next.v, &conjugated);
      fails |= testable & (next - conjugated > smooth + linear + parabola);
    }
    fails &= ~s->done;
    if (!lanes_any(fails)) return;
    *lipschitz = lanes_select(fails, lanes_select(testable, *lipschitz * 2, bound), *lipschitz);
  }
}

void BD_X(fista)(bd_engine_t *s, bd_poll_t *poll, void *context) {
  const bd_real_t factor = (bd_real_t)(curvature(s) / s->options.gamma);
  bd_lanes_t lipschitz = lanes_all(0), t = lanes_all(1);
  for (int iteration = 0;; iteration++) {
    bd_lanes_t objective, conjugated, product;
    s->p_max = lanes_all(0);
    BD_X(evaluate)(s, &s->at, 1, &objective);
    BD_X(trajectory_range)(s, &s->at);
    if (BD_X(trajectory_look)(s, iteration,
                              BD_X(trajectory_wants_objective)(s, iteration) ? &objective : NULL))
      return;
    BD_X(conjugate)(s, s->at.v, &conjugated);
    /* Start from what the largest p here suggests, and from not much less than last time. */
    lipschitz = lanes_max(lipschitz * (bd_real_t)0.9, s->p_max * (factor / 4) + (bd_real_t)1e-30);
    backtrack(s, &lipschitz, objective - conjugated, s->p_max * factor);
    overshoot(s, &product);
    t = lanes_select(product > 0, lanes_all(1), t);
    bd_lanes_t t_next, momentum;
    for (int l = 0; l < BD_LANES; l++) t_next[l] = (bd_real_t)(1 + sqrt(1 + 4 * t[l] * t[l])) / 2;
    momentum = lanes_select(product > 0, lanes_all(0), (t - 1) / t_next);
    extrapolate(s, &momentum);
    t = t_next;
    all_extents(s, &s->at);
    if (BD_X(trajectory_given_up)(s)) return;
    if (poll) poll(context);
  }
}
