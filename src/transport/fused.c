#include "fused.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bd_status_t fused_create(int height, int width, int radius_y, int radius_x, const double *tap, bd_fused_t *f, bd_error_t *error) {
  const size_t row = (size_t)width + 2 * (size_t)radius_x, ring = 2 * (size_t)radius_y + 1;
  *f = (bd_fused_t){.height = height, .width = width, .radius_y = radius_y, .radius_x = radius_x, .tap = tap};
  /* Rings of rows of a, of K's first pass over a and over q / K a; a row of q / K a; a row of zeros. */
  f->memory = aligned_alloc(64, (3 * ring + 2) * row * sizeof *f->memory);
  if (!f->memory) return bd_fail(error, BD_FAILED, "no memory for a kernel of %d x %d pixels", height, width);
  memset(f->memory, 0, (3 * ring + 2) * row * sizeof *f->memory); /* the margins stay zero */
  f->row = row;
  return BD_OK;
}

void fused_free(bd_fused_t *f) { free(f->memory); }

/* Row y of a ring, at its first pixel; the margins before and behind it are zeros. */
BD_INLINE bd_lanes_t *ring_row(const bd_fused_t *f, int ring, int y) {
  const int length = 2 * f->radius_y + 1;
  return f->memory + ((size_t)(ring * length) + (size_t)(y % length)) * f->row + f->radius_x;
}

/* The pass along a row with zero margins. */
BD_INLINE void pass_row(const bd_lanes_t *in, bd_lanes_t *out, int width, const double *tap, int radius) {
  for (int x = 0; x < width; x++) {
    bd_lanes_t sum = in[x];
    for (int d = 1; d <= radius; d++) sum += tap[d] * (in[x - d] + in[x + d]);
    out[x] = sum;
  }
}

/* Row y of the pass down the columns of a ring, at pixel x. */
BD_INLINE bd_lanes_t pass_column(const bd_lanes_t *const *rows, int x, const double *tap, int radius) {
  bd_lanes_t sum = rows[radius][x];
  for (int d = 1; d <= radius; d++) sum += tap[d] * (rows[radius - d][x] + rows[radius + d][x]);
  return sum;
}

BD_INLINE void gather_rows(const bd_fused_t *f, int ring, int y, int radius, const bd_lanes_t **rows) {
  const bd_lanes_t *zeros = f->memory + (size_t)(3 * (2 * f->radius_y + 1) + 1) * f->row + f->radius_x;
  for (int d = -radius; d <= radius; d++) rows[d + radius] = y + d < 0 || y + d >= f->height ? zeros : ring_row(f, ring, y + d);
}

/* The body, for a window of any size; called with a constant radius it is unrolled. */
BD_INLINE void gradient_body(const bd_fused_t *f, const bd_lanes_t *u, bd_lanes_t max, double scale, bd_mask_t skip,
                             const bd_lanes_t *q, bd_lanes_t *p, bd_gradient_sums_t *sums, int wants_log, int radius) {
  enum { A, ROWS_OF_A, ROWS_OF_C };
  const int height = f->height, width = f->width;
  const double *tap = f->tap;
  bd_lanes_t *c = f->memory + (size_t)(3 * (2 * f->radius_y + 1)) * f->row + f->radius_x;
  bd_lanes_t mass = lanes_all(0), largest = lanes_all(0), log_ka = lanes_all(0);
  const bd_lanes_t *rows[2 * FUSED_RADIUS_MAX + 1];
  for (int y = 0; y < height + 2 * radius; y++) {
    if (y < height) {
      bd_lanes_t *a = ring_row(f, A, y);
      for (int x = 0; x < width; x++) a[x] = lanes_exp(lanes_select(skip, lanes_all(0), (u[y * width + x] - max) * scale));
      pass_row(a, ring_row(f, ROWS_OF_A, y), width, tap, radius);
    }
    const int second = y - radius, third = y - 2 * radius;
    if (second >= 0 && second < height) {
      gather_rows(f, ROWS_OF_A, second, radius, rows);
      for (int x = 0; x < width; x++) {
        bd_lanes_t ka = pass_column(rows, x, tap, radius);
        if (wants_log) log_ka += q[second * width + x] * lanes_log(ka);
        c[x] = q[second * width + x] / ka;
      }
      pass_row(c, ring_row(f, ROWS_OF_C, second), width, tap, radius);
    }
    if (third < 0) continue;
    gather_rows(f, ROWS_OF_C, third, radius, rows);
    const bd_lanes_t *a = ring_row(f, A, third);
    for (int x = 0; x < width; x++) {
      bd_lanes_t value = a[x] * pass_column(rows, x, tap, radius);
      p[third * width + x] = value;
      mass += value;
      largest = lanes_max(largest, value);
    }
  }
  sums->mass = mass;
  sums->largest = largest;
  sums->log_ka = log_ka;
}

BD_CLONES void fused_gradient(const bd_fused_t *f, const bd_lanes_t *u, const bd_lanes_t *max, double scale, const bd_mask_t *skip,
                              const bd_lanes_t *q, bd_lanes_t *p, int wants_log, bd_gradient_sums_t *sums) {
  if (f->radius_y == 3 && f->radius_x == 3 && !wants_log) gradient_body(f, u, *max, scale, *skip, q, p, sums, 0, 3);
  else if (f->radius_y == 3 && f->radius_x == 3) gradient_body(f, u, *max, scale, *skip, q, p, sums, 1, 3);
  else gradient_body(f, u, *max, scale, *skip, q, p, sums, wants_log, f->radius_y);
}
