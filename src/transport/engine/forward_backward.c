#include "transport/engine/method.h"

#include <math.h>

/* u_k <- u_k - tau beta_k (p_k - p_N).  The eliminated potential follows from the others. */
static bd_step_t step_of(bd_iterate_t *it, int k) {
  const bd_setup_t *s = it->setup;
  if (k == s->marginals - 1) return (bd_step_t){0};
  return (bd_step_t){.u = it->at.u[k],
                     .other = it->p[s->marginals - 1],
                     .length = (bd_real_t)(s->options.tau / s->unit * s->beta[k])};
}

/* v <- (v + tau p_N - tau x) / (1 + tau/theta), and the eliminated potential with it. */
static void step_and_eliminate(bd_iterate_t *it) {
  const bd_setup_t *s = it->setup;
  const int last = s->marginals - 1;
  const double tau = s->options.tau / s->unit;
  const bd_real_t push = (bd_real_t)(s->options.regularizer == BD_REGULARIZER_NONE ? 0 : tau);
  const bd_real_t pull = s->options.regularizer == BD_REGULARIZER_DATA ? push : 0;
  const bd_real_t shrink = (bd_real_t)(1 / (1 + s->options.tau / s->options.theta)),
                  factor = (bd_real_t)(-1 / s->beta[last]);
  bd_lanes_t *v = it->at.v, *u = it->at.u[last], max = lanes_all(-INFINITY),
             min = lanes_all(INFINITY);
  const bd_lanes_t *p = it->p[last], *x = it->batch->x;
  for (size_t i = 0; i < s->pixels; i++) {
    v[i] = (v[i] + (push * p[i] - pull * x[i])) * shrink;
    u[i] = eliminated(s, &it->at, i) * factor;
    max = lanes_max(max, u[i]);
    min = lanes_min(min, u[i]);
  }
  it->at.max[last] = whole_max(s, max);
  it->at.min[last] = whole_min(s, min);
}

/* Evaluate p_k and step, plane by plane. */
static void go_by_planes(bd_iterate_t *it, bd_evaluation_t *e, bd_step_t *step) {
  BD_X(evaluate_marginal)(it, e);
  BD_X(step_plane)(step, e->p, it->setup->pixels);
}

/* The same in one sweep.  Lanes beyond the range of float64 are evaluated before it and merged
   in. */
static void go_by_sweep(bd_iterate_t *it, bd_evaluation_t *e, bd_step_t *step) {
  const bd_setup_t *s = it->setup;
  const int k = e->k;
  e->beyond = BD_X(beyond_range)(s, e->at, k);
  const int has_given = lanes_any(e->beyond);
  bd_dual_sums_t wide = no_sums();
  bd_sweep_t w = {.u = e->at->u[k],
                  .max = e->at->max[k],
                  .q = it->batch->q[k],
                  .p = e->p,
                  .reach = BD_X(reach_of)(s, e->at, k),
                  .wants_log = e->wants_log,
                  .step = *step};
  if (has_given) {
    w.p = e->p = it->p[k];
    w.given = &e->beyond;
    BD_X(evaluate_wide)(it, e);
    wide = e->sums;
  }
  s->gibbs->sweep(s->gibbs, &w);
  e->sums = whole_sums(s, &w.sums);
  if (has_given) merge_sums(&e->sums, &e->beyond, &wide);
  BD_X(account)(it, k, &e->sums);
  *step = w.step;
}

/* One iteration.  The eliminated marginal comes first, since the steps of the others need p_N.
   Where `objective` is wanted, so are all p_k. */
static void step_all(bd_iterate_t *it, bd_lanes_t *objective) {
  const bd_setup_t *s = it->setup;
  const int last = s->marginals - 1, sweeps = s->gibbs->sweep != NULL;
  for (int turn = 0; turn <= last; turn++) {
    const int k = turn == 0 ? last : turn - 1;
    bd_evaluation_t e = {.at = &it->at,
                         .k = k,
                         .p = objective || k == last ? it->p[k]
                              : sweeps               ? NULL
                                                     : it->p[0],
                         .wants_log = objective != NULL};
    bd_step_t step = step_of(it, k);
    (sweeps ? go_by_sweep : go_by_planes)(it, &e, &step);
    if (objective) *objective += BD_X(objective_of)(it, &it->at, k, &e.sums.log_ka);
    if (k == last) continue;
    it->at.max[k] = whole_max(s, step.max);
    it->at.min[k] = whole_min(s, step.min);
  }
  step_and_eliminate(it);
}

void BD_X(forward_backward)(bd_iterate_t *it, bd_trajectory_t *t) {
  BD_X(eliminate)(it->setup, &it->at);
  for (int iteration = 0;; iteration++) {
    const int is_wanted = BD_X(trajectory_wants_objective)(t, iteration);
    bd_lanes_t objective;
    if (is_wanted) {
      BD_X(conjugate)(it, it->at.v, &objective);
      BD_X(trajectory_range)(t, &it->at);
    }
    iterate_clear_figures(it);
    /* The step after the last snapshot is not needed, and harmless. */
    step_all(it, is_wanted ? &objective : NULL);
    BD_X(trajectory_account)(t, &it->figures);
    if (is_wanted && BD_X(trajectory_look)(t, it, iteration, &objective)) return;
    if (BD_X(trajectory_given_up)(t)) return;
    poll_caller(t);
  }
}
