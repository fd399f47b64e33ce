/* Gaussian blur of each channel, cut at 4 standard deviations and normalised, the image mirrored
   about its edges, as scipy.ndimage.gaussian_filter does. */
#include "views/views.h"

#include <math.h>
#include <stdlib.h>

typedef struct blur {
  int height, width, radius;
  double *tap;    /* [radius + 1] from the centre outwards */
  double *half;   /* [height][width] blurred along the columns */
  double *padded; /* [width + 2 radius] a row with its mirrored ends */
} blur_t;

static int prepare(const bd_view_source_t *source, blur_t *b) {
  const double sigma = source->parameters->blur_sigma;
  *b = (blur_t){source->height, source->width, (int)(4 * sigma + 0.5), NULL, NULL, NULL};
  b->tap = calloc((size_t)b->radius + 1, sizeof *b->tap);
  b->half = malloc(view_plane_size(source) * sizeof *b->half);
  b->padded = malloc(((size_t)b->width + 2 * (size_t)b->radius) * sizeof *b->padded);
  if (!b->tap || !b->half || !b->padded) return 0;
  double sum = 0;
  for (int d = 0; d <= b->radius; d++) {
    b->tap[d] = d ? exp(-0.5 * d * d / (sigma * sigma)) : 1;
    sum += d ? 2 * b->tap[d] : 1;
  }
  for (int d = 0; d <= b->radius; d++) b->tap[d] /= sum;
  return 1;
}

static void release(blur_t *b) {
  free(b->tap);
  free(b->half);
  free(b->padded);
}

/* Add the values at distance d on both sides of each value of a row, above and below it or beside
   it. */
static void add_taps(int n, double tap, const double *before, const double *after, double *sum) {
  for (int i = 0; i < n; i++) sum[i] += tap * (before[i] + after[i]);
}

static void blur_down(const blur_t *b, const double *in) {
  for (int y = 0; y < b->height; y++) {
    double *row = b->half + (ptrdiff_t)y * b->width;
    for (int x = 0; x < b->width; x++) row[x] = b->tap[0] * in[(ptrdiff_t)y * b->width + x];
    for (int d = 1; d <= b->radius; d++)
      add_taps(b->width, b->tap[d], in + (ptrdiff_t)view_mirror(y - d, b->height) * b->width,
               in + (ptrdiff_t)view_mirror(y + d, b->height) * b->width, row);
  }
}

static void blur_along(const blur_t *b, double *out) {
  const double *in = b->half;
  for (int y = 0; y < b->height; y++, in += b->width, out += b->width) {
    for (int x = -b->radius; x < b->width + b->radius; x++)
      b->padded[x + b->radius] = in[x < 0 || x >= b->width ? view_mirror(x, b->width) : x];
    for (int x = 0; x < b->width; x++) out[x] = b->tap[0] * in[x];
    for (int d = 1; d <= b->radius; d++)
      add_taps(b->width, b->tap[d], b->padded + b->radius - d, b->padded + b->radius + d, out);
  }
}

/* The taps are symmetric and the image is mirrored about its edges, so that the blur is its own
   transpose. */
static bd_status_t blur_all(const bd_view_source_t *source, const double *in, double *out,
                            bd_error_t *error) {
  const size_t plane = view_plane_size(source);
  blur_t blur;
  const int ready = prepare(source, &blur);
  for (size_t p = 0; ready && p < view_planes(source); p++) {
    blur_down(&blur, in + p * plane);
    blur_along(&blur, out + p * plane);
  }
  release(&blur);
  return ready ? BD_OK
               : bd_fail(error, BD_FAILED, "no memory to blur images of %d x %d pixels",
                         source->height, source->width);
}

static bd_status_t make(const bd_view_source_t *source, double *room, const double **pixels,
                        bd_error_t *error) {
  *pixels = room;
  return blur_all(source, source->attacked, room, error);
}

const view_maker_t view_blurred = {.make = make, .pull = blur_all};
