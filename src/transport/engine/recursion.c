#include "transport/engine/gibbs.h"

#include <math.h>
#include <stdlib.h>

/* Rows at once: as many chains of dependent operations run side by side. */
enum { BAND = 4 };

/* What is carried from row to row. */
enum { SUM_ABOVE, A_BELOW, C_BELOW, C_ABOVE, ROWS };

typedef struct recursion {
  bd_gibbs_t base;
  bd_shape_t shape;
  bd_real_t factor;          /* f = exp(-1/gamma) */
  bd_real_t *power;          /* [width + 1]: powers of f */
  bd_lanes_t *a, *s, *d;     /* planes, in one piece of memory that begins at a */
  bd_lanes_t *carried[ROWS]; /* and rows, behind them */
} recursion_t;

static void destroy(bd_gibbs_t *base) {
  free(((recursion_t *)base)->a);
  free(((recursion_t *)base)->power);
  free(base);
}

/* ---- one line -------------------------------------------------------------------- */

/* With f = exp(-1/gamma), a line of elements is run over
     from the left   l_i = in_i + f l_{i-1}
     from the right  r_i = f (in_{i+1} + r_{i+1})
   and out_i = l_i + r_i = sum_j f^|i-j| in_j exactly, for O(1) work a pixel.  Only positive numbers
   are added.  (Deriche, "Fast algorithms for low-level vision", PAMI 12, 1990.) */

/* What runs into each strip from the one on its left, whose own pixels have run up to `end`:
   left_l = end_{l-1} + f^W left_{l-1}. */
BD_INLINE bd_lanes_t from_left(const recursion_t *g, bd_lanes_t end) {
  bd_lanes_t left = lanes_all(0);
  for (int l = 1; l < BD_LANES; l++) left[l] = end[l - 1] + g->power[g->shape.width] * left[l - 1];
  return left;
}

/* And from the one on its right, with sum = sum_x f^x in_x of each strip:
   right_l = f (sum_{l+1} + f^{W-1} right_{l+1}). */
BD_INLINE bd_lanes_t from_right(const recursion_t *g, bd_lanes_t sum) {
  bd_lanes_t right = lanes_all(0);
  for (int l = BD_LANES - 2; l >= 0; l--)
    right[l] = g->factor * (sum[l + 1] + g->power[g->shape.width - 1] * right[l + 1]);
  return right;
}

typedef enum layout { IMAGES, STRIPS } layout_t;

/* The pass over `rows` rows of in, which out may not overlap.  In strips the run from the left
   begins as if nothing lay there, and f^{x+1} of what does is added on the way back. */
BD_INLINE void pass_any(const recursion_t *g, const bd_lanes_t *restrict in,
                        bd_lanes_t *restrict out, int rows, layout_t layout) {
  const int in_strips = layout == STRIPS;
  const int width = g->shape.width;
  const bd_real_t f = g->factor, *power = g->power;
  bd_lanes_t carried[BAND], sum[BAND], left[BAND];
  for (int j = 0; j < rows; j++) carried[j] = sum[j] = lanes_all(0);
  for (int x = 0; x < width; x++)
    for (int j = 0; j < rows; j++) {
      out[j * width + x] = carried[j] = in[j * width + x] + f * carried[j];
      if (in_strips) sum[j] += power[x] * in[j * width + x];
    }
  for (int j = 0; j < rows; j++) {
    left[j] = in_strips ? from_left(g, carried[j]) : lanes_all(0);
    carried[j] = in_strips ? from_right(g, sum[j]) : lanes_all(0);
    if (in_strips) out[j * width + width - 1] += carried[j] + power[width] * left[j];
  }
  for (int x = width - 2; x >= 0; x--)
    for (int j = 0; j < rows; j++) {
      carried[j] = f * (in[j * width + x + 1] + carried[j]);
      out[j * width + x] += in_strips ? carried[j] + power[x + 1] * left[j] : carried[j];
    }
}

BD_INLINE void pass_rows(const recursion_t *g, const bd_lanes_t *restrict in,
                         bd_lanes_t *restrict out, int rows) {
  if (g->shape.strips > 1) pass_any(g, in, out, rows, STRIPS);
  else pass_any(g, in, out, rows, IMAGES);
}

/* Columns in step, row by row: the same recursion, streaming through memory. */
BD_INLINE void pass_columns(const recursion_t *g, const bd_lanes_t *in, bd_lanes_t *out,
                            bd_lanes_t *carried) {
  const int height = g->shape.height, width = g->shape.width;
  const bd_real_t f = g->factor;
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

static void apply(bd_gibbs_t *base, const bd_lanes_t *in, bd_lanes_t *out,
                  const bd_lanes_t *reach) {
  const recursion_t *g = (recursion_t *)base;
  (void)reach;
  for (int y = 0; y < g->shape.height; y++)
    pass_rows(g, in + (size_t)y * (size_t)g->shape.width, g->s + (size_t)y * (size_t)g->shape.width,
              1);
  pass_columns(g, g->s, out, g->carried[SUM_ABOVE]);
}

/* ---- a marginal in three passes -------------------------------------------------- */

/* Down, up and down again over the rows.  The first pass leaves a = 2^(u - max), its rows passed
   over (s), and the sum of those from above (d).  On the way up the sum from below is added, which
   makes K a whole; c = q / K a is passed over row by row, and summed from below in turn.  On the
   way down the sum from above makes K c whole.  Its plain twin is apply(), twice. */

/* d_y = s_y + f d_{y -+ 1}; the running sum is in `carried`, a row. */
BD_INLINE void accumulate(const bd_lanes_t *restrict s, bd_lanes_t *restrict d,
                          bd_lanes_t *restrict carried, int width, bd_real_t f) {
  for (int x = 0; x < width; x++) d[x] = carried[x] = s[x] + f * carried[x];
}

BD_INLINE void first_pass(const recursion_t *g, const bd_sweep_t *w, int y, int rows) {
  const size_t first = (size_t)y * (size_t)g->shape.width,
               count = (size_t)rows * (size_t)g->shape.width;
  const bd_lanes_t *restrict u = w->u + first, max = w->max;
  bd_lanes_t *restrict a = g->a + first;
  for (size_t i = 0; i < count; i++) {
    __builtin_prefetch(u + count + i);
    a[i] = lanes_exp2(lanes_clamp(u[i] - max));
  }
  pass_rows(g, a, g->s + first, rows);
  for (int j = 0; j < rows; j++)
    accumulate(g->s + first + j * g->shape.width, g->d + first + j * g->shape.width,
               g->carried[SUM_ABOVE], g->shape.width, g->factor);
}

BD_INLINE void second_pass(const recursion_t *g, bd_sweep_t *w, int y, int rows) {
  const int width = g->shape.width;
  const size_t first = (size_t)y * (size_t)width;
  const bd_real_t f = g->factor;
  const bd_lanes_t *restrict q = w->q + first, *s = g->s + first;
  bd_lanes_t *restrict d = g->d + first, *restrict below = g->carried[A_BELOW];
  for (int j = rows - 1; j >= 0; j--)
    for (int x = 0; x < width; x++) {
      bd_lanes_t ka = d[j * width + x] + below[x];
      if (first >= (size_t)(rows * width)) __builtin_prefetch(q + (j - rows) * width + x);
      d[j * width + x] = q[j * width + x] / ka;
      below[x] = f * (s[j * width + x] + below[x]);
      if (w->wants_log) w->sums.log_ka += q[j * width + x] * lanes_log(ka);
    }
  pass_rows(g, d, g->s + first, rows);
  for (int j = rows - 1; j >= 0; j--)
    accumulate(g->s + first + j * width, d + j * width, g->carried[C_BELOW], width, f);
}

BD_INLINE void third_pass(const recursion_t *g, bd_sweep_t *w, int y, bd_keep_t keep) {
  const size_t width = (size_t)g->shape.width, first = (size_t)y * width;
  bd_lanes_t *restrict above = g->carried[C_ABOVE];
  bd_step_t step = w->step;
  bd_dual_sums_t sums = no_sums();
  for (size_t x = 0; x < width; x++) {
    if (keep == BD_STEP_AT_ONCE) __builtin_prefetch(step.other + first + width + x);
    sweep_pixel(w, g->a[first + x] * (g->d[first + x] + above[x]), first + x, keep, &step, &sums);
    above[x] = g->factor * (g->s[first + x] + above[x]);
  }
  sweep_part(w, first, width, keep, &step, &sums);
}

static void sweep(bd_gibbs_t *base, bd_sweep_t *w) {
  const recursion_t *g = (recursion_t *)base;
  const int whole = g->shape.height / BAND * BAND;
  BD_X(sweep_start)(w);
  memset(g->carried[0], 0, ROWS * (size_t)g->shape.width * sizeof **g->carried);
  for (int y = 0; y < whole; y += BAND) first_pass(g, w, y, BAND);
  for (int y = whole; y < g->shape.height; y++) first_pass(g, w, y, 1);
  for (int y = g->shape.height - 1; y >= whole; y--) second_pass(g, w, y, 1);
  for (int y = whole - BAND; y >= 0; y -= BAND) second_pass(g, w, y, BAND);
  if (w->p)
    for (int y = 0; y < g->shape.height; y++) third_pass(g, w, y, BD_KEEP_P);
  else
    for (int y = 0; y < g->shape.height; y++) third_pass(g, w, y, BD_STEP_AT_ONCE);
}

/* ---- creation ------------------------------------------------------------------ */

bd_status_t BD_X(gibbs_recursion)(const bd_solver_options_t *o, const bd_shape_t *shape,
                                  bd_gibbs_t **gibbs, bd_error_t *error) {
  const size_t row = (size_t)shape->width, plane = (size_t)shape->height * row;
  recursion_t *g = calloc(1, sizeof *g);
  *gibbs = (bd_gibbs_t *)g;
  if (g) {
    *g = (recursion_t){
        .base = {.farthest = INFINITY, .apply = apply, .sweep = sweep, .destroy = destroy},
        .shape = *shape,
        .factor = (bd_real_t)exp(-1 / o->gamma)};
    g->power = malloc((row + 1) * sizeof *g->power);
    for (size_t i = 0; g->power && i <= row; i++)
      g->power[i] = (bd_real_t)kernel_tap((double)i, o->gamma);
    g->a = lanes_allocate((3 * plane + ROWS * row) * sizeof *g->a);
    g->s = g->a + plane;
    g->d = g->s + plane;
    for (int i = 0; i < ROWS; i++) g->carried[i] = g->d + plane + (size_t)i * row;
    if (g->a && g->power) return BD_OK;
    destroy(&g->base);
  }
  *gibbs = NULL;
  return bd_fail(error, BD_FAILED, "no memory for a kernel of %d x %d pixels", shape->height,
                 shape_columns(shape));
}
