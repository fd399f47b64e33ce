#include "state.h"

#include <math.h>

/* exp(-600) leaves room for q / K a and the sums inside the exponents of float64, and what
   underflows below it is too small to change a sum. */
static const double guarded_range = 600;

/* Offsets whose cost exceeds gamma (range + 60) contribute less than e^-60 of a result. */
static const double reach_margin = 60;

/* What an FFT may be wrong by: relative in K a, relative to the mass in p. */
static const double guarded_noise = 1e-11;

BD_CLONES void extent(const bd_solver_t *s, const bd_lanes_t *u, bd_lanes_t *max, bd_lanes_t *min) {
  bd_lanes_t largest = lanes_all(-INFINITY), smallest = lanes_all(INFINITY);
  for (size_t i = 0; i < s->pixels; i++) {
    largest = lanes_max(largest, u[i]);
    smallest = lanes_min(smallest, u[i]);
  }
  *max = largest;
  *min = smallest;
}

/* u_N = -(v + sum_{k<N} beta_k u_k) / beta_N. */
BD_CLONES static void eliminate(const bd_solver_t *s, potentials_t *at) {
  const int last = s->marginals - 1;
  bd_lanes_t *u = at->u[last], max = lanes_all(-INFINITY), min = lanes_all(INFINITY);
  for (size_t i = 0; i < s->pixels; i++) {
    bd_lanes_t sum = at->v[i];
    for (int k = 0; k < last; k++) sum += s->beta[k] * at->u[k][i];
    u[i] = sum * (-1 / s->beta[last]);
    max = lanes_max(max, u[i]);
    min = lanes_min(min, u[i]);
  }
  at->max[last] = max;
  at->min[last] = min;
}

/* a = exp((u - max u)/gamma); lanes beyond the guard get 1, so that nothing traps. */
BD_CLONES static void exponentiate(bd_solver_t *s, const bd_lanes_t *u, const bd_lanes_t *max, const bd_mask_t *beyond) {
  const double scale = 1 / s->options.gamma;
  const bd_lanes_t top = *max;
  const bd_mask_t skip = *beyond;
  for (size_t i = 0; i < s->pixels; i++) s->a[i] = lanes_exp(lanes_select(skip, lanes_all(0), (u[i] - top) * scale));
}

BD_CLONES static void sum_of_logarithms(const bd_solver_t *s, const bd_lanes_t *q, bd_lanes_t *sum) {
  bd_lanes_t total = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) total += q[i] * lanes_log(s->b[i]);
  *sum = total;
}

/* b = q / b.  The quotient of two results of an FFT is noise where the smallest K a on the
   support of q is not far above the error of the largest: such lanes are marked. */
BD_CLONES static void divide(bd_solver_t *s, const bd_lanes_t *q, bd_mask_t *beyond) {
  if (s->gibbs->noise == 0) {
    for (size_t i = 0; i < s->pixels; i++) s->b[i] = q[i] / s->b[i];
    return;
  }
  bd_lanes_t largest = lanes_all(0), smallest = lanes_all(INFINITY);
  for (size_t i = 0; i < s->pixels; i++) {
    largest = lanes_max(largest, s->b[i]);
    smallest = lanes_min(smallest, lanes_select(q[i] > 0, s->b[i], largest));
  }
  *beyond |= s->gibbs->noise * largest > guarded_noise * smallest;
  for (size_t i = 0; i < s->pixels; i++) s->b[i] = q[i] / lanes_select(s->b[i] > 0, s->b[i], lanes_all(1));
}

/* p = a . p; the error of an FFT is relative to the largest value before. */
BD_CLONES static void multiply(bd_solver_t *s, bd_lanes_t *p, bd_mask_t *beyond) {
  bd_lanes_t largest = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) {
    largest = lanes_max(largest, p[i]);
    p[i] = lanes_max(p[i] * s->a[i], lanes_all(0));
  }
  if (s->gibbs->noise > 0) *beyond |= s->gibbs->noise * largest > guarded_noise;
}

BD_CLONES static void select_plane(size_t pixels, const bd_mask_t *mask, const bd_lanes_t *yes, bd_lanes_t *plane) {
  for (size_t i = 0; i < pixels; i++) plane[i] = lanes_select(*mask, yes[i], plane[i]);
}

BD_CLONES static void add_up(const bd_solver_t *s, const bd_lanes_t *p, bd_gradient_sums_t *sums) {
  bd_lanes_t mass = lanes_all(0), largest = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) {
    mass += p[i];
    largest = lanes_max(largest, p[i]);
  }
  sums->mass = mass;
  sums->largest = largest;
}

/* The float64 way, plane by plane or fused; marks lanes that it is not right for. */
static void narrow_gradient(bd_solver_t *s, const potentials_t *at, int k, int gradient, const bd_lanes_t *reach, int wants_log,
                            bd_mask_t *beyond, bd_gradient_sums_t *sums) {
  const double scale = 1 / s->options.gamma;
  bd_lanes_t *p = s->p[k];
  if (gradient && s->gibbs->gradient) {
    s->gibbs->gradient(s->gibbs, at->u[k], &at->max[k], scale, beyond, s->q[k], p, wants_log, sums);
    return;
  }
  exponentiate(s, at->u[k], &at->max[k], beyond);
  s->gibbs->apply(s->gibbs, s->a, s->b, reach);
  if (wants_log) sum_of_logarithms(s, s->q[k], &sums->log_ka);
  if (gradient || s->gibbs->noise > 0) divide(s, s->q[k], beyond);
  if (!gradient) return;
  s->gibbs->apply(s->gibbs, s->b, p, reach);
  multiply(s, p, beyond);
  add_up(s, p, sums);
}

/* p_k = a . K(q_k / K a), a = exp((u_k - max u_k)/gamma): p_k does not change when a constant
   is added to u_k.  Lanes for which float64 or an FFT is not right go the wide way; the
   choice is made lane by lane, so that it cannot depend on the neighbours. */
static void evaluate_marginal(bd_solver_t *s, const potentials_t *at, int k, int gradient, bd_lanes_t *log_ka) {
  const double gamma = s->options.gamma;
  const bd_lanes_t range = (at->max[k] - at->min[k]) * (1 / gamma), reach = (range + reach_margin) * gamma;
  bd_mask_t beyond = range > guarded_range;
  bd_gradient_sums_t sums;
  if (lanes_any(~beyond)) narrow_gradient(s, at, k, gradient, &reach, log_ka != NULL, &beyond, &sums);
  if (lanes_any(beyond)) {
    bd_gradient_sums_t wide;
    /* The planes a and b are free again. */
    wide_gradient(&s->wide, at->u[k], &at->max[k], s->q[k], gradient ? s->b : NULL, &reach, log_ka ? &wide.log_ka : NULL);
    if (gradient) {
      select_plane(s->pixels, &beyond, s->b, s->p[k]);
      add_up(s, s->b, &wide);
      sums.mass = lanes_select(beyond, wide.mass, sums.mass);
      sums.largest = lanes_select(beyond, wide.largest, sums.largest);
    }
    if (log_ka) sums.log_ka = lanes_select(beyond, wide.log_ka, sums.log_ka);
    s->fallback |= beyond & ~s->done;
  }
  if (log_ka) *log_ka = sums.log_ka;
  if (!gradient) return;
  s->p_max = lanes_select(s->done, s->p_max, lanes_max(s->p_max, sums.largest));
  s->mass_defect = lanes_select(s->done, s->mass_defect, lanes_max(s->mass_defect, lanes_abs(sums.mass - s->q_mass[k])));
}

BD_CLONES void conjugate(const bd_solver_t *s, const bd_lanes_t *v, bd_lanes_t *value) {
  const double quadratic = 0.5 / s->options.theta, linear = s->options.regularizer == BD_REGULARIZER_DATA ? 1 : 0;
  bd_lanes_t sum = lanes_all(0);
  if (s->options.regularizer != BD_REGULARIZER_NONE)
    for (size_t i = 0; i < s->pixels; i++) sum += v[i] * (quadratic * v[i] + linear * s->x[i]);
  *value = sum;
}

void evaluate(bd_solver_t *s, potentials_t *at, int gradient, bd_lanes_t *objective) {
  const double gamma = s->options.gamma;
  eliminate(s, at);
  if (objective) conjugate(s, at->v, objective);
  for (int k = 0; k < s->marginals; k++) {
    bd_lanes_t log_ka;
    evaluate_marginal(s, at, k, gradient, objective ? &log_ka : NULL);
    /* gamma (E(q) + <q, log K a>) with the maximum of u put back into a. */
    if (objective) *objective += s->beta[k] * (gamma * (s->q_entropy[k] + log_ka) + at->max[k] * s->q_mass[k]);
  }
}
