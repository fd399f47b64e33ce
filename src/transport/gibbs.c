#include "gibbs.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

bd_status_t gibbs_create(const bd_solver_options_t *options, int height, int width,
                         bd_gibbs_t *gibbs, bd_error_t *error) {
  int longest = height > width ? height : width;
  int radius = (options->window - 1) / 2;
  gibbs->height = height;
  gibbs->width = width;
  gibbs->radius = radius < longest ? radius : longest - 1;
  gibbs->tap = malloc(((size_t)gibbs->radius + 1) * sizeof *gibbs->tap);
  gibbs->scratch = aligned_alloc(64, (size_t)height * (size_t)width * sizeof *gibbs->scratch);
  if (!gibbs->tap || !gibbs->scratch)
    return bd_fail(error, BD_FAILED, "no memory for a kernel of %d x %d pixels", height, width);
  for (int d = 0; d <= gibbs->radius; d++) {
    double tap = exp(-d / options->gamma);
    /* A subnormal tap is beyond what the guard of the solver lets matter, and slow. */
    gibbs->tap[d] = tap < DBL_MIN ? 0 : tap;
  }
  return BD_OK;
}

void gibbs_free(bd_gibbs_t *gibbs) {
  free(gibbs->tap);
  free(gibbs->scratch);
  *gibbs = (bd_gibbs_t){0};
}

/* exp(-(|dy| + |dx|)/gamma) is a product: a pass along rows, then one down columns. */
BD_CLONES void gibbs_apply(bd_gibbs_t *gibbs, const bd_lanes_t *in, bd_lanes_t *out) {
  const int height = gibbs->height, width = gibbs->width, radius = gibbs->radius;
  const double *tap = gibbs->tap;
  for (int y = 0; y < height; y++) {
    const bd_lanes_t *row = in + (size_t)y * (size_t)width;
    for (int x = 0; x < width; x++) {
      bd_lanes_t sum = row[x];
      for (int d = 1; d <= radius; d++) {
        if (x >= d) sum += tap[d] * row[x - d];
        if (x + d < width) sum += tap[d] * row[x + d];
      }
      gibbs->scratch[(size_t)y * (size_t)width + (size_t)x] = sum;
    }
  }
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const bd_lanes_t *here = gibbs->scratch + (size_t)y * (size_t)width + (size_t)x;
      bd_lanes_t sum = *here;
      for (int d = 1; d <= radius; d++) {
        if (y >= d) sum += tap[d] * here[-(ptrdiff_t)d * width];
        if (y + d < height) sum += tap[d] * here[(ptrdiff_t)d * width];
      }
      out[(size_t)y * (size_t)width + (size_t)x] = sum;
    }
}
