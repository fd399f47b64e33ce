#include "sweep.h"

#include <math.h>
#include <stdlib.h>

/* Planes larger than this lie beyond the second-level cache. */
enum { FAR_PIXELS = 8000 };

/* Rows a stage takes at once: a row of a ring is then loaded (BAND + 2 radius)/BAND times, not
   2 radius + 1 times. */
enum { BAND = 4 };

enum { A, ROWS_OF_A, ROWS_OF_C, RINGS };

bd_status_t sweeper_create(int height, int width, int radius_y, int radius_x, const bd_real_t *tap, bd_sweeper_t *s,
                           bd_error_t *error) {
  const size_t row = (size_t)width + 2 * (size_t)radius_x;
  *s = (bd_sweeper_t){.height = height, .width = width, .radius_y = radius_y, .radius_x = radius_x, .row = row, .tap = tap,
                      .far = height * width > FAR_PIXELS};
  /* A ring holds the rows between what its writer has written and its last reader still needs. */
  s->length = 2 * radius_y + 3 * BAND;
  s->zeros = aligned_alloc(64, row * sizeof *s->zeros);
  if (!s->zeros) return bd_fail(error, BD_FAILED, "no memory for a kernel of %d x %d pixels", height, width);
  memset(s->zeros, 0, row * sizeof *s->zeros);
  return BD_OK;
}

void sweeper_free(bd_sweeper_t *s) {
  free(s->zeros);
  s->zeros = NULL;
}

bd_lanes_t *sweep_memory(const bd_sweeper_t *s) {
  /* The rings, and a band of rows of q / K a or p; margins are and stay zero. */
  size_t size = ((size_t)(RINGS * s->length) + BAND) * s->row * sizeof(bd_lanes_t);
  bd_lanes_t *memory = aligned_alloc(64, size);
  if (memory) memset(memory, 0, size);
  return memory;
}

void step_start(bd_step_t *step) {
  step->max = lanes_all(-INFINITY);
  step->min = lanes_all(INFINITY);
}

void sweep_start(bd_sweep_t *w) {
  w->exponentiated = w->divided = w->done = 0;
  w->sums = (bd_gradient_sums_t){lanes_all(0), lanes_all(0), lanes_all(0)};
  step_start(&w->step);
}

/* Row y of a ring, at its first pixel. */
BD_INLINE bd_lanes_t *ring_row(const bd_sweeper_t *s, const bd_sweep_t *w, int ring, int y) {
  return w->memory + (size_t)(ring * s->length + y % s->length) * s->row + s->radius_x;
}
BD_INLINE bd_lanes_t *band_row(const bd_sweeper_t *s, const bd_sweep_t *w, int j) {
  return w->memory + (size_t)(RINGS * s->length + j) * s->row + s->radius_x;
}

/* Rows first - radius .. first + rows - 1 + radius of a ring. */
BD_INLINE void gather_rows(const bd_sweeper_t *s, const bd_sweep_t *w, int ring, int first, int rows, int radius,
                           const bd_lanes_t **in) {
  for (int j = 0; j < rows + 2 * radius; j++) {
    int y = first - radius + j;
    in[j] = y < 0 || y >= s->height ? s->zeros + s->radius_x : ring_row(s, w, ring, y);
  }
}

/* The pass along a row with zero margins. */
BD_INLINE void pass_row(const bd_lanes_t *restrict in, bd_lanes_t *restrict out, int width, const bd_real_t *tap, int radius) {
  for (int x = 0; x < width; x++) {
    bd_lanes_t sum = in[x];
    for (int d = 1; d <= radius; d++) sum += tap[d] * (in[x - d] + in[x + d]);
    out[x] = sum;
  }
}

/* The pass down columns for the rows of a band at pixel x; all of it before anything is
   stored, so that what two rows share is loaded once. */
BD_INLINE void pass_columns(const bd_lanes_t *const *in, int rows, int x, const bd_real_t *tap, int radius, bd_lanes_t *out) {
  for (int j = 0; j < rows; j++) {
    bd_lanes_t sum = in[j + radius][x];
    for (int d = 1; d <= radius; d++) sum += tap[d] * (in[j + radius - d][x] + in[j + radius + d][x]);
    out[j] = sum;
  }
}

/* One pixel. */
BD_INLINE void step_pixel(bd_step_t *step, bd_lanes_t p, size_t i) {
  bd_lanes_t u = (step->potential[i] + (step->pull * step->other[i] - step->push * p)) * step->shrink;
  step->potential[i] = u;
  step->max = lanes_max(step->max, u);
  step->min = lanes_min(step->min, u);
}

void step_pixels(bd_step_t *step, const bd_lanes_t *p, size_t first, size_t count) {
  bd_step_t local = *step; /* in registers */
  for (size_t i = 0; i < count; i++) step_pixel(&local, p[i], first + i);
  *step = local;
}

/* ---- the stages ---------------------------------------------------------------- */

/* Row y: a = 2^(u - max) and the first pass over it. */
BD_INLINE void exponentiate(const bd_sweeper_t *s, bd_sweep_t *w, int y, int radius_x, int far) {
  bd_lanes_t *restrict a = ring_row(s, w, A, y);
  const bd_lanes_t *restrict u = w->u + (size_t)y * (size_t)s->width, max = w->max;
  for (int x = 0; x < s->width; x++) {
    if (far) __builtin_prefetch(u + BAND * s->width + x);
    a[x] = lanes_exp2(u[x] - max);
  }
  pass_row(a, ring_row(s, w, ROWS_OF_A, y), s->width, s->tap, radius_x);
}

/* Rows y .. y + rows - 1: c = q / K a and the first pass over it. */
BD_INLINE void divide(const bd_sweeper_t *s, bd_sweep_t *w, int y, int rows, int radius_y, int radius_x,
                      const bd_lanes_t **in, int far) {
  const int width = s->width;
  const bd_lanes_t *q = w->q + (size_t)y * (size_t)width;
  gather_rows(s, w, ROWS_OF_A, y, rows, radius_y, in);
  for (int x = 0; x < width; x++) {
    bd_lanes_t ka[BAND];
    pass_columns(in, rows, x, s->tap, radius_y, ka);
    for (int j = 0; j < rows; j++) {
      if (far) __builtin_prefetch(q + (j + BAND) * width + x);
      band_row(s, w, j)[x] = q[j * width + x] / ka[j];
    }
    for (int j = 0; w->wants_log && j < rows; j++) w->sums.log_ka += q[j * width + x] * lanes_log(ka[j]);
  }
  for (int j = 0; j < rows; j++) pass_row(band_row(s, w, j), ring_row(s, w, ROWS_OF_C, y + j), width, s->tap, radius_x);
}

/* Rows y .. y + rows - 1: p = a . K c, its sums and the step; with `keep` p goes into a plane. */
BD_INLINE void finish_rows(const bd_sweeper_t *s, bd_sweep_t *w, int y, int rows, int radius_y, const bd_lanes_t **in, int keep, int far) {
  const size_t width = (size_t)s->width, first = (size_t)y * width;
  bd_lanes_t mass = lanes_all(0), largest = w->sums.largest;
  bd_step_t step = w->step; /* in registers */
  const bd_lanes_t *a[BAND];
  for (int j = 0; j < rows; j++) a[j] = ring_row(s, w, A, y + j);
  gather_rows(s, w, ROWS_OF_C, y, rows, radius_y, in);
  for (size_t x = 0; x < width; x++) {
    bd_lanes_t p[BAND];
    pass_columns(in, rows, (int)x, s->tap, radius_y, p);
    for (int j = 0; j < rows; j++) {
      const size_t i = first + (size_t)j * width + x;
      if (far && !keep) __builtin_prefetch(step.other + i + BAND * width);
      p[j] *= a[j][x];
      mass += p[j];
      largest = lanes_max(largest, p[j]);
      if (keep) w->p[i] = w->given ? lanes_select(*w->given, w->p[i], p[j]) : p[j];
      else step_pixel(&step, p[j], i);
    }
  }
  w->step = step;
  w->sums.mass += mass; /* band by band: fewer roundings than pixel by pixel */
  w->sums.largest = largest;
  if (keep && w->step.potential) step_pixels(&w->step, w->p + first, first, (size_t)rows * width);
}

BD_INLINE void finish(const bd_sweeper_t *s, bd_sweep_t *w, int y, int rows, int radius_y, const bd_lanes_t **in, int far) {
  if (w->p) finish_rows(s, w, y, rows, radius_y, in, 1, far);
  else finish_rows(s, w, y, rows, radius_y, in, 0, far);
}

/* ---- their order --------------------------------------------------------------- */

/* Can a stage take its next band, when the one before has passed `ready` rows? */
BD_INLINE int can_take(const bd_sweeper_t *s, int next, int ready) {
  return next < s->height && (ready == s->height || next + BAND + s->radius_y <= ready);
}

/* With constant radii the loops over them are unrolled, and with a constant `far` the fetching
   of the next band, which costs a tenth where it is not needed, is left out.  The later stage takes what
   it can before the one before it goes on: the rings are no longer than that. */
BD_INLINE void run_stages(const bd_sweeper_t *s, bd_sweep_t *w, int rows, int radius_y, int radius_x,
                          const bd_lanes_t **in, int far) {
  for (;;) {
    if (can_take(s, w->done, w->divided)) {
      int taken = w->done + BAND <= s->height ? BAND : 1;
      if (taken == BAND) finish(s, w, w->done, BAND, radius_y, in, far);
      else finish(s, w, w->done, 1, radius_y, in, far);
      w->done += taken;
    } else if (can_take(s, w->divided, w->exponentiated)) {
      int taken = w->divided + BAND <= s->height ? BAND : 1;
      if (taken == BAND) divide(s, w, w->divided, BAND, radius_y, radius_x, in, far);
      else divide(s, w, w->divided, 1, radius_y, radius_x, in, far);
      w->divided += taken;
    } else if (w->exponentiated < rows) {
      exponentiate(s, w, w->exponentiated++, radius_x, far);
    } else return;
  }
}

/* The paper's window, and any other. */
static void run_radius_3(const bd_sweeper_t *s, bd_sweep_t *w, int rows) {
  const bd_lanes_t *in[6 + BAND];
  if (s->far) run_stages(s, w, rows, 3, 3, in, 1);
  else run_stages(s, w, rows, 3, 3, in, 0);
}
static void run_any(const bd_sweeper_t *s, bd_sweep_t *w, int rows) {
  const bd_lanes_t *in[2 * SWEEP_RADIUS_MAX + BAND];
  run_stages(s, w, rows, s->radius_y, s->radius_x, in, 1);
}

void sweep_rows(const bd_sweeper_t *s, bd_sweep_t *w, int rows) {
  if (s->radius_y == 3 && s->radius_x == 3) run_radius_3(s, w, rows);
  else run_any(s, w, rows);
}
