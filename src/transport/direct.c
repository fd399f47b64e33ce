#include "gibbs.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

typedef struct direct {
  bd_gibbs_t base;
  int height, width;
  int radius_y, radius_x;
  bd_real_t *tap;       /* separable: [radius + 1]; l2: [radius_y + 1][radius_x + 1] */
  bd_lanes_t *scratch;  /* separable: one plane; l2: one row */
  bd_sweeper_t sweeper; /* separable, windows that are not too wide */
} direct_t;

static void destroy(bd_gibbs_t *base) {
  direct_t *g = (direct_t *)base;
  sweeper_free(&g->sweeper);
  free(g->tap);
  free(g->scratch);
  free(g);
}

/* ---- l1 and sql2 --------------------------------------------------------------- */

/* exp(-C/gamma) is a product of a factor in dy and one in dx: a pass along rows, then one
   down columns. */
static void apply_separable(bd_gibbs_t *base, const bd_lanes_t *in, bd_lanes_t *out, const bd_lanes_t *reach) {
  const direct_t *g = (direct_t *)base;
  const int height = g->height, width = g->width;
  const bd_real_t *tap = g->tap;
  (void)reach;
  for (int y = 0; y < height; y++) {
    const bd_lanes_t *row = in + (size_t)y * (size_t)width;
    for (int x = 0; x < width; x++) {
      bd_lanes_t sum = row[x];
      for (int d = 1; d <= g->radius_x; d++) {
        if (x >= d) sum += tap[d] * row[x - d];
        if (x + d < width) sum += tap[d] * row[x + d];
      }
      g->scratch[(size_t)y * (size_t)width + (size_t)x] = sum;
    }
  }
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const bd_lanes_t *here = g->scratch + (size_t)y * (size_t)width + (size_t)x;
      bd_lanes_t sum = *here;
      for (int d = 1; d <= g->radius_y; d++) {
        if (y >= d) sum += tap[d] * here[-(ptrdiff_t)d * width];
        if (y + d < height) sum += tap[d] * here[(ptrdiff_t)d * width];
      }
      out[(size_t)y * (size_t)width + (size_t)x] = sum;
    }
}

static void sweep(bd_gibbs_t *base, bd_sweep_t *w) { sweep_marginal(&((direct_t *)base)->sweeper, w); }

/* ---- l2 ------------------------------------------------------------------------ */

/* Row y of out += the taps at rows y - dy and y + dy, which are equal: their sum first. */
BD_INLINE void add_rows(const direct_t *g, const bd_lanes_t *in, int y, int dy, int radius_x, bd_lanes_t limit,
                        bd_lanes_t *out) {
  const int width = g->width;
  bd_lanes_t *both = g->scratch;
  for (int x = 0; x < width; x++) {
    bd_lanes_t sum = lanes_all(0);
    if (y >= dy) sum += in[(size_t)(y - dy) * (size_t)width + (size_t)x];
    if (dy > 0 && y + dy < g->height) sum += in[(size_t)(y + dy) * (size_t)width + (size_t)x];
    both[x] = sum;
  }
  for (int dx = 0; dx <= radius_x; dx++) {
    bd_lanes_t distance = lanes_all(kernel_cost(BD_COST_L2, dy, dx)), tap = lanes_all(g->tap[dy * (g->radius_x + 1) + dx]);
    tap = lanes_select(distance <= limit, tap, lanes_all(0));
    for (int x = 0; x < width; x++) {
      if (x >= dx) out[x] += tap * both[x - dx];
      if (dx > 0 && x + dx < width) out[x] += tap * both[x + dx];
    }
  }
}

/* The taps of (dy, dx) and (-dy, dx), (dy, -dx) ... are equal.  Offsets beyond the reach of
   every lane are left out; in a single lane they are set to zero, so that a lane does not
   see how far its neighbours reach. */
static void apply_taps(bd_gibbs_t *base, const bd_lanes_t *in, bd_lanes_t *out, const bd_lanes_t *reach) {
  const direct_t *g = (direct_t *)base;
  const bd_lanes_t limit = *reach;
  const double longest = lanes_largest(limit);
  const int radius_y = longest < g->radius_y ? (int)longest : g->radius_y;
  const int radius_x = longest < g->radius_x ? (int)longest : g->radius_x;
  for (int y = 0; y < g->height; y++) {
    bd_lanes_t *row = out + (size_t)y * (size_t)g->width;
    for (int x = 0; x < g->width; x++) row[x] = lanes_all(0);
    for (int dy = 0; dy <= radius_y && (dy <= y || y + dy < g->height); dy++)
      add_rows(g, in, y, dy, radius_x, limit, row);
  }
}

/* ---- creation ------------------------------------------------------------------ */

bd_status_t gibbs_direct(const bd_solver_options_t *o, int height, int width, int strips, bd_gibbs_t **gibbs, bd_error_t *error) {
  direct_t *g = calloc(1, sizeof *g);
  *gibbs = (bd_gibbs_t *)g;
  if (!g) return bd_fail(error, BD_FAILED, "no memory for a kernel");
  int separable = o->cost != BD_COST_L2;
  *g = (direct_t){.base = {0, separable ? apply_separable : apply_taps, NULL, destroy}, .height = height, .width = width / strips,
                  .radius_y = kernel_support(o, kernel_radius(o->window, height)),
                  .radius_x = kernel_support(o, kernel_radius(o->window, width))};
  int longest = g->radius_y > g->radius_x ? g->radius_y : g->radius_x;
  size_t taps = separable ? (size_t)longest + 1 : ((size_t)g->radius_y + 1) * ((size_t)g->radius_x + 1);
  g->tap = malloc(taps * sizeof *g->tap);
  g->scratch = lanes_allocate((separable ? (size_t)height : 1) * (size_t)g->width * sizeof *g->scratch);
  bd_status_t status = BD_OK;
  if (!g->tap || !g->scratch) status = bd_fail(error, BD_FAILED, "no memory for a kernel of %d x %d pixels", height, width);
  for (size_t i = 0; status == BD_OK && i < taps; i++) {
    int dy = separable ? 0 : (int)(i / ((size_t)g->radius_x + 1)), dx = separable ? (int)i : (int)(i % ((size_t)g->radius_x + 1));
    g->tap[i] = (bd_real_t)kernel_tap(kernel_cost(o->cost, dy, dx), o->gamma);
  }
  if (status == BD_OK && separable && longest <= SWEEP_RADIUS_MAX) {
    status = sweeper_create(height, g->width, strips > 1, g->radius_y, g->radius_x, g->tap, &g->sweeper, error);
    g->base.sweep = sweep;
  }
  if (status == BD_OK) return BD_OK;
  destroy(&g->base);
  *gibbs = NULL;
  return status;
}
