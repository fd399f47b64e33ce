#include "gibbs.h"

#include <math.h>
#include <stdlib.h>

typedef struct recursion {
  bd_gibbs_t base;
  int height, width;
  bd_real_t factor;    /* exp(-1/gamma) */
  bd_lanes_t *scratch; /* one plane */
} recursion_t;

static void destroy(bd_gibbs_t *base) {
  free(((recursion_t *)base)->scratch);
  free(base);
}

/* One line of n elements, `stride` apart: with f = exp(-1/gamma),
     from the left   l_i = in_i + f l_{i-1}
     from the right  r_i = f (in_{i+1} + r_{i+1})
   and out_i = l_i + r_i = sum_j f^|i-j| in_j exactly, for O(1) work a pixel: only positive
   numbers are added.  (Deriche, "Fast algorithms for low-level vision", PAMI 12, 1990.) */
BD_INLINE void line(const bd_lanes_t *in, bd_lanes_t *out, int n, int stride, bd_real_t f) {
  bd_lanes_t carried = lanes_all(0);
  for (int i = 0; i < n; i++) {
    carried = in[(size_t)i * (size_t)stride] + f * carried;
    out[(size_t)i * (size_t)stride] = carried;
  }
  carried = lanes_all(0);
  for (int i = n - 2; i >= 0; i--) {
    carried = f * (in[(size_t)(i + 1) * (size_t)stride] + carried);
    out[(size_t)i * (size_t)stride] += carried;
  }
}

/* Columns in step, row by row: the same recursion, streaming through memory. */
BD_INLINE void columns(const bd_lanes_t *in, bd_lanes_t *out, int height, int width, bd_real_t f, bd_lanes_t *carried) {
  for (int x = 0; x < width; x++) carried[x] = lanes_all(0);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      carried[x] = in[(size_t)y * (size_t)width + (size_t)x] + f * carried[x];
      out[(size_t)y * (size_t)width + (size_t)x] = carried[x];
    }
  for (int x = 0; x < width; x++) carried[x] = lanes_all(0);
  for (int y = height - 2; y >= 0; y--)
    for (int x = 0; x < width; x++) {
      carried[x] = f * (in[(size_t)(y + 1) * (size_t)width + (size_t)x] + carried[x]);
      out[(size_t)y * (size_t)width + (size_t)x] += carried[x];
    }
}

static void apply(bd_gibbs_t *base, const bd_lanes_t *in, bd_lanes_t *out, const bd_lanes_t *reach) {
  const recursion_t *g = (recursion_t *)base;
  (void)reach;
  for (int y = 0; y < g->height; y++)
    line(in + (size_t)y * (size_t)g->width, g->scratch + (size_t)y * (size_t)g->width, g->width, 1, g->factor);
  columns(g->scratch, out, g->height, g->width, g->factor, g->scratch + (size_t)g->height * (size_t)g->width);
}

bd_status_t gibbs_recursion(const bd_solver_options_t *o, int height, int width, bd_gibbs_t **gibbs, bd_error_t *error) {
  recursion_t *g = calloc(1, sizeof *g);
  *gibbs = (bd_gibbs_t *)g;
  if (g) {
    *g = (recursion_t){.base = {0, apply, NULL, destroy}, .height = height, .width = width, .factor = (bd_real_t)exp(-1 / o->gamma)};
    g->scratch = aligned_alloc(64, ((size_t)height + 1) * (size_t)width * sizeof *g->scratch);
    if (g->scratch) return BD_OK;
    destroy(&g->base);
  }
  *gibbs = NULL;
  return bd_fail(error, BD_FAILED, "no memory for a kernel of %d x %d pixels", height, width);
}
