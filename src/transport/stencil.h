/* A motion of the image plane as a sparse matrix with four source pixels for each pixel. */
#ifndef BD_STENCIL_H
#define BD_STENCIL_H

#include <barydef/marginal.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bd_stencil {
  int pixels;
  int32_t (*source)[4]; /* [pixels], indices; 0 where the weight is 0 */
  double (*weight)[4];  /* [pixels] */
} bd_stencil_t;

/* Errors: BD_FAILED without memory.  Freed by stencil_free, also after an error. */
bd_status_t stencil_build(const bd_motion_t *motion, bd_interpolation_t interpolation, int height,
                          int width, bd_stencil_t *stencil, bd_error_t *error);
void stencil_free(bd_stencil_t *stencil);

/* Pixel i of a moved image. */
static inline double stencil_pixel(const bd_stencil_t *stencil, const double *in, size_t i) {
  double sum = 0;
  for (int c = 0; c < 4; c++) {
    /* All are built.  NOLINTNEXTLINE(clang-analyzer-core.uninitialized.ArraySubscript) */
    sum += stencil->weight[i][c] * in[stencil->source[i][c]];
  }
  return sum;
}

/* out += scale A' in: the transpose scatters what the motion gathers. */
static inline void stencil_scatter(const bd_stencil_t *stencil, double scale, const double *in,
                                   double *out) {
  for (size_t i = 0; i < (size_t)stencil->pixels; i++)
    for (int c = 0; c < 4; c++)
      out[stencil->source[i][c]] += stencil->weight[i][c] * (scale * in[i]);
}

#endif
