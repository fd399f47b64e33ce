#include "engine.h"

/* The step that p_k makes: of u_k, and of v for the eliminated marginal,
     u_k <- u_k - tau beta_k (p_k - p_N),   v <- (v + tau p_N - tau x) / (1 + tau/theta). */
static bd_step_t step_of(bd_engine_t *s, int k) {
  const int last = s->marginals - 1;
  const double tau = s->options.tau / s->unit;
  bd_step_t step = {0};
  if (k < last) {
    step = (bd_step_t){.potential = s->at.u[k], .other = s->p[last], .shrink = 1};
    step.push = step.pull = (bd_real_t)(tau * s->beta[k]);
  } else if (s->options.regularizer != BD_REGULARIZER_NONE) {
    step = (bd_step_t){.potential = s->at.v, .other = s->x, .push = (bd_real_t)-tau};
    step.pull = s->options.regularizer == BD_REGULARIZER_DATA ? (bd_real_t)-tau : 0;
    step.shrink = (bd_real_t)(1 / (1 + s->options.tau / s->options.theta));
  }
  return step;
}

/* The eliminated marginal comes first: the others' steps need p_N. */
static int marginal_in_turn(const bd_engine_t *s, int turn) { return turn == 0 ? s->marginals - 1 : turn - 1; }

static void take_extent(bd_engine_t *s, int k, const bd_step_t *step) {
  if (k == s->marginals - 1) return; /* it moved v */
  s->at.max[k] = step->max;
  s->at.min[k] = step->min;
}

/* Evaluate and move, plane by plane; p_k is kept only where `keep`. */
static void iterate_planes(bd_engine_t *s, int keep, bd_lanes_t *objective) {
  for (int turn = 0; turn < s->marginals; turn++) {
    const int k = marginal_in_turn(s, turn);
    bd_lanes_t *p = s->p[keep || turn == 0 ? k : 0], log_ka;
    evaluate_marginal(s, &s->at, k, p, objective ? &log_ka : NULL);
    if (objective) *objective += objective_of(s, &s->at, k, &log_ka);
    bd_step_t step = step_of(s, k);
    step_start(&step);
    if (step.potential) step_pixels(&step, p, 0, s->pixels);
    take_extent(s, k, &step);
  }
  eliminate_start(s, &s->at);
  eliminate(s, &s->at, 0, s->pixels);
}

static void start_sweep(bd_engine_t *s, int k, int keep, int wants_log, const bd_mask_t *beyond) {
  bd_sweep_t *w = &s->sweeps[k];
  w->u = s->at.u[k], w->max = s->at.max[k], w->q = s->q[k];
  w->given = lanes_any(*beyond) ? beyond : NULL;
  w->p = keep || w->given || k == s->marginals - 1 ? s->p[k] : NULL;
  w->wants_log = wants_log;
  w->step = step_of(s, k);
  sweep_start(w);
}

/* The same in one sweep over the rows for each marginal.  On large images all marginals take
   `stride` rows in turn, so that p_N and the potentials of a row are still in cache when
   the next marginal and the elimination need them. */
static void iterate_sweeps(bd_engine_t *s, int keep, bd_lanes_t *objective) {
  const int last = s->marginals - 1;
  bd_mask_t beyond[BD_MARGINALS_MAX];
  bd_gradient_sums_t wide[BD_MARGINALS_MAX];
  potentials_t before = s->at;
  for (int k = 0; k <= last; k++) {
    beyond[k] = beyond_range(s, &s->at, k);
    if (lanes_any(beyond[k])) evaluate_wide(s, &s->at, k, &beyond[k], s->p[k], objective != NULL, &wide[k]);
    start_sweep(s, k, keep, objective != NULL, &beyond[k]);
  }
  eliminate_start(s, &s->at);
  for (int rows = 0; rows < s->height;) {
    const size_t first = (size_t)s->sweeps[last].done * (size_t)s->width;
    rows = rows + s->stride < s->height ? rows + s->stride : s->height;
    for (int turn = 0; turn <= last; turn++) sweep_rows(s->gibbs->sweeper, &s->sweeps[marginal_in_turn(s, turn)], rows);
    eliminate(s, &s->at, first, (size_t)s->sweeps[last].done * (size_t)s->width - first);
  }
  for (int k = 0; k <= last; k++) {
    bd_gradient_sums_t *sums = &s->sweeps[k].sums;
    if (lanes_any(beyond[k])) {
      sums->mass = lanes_select(beyond[k], wide[k].mass, sums->mass);
      sums->largest = lanes_select(beyond[k], wide[k].largest, sums->largest);
      sums->log_ka = lanes_select(beyond[k], wide[k].log_ka, sums->log_ka);
    }
    account(s, k, sums);
    if (objective) *objective += objective_of(s, &before, k, &sums->log_ka);
    take_extent(s, k, &s->sweeps[k].step);
  }
}

void forward_backward(bd_engine_t *s, bd_poll_t *poll, void *context) {
  eliminate_start(s, &s->at);
  eliminate(s, &s->at, 0, s->pixels);
  for (int iteration = 0;; iteration++) {
    bd_lanes_t objective, *wanted = trajectory_wants_objective(s, iteration) ? &objective : NULL;
    if (wanted) {
      conjugate(s, s->at.v, wanted);
      trajectory_range(s, &s->at);
    }
    /* The step after the last snapshot is not needed, and harmless. */
    if (s->gibbs->sweeper) iterate_sweeps(s, wanted != NULL, wanted);
    else iterate_planes(s, wanted != NULL, wanted);
    if (trajectory_look(s, iteration, wanted)) return;
    if (poll) poll(context);
  }
}
