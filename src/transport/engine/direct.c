#include "transport/engine/gibbs.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/* Separable windows up to this half-width are not cut at the reach: it would save less than it
 * costs. */
enum { UNCUT = 7 };

typedef struct direct {
  bd_gibbs_t base;
  bd_solver_options_t options;
  int height, width, in_strips;
  int radius_y, radius_x;   /* where taps end to matter at the latest */
  bd_real_t *tap;           /* separable: [radius + 1]; l2: [radius_y + 1][radius_x + 1] */
  bd_lanes_t *cut;          /* the same in each lane, 0 beyond its reach */
  bd_lanes_t *padded, *row; /* one row, with radius_x pixels on either side */
  bd_lanes_t *scratch;      /* separable: one plane */
  bd_sweeper_t sweeper;     /* separable, where most of what matters is near */
} direct_t;

static void destroy(bd_gibbs_t *base) {
  direct_t *g = (direct_t *)base;
  BD_X(sweeper_free)(&g->sweeper);
  free(g->tap);
  free(g->cut);
  free(g->padded);
  free(g->scratch);
  free(g);
}

static int is_separable(const direct_t *g) { return kernel_separates(g->options.cost); }

static int larger(int a, int b) { return a > b ? a : b; }

/* Loops over the paper's window are unrolled.  A compiler may fuse other operations there than
   elsewhere, so that this cannot depend on how far the neighbours reach: it does not, as the
   columns of such a window are not cut. */
static int is_unrolled(const direct_t *g) { return g->radius_x == 3; }

static int cut_radius(const direct_t *g, int radius, bd_real_t reach) {
  while (radius > (is_separable(g) ? UNCUT : 0) &&
         (bd_real_t)kernel_cost(g->options.cost, radius, 0) > reach)
    radius--;
  return radius;
}

/* Offsets beyond the reach of every lane are left out; in a single lane their taps are zero, so
   that a lane does not see how far its neighbours reach. */
static void cut_taps(const direct_t *g, bd_lanes_t reach, int *radius_y, int *radius_x) {
  const bd_real_t longest = (bd_real_t)lanes_largest(reach);
  *radius_y = cut_radius(g, g->radius_y, longest);
  *radius_x = is_unrolled(g) ? g->radius_x : cut_radius(g, g->radius_x, longest);
  const int rows = is_separable(g) ? 0 : *radius_y,
            columns = is_separable(g) ? larger(*radius_y, *radius_x) : *radius_x;
  for (int dy = 0; dy <= rows; dy++)
    for (int dx = 0; dx <= columns; dx++) {
      const size_t i = (size_t)dy * (size_t)(g->radius_x + 1) + (size_t)dx;
      const bd_lanes_t cost = lanes_all(kernel_cost(g->options.cost, dy, dx));
      g->cut[i] = lanes_select(cost <= reach, lanes_all(0) + g->tap[i], lanes_all(0));
    }
}

/* ---- l1 and sql2 --------------------------------------------------------------- */

/* exp(-C/gamma) is a product of a factor in dy and one in dx: a pass along rows, then one
   down columns. */
static void apply_separable(bd_gibbs_t *base, const bd_lanes_t *in, bd_lanes_t *out,
                            const bd_lanes_t *reach) {
  const direct_t *g = (direct_t *)base;
  const int height = g->height, width = g->width;
  int radius_y, radius_x;
  cut_taps(g, *reach, &radius_y, &radius_x);
  for (int y = 0; y < height; y++) {
    memcpy(g->row, in + (size_t)y * (size_t)width, (size_t)width * sizeof *in);
    if (g->in_strips) lanes_join(g->row, width, radius_x);
    lanes_pass(g->row, g->scratch + (size_t)y * (size_t)width, width, g->cut, radius_x);
  }
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const bd_lanes_t *here = g->scratch + (size_t)y * (size_t)width + (size_t)x;
      bd_lanes_t sum = *here;
      for (int d = 1; d <= radius_y; d++) {
        if (y >= d) sum += g->cut[d] * here[-(ptrdiff_t)d * width];
        if (y + d < height) sum += g->cut[d] * here[(ptrdiff_t)d * width];
      }
      out[(size_t)y * (size_t)width + (size_t)x] = sum;
    }
}

static void sweep(bd_gibbs_t *base, bd_sweep_t *w) {
  direct_t *g = (direct_t *)base;
  int radius_y, radius_x;
  cut_taps(g, w->reach, &radius_y, &radius_x);
  BD_X(sweep_marginal)(&g->sweeper, w, g->cut, radius_y, radius_x);
}

/* ---- l2 ------------------------------------------------------------------------ */

/* The taps of (dy, dx) and (-dy, dx), (dy, -dx) ... are equal.  Row y of out += the taps at rows y
   - dy and y + dy: their sum first. */
BD_INLINE void add_rows(const direct_t *g, const bd_lanes_t *in, int y, int dy, int radius_x,
                        bd_lanes_t *restrict out) {
  const int width = g->width;
  const bd_lanes_t *tap = g->cut + (size_t)dy * (size_t)(g->radius_x + 1);
  bd_lanes_t *restrict both = g->row;
  for (int x = 0; x < width; x++) {
    bd_lanes_t sum = lanes_all(0);
    if (y >= dy) sum += in[(size_t)(y - dy) * (size_t)width + (size_t)x];
    if (dy > 0 && y + dy < g->height) sum += in[(size_t)(y + dy) * (size_t)width + (size_t)x];
    both[x] = sum;
  }
  if (g->in_strips) lanes_join(both, width, radius_x);
  for (int x = 0; x < width; x++) {
    bd_lanes_t sum = out[x] + tap[0] * both[x];
    for (int dx = 1; dx <= radius_x; dx++) sum += tap[dx] * (both[x - dx] + both[x + dx]);
    out[x] = sum;
  }
}

static void apply_taps(bd_gibbs_t *base, const bd_lanes_t *in, bd_lanes_t *out,
                       const bd_lanes_t *reach) {
  const direct_t *g = (direct_t *)base;
  int radius_y, radius_x;
  cut_taps(g, *reach, &radius_y, &radius_x);
  for (int y = 0; y < g->height; y++) {
    bd_lanes_t *row = out + (size_t)y * (size_t)g->width;
    for (int x = 0; x < g->width; x++) row[x] = lanes_all(0);
    for (int dy = 0; dy <= radius_y && (dy <= y || y + dy < g->height); dy++)
      if (is_unrolled(g)) add_rows(g, in, y, dy, 3, row);
      else add_rows(g, in, y, dy, radius_x, row);
  }
}

/* ---- creation ------------------------------------------------------------------ */

static bd_status_t allocate(direct_t *g, bd_error_t *error) {
  const size_t taps = is_separable(g) ? (size_t)larger(g->radius_y, g->radius_x) + 1
                                      : ((size_t)g->radius_y + 1) * ((size_t)g->radius_x + 1);
  const size_t padded = (size_t)g->width + 2 * (size_t)g->radius_x;
  g->tap = malloc(taps * sizeof *g->tap);
  g->cut = lanes_allocate(taps * sizeof *g->cut);
  g->padded = lanes_allocate(padded * sizeof *g->padded);
  g->scratch = is_separable(g)
                   ? lanes_allocate((size_t)g->height * (size_t)g->width * sizeof *g->scratch)
                   : NULL;
  if (!g->tap || !g->cut || !g->padded || (is_separable(g) && !g->scratch))
    return bd_fail(error, BD_FAILED, "no memory for a kernel of %d x %d pixels", g->height,
                   g->width);
  memset(g->padded, 0, padded * sizeof *g->padded);
  g->row = g->padded + g->radius_x;
  for (size_t i = 0; i < taps; i++) {
    int dy = is_separable(g) ? 0 : (int)(i / ((size_t)g->radius_x + 1)),
        dx = is_separable(g) ? (int)i : (int)(i % ((size_t)g->radius_x + 1));
    g->tap[i] = (bd_real_t)kernel_tap(kernel_cost(g->options.cost, dy, dx), g->options.gamma);
  }
  return BD_OK;
}

/* Half-widths end where the guard lets potentials reach no further: at the neighbouring strips, at
 * what sweeps can take. */
static void restrain(direct_t *g, int *radius, int most) {
  if (*radius <= most) return;
  *radius = most;
  g->base.farthest = fmin(g->base.farthest, kernel_cost(g->options.cost, most, 0));
}

bd_status_t BD_X(gibbs_direct)(const bd_solver_options_t *o, int height, int width, int strips,
                               bd_gibbs_t **gibbs, bd_error_t *error) {
  direct_t *g = calloc(1, sizeof *g);
  *gibbs = (bd_gibbs_t *)g;
  if (!g) return bd_fail(error, BD_FAILED, "no memory for a kernel");
  *g = (direct_t){.base = {0, INFINITY, kernel_separates(o->cost) ? apply_separable : apply_taps,
                           NULL, destroy},
                  .options = *o,
                  .height = height,
                  .width = width / strips,
                  .in_strips = strips > 1,
                  .radius_y = kernel_support(o, kernel_radius(o->window, height)),
                  .radius_x = kernel_support(o, kernel_radius(o->window, width))};
  const int usual_y = kernel_usual(o, g->radius_y), usual_x = kernel_usual(o, g->radius_x);
  const int sweeps = is_separable(g) && larger(usual_y, usual_x) <= SWEEP_RADIUS_USUAL;
  if (g->in_strips) restrain(g, &g->radius_x, g->width);
  if (sweeps) restrain(g, &g->radius_x, SWEEP_RADIUS_MAX);
  if (sweeps) restrain(g, &g->radius_y, SWEEP_RADIUS_MAX);
  bd_status_t status = allocate(g, error);
  if (status == BD_OK && sweeps) {
    g->base.sweep = sweep;
    status = BD_X(sweeper_create)(height, g->width, g->in_strips, g->radius_y, g->radius_x, usual_y,
                                  &g->sweeper, error);
  }
  if (status == BD_OK) return BD_OK;
  destroy(&g->base);
  *gibbs = NULL;
  return status;
}
