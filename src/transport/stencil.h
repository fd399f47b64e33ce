/* A motion of the image plane as a sparse matrix with four source pixels for each pixel. */
#ifndef BD_STENCIL_H
#define BD_STENCIL_H

#include <barydef/marginal.h>
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

#endif
