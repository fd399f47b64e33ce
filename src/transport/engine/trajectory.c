#include "transport/engine/engine.h"

#include <math.h>

static int is_power_of_two(int n) { return n > 0 && (n & (n - 1)) == 0; }

static int logarithm(int n) {
  int j = 0;
  while (n >> (j + 1)) j++;
  return j;
}

/* The iteration that `iteration` is judged against: the power of two at or before its half. */
static int half_way(int iteration) { return 1 << logarithm(iteration) >> 1; }

int BD_X(trajectory_wants_objective)(const bd_engine_t *s, int iteration) {
  const bd_iterations_t *wanted = &s->options.iterations;
  if (s->options.tolerance > 0 || iteration == 0) return 1;
  for (int i = s->snapshot; i < wanted->count; i++)
    if (iteration == wanted->values[i] ||
        (wanted->values[i] >= 4 && iteration == half_way(wanted->values[i])))
      return 1;
  return 0;
}

void BD_X(consensus)(bd_engine_t *s, bd_lanes_t *residual) {
  bd_lanes_t worst = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) {
    bd_lanes_t sum = lanes_all(0);
    for (int k = 0; k < s->marginals; k++) sum += s->p[k][i];
    s->a[i] = sum * (bd_real_t)(1.0 / s->marginals);
  }
  for (int k = 0; k < s->marginals; k++) {
    bd_lanes_t distance = lanes_all(0);
    for (size_t i = 0; i < s->pixels; i++) distance += lanes_abs(s->p[k][i] - s->a[i]);
    worst = lanes_max(worst, whole_sum(s, distance));
  }
  *residual = worst;
}

/* Lane l against its own past: the start and half of the way. */
static bd_convergence_t judge(const bd_engine_t *s, int iteration, int l) {
  if (s->options.tolerance > 0 && s->now.residual[l] <= s->options.tolerance) return BD_CONVERGED;
  if (iteration < 4) return BD_ITERATION_LIMIT;
  const record_t *before = &s->history[logarithm(half_way(iteration))];
  const double lower = fmin(before->objective[l], s->start_objective[l]);
  /* More than the rounding of a sum of terms of the size of gamma and of the objective. */
  const double rounding = sizeof(bd_real_t) == 4 ? 1e-4 : 1e-9;
  if (s->now.objective[l] > lower + rounding * (fabs(lower) + s->options.gamma))
    return BD_OBJECTIVE_RISES;
  /* Potentials several times the longest cost in the window would long have moved the mass. */
  if (s->now.range[l] > 4 * s->longest_cost && s->now.range[l] > 1.5 * before->range[l] &&
      s->now.residual[l] > 1e-6 && s->now.residual[l] > 0.95 * before->residual[l])
    return BD_INFEASIBLE_WINDOW;
  return BD_ITERATION_LIMIT;
}

/* Lane l, `iteration` steps from the start, into one snapshot of its image: figures of an
   image are the worst of its channels. */
static void store(bd_engine_t *s, int snapshot, int iteration, int l) {
  const output_t *out = s->out;
  bd_image_report_t *report = &out->reports[(size_t)snapshot * out->count + s->queue[l].image];
  bd_convergence_t convergence = judge(s, iteration, l);
  BD_X(store_lane)
  (s, s->a, l,
   out->purified + (size_t)snapshot * out->count * out->image_size + s->queue[l].offset);
  if (iteration > report->iterations) report->iterations = iteration;
  if (convergence > report->convergence) report->convergence = convergence; /* from good to bad */
  report->fallback |= s->fallback[l] != 0;
  report->residual = fmax(report->residual, s->now.residual[l]);
  report->mass_defect = fmax(report->mass_defect, s->mass_defect[l]);
  s->queue[l].objective[snapshot] = s->now.objective[l];
  /* v enters F through the eliminated potential alone, with the curvature H*''/beta_N. */
  if (s->p_max[l] > 0)
    report->safe_tau =
        fmin(report->safe_tau, 2 * s->options.gamma * s->beta[s->marginals - 1] / s->p_max[l]);
  /* Mass is kept to rounding by construction: where it is not, no digit can be trusted. */
  const double most = sizeof(bd_real_t) == 4 ? 1e-4 : 1e-6;
  if (!isfinite(s->now.residual[l] + s->now.objective[l]) || !(s->mass_defect[l] < most))
    report->status = BD_IMAGE_DIVERGED;
}

void BD_X(trajectory_range)(bd_engine_t *s, const potentials_t *at) {
  s->now.range = lanes_all(0);
  for (int k = 0; k < s->marginals; k++)
    s->now.range = lanes_max(s->now.range, at->max[k] - at->min[k]);
  s->now.range *= (bd_real_t)s->unit;
}

int BD_X(trajectory_look)(bd_engine_t *s, int iteration, const bd_lanes_t *objective) {
  const bd_iterations_t *wanted = &s->options.iterations;
  if (!objective) return 0;
  int is_snapshot = iteration == wanted->values[s->snapshot];
  BD_X(consensus)(s, &s->now.residual);
  s->now.objective = *objective;
  if (iteration == 0) s->start_objective = *objective;
  int left = 0;
  for (int l = 0; l < s->queued; l++) {
    if (s->done[l]) continue;
    if (s->options.tolerance > 0 && s->now.residual[l] <= s->options.tolerance) {
      for (int snapshot = s->snapshot; snapshot < wanted->count; snapshot++)
        store(s, snapshot, iteration, l);
      s->done[l] = -1;
    } else {
      if (is_snapshot) store(s, s->snapshot, iteration, l);
      left++;
    }
  }
  if (is_power_of_two(iteration)) s->history[logarithm(iteration)] = s->now;
  if (is_snapshot) s->snapshot++;
  return left == 0 || s->snapshot == wanted->count;
}

int BD_X(trajectory_given_up)(bd_engine_t *s) {
  const int is_last = s->strips == 1 && sizeof(bd_real_t) == 8; /* that has its own wide way */
  if (is_last || !lanes_any(s->fallback & ~s->done)) return 0;
  for (int l = 0; l < s->queued; l++)
    if (!s->fallback[l] && !s->done[l]) return 0;
  for (int l = 0; l < s->queued; l++)
    if (s->fallback[l])
      s->out->reports[(size_t)s->snapshot * s->out->count + s->queue[l].image].fallback = 1;
  return 1;
}
