/* The median of each pixel's 3 x 3 neighbourhood, channel by channel, the image mirrored about its
   edges: scipy.ndimage.median_filter(size=3, mode="reflect").  Feature squeezing: Xu, Evans and Qi,
   "Feature squeezing: detecting adversarial examples in deep neural networks", NDSS 2018. */
#include "views/views.h"

enum { SIDE = 3, NEIGHBOURS = SIDE * SIDE };

/* The fifth of nine values, by insertion. */
static double median(double values[NEIGHBOURS]) {
  for (int i = 1; i < NEIGHBOURS; i++) {
    const double value = values[i];
    int at = i;
    for (; at > 0 && values[at - 1] > value; at--) values[at] = values[at - 1];
    values[at] = value;
  }
  return values[NEIGHBOURS / 2];
}

static void filter(int height, int width, const double *in, double *out) {
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      double values[NEIGHBOURS];
      for (int n = 0; n < NEIGHBOURS; n++)
        values[n] = in[(ptrdiff_t)view_mirror(y + n / SIDE - 1, height) * width +
                       view_mirror(x + n % SIDE - 1, width)];
      out[(ptrdiff_t)y * width + x] = median(values);
    }
}

static bd_status_t make(const bd_view_source_t *source, double *room, const double **pixels,
                        bd_error_t *error) {
  (void)error;
  const size_t plane = view_plane_size(source);
  for (size_t p = 0; p < view_planes(source); p++)
    filter(source->height, source->width, source->attacked + p * plane, room + p * plane);
  *pixels = room;
  return BD_OK;
}

const view_maker_t view_median = {.make = make};
