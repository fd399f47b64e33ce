/** @file
   The figures of one image, and their summary over an attack.

   No call here is collective. */
#ifndef BARYDEF_STATISTICS_H
#define BARYDEF_STATISTICS_H

#include <barydef/api.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BD_ATTACK_NAME = 64, BD_NORM_NAME = 16, BD_STATUSES_MAX = 16 };

/** One row of /runs/<run>/<attack>/per_image.  Distances are over all channels, between
   the purified image as stored (float32) and the attacked or the clean one, pixels in
   [0,1]; NaN where there is no such image.  Predictions are class numbers, -1 without a
   victim and for a failed image. */
typedef struct bd_per_image {
  int64_t label;
  int8_t status; /**< bd_image_status_t */
  int32_t iterations;
  double residual, mass_defect;
  double l2_to_attacked, linf_to_attacked, l2_to_clean, linf_to_clean;
  int32_t predicted_attacked, predicted_rounded, predicted_blurred, predicted_mean,
      predicted_purified;
  int8_t convergence, fallback,
      bits; /**< bd_convergence_t; 1: went through wide-range arithmetic; 64 or 32 */
  double objective, safe_tau; /**< as in bd_image_report_t */
} bd_per_image_t;

/** A fraction of the images with its 95 % Wilson interval. */
typedef struct bd_accuracy {
  double value, low, high;
} bd_accuracy_t;

typedef struct bd_spread {
  double mean, max;
} bd_spread_t;

/** One row of /statistics: a run and an attack.  Accuracies are fractions of `images`; a
   failed image counts as wrong; NaN without a victim.  Spreads are over the images that
   did not fail, NaN where there are none. */
typedef struct bd_statistics {
  int32_t run;
  char attack[BD_ATTACK_NAME], norm[BD_NORM_NAME];
  double epsilon;
  int64_t images, failed;
  bd_accuracy_t attack_accuracy, rounded_accuracy, blurred_accuracy, mean_accuracy,
      barycenter_accuracy;
  int64_t recovered; /**< wrong when attacked, right when purified */
  int64_t broken;    /**< right when attacked, wrong when purified */
  bd_spread_t iterations, residual, mass_defect, l2_to_attacked, linf_to_attacked, l2_to_clean,
      linf_to_clean, objective;
  /** Images that converged, suspect the window, or saw the objective rise; that went through
     wide-range arithmetic; for which tau was longer than stable, and the tau that would
     have been safe for all. */
  int64_t converged, infeasible_window, objective_rises, fallbacks, unstable;
  double safe_tau;
} bd_statistics_t;

/** The Wilson score interval for `successes` out of `trials` at normal quantile z (1.96
   for 95 %).  Source: Wilson, "Probable inference, the law of succession, and statistical
   inference", JASA 22 (1927).  trials = 0 gives value NaN and the interval [0,1]. */
BD_API bd_accuracy_t bd_wilson(int64_t successes, int64_t trials, double z);

/** Running sums for one row of statistics.  Zero-initialise it (= {0}), add the images
   (tau: the step of their run, 0 where it plays no part) in order of their index in as many
   portions as is convenient, then finish.  The order, and with it every bit of the result, does not
   depend on the portions. */
typedef struct bd_tally {
  int64_t images, failed, right[5], recovered, broken;
  int64_t by_status[BD_STATUSES_MAX];
  double sum[8], max[8], safe_tau;
  int64_t counted[8], converged, infeasible_window, objective_rises, fallbacks, unstable;
} bd_tally_t;

BD_API void bd_tally_add(bd_tally_t *tally, double tau, size_t count,
                         const bd_per_image_t *records);

/** Fill all of *row but run, attack, norm and epsilon; without a victim accuracies are NaN. */
BD_API void bd_tally_finish(const bd_tally_t *tally, int has_victim, bd_statistics_t *row);

/** l2 and linf distance between n stored float32 values and float64 ones. */
BD_API void bd_distance(size_t n, const float *stored, const double *other, double *l2,
                        double *linf);

#ifdef __cplusplus
}
#endif
#endif
