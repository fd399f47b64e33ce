#include "state.h"

#include <math.h>

static const char *const names[BD_CONVERGENCES] = {"not-iterated", "converged", "iteration-limit", "infeasible-window",
                                                    "objective-rises"};

const char *bd_convergence_name(int convergence) {
  return convergence >= 0 && convergence < BD_CONVERGENCES ? names[convergence] : NULL;
}

static int is_power_of_two(int n) { return n > 0 && (n & (n - 1)) == 0; }

static int logarithm(int n) {
  int j = 0;
  while (n >> (j + 1)) j++;
  return j;
}

int trajectory_wants_objective(const bd_solver_t *s, int iteration) {
  return s->options.tolerance > 0 || iteration == 0 || is_power_of_two(iteration) || iteration == s->options.iterations.values[s->snapshot];
}

BD_CLONES void consensus(bd_solver_t *s, bd_lanes_t *residual) {
  bd_lanes_t worst = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) {
    bd_lanes_t sum = lanes_all(0);
    for (int k = 0; k < s->marginals; k++) sum += s->p[k][i];
    s->a[i] = sum * (1.0 / s->marginals);
  }
  for (int k = 0; k < s->marginals; k++) {
    bd_lanes_t distance = lanes_all(0);
    for (size_t i = 0; i < s->pixels; i++) distance += lanes_abs(s->p[k][i] - s->a[i]);
    worst = lanes_max(worst, distance);
  }
  *residual = worst;
}

/* Lane l against its own past: the start, and the power of two at or before L/2. */
static bd_convergence_t judge(const bd_solver_t *s, int iteration, int l) {
  if (s->options.tolerance > 0 && s->now.residual[l] <= s->options.tolerance) return BD_CONVERGED;
  if (iteration < 4) return BD_ITERATION_LIMIT;
  const record_t *before = &s->history[logarithm(iteration) - 1];
  const double lower = fmin(before->objective[l], s->start_objective[l]);
  if (s->now.objective[l] > lower + 1e-9 * fabs(lower)) return BD_OBJECTIVE_RISES;
  /* Potentials several times the longest cost in the window would long have moved the mass. */
  if (s->now.range[l] > 4 * s->longest_cost && s->now.range[l] > 1.5 * before->range[l] &&
      s->now.residual[l] > 1e-6 && s->now.residual[l] > 0.95 * before->residual[l])
    return BD_INFEASIBLE_WINDOW;
  return BD_ITERATION_LIMIT;
}

/* Lane l, `iteration` steps from the start, into one snapshot of its image: figures of an
   image are the worst of its channels. */
static void store(const bd_solver_t *s, int snapshot, int iteration, int l) {
  const output_t *out = s->out;
  bd_image_report_t *report = &out->reports[(size_t)snapshot * out->count + s->queue[l].image];
  bd_convergence_t convergence = judge(s, iteration, l);
  store_lane(s, s->a, l, out->purified + (size_t)snapshot * out->count * out->image_size + s->queue[l].offset);
  if (iteration > report->iterations) report->iterations = iteration;
  if (convergence > report->convergence) report->convergence = convergence; /* from good to bad */
  report->fallback |= s->fallback[l] != 0;
  report->residual = fmax(report->residual, s->now.residual[l]);
  report->mass_defect = fmax(report->mass_defect, s->mass_defect[l]);
  report->objective += s->now.objective[l];
  if (s->p_max[l] > 0) report->safe_tau = fmin(report->safe_tau, 2 * s->options.gamma / (s->marginals * s->p_max[l]));
  /* Mass is kept to rounding by construction: where it is not, no digit can be trusted. */
  if (!isfinite(s->now.residual[l] + s->now.objective[l]) || !(s->mass_defect[l] < 1e-6)) report->status = BD_IMAGE_DIVERGED;
}

int trajectory_look(bd_solver_t *s, int iteration, const bd_lanes_t *objective) {
  const bd_iterations_t *wanted = &s->options.iterations;
  if (!objective) return 0;
  int is_snapshot = iteration == wanted->values[s->snapshot];
  consensus(s, &s->now.residual);
  s->now.objective = *objective;
  if (iteration == 0) s->start_objective = *objective;
  s->now.range = lanes_all(0);
  for (int k = 0; k < s->marginals; k++) s->now.range = lanes_max(s->now.range, s->at.max[k] - s->at.min[k]);
  int left = 0;
  for (int l = 0; l < s->queued; l++) {
    if (s->done[l]) continue;
    if (s->options.tolerance > 0 && s->now.residual[l] <= s->options.tolerance) {
      for (int snapshot = s->snapshot; snapshot < wanted->count; snapshot++) store(s, snapshot, iteration, l);
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
