#include "transport/engine/method.h"
#include "transport/engine/tape.h"

#include <math.h>

/* u_k <- u_k - tau beta_k (p_k - p_N).  The eliminated potential follows from the others, and that
   of a known marginal from p_N. */
static bd_step_t step_of(bd_iterate_t *it, const bd_lanes_t *p_last, const bd_evaluation_t *e) {
  const bd_setup_t *s = it->setup;
  if (e->k == s->marginals - 1) return (bd_step_t){0};
  const bd_lanes_t length = lanes_all(step_length(s) * s->beta[e->k]);
  return (bd_step_t){
      .u = it->at.u[e->k], .other = p_last, .length = lanes_select(e->known, lanes_all(0), length)};
}

/* v <- (v + tau p_N - tau x) / (1 + tau/theta), and the eliminated potential with it, which the
   potentials that are implied move as well. */
BD_INLINE void step_last(bd_iterate_t *it, const bd_lanes_t *p, int implies) {
  const bd_setup_t *s = it->setup;
  const int last = s->marginals - 1;
  const double tau = step_length(s);
  const bd_last_step_t step = last_step(s);
  const bd_real_t factor = (bd_real_t)(-1 / s->beta[last]);
  const bd_lanes_t squares = it->implied.squares * (bd_real_t)tau,
                   steps = lanes_all((it->implied.steps + 1) * tau);
  bd_lanes_t *sum = it->implied.sum;
  const bd_lanes_t *drift = it->implied.drift;
  bd_lanes_t *v = it->at.v, *u = it->at.u[last], max = lanes_all(-INFINITY),
             min = lanes_all(INFINITY);
  const bd_lanes_t *x = it->batch->x;
  for (size_t i = 0; i < s->pixels; i++) {
    v[i] = (v[i] + (step.push * p[i] - step.pull * x[i])) * step.shrink;
    if (implies) {
      sum[i] += p[i];
      u[i] = (explicit_part(it, i) + (squares * sum[i] - steps * drift[i])) * factor;
    } else u[i] = eliminated(s, &it->at, i) * factor;
    max = lanes_max(max, u[i]);
    min = lanes_min(min, u[i]);
  }
  it->at.max[last] = whole_max(s, max);
  it->at.min[last] = whole_min(s, min);
}
static void step_and_eliminate(bd_iterate_t *it, const bd_lanes_t *p) { step_last(it, p, 0); }

/* The same where potentials may be implied.  This way is taken even when none is any more, so that
   a lane does not see what its neighbours are. */
static void step_and_imply(bd_iterate_t *it, const bd_lanes_t *p) { step_last(it, p, 1); }

/* Evaluate p_k and step, plane by plane. */
static void go_by_planes(bd_iterate_t *it, bd_evaluation_t *e, bd_step_t *step) {
  BD_X(evaluate_marginal)(it, e);
  BD_X(step_plane)(step, e->p, it->setup->pixels);
}

/* The same in one sweep.  Lanes beyond the range of float64 are evaluated before it, and known ones
   after it, and merged in. */
static void go_by_sweep(bd_iterate_t *it, bd_evaluation_t *e, bd_step_t *step) {
  const bd_setup_t *s = it->setup;
  const int k = e->k;
  e->beyond = BD_X(beyond_range)(s, e->at, k) & ~e->known;
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
  if (lanes_any(e->known)) BD_X(merge_known)(it, e);
  it->figures.skipped -= e->known;
  BD_X(account)(it, e);
  *step = w.step;
}

/* What is known moves no plane: its potential stays implied. */
static void go_known(bd_iterate_t *it, bd_evaluation_t *e, bd_step_t *step) {
  (void)step;
  BD_X(evaluate_known)(it, e);
  it->figures.skipped -= e->known;
  BD_X(account)(it, e);
}

/* Evaluate one marginal and step.  Where `objective` is wanted, so is p_k. */
static void step_one(bd_iterate_t *it, bd_evaluation_t *e, const bd_lanes_t *p_last,
                     bd_lanes_t *objective) {
  const bd_setup_t *s = it->setup;
  const int is_last = e->k == s->marginals - 1, sweeps = s->gibbs->sweep != NULL;
  const int is_known = every_lane(e->known);
  if (it->tape) BD_X(tape_keep)(it->tape, e);
  e->wants_log = objective != NULL;
  e->p = objective || (is_last && !is_known) ? it->p[e->k] : sweeps || is_known ? NULL : it->p[0];
  bd_step_t step = step_of(it, p_last, e);
  (is_known ? go_known : sweeps ? go_by_sweep : go_by_planes)(it, e, &step);
  if (objective) *objective += BD_X(objective_of)(it, &it->at, e->k, &e->sums.log_ka);
  if (is_last || is_known) return;
  it->at.max[e->k] = whole_max(s, step.max);
  it->at.min[e->k] = whole_min(s, step.min);
}

/* One iteration.  The eliminated marginal comes first, since the steps of the others need p_N. */
static void step_all(bd_iterate_t *it, bd_lanes_t *objective) {
  const int last = it->setup->marginals - 1;
  bd_evaluation_t e = {.at = &it->at, .k = last, .known = identity_lanes(it->setup, &it->at, last)};
  const bd_lanes_t *p_last = every_lane(e.known) ? it->batch->q[last] : it->p[last];
  step_one(it, &e, p_last, objective);
  const bd_lanes_t largest = e.sums.largest;
  for (int k = 0; k < last; k++) {
    e = (bd_evaluation_t){.at = &it->at, .k = k, .known = it->implied.lanes[k]};
    step_one(it, &e, p_last, objective);
  }
  if (it->implied.sum) {
    step_and_imply(it, p_last);
    BD_X(implied_step)(it, &largest);
  } else step_and_eliminate(it, p_last);
}

void BD_X(forward_backward_step)(bd_iterate_t *it) { step_all(it, NULL); }

void BD_X(forward_backward)(bd_iterate_t *it, bd_trajectory_t *t) {
  if (it->implied.sum) BD_X(implied_start)(it);
  else BD_X(eliminate)(it->setup, &it->at);
  for (int iteration = 0;; iteration++) {
    const int is_wanted = BD_X(trajectory_wants_objective)(t, iteration);
    bd_lanes_t objective;
    if (is_wanted) {
      BD_X(conjugate)(it, it->at.v, &objective);
      BD_X(trajectory_range)(t, it);
    }
    iterate_clear_figures(it);
    if (it->tape) BD_X(tape_begin)(it->tape, it, iteration);
    /* The step after the last snapshot is not needed, and harmless. */
    step_all(it, is_wanted ? &objective : NULL);
    BD_X(trajectory_account)(t, &it->figures);
    if (is_wanted && BD_X(trajectory_look)(t, it, iteration, &objective)) return;
    if (BD_X(trajectory_given_up)(t)) return;
    poll_caller(t);
  }
}
