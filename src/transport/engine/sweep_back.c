#include "transport/engine/rows.h"

enum { ROWS_A, PASSED_A, PASSED_C, PASSED_R, PASSED_RZ };

/* What the stages share; in, other: [BAND + 2 radii.y]. */
typedef struct stage {
  rows_t r;
  const bd_sweep_back_t *w;
  const bd_lanes_t **in, **other;
} stage_t;

/* ---- the stages ---------------------------------------------------------------- */

/* Row y: a = 2^(u - max), c = a . pb, and the first pass over both. */
BD_INLINE void exponentiate(const stage_t *t, int y) {
  const int width = t->r.s->shape.width;
  const size_t first = (size_t)y * (size_t)width;
  bd_lanes_t *restrict a = ring_row(&t->r, ROWS_A, y), *restrict c = band_row(&t->r, 0);
  const bd_lanes_t *restrict u = t->w->u + first, *restrict pb = t->w->pb + first;
  const bd_lanes_t max = t->w->max;
  for (int x = 0; x < width; x++) {
    a[x] = lanes_exp2(lanes_clamp(u[x] - max));
    c[x] = a[x] * pb[x];
  }
  pass_row(&t->r, a, ring_row(&t->r, PASSED_A, y));
  pass_row(&t->r, c, ring_row(&t->r, PASSED_C, y));
}

/* Rows y .. y + rows - 1: z = K c / K a, which goes to qb, r = q / K a, and the first pass over r
   and r . z. */
BD_INLINE void divide(const stage_t *t, int y, int rows) {
  const int width = t->r.s->shape.width;
  const size_t first = (size_t)y * (size_t)width;
  const bd_lanes_t *q = t->w->q + first;
  bd_lanes_t *qb = t->w->qb + first;
  const bd_mask_t left = t->w->left;
  gather_rows(&t->r, PASSED_A, y, rows, t->in);
  gather_rows(&t->r, PASSED_C, y, rows, t->other);
  for (int x = 0; x < width; x++) {
    bd_lanes_t ka[BAND], kc[BAND];
    pass_columns(t->in, rows, x, t->r.tap, t->r.radii.y, ka);
    pass_columns(t->other, rows, x, t->r.tap, t->r.radii.y, kc);
    for (int j = 0; j < rows; j++) {
      const bd_lanes_t inverse = 1 / ka[j], z = kc[j] * inverse, r = q[j * width + x] * inverse;
      qb[j * width + x] += lanes_select(left, lanes_all(0), z);
      band_row(&t->r, j)[x] = r;
      band_row(&t->r, BAND + j)[x] = r * z;
    }
  }
  for (int j = 0; j < rows; j++) {
    pass_row(&t->r, band_row(&t->r, j), ring_row(&t->r, PASSED_R, y + j));
    pass_row(&t->r, band_row(&t->r, BAND + j), ring_row(&t->r, PASSED_RZ, y + j));
  }
}

/* Rows y .. y + rows - 1: g = ln 2 a . (pb . K r - K(r . z)). */
BD_INLINE void finish(const stage_t *t, int y, int rows) {
  const bd_sweep_back_t *w = t->w;
  const size_t width = (size_t)t->r.s->shape.width, first = (size_t)y * width;
  const bd_lanes_t *a[BAND];
  for (int j = 0; j < rows; j++) a[j] = ring_row(&t->r, ROWS_A, y + j);
  gather_rows(&t->r, PASSED_R, y, rows, t->in);
  gather_rows(&t->r, PASSED_RZ, y, rows, t->other);
  for (size_t x = 0; x < width; x++) {
    bd_lanes_t kr[BAND], krz[BAND];
    pass_columns(t->in, rows, (int)x, t->r.tap, t->r.radii.y, kr);
    pass_columns(t->other, rows, (int)x, t->r.tap, t->r.radii.y, krz);
    for (int j = 0; j < rows; j++) {
      const size_t i = first + (size_t)j * width + x;
      const bd_lanes_t g = a[j][x] * (bd_real_t)BD_LN2 * (w->pb[i] * kr[j] - krz[j]),
                       kept = lanes_select(w->left, lanes_all(0), g);
      w->g[i] += kept;
      if (w->nu) w->nu[i] -= w->nu_scale * kept;
    }
  }
}

/* ---- their order --------------------------------------------------------------- */

BD_INLINE void run_stages(const stage_t *t) {
  const int band = t->r.band;
  for (int exponentiated = 0, divided = 0, done = 0, rows; done < t->r.s->shape.height;) {
    if ((rows = takes(&t->r, done, divided)) == band) finish(t, done, band);
    else if (rows) finish(t, done, 1);
    done += rows;
    if (rows) continue;
    if ((rows = takes(&t->r, divided, exponentiated)) == band) divide(t, divided, band);
    else if (rows) divide(t, divided, 1);
    divided += rows;
    if (!rows) exponentiate(t, exponentiated++);
  }
}

static void run_any(const stage_t *t) {
  const bd_lanes_t *in[2][2 * SWEEP_RADIUS_MAX + BAND];
  stage_t own = *t;
  own.in = in[0];
  own.other = in[1];
  run_stages(&own);
}

BD_INLINE void run_constant(const stage_t *t, int radius, int band) {
  const bd_lanes_t *in[2][2 * UNROLLED_RADIUS + BAND];
  bd_lanes_t tap[UNROLLED_RADIUS + 1];
  for (int d = 0; d <= radius; d++) tap[d] = t->r.tap[d];
  const stage_t constant = {{t->r.s, tap, {radius, radius}, band, NEAR}, t->w, in[0], in[1]};
  run_stages(&constant);
}
static void run_1(const stage_t *t) { run_constant(t, 1, BAND); }
static void run_2(const stage_t *t) { run_constant(t, 2, BAND); }
static void run_3(const stage_t *t) { run_constant(t, UNROLLED_RADIUS, BAND); }

void BD_X(sweep_back)(const bd_sweeper_t *s, const bd_sweep_back_t *w, const bd_lanes_t *tap,
                      bd_radii_t radii) {
  const stage_t t = {{s, tap, radii, s->band, NEAR}, w, NULL, NULL};
  if (radii.y != radii.x || s->band != BAND || radii.y < 1 || radii.y > UNROLLED_RADIUS)
    run_any(&t);
  else if (radii.y == 1) run_1(&t);
  else if (radii.y == 2) run_2(&t);
  else run_3(&t);
}
