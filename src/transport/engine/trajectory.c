#include "transport/engine/trajectory.h"
#include "transport/engine/identity.h"

#include <math.h>

void BD_X(trajectory_start)(bd_trajectory_t *t) {
  t->figures =
      (bd_figures_t){lanes_all(0), lanes_all(0), t->batch->unusable, (bd_mask_t)lanes_all(0)};
  t->done = (bd_mask_t)lanes_all(0);
  t->snapshot = 0;
}

static bd_image_report_t *report_of(const bd_trajectory_t *t, int snapshot, int l) {
  return &t->call->reports[(size_t)snapshot * t->call->count + t->batch->queue[l].image];
}

void BD_X(trajectory_finish)(const bd_trajectory_t *t) {
  /* Channel by channel, whichever ended first: the order decides the last bit. */
  for (int snapshot = 0; snapshot < t->setup->options.iterations.count; snapshot++)
    for (int l = 0; l < t->batch->queued; l++)
      report_of(t, snapshot, l)->objective += t->objective[l][snapshot];
}

/* ---- when to look ----------------------------------------------------------------- */

static int is_power_of_two(int n) { return n > 0 && (n & (n - 1)) == 0; }

static int logarithm(int n) {
  int j = 0;
  while (n >> (j + 1)) j++;
  return j;
}

/* The iteration against which `iteration` is judged: the power of two at or before its half. */
static int half_way(int iteration) { return 1 << logarithm(iteration) >> 1; }

/* Fewer iterations than this are not judged. */
enum { JUDGED_FROM = 4 };

int BD_X(trajectory_wants_objective)(const bd_trajectory_t *t, int iteration) {
  const bd_iterations_t *wanted = &t->setup->options.iterations;
  if (t->setup->options.tolerance > 0 || iteration == 0) return 1;
  for (int i = t->snapshot; i < wanted->count; i++)
    if (iteration == wanted->values[i] ||
        (wanted->values[i] >= JUDGED_FROM && iteration == half_way(wanted->values[i])))
      return 1;
  return 0;
}

/* ---- what is recorded ------------------------------------------------------------- */

void BD_X(trajectory_range)(bd_trajectory_t *t, const bd_iterate_t *it) {
  t->now.range = lanes_all(0);
  for (int k = 0; k < t->setup->marginals; k++)
    t->now.range = lanes_max(t->now.range, it->at.max[k] - it->at.min[k]);
  for (int k = 0; it->implied.sum && k < t->setup->marginals - 1; k++) {
    bd_lanes_t max, min;
    BD_X(implied_extent)(it, k, &max, &min);
    t->now.range = lanes_max(t->now.range, max - min);
  }
  t->now.range *= (bd_real_t)t->setup->unit;
}

void BD_X(trajectory_account)(bd_trajectory_t *t, const bd_figures_t *f) {
  bd_figures_t *all = &t->figures;
  all->p_max = lanes_select(t->done, all->p_max, lanes_max(all->p_max, f->p_max));
  all->mass_defect =
      lanes_select(t->done, all->mass_defect, lanes_max(all->mass_defect, f->mass_defect));
  all->fallback |= f->fallback & ~t->done;
  all->skipped += f->skipped & ~t->done;
}

/* ---- judgement -------------------------------------------------------------------- */

/* A window is suspected where the potentials exceed the longest cost this many times, and still
   grow by that factor while the residual falls by less than this one, but is no rounding. */
static const double suspect_range = 4, suspect_growth = 1.5, suspect_fall = 0.95,
                    suspect_residual = 1e-6;

static int has_converged(const bd_trajectory_t *t, int l) {
  const double tolerance = t->setup->options.tolerance;
  return tolerance > 0 && t->now.residual[l] <= tolerance;
}

/* Lane l against its own past: the start and half of the way. */
static bd_convergence_t judge(const bd_trajectory_t *t, int iteration, int l) {
  if (has_converged(t, l)) return BD_CONVERGED;
  if (iteration < JUDGED_FROM) return BD_ITERATION_LIMIT;
  const bd_record_t *now = &t->now, *before = &t->history[logarithm(half_way(iteration))];
  const double lower = fmin(before->objective[l], t->start_objective[l]);
  if (now->objective[l] > lower + BD_OBJECTIVE_ROUNDING * (fabs(lower) + t->setup->options.gamma))
    return BD_OBJECTIVE_RISES;
  /* Potentials several times the longest cost in the window would long have moved the mass. */
  if (now->range[l] > suspect_range * t->setup->longest_cost &&
      now->range[l] > suspect_growth * before->range[l] && now->residual[l] > suspect_residual &&
      now->residual[l] > suspect_fall * before->residual[l])
    return BD_INFEASIBLE_WINDOW;
  return BD_ITERATION_LIMIT;
}

/* The figures of lane l into a report.  Those of an image are the worst of its channels. */
static void report(const bd_trajectory_t *t, int iteration, int l, bd_image_report_t *r) {
  const bd_setup_t *s = t->setup;
  const bd_figures_t *f = &t->figures;
  const bd_convergence_t convergence = judge(t, iteration, l);
  if (iteration > r->iterations) r->iterations = iteration;
  if (convergence > r->convergence) r->convergence = convergence; /* from good to bad */
  r->fallback |= f->fallback[l] != 0;
  r->evaluations_skipped += f->skipped[l];
  r->residual = fmax(r->residual, t->now.residual[l]);
  r->mass_defect = fmax(r->mass_defect, f->mass_defect[l]);
  /* v enters F through the eliminated potential alone, with the curvature H*''/beta_N. */
  if (f->p_max[l] > 0)
    r->safe_tau = fmin(r->safe_tau, 2 * s->options.gamma * s->beta[s->marginals - 1] / f->p_max[l]);
  if (!isfinite(t->now.residual[l] + t->now.objective[l]) || !(f->mass_defect[l] < BD_DEFECT_MAX))
    r->status = BD_IMAGE_DIVERGED;
}

/* Lane l, `iteration` steps from the start, into one snapshot of its image. */
static void store(bd_trajectory_t *t, const bd_lanes_t *mean, int snapshot, int iteration, int l) {
  const bd_setup_t *s = t->setup;
  const size_t set = t->call->count * (size_t)s->channels * s->area;
  BD_X(batch_read)
  (t->batch, mean, l, t->call->purified + (size_t)snapshot * set + t->batch->queue[l].offset);
  t->objective[l][snapshot] = t->now.objective[l];
  report(t, iteration, l, report_of(t, snapshot, l));
}

int BD_X(trajectory_look)(bd_trajectory_t *t, bd_iterate_t *it, int iteration,
                          const bd_lanes_t *objective) {
  const bd_iterations_t *wanted = &t->setup->options.iterations;
  const int is_snapshot = iteration == wanted->values[t->snapshot];
  BD_X(consensus)(it, &t->now.residual);
  t->now.objective = *objective;
  if (iteration == 0) t->start_objective = *objective;
  int left = 0;
  for (int l = 0; l < t->batch->queued; l++) {
    if (t->done[l]) continue;
    if (has_converged(t, l)) {
      for (int snapshot = t->snapshot; snapshot < wanted->count; snapshot++)
        store(t, it->a, snapshot, iteration, l);
      t->done[l] = -1;
    } else {
      if (is_snapshot) store(t, it->a, t->snapshot, iteration, l);
      left++;
    }
  }
  if (is_power_of_two(iteration)) t->history[logarithm(iteration)] = t->now;
  if (is_snapshot) t->snapshot++;
  return left == 0 || t->snapshot == wanted->count;
}

int BD_X(trajectory_given_up)(const bd_trajectory_t *t) {
  const bd_mask_t gives_up = t->figures.fallback & ~t->done;
  if (setup_has_wide(t->setup) || !lanes_any(gives_up)) return 0;
  for (int l = 0; l < t->batch->queued; l++)
    if (!gives_up[l] && !t->done[l]) return 0;
  for (int l = 0; l < t->batch->queued; l++)
    if (gives_up[l]) report_of(t, t->snapshot, l)->fallback = 1;
  return 1;
}
