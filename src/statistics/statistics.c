#include <barydef/solver.h>
#include <barydef/statistics.h>

#include <math.h>

bd_accuracy_t bd_wilson(int64_t successes, int64_t trials, double z) {
  if (trials <= 0) return (bd_accuracy_t){NAN, 0, 1};
  double n = (double)trials, p = (double)successes / n, zz = z * z;
  double centre = (p + zz / (2 * n)) / (1 + zz / n);
  double half = z / (1 + zz / n) * sqrt(p * (1 - p) / n + zz / (4 * n * n));
  /* At 0 and n the bounds are 0 and 1 exactly; rounding must not say 1e-18. */
  return (bd_accuracy_t){p, successes == 0 ? 0 : fmax(0, centre - half),
                         successes == trials ? 1 : fmin(1, centre + half)};
}

static int is_right(int32_t predicted, int64_t label) {
  return predicted >= 0 && predicted == label;
}

void bd_tally_add(bd_tally_t *tally, double tau, size_t count, const bd_per_image_t *records) {
  for (size_t i = 0; i < count; i++) {
    const bd_per_image_t *r = &records[i];
    tally->images++;
    if (r->status >= 0 && r->status < BD_STATUSES_MAX) tally->by_status[r->status]++;
    if (r->status != BD_IMAGE_OK) {
      tally->failed++;
      continue;
    }
    const int32_t predicted[5] = {r->predicted_attacked, r->predicted_rounded, r->predicted_blurred,
                                  r->predicted_mean, r->predicted_purified};
    for (int j = 0; j < 5; j++) tally->right[j] += is_right(predicted[j], r->label);
    int before = is_right(predicted[0], r->label), after = is_right(predicted[4], r->label);
    tally->recovered += !before && after;
    tally->broken += before && !after;
    tally->converged += r->convergence == BD_CONVERGED;
    tally->infeasible_window += r->convergence == BD_INFEASIBLE_WINDOW;
    tally->objective_rises += r->convergence == BD_OBJECTIVE_RISES;
    tally->fallbacks += r->fallback;
    tally->unstable += tau > r->safe_tau;
    if (tally->safe_tau == 0 || r->safe_tau < tally->safe_tau) tally->safe_tau = r->safe_tau;
    const double figures[8] = {r->iterations,     r->residual,         r->mass_defect,
                               r->l2_to_attacked, r->linf_to_attacked, r->l2_to_clean,
                               r->linf_to_clean,  r->objective};
    for (int j = 0; j < 8; j++) {
      if (isnan(figures[j])) continue;
      tally->max[j] = tally->counted[j] ? fmax(tally->max[j], figures[j]) : figures[j];
      tally->sum[j] += figures[j];
      tally->counted[j]++;
    }
  }
}

void bd_tally_finish(const bd_tally_t *tally, int has_victim, bd_statistics_t *row) {
  row->images = tally->images;
  row->failed = tally->failed;
  row->recovered = tally->recovered;
  row->broken = tally->broken;
  bd_accuracy_t *accuracies[5] = {&row->attack_accuracy, &row->rounded_accuracy,
                                  &row->blurred_accuracy, &row->mean_accuracy,
                                  &row->barycenter_accuracy};
  for (int j = 0; j < 5; j++)
    *accuracies[j] = has_victim ? bd_wilson(tally->right[j], tally->images, 1.959963984540054)
                                : (bd_accuracy_t){NAN, NAN, NAN};
  row->converged = tally->converged;
  row->infeasible_window = tally->infeasible_window;
  row->objective_rises = tally->objective_rises;
  row->fallbacks = tally->fallbacks;
  row->unstable = tally->unstable;
  row->safe_tau = tally->safe_tau > 0 ? tally->safe_tau : NAN;
  bd_spread_t *spreads[8] = {&row->iterations,     &row->residual,         &row->mass_defect,
                             &row->l2_to_attacked, &row->linf_to_attacked, &row->l2_to_clean,
                             &row->linf_to_clean,  &row->objective};
  for (int j = 0; j < 8; j++)
    *spreads[j] = tally->counted[j]
                      ? (bd_spread_t){tally->sum[j] / (double)tally->counted[j], tally->max[j]}
                      : (bd_spread_t){NAN, NAN};
}

void bd_distance(size_t n, const float *stored, const double *other, double *l2, double *linf) {
  double sum = 0, max = 0;
  for (size_t i = 0; i < n; i++) {
    double d = fabs(stored[i] - other[i]);
    sum += d * d;
    if (!(d <= max) && !isnan(max)) max = d; /* a NaN stays */
  }
  *l2 = sqrt(sum);
  *linf = max;
}
