#include "attack/ball.h"

#include <math.h>

double attack_distance(int norm, size_t size, const float *one, const float *other) {
  double sum = 0, most = 0;
  for (size_t j = 0; j < size; j++) {
    const double d = (double)one[j] - (double)other[j];
    sum += d * d;
    most = fmax(most, fabs(d));
  }
  return norm == BD_ATTACK_NORM_LINF ? most : sqrt(sum);
}

void attack_ascend(int norm, double length, size_t size, const float *gradient, float *image) {
  double sum = 0;
  if (norm == BD_ATTACK_NORM_LINF) {
    for (size_t j = 0; j < size; j++)
      image[j] = (float)((double)image[j] + length * ((gradient[j] > 0) - (gradient[j] < 0)));
    return;
  }
  for (size_t j = 0; j < size; j++) sum += (double)gradient[j] * (double)gradient[j];
  length /= fmax(sqrt(sum), 1e-12);
  for (size_t j = 0; j < size; j++)
    image[j] = (float)((double)image[j] + length * (double)gradient[j]);
}

static float within(double x) { return (float)(x < 0 ? 0 : x > 1 ? 1 : x); }

static void store_linf(double epsilon, size_t size, const float *clean, const float *x,
                       float *stored) {
  for (size_t j = 0; j < size; j++) {
    const double c = clean[j], wanted = isnan(x[j]) ? c : x[j];
    float value = within(fmin(fmax(wanted, c - epsilon), c + epsilon));
    /* Rounding to float32 may have left the ball. */
    while (fabs((double)value - c) > epsilon) value = nextafterf(value, clean[j]);
    stored[j] = value;
  }
}

static void store_l2(double epsilon, size_t size, const float *clean, const float *x,
                     float *stored) {
  double sum = 0;
  for (size_t j = 0; j < size; j++) {
    const double d = isnan(x[j]) ? 0 : (double)x[j] - (double)clean[j];
    sum += d * d;
  }
  const double norm = sqrt(sum);
  double scale = norm > epsilon ? epsilon / norm : 1;
  for (size_t j = 0; j < size; j++) stored[j] = isnan(x[j]) ? clean[j] : x[j];
  /* Rounding to float32 may leave the ball, and undo a small step back. */
  double back = 1e-8;
  for (;;) {
    double found = 0;
    for (size_t j = 0; j < size; j++) {
      const double c = clean[j], d = (double)stored[j] - c;
      const float value = within(c + scale * d);
      found += ((double)value - c) * ((double)value - c);
      stored[j] = value;
    }
    /* The same measure as attack_distance, so that nobody finds it outside.  It is NaN where the
       clean image is. */
    if (!(sqrt(found) > epsilon)) return;
    scale = epsilon / sqrt(found) * (1 - back);
    back *= 2;
  }
}

void attack_store(int norm, double epsilon, size_t size, const float *clean, const float *x,
                  float *stored) {
  if (norm == BD_ATTACK_NORM_LINF) store_linf(epsilon, size, clean, x, stored);
  else store_l2(epsilon, size, clean, x, stored);
}
