#include "transport/engine/engine.h"

#include <math.h>

/* Bits that (max u - min u) may span.  In float64 2^-865 leaves room for q / K a and the sums,
   and what underflows below it is too small to change a sum; float32 is left earlier, for its
   digits: single_may_serve, solver.c. */
static const double guarded_range = sizeof(bd_real_t) == 4 ? 4 : 865;

/* What an FFT may be wrong by: relative in K a, relative to the mass in p. */
static const bd_real_t guarded_noise = (bd_real_t)1e-11;

void BD_X(extent)(const bd_engine_t *s, const bd_lanes_t *u, bd_lanes_t *max, bd_lanes_t *min) {
  bd_lanes_t largest = lanes_all(-INFINITY), smallest = lanes_all(INFINITY);
  for (size_t i = 0; i < s->pixels; i++) {
    largest = lanes_max(largest, u[i]);
    smallest = lanes_min(smallest, u[i]);
  }
  *max = whole_max(s, largest);
  *min = whole_min(s, smallest);
}

void BD_X(eliminate)(const bd_engine_t *s, potentials_t *at) {
  const int last = s->marginals - 1;
  const bd_real_t factor = (bd_real_t)(-1 / s->beta[last]);
  for (size_t i = 0; i < s->pixels; i++) at->u[last][i] = eliminated(s, at, i) * factor;
  BD_X(extent)(s, at->u[last], &at->max[last], &at->min[last]);
}

/* ---- the float64 way, plane by plane ------------------------------------------- */

/* a = 2^(u - max u); lanes beyond the guard get 1, so that nothing traps. */
static void exponentiate(bd_engine_t *s, const bd_lanes_t *u, const bd_lanes_t *max,
                         const bd_mask_t *beyond) {
  const bd_lanes_t top = *max;
  const bd_mask_t skip = *beyond;
  for (size_t i = 0; i < s->pixels; i++)
    s->a[i] = lanes_exp2(lanes_select(skip, lanes_all(0), u[i] - top));
}

static void sum_of_logarithms(const bd_engine_t *s, const bd_lanes_t *q, bd_lanes_t *sum) {
  bd_lanes_t total = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) total += q[i] * lanes_log(s->b[i]);
  *sum = whole_sum(s, total);
}

/* b = q / b.  The quotient of two results of an FFT is noise where the smallest K a on the
   support of q (or a larger one) is not far above the error of the largest: such lanes are marked.
 */
static void divide(bd_engine_t *s, const bd_lanes_t *q, bd_mask_t *beyond) {
  const bd_real_t noise = (bd_real_t)s->gibbs->noise;
  if (noise == 0) {
    for (size_t i = 0; i < s->pixels; i++) s->b[i] = q[i] / s->b[i];
    return;
  }
  bd_lanes_t largest = lanes_all(0), smallest = lanes_all(INFINITY);
  for (size_t i = 0; i < s->pixels; i++) {
    largest = lanes_max(largest, s->b[i]);
    smallest = lanes_min(smallest, lanes_select(q[i] > 0, s->b[i], largest));
  }
  *beyond |= noise * whole_max(s, largest) > guarded_noise * whole_min(s, smallest);
  for (size_t i = 0; i < s->pixels; i++)
    s->b[i] = q[i] / lanes_select(s->b[i] > 0, s->b[i], lanes_all(1));
}

/* p = a . p and its sums; the error of an FFT is relative to the largest value before. */
static void multiply(bd_engine_t *s, bd_lanes_t *p, bd_mask_t *beyond, bd_gradient_sums_t *sums) {
  const bd_real_t noise = (bd_real_t)s->gibbs->noise;
  bd_lanes_t before = lanes_all(0), mass = lanes_all(0), largest = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) {
    before = lanes_max(before, p[i]);
    p[i] = lanes_max(p[i] * s->a[i], lanes_all(0));
    mass += p[i];
    largest = lanes_max(largest, p[i]);
  }
  if (noise > 0) *beyond |= noise * whole_max(s, before) > guarded_noise;
  sums->mass = whole_sum(s, mass);
  sums->largest = whole_max(s, largest);
}

/* Marks lanes that it is not right for. */
static void narrow_gradient(bd_engine_t *s, const potentials_t *at, int k, bd_lanes_t *p,
                            const bd_lanes_t *reach, int wants_log, bd_mask_t *beyond,
                            bd_gradient_sums_t *sums) {
  if (p && s->gibbs->sweep) {
    bd_sweep_t sweep = {.u = at->u[k],
                        .max = at->max[k],
                        .q = s->q[k],
                        .p = p,
                        .reach = *reach,
                        .wants_log = wants_log};
    s->gibbs->sweep(s->gibbs, &sweep);
    *sums = whole_sums(s, &sweep.sums);
    return;
  }
  exponentiate(s, at->u[k], &at->max[k], beyond);
  s->gibbs->apply(s->gibbs, s->a, s->b, reach);
  if (wants_log) sum_of_logarithms(s, s->q[k], &sums->log_ka);
  if (p || s->gibbs->noise > 0) divide(s, s->q[k], beyond);
  if (!p) return;
  s->gibbs->apply(s->gibbs, s->b, p, reach);
  multiply(s, p, beyond, sums);
}

/* ---- one marginal -------------------------------------------------------------- */

static bd_lanes_t range_of(const potentials_t *at, int k) { return at->max[k] - at->min[k]; }

bd_lanes_t BD_X(reach_of)(const bd_engine_t *s, const potentials_t *at, int k) {
  return range_of(at, k) * (bd_real_t)s->unit + (bd_real_t)(KERNEL_MARGIN * s->options.gamma);
}

bd_mask_t BD_X(beyond_range)(const bd_engine_t *s, const potentials_t *at, int k) {
  return (range_of(at, k) > (bd_real_t)guarded_range) |
         (BD_X(reach_of)(s, at, k) > (bd_real_t)s->gibbs->farthest);
}

void BD_X(account)(bd_engine_t *s, int k, const bd_gradient_sums_t *sums) {
  s->p_max = lanes_select(s->done, s->p_max, lanes_max(s->p_max, sums->largest));
  s->mass_defect = lanes_select(s->done, s->mass_defect,
                                lanes_max(s->mass_defect, lanes_abs(sums->mass - s->q_mass[k])));
}

/* What float32, or strips, are not right for is computed again from the start (solver.c). */
static void leave(bd_engine_t *s, const bd_mask_t *beyond, bd_lanes_t *p,
                  bd_gradient_sums_t *sums) {
  *sums = (bd_gradient_sums_t){lanes_all(0), lanes_all(0), lanes_all(0)};
  if (p) memset(p, 0, s->pixels * sizeof *p);
  s->fallback |= *beyond & ~s->done;
}

#ifdef BD_SINGLE
void BD_X(evaluate_wide)(bd_engine_t *s, const potentials_t *at, int k, const bd_mask_t *beyond,
                         bd_lanes_t *p, int wants_log, bd_gradient_sums_t *sums) {
  (void)at, (void)k, (void)wants_log;
  leave(s, beyond, p, sums);
}
#else
void BD_X(evaluate_wide)(bd_engine_t *s, const potentials_t *at, int k, const bd_mask_t *beyond,
                         bd_lanes_t *p, int wants_log, bd_gradient_sums_t *sums) {
  if (s->strips > 1) {
    leave(s, beyond, p, sums);
    return;
  }
  bd_lanes_t reach = BD_X(reach_of)(s, at, k), mass = lanes_all(0), largest = lanes_all(0);
  BD_X(wide_gradient)
  (&s->wide, at->u[k], &at->max[k], s->q[k], p, &reach, wants_log ? &sums->log_ka : NULL);
  for (size_t i = 0; p && i < s->pixels; i++) {
    mass += p[i];
    largest = lanes_max(largest, p[i]);
  }
  sums->mass = mass;
  sums->largest = largest;
  s->fallback |= *beyond & ~s->done;
}
#endif

/* p_k = a . K(q_k / K a), a = 2^(u_k - max u_k): p_k does not change when a constant is added
   to u_k.  Lanes for which float64 or an FFT is not right go the wide way; the choice is
   made lane by lane, so that it cannot depend on the neighbours. */
void BD_X(evaluate_marginal)(bd_engine_t *s, const potentials_t *at, int k, bd_lanes_t *p,
                             bd_lanes_t *log_ka) {
  const bd_lanes_t reach = BD_X(reach_of)(s, at, k);
  bd_mask_t beyond = BD_X(beyond_range)(s, at, k);
  bd_gradient_sums_t sums = {lanes_all(0), lanes_all(0), lanes_all(0)}, wide = sums;
  if (lanes_any(~beyond)) narrow_gradient(s, at, k, p, &reach, log_ka != NULL, &beyond, &sums);
  if (lanes_any(beyond)) {
    /* The planes a and b are free again. */
    BD_X(evaluate_wide)(s, at, k, &beyond, p ? s->b : NULL, log_ka != NULL, &wide);
    for (size_t i = 0; p && i < s->pixels; i++) p[i] = lanes_select(beyond, s->b[i], p[i]);
    merge_sums(&sums, &beyond, &wide);
  }
  if (log_ka) *log_ka = sums.log_ka;
  if (p) BD_X(account)(s, k, &sums);
}

/* ---- the dual ------------------------------------------------------------------ */

BD_NOT_FUSED void BD_X(conjugate)(const bd_engine_t *s, const bd_lanes_t *v, bd_lanes_t *value) {
  const bd_real_t quadratic = (bd_real_t)(0.5 * s->unit / s->options.theta);
  const bd_real_t linear = s->options.regularizer == BD_REGULARIZER_DATA ? 1 : 0;
  bd_lanes_t sum = lanes_all(0);
  if (s->options.regularizer != BD_REGULARIZER_NONE)
    for (size_t i = 0; i < s->pixels; i++) sum += v[i] * (quadratic * v[i] + linear * s->x[i]);
  *value = whole_sum(s, sum) * (bd_real_t)s->unit;
}

/* beta_k H*(u_k) = beta_k gamma (E(q) + <q, log K a>), with the maximum of u put back into a. */
BD_NOT_FUSED bd_lanes_t BD_X(objective_of)(const bd_engine_t *s, const potentials_t *at, int k,
                                           const bd_lanes_t *log_ka) {
  const bd_real_t gamma = (bd_real_t)s->options.gamma, unit = (bd_real_t)s->unit;
  return (gamma * (s->q_entropy[k] + *log_ka) + unit * at->max[k] * s->q_mass[k]) *
         (bd_real_t)s->beta[k];
}

void BD_X(evaluate)(bd_engine_t *s, potentials_t *at, int gradient, bd_lanes_t *objective) {
  BD_X(eliminate)(s, at);
  if (objective) BD_X(conjugate)(s, at->v, objective);
  for (int k = 0; k < s->marginals; k++) {
    bd_lanes_t log_ka;
    BD_X(evaluate_marginal)(s, at, k, gradient ? s->p[k] : NULL, objective ? &log_ka : NULL);
    if (objective) *objective += BD_X(objective_of)(s, at, k, &log_ka);
  }
}
