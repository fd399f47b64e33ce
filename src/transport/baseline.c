#include <barydef/baseline.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

void bd_round8(size_t n, const double *in, double *out) {
  for (size_t i = 0; i < n; i++) out[i] = floor(in[i] * 255 + 0.5) / 255;
}

/* Index i mirrored about the edges of 0 .. n-1, the edge itself repeated. */
static int mirror(int i, int n) {
  i %= 2 * n;
  if (i < 0) i += 2 * n;
  return i < n ? i : 2 * n - 1 - i;
}

static void blur_line(int n, int stride, int radius, const double *tap, const double *in,
                      double *out) {
  for (int i = 0; i < n; i++) {
    double sum = tap[0] * in[(size_t)i * (size_t)stride];
    for (int d = 1; d <= radius; d++)
      sum += tap[d] * (in[(size_t)mirror(i - d, n) * (size_t)stride] +
                       in[(size_t)mirror(i + d, n) * (size_t)stride]);
    out[(size_t)i * (size_t)stride] = sum;
  }
}

bd_status_t bd_blur(int height, int width, double sigma, const double *in, double *out,
                    bd_error_t *error) {
  int radius = (int)(4 * sigma + 0.5);
  double *tap = calloc((size_t)radius + 1, sizeof *tap);
  double *half = malloc((size_t)height * (size_t)width * sizeof *half);
  if (!tap || !half) {
    free(tap);
    free(half);
    return bd_fail(error, BD_FAILED, "no memory to blur an image of %d x %d pixels", height, width);
  }
  double sum = 0;
  for (int d = 0; d <= radius; d++) {
    tap[d] = d ? exp(-0.5 * d * d / (sigma * sigma)) : 1;
    sum += d ? 2 * tap[d] : 1;
  }
  for (int d = 0; d <= radius; d++) tap[d] /= sum;
  for (int x = 0; x < width; x++) blur_line(height, width, radius, tap, in + x, half + x);
  for (int y = 0; y < height; y++)
    blur_line(width, 1, radius, tap, half + (size_t)y * (size_t)width,
              out + (size_t)y * (size_t)width);
  free(tap);
  free(half);
  return BD_OK;
}
