#include "transport/engine/dual.h"

#include <math.h>
#include <string.h>

/* ---- the narrow way, plane by plane ------------------------------------------------ */

/* a = 2^(u - max u).  Lanes beyond the guard get 1, so that nothing traps. */
static void exponentiate(bd_iterate_t *it, const bd_evaluation_t *e) {
  const bd_lanes_t *u = e->at->u[e->k], top = e->at->max[e->k];
  const bd_mask_t skip = e->beyond;
  for (size_t i = 0; i < it->setup->pixels; i++)
    it->a[i] = lanes_exp2(lanes_select(skip, lanes_all(0), u[i] - top));
}

static void sum_of_logarithms(const bd_iterate_t *it, const bd_lanes_t *q, bd_lanes_t *sum) {
  bd_lanes_t total = lanes_all(0);
  for (size_t i = 0; i < it->setup->pixels; i++) total += q[i] * lanes_log(it->b[i]);
  *sum = whole_sum(it->setup, total);
}

/* b = q / b.  The quotient of two results of an FFT is noise where the smallest K a on the support
   of q, or a larger one, is not far above the error of the largest.  Such lanes are marked. */
static void divide(bd_iterate_t *it, const bd_lanes_t *q, bd_mask_t *beyond) {
  const bd_setup_t *s = it->setup;
  const bd_real_t noise = (bd_real_t)s->gibbs->noise;
  if (noise == 0) {
    for (size_t i = 0; i < s->pixels; i++) it->b[i] = q[i] / it->b[i];
    return;
  }
  bd_lanes_t largest = lanes_all(0), smallest = lanes_all(INFINITY);
  for (size_t i = 0; i < s->pixels; i++) {
    largest = lanes_max(largest, it->b[i]);
    smallest = lanes_min(smallest, lanes_select(q[i] > 0, it->b[i], largest));
  }
  *beyond |= noise * whole_max(s, largest) > guarded_noise * whole_min(s, smallest);
  for (size_t i = 0; i < s->pixels; i++)
    it->b[i] = q[i] / lanes_select(it->b[i] > 0, it->b[i], lanes_all(1));
}

/* p = a . p and its sums.  The error of an FFT is relative to the largest value before. */
static void multiply(bd_iterate_t *it, bd_evaluation_t *e) {
  const bd_setup_t *s = it->setup;
  const bd_real_t noise = (bd_real_t)s->gibbs->noise;
  bd_lanes_t *p = e->p;
  bd_lanes_t before = lanes_all(0), mass = lanes_all(0), largest = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) {
    before = lanes_max(before, p[i]);
    p[i] = lanes_max(p[i] * it->a[i], lanes_all(0));
    mass += p[i];
    largest = lanes_max(largest, p[i]);
  }
  if (noise > 0) e->beyond |= noise * whole_max(s, before) > guarded_noise;
  e->sums.mass = whole_sum(s, mass);
  e->sums.largest = whole_max(s, largest);
}

/* Marks further lanes that it is not right for. */
static void evaluate_narrow(bd_iterate_t *it, bd_evaluation_t *e, bd_lanes_t reach) {
  bd_gibbs_t *gibbs = it->setup->gibbs;
  const bd_lanes_t *q = it->batch->q[e->k];
  if (e->p && gibbs->sweep) {
    bd_sweep_t sweep = {.u = e->at->u[e->k],
                        .max = e->at->max[e->k],
                        .q = q,
                        .p = e->p,
                        .reach = reach,
                        .wants_log = e->wants_log};
    gibbs->sweep(gibbs, &sweep);
    e->sums = whole_sums(it->setup, &sweep.sums);
    return;
  }
  exponentiate(it, e);
  gibbs->apply(gibbs, it->a, it->b, &reach);
  if (e->wants_log) sum_of_logarithms(it, q, &e->sums.log_ka);
  if (e->p || gibbs->noise > 0) divide(it, q, &e->beyond);
  if (!e->p) return;
  gibbs->apply(gibbs, it->b, e->p, &reach);
  multiply(it, e);
}

/* ---- the wide way ------------------------------------------------------------------- */

#ifdef BD_SINGLE
static void go_wide(const bd_iterate_t *it, bd_evaluation_t *e) { (void)it, (void)e; }
#else
static void go_wide(const bd_iterate_t *it, bd_evaluation_t *e) {
  bd_lanes_t mass = lanes_all(0), largest = lanes_all(0);
  const bd_wide_task_t task = {.u = e->at->u[e->k],
                               .q = it->batch->q[e->k],
                               .max = e->at->max[e->k],
                               .reach = BD_X(reach_of)(it->setup, e->at, e->k),
                               .p = e->p,
                               .log_ka = e->wants_log ? &e->sums.log_ka : NULL};
  BD_X(wide_marginal)(&it->setup->wide, &task);
  for (size_t i = 0; e->p && i < it->setup->pixels; i++) {
    mass += e->p[i];
    largest = lanes_max(largest, e->p[i]);
  }
  e->sums.mass = mass;
  e->sums.largest = largest;
}
#endif

void BD_X(evaluate_wide)(bd_iterate_t *it, bd_evaluation_t *e) {
  e->sums = no_sums();
  if (setup_has_wide(it->setup)) go_wide(it, e);
  else if (e->p) memset(e->p, 0, it->setup->pixels * sizeof *e->p);
  it->figures.fallback |= e->beyond;
}

/* ---- one marginal ------------------------------------------------------------------- */

static bd_lanes_t range_of(const bd_potentials_t *at, int k) { return at->max[k] - at->min[k]; }

bd_lanes_t BD_X(reach_of)(const bd_setup_t *s, const bd_potentials_t *at, int k) {
  return range_of(at, k) * (bd_real_t)s->unit + (bd_real_t)(KERNEL_MARGIN * s->options.gamma);
}

bd_mask_t BD_X(beyond_range)(const bd_setup_t *s, const bd_potentials_t *at, int k) {
  return (range_of(at, k) > (bd_real_t)BD_RANGE_MAX) |
         (BD_X(reach_of)(s, at, k) > (bd_real_t)s->gibbs->farthest);
}

void BD_X(account)(bd_iterate_t *it, const bd_evaluation_t *e) {
  bd_figures_t *f = &it->figures;
  f->p_max = lanes_max(f->p_max, e->sums.largest);
  f->mass_defect = lanes_max(f->mass_defect, lanes_abs(e->sums.mass - it->batch->q_mass[e->k]));
}

/* p_k = a . K(q_k / K a), a = 2^(u_k - max u_k).  A constant added to u_k does not change p_k.
   Lanes for which float64 or an FFT is not right go the wide way.  The choice is made lane by lane,
   so that it cannot depend on the neighbours. */
static void evaluate_dense(bd_iterate_t *it, bd_evaluation_t *e) {
  const bd_setup_t *s = it->setup;
  const bd_lanes_t reach = BD_X(reach_of)(s, e->at, e->k);
  e->beyond = BD_X(beyond_range)(s, e->at, e->k) & ~e->known;
  e->sums = no_sums();
  if (lanes_any(~(e->beyond | e->known))) evaluate_narrow(it, e, reach);
  e->beyond &= ~e->known;
  if (lanes_any(e->beyond)) {
    bd_evaluation_t wide = *e;
    wide.p = e->p ? it->b : NULL; /* the planes a and b are free again */
    BD_X(evaluate_wide)(it, &wide);
    for (size_t i = 0; e->p && i < s->pixels; i++)
      e->p[i] = lanes_select(e->beyond, it->b[i], e->p[i]);
    merge_sums(&e->sums, &e->beyond, &wide.sums);
  }
  if (lanes_any(e->known)) BD_X(merge_known)(it, e);
}

void BD_X(evaluate_marginal)(bd_iterate_t *it, bd_evaluation_t *e) {
  if (every_lane(e->known)) BD_X(evaluate_known)(it, e);
  else evaluate_dense(it, e);
  if (!e->p) return;
  it->figures.skipped -= e->known;
  BD_X(account)(it, e);
}

/* ---- the objective ------------------------------------------------------------------ */

BD_NOT_FUSED void BD_X(conjugate)(const bd_iterate_t *it, const bd_lanes_t *v, bd_lanes_t *value) {
  const bd_setup_t *s = it->setup;
  const bd_real_t quadratic = (bd_real_t)(0.5 * s->unit / s->options.theta);
  const bd_real_t linear = s->options.regularizer == BD_REGULARIZER_DATA ? 1 : 0;
  const bd_lanes_t *x = it->batch->x;
  bd_lanes_t sum = lanes_all(0);
  if (s->options.regularizer != BD_REGULARIZER_NONE)
    for (size_t i = 0; i < s->pixels; i++) sum += v[i] * (quadratic * v[i] + linear * x[i]);
  *value = whole_sum(s, sum) * (bd_real_t)s->unit;
}

/* beta_k gamma (E(q) + <q, log K a>), with the maximum of u put back into a. */
BD_NOT_FUSED bd_lanes_t BD_X(objective_of)(const bd_iterate_t *it, const bd_potentials_t *at, int k,
                                           const bd_lanes_t *log_ka) {
  const bd_setup_t *s = it->setup;
  const bd_real_t gamma = (bd_real_t)s->options.gamma, unit = (bd_real_t)s->unit;
  return (gamma * (it->batch->q_entropy[k] + *log_ka) + unit * at->max[k] * it->batch->q_mass[k]) *
         (bd_real_t)s->beta[k];
}

void BD_X(evaluate)(bd_iterate_t *it, bd_potentials_t *at, bd_wanted_t wanted,
                    bd_lanes_t *objective) {
  BD_X(eliminate)(it->setup, at);
  BD_X(conjugate)(it, at->v, objective);
  for (int k = 0; k < it->setup->marginals; k++) {
    bd_evaluation_t e = {.at = at,
                         .k = k,
                         .p = wanted == BD_WANT_P_AND_OBJECTIVE ? it->p[k] : NULL,
                         .wants_log = 1,
                         .known = identity_lanes(it->setup, at, k)};
    BD_X(evaluate_marginal)(it, &e);
    *objective += BD_X(objective_of)(it, at, k, &e.sums.log_ka);
  }
}
