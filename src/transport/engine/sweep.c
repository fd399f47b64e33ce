#include "transport/engine/sweep.h"

#include <math.h>
#include <stdlib.h>

/* A stage takes `band` rows at once.  It then loads a row of a ring (band + 2 radius)/band times
   instead of 2 radius + 1 times, but longer bands need longer rings.  What is best was measured
   (tests/bench): 4 rows, or 2 where the rings would not fit into half of a second-level cache of
   1 MiB; and the size of a plane from which fetching ahead pays. */
enum { BAND = 4, NARROW_BAND = 2, RINGS_MAX = 512 * 1024, FAR_PIXELS = 8000 };

enum { ROWS_A, PASSED_A, PASSED_C, RINGS };

/* Rows of a ring: between what its writer has written and what its last reader still needs. */
BD_INLINE size_t ring_length(int band, int radius) { return 2 * (size_t)(radius + band); }

bd_status_t BD_X(sweeper_create)(const bd_shape_t *shape, bd_radii_t largest, int usual_y,
                                 bd_sweeper_t *s, bd_error_t *error) {
  const int height = shape->height, width = shape->width;
  *s = (bd_sweeper_t){.shape = *shape,
                      .margin = largest.x,
                      .band = BAND,
                      .row = (size_t)width + 2 * (size_t)largest.x,
                      .far = height * width > FAR_PIXELS};
  if (RINGS * ring_length(BAND, usual_y) * (size_t)(width + 2 * usual_y) * sizeof *s->memory >
      RINGS_MAX)
    s->band = NARROW_BAND;
  size_t size = (RINGS * ring_length(s->band, largest.y) + BAND + 1) * s->row * sizeof *s->memory;
  s->memory = lanes_allocate(size);
  if (!s->memory)
    return bd_fail(error, BD_FAILED, "no memory for a kernel of %d x %d pixels", height, width);
  memset(s->memory, 0, size); /* margins stay zero */
  return BD_OK;
}

void BD_X(sweeper_free)(bd_sweeper_t *s) {
  free(s->memory);
  s->memory = NULL;
}

/* ---- steps --------------------------------------------------------------------- */

static void step_start(bd_step_t *step) {
  step->max = lanes_all(-INFINITY);
  step->min = lanes_all(INFINITY);
}

void BD_X(step_plane)(bd_step_t *step, const bd_lanes_t *p, size_t pixels) {
  step_start(step);
  if (step->u) step_pixels(step, p, 0, pixels);
}

void BD_X(sweep_start)(bd_sweep_t *w) {
  w->sums = no_sums();
  step_start(&w->step);
}

/* ---- rows ---------------------------------------------------------------------- */

/* Do planes fit into the second-level cache? */
typedef enum distance { NEAR, FAR } distance_t;

/* What the stages share.  Where radii, band and distance are constants, the compiler unrolls loops
   and drops branches. */
typedef struct stage {
  const bd_sweeper_t *s;
  bd_sweep_t *w;
  const bd_lanes_t *tap;
  bd_radii_t radii;
  int band;
  distance_t distance;
  const bd_lanes_t **in; /* [BAND + 2 radii.y] */
} stage_t;

/* Row j of the band, the row of zeros, and row y of a ring, each at its first pixel, with `margin`
   zeros on either side. */
BD_INLINE bd_lanes_t *band_row(const stage_t *t, int j) {
  return t->s->memory + (size_t)j * t->s->row + t->s->margin;
}
BD_INLINE bd_lanes_t *zero_row(const stage_t *t) { return band_row(t, BAND); }
BD_INLINE bd_lanes_t *ring_row(const stage_t *t, unsigned ring, int y) {
  const size_t length = ring_length(t->band, t->radii.y);
  return band_row(t, BAND + 1) + (ring * length + (size_t)y % length) * t->s->row;
}

/* Rows first - radius .. first + rows - 1 + radius of a ring. */
BD_INLINE void gather_rows(const stage_t *t, unsigned ring, int first, int rows) {
  for (int j = 0; j < rows + 2 * t->radii.y; j++) {
    int y = first - t->radii.y + j;
    t->in[j] = y < 0 || y >= t->s->shape.height ? zero_row(t) : ring_row(t, ring, y);
  }
}

/* The pass down columns for the rows of a band at pixel x.  Nothing is stored before its end, so
   that what two rows share is loaded once. */
BD_INLINE void pass_columns(const bd_lanes_t *const *in, int rows, int x, const bd_lanes_t *tap,
                            int radius, bd_lanes_t *out) {
  for (int j = 0; j < rows; j++) {
    bd_lanes_t sum = in[j + radius][x];
    for (int d = 1; d <= radius; d++)
      sum += tap[d] * (in[j + radius - d][x] + in[j + radius + d][x]);
    out[j] = sum;
  }
}

/* ---- the stages ---------------------------------------------------------------- */

/* Row y: a = 2^(u - max) and the first pass over it.  Only a sweep that keeps p has lanes beyond
   the range of float64; other arithmetic has taken care of them. */
BD_INLINE void exponentiate(const stage_t *t, int y, bd_keep_t keep) {
  const int width = t->s->shape.width;
  bd_lanes_t *restrict a = ring_row(t, ROWS_A, y);
  const bd_lanes_t *restrict u = t->w->u + (size_t)y * (size_t)width, max = t->w->max;
  for (int x = 0; x < width; x++) {
    if (t->distance == FAR) __builtin_prefetch(u + t->band * width + x);
    a[x] = lanes_exp2(keep == BD_KEEP_P ? lanes_clamp(u[x] - max) : u[x] - max);
  }
  if (t->s->shape.strips > 1) lanes_join(a, width, t->radii.x);
  lanes_pass(a, ring_row(t, PASSED_A, y), width, t->tap, t->radii.x);
}

/* Rows y .. y + rows - 1: c = q / K a and the first pass over it. */
BD_INLINE void divide(const stage_t *t, int y, int rows) {
  const int width = t->s->shape.width, wants_log = t->w->wants_log;
  const bd_lanes_t *q = t->w->q + (size_t)y * (size_t)width;
  gather_rows(t, PASSED_A, y, rows);
  for (int x = 0; x < width; x++) {
    bd_lanes_t ka[BAND];
    pass_columns(t->in, rows, x, t->tap, t->radii.y, ka);
    for (int j = 0; j < rows; j++) {
      if (t->distance == FAR) __builtin_prefetch(q + (j + t->band) * width + x);
      band_row(t, j)[x] = q[j * width + x] / ka[j];
    }
    for (int j = 0; wants_log && j < rows; j++)
      t->w->sums.log_ka += q[j * width + x] * lanes_log(ka[j]);
  }
  for (int j = 0; t->s->shape.strips > 1 && j < rows; j++)
    lanes_join(band_row(t, j), width, t->radii.x);
  for (int j = 0; j < rows; j++)
    lanes_pass(band_row(t, j), ring_row(t, PASSED_C, y + j), width, t->tap, t->radii.x);
}

/* Rows y .. y + rows - 1: p = a . K c, its sums and the step. */
BD_INLINE void finish(const stage_t *t, int y, int rows, bd_keep_t keep) {
  bd_sweep_t *w = t->w;
  const size_t width = (size_t)t->s->shape.width, first = (size_t)y * width;
  bd_step_t step = w->step;
  bd_dual_sums_t sums = {lanes_all(0), lanes_all(0), lanes_all(0)};
  const bd_lanes_t *a[BAND];
  for (int j = 0; j < rows; j++) a[j] = ring_row(t, ROWS_A, y + j);
  gather_rows(t, PASSED_C, y, rows);
  for (size_t x = 0; x < width; x++) {
    bd_lanes_t p[BAND];
    pass_columns(t->in, rows, (int)x, t->tap, t->radii.y, p);
    for (int j = 0; j < rows; j++) {
      const size_t i = first + (size_t)j * width + x;
      if (t->distance == FAR && keep == BD_STEP_AT_ONCE)
        __builtin_prefetch(step.other + i + (size_t)t->band * width);
      sweep_pixel(w, p[j] * a[j][x], i, keep, &step, &sums);
    }
  }
  sweep_part(w, first, (size_t)rows * width, keep, &step, &sums);
}

/* ---- their order --------------------------------------------------------------- */

/* The rows that a stage can take now, when it has done `next` rows and the stage before it `ready`:
   a band, single rows at the end, or none yet. */
BD_INLINE int takes(const stage_t *t, int next, int ready) {
  const int height = t->s->shape.height;
  if (next == height || (ready < height && next + t->band + t->radii.y > ready)) return 0;
  return next + t->band <= height ? t->band : 1;
}

/* A later stage takes what it can before the one before it goes on.  The rings are no longer than
   that needs. */
BD_INLINE void run_stages(const stage_t *t, bd_keep_t keep) {
  for (int exponentiated = 0, divided = 0, done = 0, rows; done < t->s->shape.height;) {
    if ((rows = takes(t, done, divided)) == t->band) finish(t, done, t->band, keep);
    else if (rows) finish(t, done, 1, keep);
    done += rows;
    if (rows) continue;
    if ((rows = takes(t, divided, exponentiated)) == t->band) divide(t, divided, t->band);
    else if (rows) divide(t, divided, 1);
    divided += rows;
    if (!rows) exponentiate(t, exponentiated++, keep);
  }
}

static void run_any(const stage_t *t) {
  const bd_lanes_t *in[2 * SWEEP_RADIUS_MAX + BAND];
  stage_t own = *t;
  own.in = in;
  run_stages(&own, t->w->p ? BD_KEEP_P : BD_STEP_AT_ONCE);
}

/* The paper's window and what a short reach leaves of it, unrolled. */
enum { UNROLLED_RADIUS = 3 };

BD_INLINE void run_constant(const stage_t *t, int radius, int band, distance_t distance) {
  const bd_lanes_t *in[2 * UNROLLED_RADIUS + BAND];
  bd_lanes_t tap[UNROLLED_RADIUS + 1];
  for (int d = 0; d <= radius; d++) tap[d] = t->tap[d];
  stage_t constant = {t->s, t->w, tap, {radius, radius}, band, distance, in};
  if (t->w->p) run_stages(&constant, BD_KEEP_P);
  else run_stages(&constant, BD_STEP_AT_ONCE);
}
static void run_1_near(const stage_t *t) { run_constant(t, 1, BAND, NEAR); }
static void run_2_near(const stage_t *t) { run_constant(t, 2, BAND, NEAR); }
static void run_3_near(const stage_t *t) { run_constant(t, UNROLLED_RADIUS, BAND, NEAR); }
static void run_3_far(const stage_t *t) { run_constant(t, UNROLLED_RADIUS, BAND, FAR); }
static void run_3_narrow(const stage_t *t) { run_constant(t, UNROLLED_RADIUS, NARROW_BAND, FAR); }

int BD_X(sweep_least)(const bd_sweeper_t *s) {
  return s->far || s->band == NARROW_BAND ? UNROLLED_RADIUS : 1;
}

void BD_X(sweep_marginal)(const bd_sweeper_t *s, bd_sweep_t *w, const bd_lanes_t *tap,
                          bd_radii_t radii) {
  BD_X(sweep_start)(w);
  const stage_t t = {s, w, tap, radii, s->band, FAR, NULL};
  if (radii.y != radii.x || radii.y < BD_X(sweep_least)(s) || radii.y > UNROLLED_RADIUS)
    run_any(&t);
  else if (radii.y == 1) run_1_near(&t);
  else if (radii.y == 2) run_2_near(&t);
  else if (s->band == NARROW_BAND) run_3_narrow(&t);
  else if (s->far) run_3_far(&t);
  else run_3_near(&t);
}
