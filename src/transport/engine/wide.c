#include "transport/engine/wide.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Below every exponent a number can have, also after sums of two of them. */
static const double exponent_of_zero = -0x1p1000;

/* ---- arithmetic ---------------------------------------------------------------- */

/* The same number with 1 <= m < 2, or the zero. */
BD_INLINE bd_wide_number_t normal(bd_wide_number_t x) {
  const bd_mask_t magic = (bd_mask_t)lanes_all(0x1p52), one = (bd_mask_t)lanes_all(1);
  bd_mask_t bits = (bd_mask_t)x.m, is_number = x.m >= lanes_all(DBL_MIN);
  bd_lanes_t biased = (bd_lanes_t)((bits >> 52) | magic) - 0x1p52;
  bd_lanes_t m = (bd_lanes_t)((bits & 0xfffffffffffff) | one);
  return (bd_wide_number_t){
      lanes_select(is_number, m, lanes_all(0)),
      lanes_select(is_number, x.e + biased - 1023, lanes_all(exponent_of_zero))};
}

/* x with its exponent raised to e, as a float64. */
BD_INLINE bd_lanes_t aligned(bd_wide_number_t x, bd_lanes_t e) { return lanes_scale(x.m, x.e - e); }

BD_INLINE bd_wide_number_t times(bd_wide_number_t x, double m, double e) {
  return (bd_wide_number_t){x.m * m, x.e + e};
}

BD_INLINE bd_wide_number_t plus(bd_wide_number_t x, bd_wide_number_t y) {
  bd_lanes_t e = lanes_max(x.e, y.e);
  return (bd_wide_number_t){aligned(x, e) + aligned(y, e), e};
}

BD_INLINE bd_wide_number_t zero(void) {
  return (bd_wide_number_t){lanes_all(0), lanes_all(exponent_of_zero)};
}

/* ---- K ------------------------------------------------------------------------- */

/* One line of taps: out_i = sum_d tap_d (in_{i-d} + in_{i+d}), elements `stride` apart. */
BD_INLINE void tap_line(const bd_wide_t *w, const bd_wide_number_t *in, bd_wide_number_t *out,
                        int n, ptrdiff_t stride, int radius, bd_lanes_t limit) {
  for (int i = 0; i < n; i++) {
    const bd_wide_number_t *here = in + i * stride;
    bd_wide_number_t sum = *here;
    for (int d = 1; d <= radius; d++) {
      bd_mask_t matters = lanes_all(w->distance[d]) <= limit;
      for (int side = -1; side <= 1; side += 2) {
        if (i + side * d < 0 || i + side * d >= n) continue;
        bd_wide_number_t term = times(here[side * d * stride], w->mantissa[d], w->exponent[d]);
        term.m = lanes_select(matters, term.m, lanes_all(0));
        term.e = lanes_select(matters, term.e, lanes_all(exponent_of_zero));
        sum = plus(sum, term);
      }
    }
    out[i * stride] = sum;
  }
}

/* The recursion of recursion.c. */
BD_INLINE void recursion_line(const bd_wide_t *w, const bd_wide_number_t *in, bd_wide_number_t *out,
                              int n, ptrdiff_t stride) {
  const double m = w->mantissa[1], e = w->exponent[1];
  bd_wide_number_t carried = zero();
  for (int i = 0; i < n; i++) {
    carried = normal(plus(in[i * stride], times(carried, m, e)));
    out[i * stride] = carried;
  }
  carried = zero();
  for (int i = n - 2; i >= 0; i--) {
    carried = normal(times(plus(in[(i + 1) * stride], carried), m, e));
    out[i * stride] = plus(out[i * stride], carried);
  }
}

/* The row of the l2 kernel at distance dy: as add_rows of direct.c. */
BD_INLINE void add_rows(const bd_wide_t *w, const bd_wide_number_t *in, int y, int dy, int radius_x,
                        bd_lanes_t limit, bd_wide_number_t *out) {
  const int width = w->width;
  for (int x = 0; x < width; x++) {
    w->row[x] = y >= dy ? in[(y - dy) * width + x] : zero();
    if (dy > 0 && y + dy < w->height) w->row[x] = plus(w->row[x], in[(y + dy) * width + x]);
  }
  for (int dx = 0; dx <= radius_x; dx++) {
    int tap = dy * (w->radius_x + 1) + dx;
    bd_mask_t matters = lanes_all(w->distance[tap]) <= limit;
    for (int x = 0; x < width; x++)
      for (int side = dx ? -1 : 1; side <= 1; side += 2) {
        if (x + side * dx < 0 || x + side * dx >= width) continue;
        bd_wide_number_t term = times(w->row[x + side * dx], w->mantissa[tap], w->exponent[tap]);
        term.m = lanes_select(matters, term.m, lanes_all(0));
        term.e = lanes_select(matters, term.e, lanes_all(exponent_of_zero));
        out[x] = plus(out[x], term);
      }
  }
}

/* Offsets whose cost is beyond the reach of all lanes. */
static int limited(const bd_wide_t *w, int radius, double longest) {
  while (radius > 0 && kernel_cost(w->cost, radius, 0) > longest) radius--;
  return radius;
}

/* out = K in, normalised; `in` is destroyed where K separates. */
static void apply(bd_wide_t *w, bd_wide_number_t *in, bd_wide_number_t *out,
                  const bd_lanes_t *reach) {
  const int height = w->height, width = w->width;
  const double longest = lanes_largest(*reach);
  const int radius_y = limited(w, w->radius_y, longest),
            radius_x = limited(w, w->radius_x, longest);
  if (!kernel_separates(w->cost))
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) out[y * width + x] = zero();
      for (int dy = 0; dy <= radius_y && (dy <= y || y + dy < height); dy++)
        add_rows(w, in, y, dy, radius_x, *reach, out + y * width);
    }
  else {
    for (int y = 0; y < height; y++)
      if (w->is_recursion) recursion_line(w, in + y * width, out + y * width, width, 1);
      else tap_line(w, in + y * width, out + y * width, width, 1, radius_x, *reach);
    memcpy(in, out, (size_t)height * (size_t)width * sizeof *in);
    for (int x = 0; x < width; x++)
      if (w->is_recursion) recursion_line(w, in + x, out + x, height, width);
      else tap_line(w, in + x, out + x, height, width, radius_y, *reach);
  }
  for (int i = 0; i < height * width; i++) out[i] = normal(out[i]);
}

/* ---- the gradient -------------------------------------------------------------- */

static void exponentiate(bd_wide_t *w, const bd_lanes_t *u, const bd_lanes_t *max) {
  for (int i = 0; i < w->height * w->width; i++) {
    bd_lanes_t shifted;
    /* -1e15 is as far as an integer exponent goes; there u/gamma has no digit left anyway. */
    bd_lanes_t x = lanes_max(u[i] - *max, lanes_all(-1e15));
    w->a[i].e = lanes_round(x, &shifted);
    w->a[i].m = lanes_exp2_fraction(x - w->a[i].e);
  }
}

static void divide(bd_wide_t *w, const bd_lanes_t *q) {
  for (int i = 0; i < w->height * w->width; i++) {
    bd_wide_number_t value = normal((bd_wide_number_t){q[i], lanes_all(0)});
    w->c[i] = (bd_wide_number_t){value.m / w->b[i].m, value.e - w->b[i].e};
  }
}

static void multiply(const bd_wide_t *w, bd_lanes_t *p) {
  for (int i = 0; i < w->height * w->width; i++)
    p[i] = lanes_scale(w->a[i].m * w->b[i].m, w->a[i].e + w->b[i].e);
}

static void sum_of_logarithms(const bd_wide_t *w, const bd_lanes_t *q, bd_lanes_t *sum) {
  bd_lanes_t total = lanes_all(0);
  for (int i = 0; i < w->height * w->width; i++)
    total += q[i] * (lanes_log(w->b[i].m) + w->b[i].e * 0.693147180559945309417);
  *sum = total;
}

void BD_X(wide_gradient)(bd_wide_t *w, const bd_lanes_t *u, const bd_lanes_t *max,
                         const bd_lanes_t *q, bd_lanes_t *p, const bd_lanes_t *reach,
                         bd_lanes_t *log_ka) {
  const size_t bytes = (size_t)w->height * (size_t)w->width * sizeof *w->a;
  exponentiate(w, u, max);
  memcpy(w->c, w->a, bytes);
  apply(w, w->c, w->b, reach);
  if (log_ka) sum_of_logarithms(w, q, log_ka);
  if (!p) return;
  divide(w, q);
  apply(w, w->c, w->b, reach);
  multiply(w, p);
}

/* ---- creation ------------------------------------------------------------------ */

/* exp(-cost/gamma) as m * 2^e with sqrt(1/2) <= m <= sqrt(2). */
static void make_tap(bd_wide_t *w, size_t i, double cost, double gamma) {
  double x = -cost / gamma, n = nearbyint(x * 1.4426950408889634074);
  w->distance[i] = cost;
  w->exponent[i] = n;
  w->mantissa[i] = exp((x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33);
}

bd_status_t BD_X(wide_create)(const bd_solver_options_t *o, int height, int width, bd_wide_t *w,
                              bd_error_t *error) {
  *w = (bd_wide_t){.height = height,
                   .width = width,
                   .cost = o->cost,
                   .radius_y = kernel_radius(o->window, height),
                   .radius_x = kernel_radius(o->window, width),
                   .is_recursion = kernel_recurs(o)};
  int longest = w->radius_y > w->radius_x ? w->radius_y : w->radius_x,
      separable = kernel_separates(o->cost);
  size_t taps =
      separable ? (size_t)longest + 2 : ((size_t)w->radius_y + 1) * ((size_t)w->radius_x + 1);
  size_t plane = (size_t)height * (size_t)width * sizeof *w->a;
  w->mantissa = malloc(taps * sizeof *w->mantissa);
  w->exponent = malloc(taps * sizeof *w->exponent);
  w->distance = malloc(taps * sizeof *w->distance);
  w->a = lanes_allocate(plane);
  w->b = lanes_allocate(plane);
  w->c = lanes_allocate(plane);
  w->row = lanes_allocate((size_t)width * sizeof *w->row);
  if (!w->mantissa || !w->exponent || !w->distance || !w->a || !w->b || !w->c || !w->row)
    return bd_fail(error, BD_FAILED, "no memory for the wide-range path of %d x %d pixels", height,
                   width);
  for (size_t i = 0; i < taps; i++) {
    size_t row = (size_t)w->radius_x + 1;
    make_tap(w, i,
             separable ? kernel_cost(o->cost, 0, (int)i)
                       : kernel_cost(o->cost, (int)(i / row), (int)(i % row)),
             o->gamma);
  }
  return BD_OK;
}

void BD_X(wide_free)(bd_wide_t *w) {
  free(w->mantissa);
  free(w->exponent);
  free(w->distance);
  free(w->a);
  free(w->b);
  free(w->c);
  free(w->row);
  memset(w, 0, sizeof *w);
}
