#include "transport/engine/gibbs.h"

#include <math.h>
#include <stdlib.h>

typedef struct recursion {
  bd_gibbs_t base;
  int height, width, in_strips;
  bd_real_t factor;                   /* exp(-1/gamma) */
  bd_real_t *power;                   /* [width + 1]: its powers */
  bd_lanes_t *a, *s, *d, *carried[4]; /* planes and rows, in one piece of memory at a */
} recursion_t;

static void destroy(bd_gibbs_t *base) {
  free(((recursion_t *)base)->a);
  free(((recursion_t *)base)->power);
  free(base);
}

/* A line of elements: with f = exp(-1/gamma),
     from the left   l_i = in_i + f l_{i-1}
     from the right  r_i = f (in_{i+1} + r_{i+1})
   and out_i = l_i + r_i = sum_j f^|i-j| in_j exactly, for O(1) work a pixel: only positive
   numbers are added.  (Deriche, "Fast algorithms for low-level vision", PAMI 12, 1990.) */

enum { BAND = 4 }; /* rows at once: as many chains of dependent operations side by side */

/* What runs into a strip from the one on its left, whose pixels have run to `end`: l_l = end_{l-1}
 * + f^W l_{l-1}. */
BD_INLINE bd_lanes_t from_left(const recursion_t *g, bd_lanes_t end) {
  bd_lanes_t left = lanes_all(0);
  for (int l = 1; l < BD_LANES; l++) left[l] = end[l - 1] + g->power[g->width] * left[l - 1];
  return left;
}

/* And from its right, with sum = sum_x f^x in_x of each strip: r_l = f (sum_{l+1} + f^{W-1}
 * r_{l+1}). */
BD_INLINE bd_lanes_t from_right(const recursion_t *g, bd_lanes_t sum) {
  bd_lanes_t right = lanes_all(0);
  for (int l = BD_LANES - 2; l >= 0; l--)
    right[l] = g->factor * (sum[l + 1] + g->power[g->width - 1] * right[l + 1]);
  return right;
}

/* s = row pass of in, for `rows` rows; may not overlap.  In strips the run from the left begins as
   if nothing lay there, and f^{x+1} of what does is added on the way back. */
BD_INLINE void pass_any(const recursion_t *g, const bd_lanes_t *restrict in,
                        bd_lanes_t *restrict out, int rows, int in_strips) {
  const int width = g->width;
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
  if (g->in_strips) pass_any(g, in, out, rows, 1);
  else pass_any(g, in, out, rows, 0);
}

/* Columns in step, row by row: the same recursion, streaming through memory. */
BD_INLINE void columns(const bd_lanes_t *in, bd_lanes_t *out, int height, int width, bd_real_t f,
                       bd_lanes_t *carried) {
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
  for (int y = 0; y < g->height; y++)
    pass_rows(g, in + (size_t)y * (size_t)g->width, g->s + (size_t)y * (size_t)g->width, 1);
  columns(g->s, out, g->height, g->width, g->factor, g->carried[0]);
}

/* ---- a marginal in three passes ------------------------------------------------- */

/* Down, up and down again over the rows.  The first pass leaves a = 2^(u - max), its rows
   passed over (s) and the sum of those from above (d).  On the way up the sum from below is
   added, K a is whole, c = q / K a is passed over row by row and summed from below in turn; on
   the way down the sum from above makes K c whole.  Its plain twin is apply(), twice. */
/* d_y = s_y + f d_{y -+ 1}: the running sum is in `carried`, a row. */
BD_INLINE void accumulate(const bd_lanes_t *restrict s, bd_lanes_t *restrict d,
                          bd_lanes_t *restrict carried, int width, bd_real_t f) {
  for (int x = 0; x < width; x++) d[x] = carried[x] = s[x] + f * carried[x];
}

BD_INLINE void first_pass(const recursion_t *g, const bd_sweep_t *w, int y, int rows) {
  const size_t first = (size_t)y * (size_t)g->width, count = (size_t)rows * (size_t)g->width;
  const bd_lanes_t *restrict u = w->u + first, max = w->max;
  bd_lanes_t *restrict a = g->a + first;
  for (size_t i = 0; i < count; i++) {
    __builtin_prefetch(u + count + i);
    a[i] = lanes_exp2(lanes_clamp(u[i] - max));
  }
  pass_rows(g, a, g->s + first, rows);
  for (int j = 0; j < rows; j++)
    accumulate(g->s + first + j * g->width, g->d + first + j * g->width, g->carried[0], g->width,
               g->factor);
}

BD_INLINE void second_pass(const recursion_t *g, bd_sweep_t *w, int y, int rows) {
  const int width = g->width;
  const size_t first = (size_t)y * (size_t)width;
  const bd_real_t f = g->factor;
  const bd_lanes_t *restrict q = w->q + first, *s = g->s + first;
  bd_lanes_t *restrict d = g->d + first, *restrict below = g->carried[1];
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
    accumulate(g->s + first + j * width, d + j * width, g->carried[2], width, f);
}

BD_INLINE void third_pass(const recursion_t *g, bd_sweep_t *w, int y, int keep) {
  const size_t width = (size_t)g->width, first = (size_t)y * width;
  bd_lanes_t *restrict above = g->carried[3];
  bd_step_t step = w->step;
  bd_gradient_sums_t sums = {lanes_all(0), lanes_all(0), lanes_all(0)};
  for (size_t x = 0; x < width; x++) {
    if (!keep) __builtin_prefetch(step.other + first + width + x);
    sweep_pixel(w, g->a[first + x] * (g->d[first + x] + above[x]), first + x, keep, &step, &sums);
    above[x] = g->factor * (g->s[first + x] + above[x]);
  }
  sweep_part(w, first, width, keep, &step, &sums);
}

static void sweep(bd_gibbs_t *base, bd_sweep_t *w) {
  const recursion_t *g = (recursion_t *)base;
  const int whole = g->height / BAND * BAND;
  BD_X(sweep_start)(w);
  memset(g->carried[0], 0, 4 * (size_t)g->width * sizeof **g->carried);
  for (int y = 0; y < whole; y += BAND) first_pass(g, w, y, BAND);
  for (int y = whole; y < g->height; y++) first_pass(g, w, y, 1);
  for (int y = g->height - 1; y >= whole; y--) second_pass(g, w, y, 1);
  for (int y = whole - BAND; y >= 0; y -= BAND) second_pass(g, w, y, BAND);
  if (w->p)
    for (int y = 0; y < g->height; y++) third_pass(g, w, y, 1);
  else
    for (int y = 0; y < g->height; y++) third_pass(g, w, y, 0);
}

/* ---- creation ------------------------------------------------------------------ */

bd_status_t BD_X(gibbs_recursion)(const bd_solver_options_t *o, int height, int width, int strips,
                                  bd_gibbs_t **gibbs, bd_error_t *error) {
  const size_t row = (size_t)(width / strips), plane = (size_t)height * row;
  recursion_t *g = calloc(1, sizeof *g);
  *gibbs = (bd_gibbs_t *)g;
  if (g) {
    *g = (recursion_t){.base = {0, INFINITY, apply, sweep, destroy},
                       .height = height,
                       .width = (int)row,
                       .in_strips = strips > 1,
                       .factor = (bd_real_t)exp(-1 / o->gamma)};
    g->power = malloc((row + 1) * sizeof *g->power);
    for (size_t i = 0; g->power && i <= row; i++)
      g->power[i] = (bd_real_t)kernel_tap((double)i, o->gamma);
    g->a = lanes_allocate((3 * plane + 4 * row) * sizeof *g->a);
    g->s = g->a + plane;
    g->d = g->s + plane;
    for (int i = 0; i < 4; i++) g->carried[i] = g->d + plane + (size_t)i * row;
    if (g->a && g->power) return BD_OK;
    destroy(&g->base);
  }
  *gibbs = NULL;
  return bd_fail(error, BD_FAILED, "no memory for a kernel of %d x %d pixels", height, width);
}
