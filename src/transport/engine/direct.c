#include "transport/engine/gibbs.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/* Full windows of a cost that separates are not cut at the reach below this half-width, which would
   save less than it costs. */
enum { UNCUT = 7 };

typedef struct direct {
  bd_gibbs_t base;
  bd_solver_options_t options;
  bd_shape_t shape;
  bd_radii_t radii;         /* beyond them no tap matters, whatever the reach */
  bd_radii_t least;         /* half-widths that are not cut any more */
  bd_real_t trim;           /* what a reach may be shortened by */
  bd_real_t *tap;           /* separable: [radius + 1]; else [radii.y + 1][radii.x + 1] */
  bd_lanes_t *cut;          /* the same in each lane, but 0 beyond its reach */
  bd_lanes_t *padded, *row; /* one row, with radii.x pixels on either side */
  bd_lanes_t *scratch;      /* separable: one plane */
  bd_sweeper_t sweeper;     /* separable, where most of what matters is near */
  bd_sweeper_t back;        /* the same for sweeps back, once one was asked for */
  int usual_y;
} direct_t;

static void destroy(bd_gibbs_t *base) {
  direct_t *g = (direct_t *)base;
  BD_X(sweeper_free)(&g->sweeper);
  BD_X(sweeper_free)(&g->back);
  free(g->tap);
  free(g->cut);
  free(g->padded);
  free(g->scratch);
  free(g);
}

static int is_separable(const direct_t *g) { return kernel_separates(g->options.cost); }

static int larger(int a, int b) { return a > b ? a : b; }

/* Where a reach may be cut.  A compiler may fuse other operations in an unrolled loop than
   elsewhere, and whether one is taken depends on how far the neighbours reach.  All of them are
   one sum of fused products, so a tap that is cut and one that is zero leave the same bits
   (tests/reference/test_bits_depend_on_no_neighbour.py). */
static void allow_cuts(direct_t *g) {
  const bd_solver_options_t *o = &g->options;
  const int is_short =
      o->shortcuts && o->window != BD_WINDOW_FULL && o->gamma <= KERNEL_SHORT_GAMMA;
  const int shortest = g->base.sweep ? BD_X(sweep_least)(&g->sweeper) : 1;
  const int least = is_short ? shortest : is_separable(g) ? UNCUT : 0;
  g->least = (bd_radii_t){least, !is_short && g->radii.x == UNROLLED_RADIUS ? g->radii.x : least};
  g->trim =
      is_short ? (bd_real_t)((KERNEL_MARGIN - KERNEL_SHORT_MARGIN(is_separable(g))) * o->gamma) : 0;
}

static int cut_radius(const direct_t *g, int radius, int least, bd_real_t reach) {
  while (radius > least && (bd_real_t)kernel_cost(g->options.cost, radius, 0) > reach) radius--;
  return radius;
}

/* The taps for this reach into g->cut, and the half-widths that are left.  Offsets beyond the reach
   of every lane are left out.  In a single lane their taps are zero, so that a lane does not see
   how far its neighbours reach. */
static bd_radii_t cut_taps(const direct_t *g, bd_lanes_t reach) {
  reach -= g->trim;
  const bd_real_t longest = (bd_real_t)lanes_largest(reach);
  const bd_radii_t radii = {.y = cut_radius(g, g->radii.y, g->least.y, longest),
                            .x = cut_radius(g, g->radii.x, g->least.x, longest)};
  const int rows = is_separable(g) ? 0 : radii.y,
            columns = is_separable(g) ? larger(radii.y, radii.x) : radii.x;
  for (int dy = 0; dy <= rows; dy++)
    for (int dx = 0; dx <= columns; dx++) {
      const size_t i = (size_t)dy * (size_t)(g->radii.x + 1) + (size_t)dx;
      const bd_lanes_t cost = lanes_all(kernel_cost(g->options.cost, dy, dx));
      g->cut[i] = lanes_select(cost <= reach, lanes_all(0) + g->tap[i], lanes_all(0));
    }
  return radii;
}

/* ---- costs that separate --------------------------------------------------------- */

/* exp(-C/gamma) is a product of a factor in dy and one in dx: a pass along rows, then one down
   columns. */
static void apply_separable(bd_gibbs_t *base, const bd_lanes_t *in, bd_lanes_t *out,
                            const bd_lanes_t *reach) {
  const direct_t *g = (direct_t *)base;
  const int height = g->shape.height, width = g->shape.width;
  const bd_radii_t radii = cut_taps(g, *reach);
  for (int y = 0; y < height; y++) {
    memcpy(g->row, in + (size_t)y * (size_t)width, (size_t)width * sizeof *in);
    if (g->shape.strips > 1) lanes_join(g->row, width, radii.x);
    lanes_pass(g->row, g->scratch + (size_t)y * (size_t)width, width, g->cut, radii.x);
  }
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const bd_lanes_t *here = g->scratch + (size_t)y * (size_t)width + (size_t)x;
      bd_lanes_t sum = *here;
      for (int d = 1; d <= radii.y; d++) {
        if (y >= d) sum += g->cut[d] * here[-(ptrdiff_t)d * width];
        if (y + d < height) sum += g->cut[d] * here[(ptrdiff_t)d * width];
      }
      out[(size_t)y * (size_t)width + (size_t)x] = sum;
    }
}

static void sweep(bd_gibbs_t *base, bd_sweep_t *w) {
  direct_t *g = (direct_t *)base;
  const bd_radii_t radii = cut_taps(g, w->reach);
  BD_X(sweep_marginal)(&g->sweeper, w, g->cut, radii);
}

#ifndef BD_SINGLE
static bd_status_t prepare_back(bd_gibbs_t *base, bd_error_t *error) {
  direct_t *g = (direct_t *)base;
  if (g->back.memory) return BD_OK;
  return BD_X(sweeper_create)(&g->shape, g->radii, g->usual_y, BD_BACK, &g->back, error);
}

static void sweep_back(bd_gibbs_t *base, const bd_sweep_back_t *w) {
  direct_t *g = (direct_t *)base;
  const bd_radii_t radii = cut_taps(g, w->reach);
  BD_X(sweep_back)(&g->back, w, g->cut, radii);
}
#endif

/* ---- costs that do not ----------------------------------------------------------- */

/* Add the taps at rows y - dy and y + dy to row y of out.  The taps of (dy, dx), (-dy, dx) and so
   on are equal, so the two rows are added first. */
BD_INLINE void add_rows(const direct_t *g, const bd_lanes_t *in, int y, int dy, int radius_x,
                        bd_lanes_t *restrict out) {
  const int width = g->shape.width;
  const bd_lanes_t *tap = g->cut + (size_t)dy * (size_t)(g->radii.x + 1);
  bd_lanes_t *restrict both = g->row;
  for (int x = 0; x < width; x++) {
    bd_lanes_t sum = lanes_all(0);
    if (y >= dy) sum += in[(size_t)(y - dy) * (size_t)width + (size_t)x];
    if (dy > 0 && y + dy < g->shape.height) sum += in[(size_t)(y + dy) * (size_t)width + (size_t)x];
    both[x] = sum;
  }
  if (g->shape.strips > 1) lanes_join(both, width, radius_x);
  for (int x = 0; x < width; x++) {
    bd_lanes_t sum = out[x] + tap[0] * both[x];
    for (int dx = 1; dx <= radius_x; dx++) sum += tap[dx] * (both[x - dx] + both[x + dx]);
    out[x] = sum;
  }
}

BD_INLINE void add_rows_unrolled(const direct_t *g, const bd_lanes_t *in, int y, int dy,
                                 int radius_x, bd_lanes_t *out) {
  switch (radius_x) {
    case 1: add_rows(g, in, y, dy, 1, out); break;
    case 2: add_rows(g, in, y, dy, 2, out); break;
    case UNROLLED_RADIUS: add_rows(g, in, y, dy, UNROLLED_RADIUS, out); break;
    default: add_rows(g, in, y, dy, radius_x, out);
  }
}

static void apply_taps(bd_gibbs_t *base, const bd_lanes_t *in, bd_lanes_t *out,
                       const bd_lanes_t *reach) {
  const direct_t *g = (direct_t *)base;
  const bd_radii_t radii = cut_taps(g, *reach);
  for (int y = 0; y < g->shape.height; y++) {
    bd_lanes_t *row = out + (size_t)y * (size_t)g->shape.width;
    for (int x = 0; x < g->shape.width; x++) row[x] = lanes_all(0);
    for (int dy = 0; dy <= radii.y && (dy <= y || y + dy < g->shape.height); dy++)
      add_rows_unrolled(g, in, y, dy, radii.x, row);
  }
}

/* ---- creation ------------------------------------------------------------------ */

static void fill_taps(direct_t *g, size_t taps) {
  const size_t columns = (size_t)g->radii.x + 1;
  for (size_t i = 0; i < taps; i++) {
    const int dy = is_separable(g) ? 0 : (int)(i / columns),
              dx = is_separable(g) ? (int)i : (int)(i % columns);
    g->tap[i] = (bd_real_t)kernel_tap(kernel_cost(g->options.cost, dy, dx), g->options.gamma);
  }
}

static bd_status_t allocate(direct_t *g, bd_error_t *error) {
  const size_t height = (size_t)g->shape.height, width = (size_t)g->shape.width;
  const size_t taps = is_separable(g) ? (size_t)larger(g->radii.y, g->radii.x) + 1
                                      : ((size_t)g->radii.y + 1) * ((size_t)g->radii.x + 1);
  const size_t padded = width + 2 * (size_t)g->radii.x;
  g->tap = malloc(taps * sizeof *g->tap);
  g->cut = lanes_allocate(taps * sizeof *g->cut);
  g->padded = lanes_allocate(padded * sizeof *g->padded);
  g->scratch = is_separable(g) ? lanes_allocate(height * width * sizeof *g->scratch) : NULL;
  if (!g->tap || !g->cut || !g->padded || (is_separable(g) && !g->scratch))
    return bd_fail(error, BD_FAILED, "no memory for a kernel of %zu x %zu pixels", height, width);
  memset(g->padded, 0, padded * sizeof *g->padded);
  g->row = g->padded + g->radii.x;
  fill_taps(g, taps);
  return BD_OK;
}

/* End a half-width at `most`, and with it how far the guard lets potentials reach: at the
   neighbouring strips, or at what sweeps can take. */
static void restrain(direct_t *g, int *radius, int most) {
  if (*radius <= most) return;
  *radius = most;
  g->base.farthest = fmin(g->base.farthest, kernel_cost(g->options.cost, most, 0));
}

bd_status_t BD_X(gibbs_direct)(const bd_solver_options_t *o, const bd_shape_t *shape,
                               bd_gibbs_t **gibbs, bd_error_t *error) {
  direct_t *g = calloc(1, sizeof *g);
  *gibbs = (bd_gibbs_t *)g;
  if (!g) return bd_fail(error, BD_FAILED, "no memory for a kernel");
  *g =
      (direct_t){.base = {.farthest = INFINITY,
                          .apply = kernel_separates(o->cost) ? apply_separable : apply_taps,
                          .destroy = destroy},
                 .options = *o,
                 .shape = *shape,
                 .radii = {.y = kernel_support(o, kernel_radius(o->window, shape->height)),
                           .x = kernel_support(o, kernel_radius(o->window, shape_columns(shape)))}};
  const int usual_y = kernel_usual(o, g->radii.y), usual_x = kernel_usual(o, g->radii.x);
  const int sweeps = is_separable(g) && larger(usual_y, usual_x) <= SWEEP_RADIUS_USUAL;
  if (shape->strips > 1) restrain(g, &g->radii.x, shape->width);
  if (sweeps) restrain(g, &g->radii.x, SWEEP_RADIUS_MAX);
  if (sweeps) restrain(g, &g->radii.y, SWEEP_RADIUS_MAX);
  bd_status_t status = allocate(g, error);
  if (status == BD_OK && sweeps) {
    g->base.sweep = sweep;
    g->usual_y = usual_y;
#ifndef BD_SINGLE
    g->base.prepare_back = prepare_back;
    g->base.sweep_back = sweep_back;
#endif
    status = BD_X(sweeper_create)(shape, g->radii, usual_y, BD_FORWARD, &g->sweeper, error);
  }
  allow_cuts(g);
  if (status == BD_OK) return BD_OK;
  destroy(&g->base);
  *gibbs = NULL;
  return status;
}
