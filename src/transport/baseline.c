#include <barydef/baseline.h>

#include <math.h>
#include <stddef.h>
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

/* Elements d before and after each of a row: above and below it, or beside it. */
static void add_taps(int n, double tap, const double *before, const double *after, double *sum) {
  for (int i = 0; i < n; i++) sum[i] += tap * (before[i] + after[i]);
}

static void blur_down(int height, int width, int radius, const double *tap, const double *in,
                      double *out) {
  for (int y = 0; y < height; y++) {
    double *row = out + (ptrdiff_t)y * width;
    for (int x = 0; x < width; x++) row[x] = tap[0] * in[(ptrdiff_t)y * width + x];
    for (int d = 1; d <= radius; d++)
      add_taps(width, tap[d], in + (ptrdiff_t)mirror(y - d, height) * width,
               in + (ptrdiff_t)mirror(y + d, height) * width, row);
  }
}

/* padded: room for width + 2 radius. */
static void blur_along(int height, int width, int radius, const double *tap, double *padded,
                       const double *in, double *out) {
  for (int y = 0; y < height; y++, in += width, out += width) {
    for (int x = -radius; x < width + radius; x++)
      padded[x + radius] = in[x < 0 || x >= width ? mirror(x, width) : x];
    for (int x = 0; x < width; x++) out[x] = tap[0] * in[x];
    for (int d = 1; d <= radius; d++)
      add_taps(width, tap[d], padded + radius - d, padded + radius + d, out);
  }
}

bd_status_t bd_blur(int height, int width, double sigma, const double *in, double *out,
                    bd_error_t *error) {
  int radius = (int)(4 * sigma + 0.5);
  double *tap = calloc((size_t)radius + 1, sizeof *tap);
  double *half = malloc((size_t)height * (size_t)width * sizeof *half),
         *padded = malloc(((size_t)width + 2 * (size_t)radius) * sizeof *padded);
  if (!tap || !half || !padded) {
    free(tap);
    free(half);
    free(padded);
    return bd_fail(error, BD_FAILED, "no memory to blur an image of %d x %d pixels", height, width);
  }
  double sum = 0;
  for (int d = 0; d <= radius; d++) {
    tap[d] = d ? exp(-0.5 * d * d / (sigma * sigma)) : 1;
    sum += d ? 2 * tap[d] : 1;
  }
  for (int d = 0; d <= radius; d++) tap[d] /= sum;
  blur_down(height, width, radius, tap, in, half);
  blur_along(height, width, radius, tap, padded, half, out);
  free(tap);
  free(half);
  free(padded);
  return BD_OK;
}
