#include "transport/engine/rows.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS_A, PASSED_A, PASSED_C };

bd_status_t BD_X(sweeper_create)(const bd_shape_t *shape, bd_radii_t largest, int usual_y,
                                 bd_direction_t direction, bd_sweeper_t *s, bd_error_t *error) {
  const int height = shape->height, width = shape->width;
  const int rings = direction == BD_FORWARD ? RINGS : RINGS_BACK;
  *s = (bd_sweeper_t){.shape = *shape,
                      .bands = direction == BD_FORWARD ? 1 : 2,
                      .margin = largest.x,
                      .band = BAND,
                      .row = (size_t)width + 2 * (size_t)largest.x,
                      .far = height * width > FAR_PIXELS};
  if ((size_t)rings * ring_length(BAND, usual_y) * (size_t)(width + 2 * usual_y) *
          sizeof *s->memory >
      RINGS_MAX)
    s->band = NARROW_BAND;
  size_t size = ((size_t)rings * ring_length(s->band, largest.y) + (size_t)s->bands * BAND + 1) *
                s->row * sizeof *s->memory;
  s->memory = lanes_allocate(size);
  if (!s->memory)
    return bd_fail(error, BD_FAILED, "no memory for a kernel of %d x %d pixels", height, width);
  memset(s->memory, 0, size); /* margins stay zero */
  s->zero = s->memory + (size_t)s->bands * BAND * s->row + s->margin;
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

typedef struct stage {
  rows_t r;
  bd_sweep_t *w;
  const bd_lanes_t **in; /* [BAND + 2 radii.y] */
} stage_t;

/* ---- the stages ---------------------------------------------------------------- */

/* Row y: a = 2^(u - max) and the first pass over it.  Only a sweep that keeps p has lanes beyond
   the range of float64; other arithmetic has taken care of them. */
BD_INLINE void exponentiate(const stage_t *t, int y, bd_keep_t keep) {
  const int width = t->r.s->shape.width;
  bd_lanes_t *restrict a = ring_row(&t->r, ROWS_A, y);
  const bd_lanes_t *restrict u = t->w->u + (size_t)y * (size_t)width, max = t->w->max;
  for (int x = 0; x < width; x++) {
    if (t->r.distance == FAR) __builtin_prefetch(u + t->r.band * width + x);
    a[x] = lanes_exp2(keep == BD_KEEP_P ? lanes_clamp(u[x] - max) : u[x] - max);
  }
  pass_row(&t->r, a, ring_row(&t->r, PASSED_A, y));
}

/* The divider works on every other row of a band, and the other units on those between.  Both give
   the same bits. */
BD_INLINE bd_lanes_t quotient(bd_lanes_t q, bd_lanes_t ka, int j) {
  return j % 2 == 0 ? q / ka : lanes_divide(q, ka);
}

/* Rows y .. y + rows - 1: c = q / K a and the first pass over it. */
BD_INLINE void divide(const stage_t *t, int y, int rows) {
  const int width = t->r.s->shape.width, wants_log = t->w->wants_log;
  const bd_lanes_t *q = t->w->q + (size_t)y * (size_t)width;
  gather_rows(&t->r, PASSED_A, y, rows, t->in);
  for (int x = 0; x < width; x++) {
    bd_lanes_t ka[BAND];
    pass_columns(t->in, rows, x, t->r.tap, t->r.radii.y, ka);
    for (int j = 0; j < rows; j++) {
      if (t->r.distance == FAR) __builtin_prefetch(q + (j + t->r.band) * width + x);
      band_row(&t->r, j)[x] = quotient(q[j * width + x], ka[j], j);
    }
    for (int j = 0; wants_log && j < rows; j++)
      t->w->sums.log_ka += q[j * width + x] * lanes_log(ka[j]);
  }
  for (int j = 0; j < rows; j++)
    pass_row(&t->r, band_row(&t->r, j), ring_row(&t->r, PASSED_C, y + j));
}

/* Rows y .. y + rows - 1: p = a . K c, its sums and the step. */
BD_INLINE void finish(const stage_t *t, int y, int rows, bd_keep_t keep) {
  bd_sweep_t *w = t->w;
  const size_t width = (size_t)t->r.s->shape.width, first = (size_t)y * width;
  bd_step_t step = w->step;
  bd_dual_sums_t sums = {lanes_all(0), lanes_all(0), lanes_all(0)};
  const bd_lanes_t *a[BAND];
  for (int j = 0; j < rows; j++) a[j] = ring_row(&t->r, ROWS_A, y + j);
  gather_rows(&t->r, PASSED_C, y, rows, t->in);
  for (size_t x = 0; x < width; x++) {
    bd_lanes_t p[BAND];
    pass_columns(t->in, rows, (int)x, t->r.tap, t->r.radii.y, p);
    for (int j = 0; j < rows; j++) {
      const size_t i = first + (size_t)j * width + x;
      if (t->r.distance == FAR && keep == BD_STEP_AT_ONCE)
        __builtin_prefetch(step.other + i + (size_t)t->r.band * width);
      sweep_pixel(w, p[j] * a[j][x], i, keep, &step, &sums);
    }
  }
  sweep_part(w, first, (size_t)rows * width, keep, &step, &sums);
}

/* ---- their order --------------------------------------------------------------- */

/* A later stage takes what it can before the one before it goes on.  The rings are no longer than
   that needs. */
BD_INLINE void run_stages(const stage_t *t, bd_keep_t keep) {
  for (int exponentiated = 0, divided = 0, done = 0, rows; done < t->r.s->shape.height;) {
    if ((rows = takes(&t->r, done, divided)) == t->r.band) finish(t, done, t->r.band, keep);
    else if (rows) finish(t, done, 1, keep);
    done += rows;
    if (rows) continue;
    if ((rows = takes(&t->r, divided, exponentiated)) == t->r.band) divide(t, divided, t->r.band);
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

BD_INLINE void run_constant(const stage_t *t, int radius, int band, distance_t distance) {
  const bd_lanes_t *in[2 * UNROLLED_RADIUS + BAND];
  bd_lanes_t tap[UNROLLED_RADIUS + 1];
  for (int d = 0; d <= radius; d++) tap[d] = t->r.tap[d];
  stage_t constant = {{t->r.s, tap, {radius, radius}, band, distance}, t->w, in};
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
  const stage_t t = {{s, tap, radii, s->band, FAR}, w, NULL};
  if (radii.y != radii.x || radii.y < BD_X(sweep_least)(s) || radii.y > UNROLLED_RADIUS)
    run_any(&t);
  else if (radii.y == 1) run_1_near(&t);
  else if (radii.y == 2) run_2_near(&t);
  else if (s->band == NARROW_BAND) run_3_narrow(&t);
  else if (s->far) run_3_far(&t);
  else run_3_near(&t);
}
