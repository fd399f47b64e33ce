#include "transport/engine/engine.h"

#include <math.h>

/* u_k <- u_k - tau beta_k (p_k - p_N); the eliminated one follows from the others. */
static bd_step_t step_of(bd_engine_t *s, int k) {
  if (k == s->marginals - 1) return (bd_step_t){0};
  return (bd_step_t){.u = s->at.u[k],
                     .other = s->p[s->marginals - 1],
                     .length = (bd_real_t)(s->options.tau / s->unit * s->beta[k])};
}

/* v <- (v + tau p_N - tau x) / (1 + tau/theta), and the eliminated potential with it. */
static void step_and_eliminate(bd_engine_t *s) {
  const int last = s->marginals - 1;
  const double tau = s->options.tau / s->unit;
  const bd_real_t push = (bd_real_t)(s->options.regularizer == BD_REGULARIZER_NONE ? 0 : tau);
  const bd_real_t pull = s->options.regularizer == BD_REGULARIZER_DATA ? push : 0;
  const bd_real_t shrink = (bd_real_t)(1 / (1 + s->options.tau / s->options.theta)),
                  factor = (bd_real_t)(-1 / s->beta[last]);
  bd_lanes_t *v = s->at.v, *u = s->at.u[last], max = lanes_all(-INFINITY),
             min = lanes_all(INFINITY);
  const bd_lanes_t *p = s->p[last], *x = s->x;
  for (size_t i = 0; i < s->pixels; i++) {
    v[i] = (v[i] + (push * p[i] - pull * x[i])) * shrink;
    u[i] = eliminated(s, &s->at, i) * factor;
    max = lanes_max(max, u[i]);
    min = lanes_min(min, u[i]);
  }
  s->at.max[last] = whole_max(s, max);
  s->at.min[last] = whole_min(s, min);
}

/* Evaluate p_k and move, plane by plane. */
static void planes(bd_engine_t *s, int k, bd_lanes_t *p, bd_step_t *step, bd_lanes_t *log_ka) {
  BD_X(evaluate_marginal)(s, &s->at, k, p, log_ka);
  BD_X(step_plane)(step, p, s->pixels);
}

/* The same in one sweep; lanes beyond float64's range are evaluated before it and merged in. */
static void sweep(bd_engine_t *s, int k, bd_lanes_t *p, bd_step_t *step, bd_lanes_t *log_ka) {
  bd_mask_t beyond = BD_X(beyond_range)(s, &s->at, k);
  const int has_given = lanes_any(beyond);
  bd_gradient_sums_t wide = {lanes_all(0), lanes_all(0), lanes_all(0)};
  bd_sweep_t w = {.u = s->at.u[k],
                  .max = s->at.max[k],
                  .q = s->q[k],
                  .p = p,
                  .reach = BD_X(reach_of)(s, &s->at, k),
                  .wants_log = log_ka != NULL,
                  .step = *step};
  if (has_given) {
    w.p = s->p[k];
    w.given = &beyond;
    BD_X(evaluate_wide)(s, &s->at, k, &beyond, w.p, log_ka != NULL, &wide);
  }
  s->gibbs->sweep(s->gibbs, &w);
  w.sums = whole_sums(s, &w.sums);
  if (has_given) merge_sums(&w.sums, &beyond, &wide);
  BD_X(account)(s, k, &w.sums);
  if (log_ka) *log_ka = w.sums.log_ka;
  *step = w.step;
}

/* One iteration.  The eliminated marginal comes first: the others' steps need p_N.  Where
   `objective` is wanted, so are all p_k. */
static void iterate(bd_engine_t *s, bd_lanes_t *objective) {
  const int last = s->marginals - 1, sweeps = s->gibbs->sweep != NULL;
  for (int turn = 0; turn <= last; turn++) {
    const int k = turn == 0 ? last : turn - 1;
    bd_lanes_t log_ka, *p = objective || k == last ? s->p[k] : sweeps ? NULL : s->p[0];
    bd_step_t step = step_of(s, k);
    (sweeps ? sweep : planes)(s, k, p, &step, objective ? &log_ka : NULL);
    if (objective) *objective += BD_X(objective_of)(s, &s->at, k, &log_ka);
    if (k == last) continue;
    s->at.max[k] = whole_max(s, step.max);
    s->at.min[k] = whole_min(s, step.min);
  }
  step_and_eliminate(s);
}

void BD_X(forward_backward)(bd_engine_t *s, bd_poll_t *poll, void *context) {
  BD_X(eliminate)(s, &s->at);
  for (int iteration = 0;; iteration++) {
    bd_lanes_t objective,
        *wanted = BD_X(trajectory_wants_objective)(s, iteration) ? &objective : NULL;
    if (wanted) {
      BD_X(conjugate)(s, s->at.v, wanted);
      BD_X(trajectory_range)(s, &s->at);
    }
    /* The step after the last snapshot is not needed, and harmless. */
    iterate(s, wanted);
    if (BD_X(trajectory_look)(s, iteration, wanted) || BD_X(trajectory_given_up)(s)) return;
    if (poll) poll(context);
  }
}
