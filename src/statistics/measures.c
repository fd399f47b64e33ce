/* Figures that come from formulas of their own: intervals and distances. */
#include <barydef/statistics.h>

#include <math.h>

bd_accuracy_t bd_wilson(int64_t successes, int64_t trials, double z) {
  if (trials <= 0) return (bd_accuracy_t){NAN, 0, 1};
  double n = (double)trials, p = (double)successes / n, zz = z * z;
  double centre = (p + zz / (2 * n)) / (1 + zz / n);
  double half = z / (1 + zz / n) * sqrt(p * (1 - p) / n + zz / (4 * n * n));
  /* For 0 and n successes a bound is 0 or 1 exactly; rounding must not make it 1e-18. */
  return (bd_accuracy_t){p, successes == 0 ? 0 : fmax(0, centre - half),
                         successes == trials ? 1 : fmin(1, centre + half)};
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
