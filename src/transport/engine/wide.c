#include "transport/engine/wide.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Below every exponent that a number can have, also after sums of two of them. */
static const double exponent_of_zero = -0x1p1000;

/* ---- arithmetic ---------------------------------------------------------------- */

/* The same number with 1 <= m < 2, or zero. */
BD_INLINE bd_wide_number_t normal(bd_wide_number_t x) {
  const bd_mask_t magic = (bd_mask_t)lanes_all(0x1p52), one = (bd_mask_t)lanes_all(1);
  bd_mask_t bits = (bd_mask_t)x.m, is_number = x.m >= lanes_all(BD_LEAST_NORMAL);
  bd_lanes_t biased = (bd_lanes_t)((bits >> 52) | magic) - 0x1p52;
  bd_lanes_t m = (bd_lanes_t)((bits & 0xfffffffffffff) | one);
  return (bd_wide_number_t){
      lanes_select(is_number, m, lanes_all(0)),
      lanes_select(is_number, x.e + biased - BD_BIAS, lanes_all(exponent_of_zero))};
}

/* The mantissa of x when its exponent is raised to e. */
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

/* A line of n elements, `stride` apart, and its result. */
typedef struct line {
  const bd_wide_number_t *in;
  bd_wide_number_t *out;
  int n;
  ptrdiff_t stride;
} line_t;

/* x times a tap, or zero in the lanes whose reach the tap exceeds. */
BD_INLINE bd_wide_number_t tapped(const bd_wide_t *w, bd_wide_number_t x, int tap,
                                  bd_lanes_t reach) {
  const bd_mask_t matters = lanes_all(w->distance[tap]) <= reach;
  bd_wide_number_t term = times(x, w->mantissa[tap], w->exponent[tap]);
  term.m = lanes_select(matters, term.m, lanes_all(0));
  term.e = lanes_select(matters, term.e, lanes_all(exponent_of_zero));
  return term;
}

/* out_i = in_i + sum_d tap_d (in_{i-d} + in_{i+d}). */
BD_INLINE void tap_line(const bd_wide_t *w, line_t line, int radius, bd_lanes_t reach) {
  for (int i = 0; i < line.n; i++) {
    const bd_wide_number_t *here = line.in + i * line.stride;
    bd_wide_number_t sum = *here;
    for (int d = 1; d <= radius; d++)
      for (int side = -1; side <= 1; side += 2) {
        if (i + side * d < 0 || i + side * d >= line.n) continue;
        sum = plus(sum, tapped(w, here[side * d * line.stride], d, reach));
      }
    line.out[i * line.stride] = sum;
  }
}

/* The recursion of recursion.c. */
BD_INLINE void recursion_line(const bd_wide_t *w, line_t line) {
  const double m = w->mantissa[1], e = w->exponent[1];
  bd_wide_number_t carried = zero();
  for (int i = 0; i < line.n; i++) {
    carried = normal(plus(line.in[i * line.stride], times(carried, m, e)));
    line.out[i * line.stride] = carried;
  }
  carried = zero();
  for (int i = line.n - 2; i >= 0; i--) {
    carried = normal(times(plus(line.in[(i + 1) * line.stride], carried), m, e));
    line.out[i * line.stride] = plus(line.out[i * line.stride], carried);
  }
}

BD_INLINE void pass_line(const bd_wide_t *w, line_t line, int radius, bd_lanes_t reach) {
  if (w->is_recursion) recursion_line(w, line);
  else tap_line(w, line, radius, reach);
}

/* A cost that separates: a pass along rows, then one down columns. */
static void apply_separable(const bd_wide_t *w, bd_wide_number_t *in, bd_wide_number_t *out,
                            bd_radii_t radii, const bd_lanes_t *reach) {
  const int height = w->height, width = w->width;
  for (int y = 0; y < height; y++)
    pass_line(w, (line_t){in + y * width, out + y * width, width, 1}, radii.x, *reach);
  memcpy(in, out, (size_t)height * (size_t)width * sizeof *in);
  for (int x = 0; x < width; x++)
    pass_line(w, (line_t){in + x, out + x, height, width}, radii.y, *reach);
}

/* w->row = rows y - dy and y + dy of in, added: their taps are equal. */
BD_INLINE void add_rows(const bd_wide_t *w, const bd_wide_number_t *in, int y, int dy) {
  for (int x = 0; x < w->width; x++) {
    w->row[x] = y >= dy ? in[(y - dy) * w->width + x] : zero();
    if (dy > 0 && y + dy < w->height) w->row[x] = plus(w->row[x], in[(y + dy) * w->width + x]);
  }
}

/* Add to the row `out` the taps of w->row, which lies dy away from it. */
BD_INLINE void add_taps(const bd_wide_t *w, int dy, int radius_x, bd_lanes_t reach,
                        bd_wide_number_t *out) {
  for (int dx = 0; dx <= radius_x; dx++)
    for (int x = 0; x < w->width; x++)
      for (int side = dx ? -1 : 1; side <= 1; side += 2) {
        if (x + side * dx < 0 || x + side * dx >= w->width) continue;
        const int tap = dy * (w->radii.x + 1) + dx;
        out[x] = plus(out[x], tapped(w, w->row[x + side * dx], tap, reach));
      }
}

/* A cost that does not, as in direct.c. */
static void apply_taps(const bd_wide_t *w, const bd_wide_number_t *in, bd_wide_number_t *out,
                       bd_radii_t radii, const bd_lanes_t *reach) {
  const int height = w->height, width = w->width;
  for (int y = 0; y < height; y++) {
    bd_wide_number_t *row = out + y * width;
    for (int x = 0; x < width; x++) row[x] = zero();
    for (int dy = 0; dy <= radii.y && (dy <= y || y + dy < height); dy++) {
      add_rows(w, in, y, dy);
      add_taps(w, dy, radii.x, *reach, row);
    }
  }
}

/* The half-width without the offsets that are beyond the reach of all lanes. */
static int limited(const bd_wide_t *w, int radius, double longest) {
  while (radius > 0 && kernel_cost(w->cost, radius, 0) > longest) radius--;
  return radius;
}

/* out = K in, normalised.  `in` is destroyed where K separates. */
static void apply(const bd_wide_t *w, bd_wide_number_t *in, bd_wide_number_t *out,
                  const bd_lanes_t *reach) {
  const double longest = lanes_largest(*reach);
  const bd_radii_t radii = {limited(w, w->radii.y, longest), limited(w, w->radii.x, longest)};
  if (kernel_separates(w->cost)) apply_separable(w, in, out, radii, reach);
  else apply_taps(w, in, out, radii, reach);
  for (int i = 0; i < w->height * w->width; i++) out[i] = normal(out[i]);
}

/* ---- one marginal ----------------------------------------------------------------- */

/* As far as an integer exponent goes.  There u/gamma has no digit left anyway. */
static const double lowest = -1e15;

static void exponentiate(const bd_wide_t *w, const bd_lanes_t *u, bd_lanes_t max) {
  for (int i = 0; i < w->height * w->width; i++) {
    bd_lanes_t shifted;
    bd_lanes_t x = lanes_max(u[i] - max, lanes_all(lowest));
    w->a[i].e = lanes_round(x, &shifted);
    w->a[i].m = lanes_exp2_fraction(x - w->a[i].e);
  }
}

static void divide(const bd_wide_t *w, const bd_lanes_t *q) {
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
    total += q[i] * (lanes_log(w->b[i].m) + w->b[i].e * BD_LN2);
  *sum = total;
}

void BD_X(wide_marginal)(const bd_wide_t *w, const bd_wide_task_t *task) {
  exponentiate(w, task->u, task->max);
  memcpy(w->c, w->a, (size_t)w->height * (size_t)w->width * sizeof *w->a);
  apply(w, w->c, w->b, &task->reach);
  if (task->log_ka) sum_of_logarithms(w, task->q, task->log_ka);
  if (!task->p) return;
  divide(w, task->q);
  apply(w, w->c, w->b, &task->reach);
  multiply(w, task->p);
}

/* ---- its adjoint ------------------------------------------------------------------ */

BD_INLINE bd_wide_number_t product(bd_wide_number_t x, bd_wide_number_t y) {
  return (bd_wide_number_t){x.m * y.m, x.e + y.e};
}

/* Numbers have no sign here, so the positive and the negative part of pb go one after the other. */
static void add_part(const bd_wide_t *w, const bd_wide_adjoint_t *t, double sign) {
  const int pixels = w->height * w->width;
  for (int i = 0; i < pixels; i++) {
    const bd_lanes_t part = lanes_max(t->pb[i] * sign, lanes_all(0));
    w->c[i] = product(w->a[i], normal((bd_wide_number_t){part, lanes_all(0)}));
  }
  apply(w, w->c, w->b, &t->reach);
  for (int i = 0; i < pixels; i++) {
    const bd_wide_number_t z = {w->b[i].m / t->ka[i].m, w->b[i].e - t->ka[i].e};
    t->z[i] += sign * lanes_scale(z.m, z.e);
    w->c[i] = product(t->r[i], z);
  }
  apply(w, w->c, w->b, &t->reach);
  for (int i = 0; i < pixels; i++) {
    const bd_wide_number_t g = product(w->a[i], w->b[i]);
    t->g[i] -= sign * lanes_scale(g.m, g.e);
  }
}

void BD_X(wide_adjoint)(const bd_wide_t *w, const bd_wide_adjoint_t *t) {
  const size_t pixels = (size_t)w->height * (size_t)w->width, plane = pixels * sizeof *w->a;
  exponentiate(w, t->u, t->max);
  memcpy(w->c, w->a, plane);
  apply(w, w->c, w->b, &t->reach);
  memcpy(t->ka, w->b, plane);
  divide(w, t->q);
  memcpy(t->r, w->c, plane);
  apply(w, w->c, w->b, &t->reach);
  multiply(w, t->g);
  for (size_t i = 0; i < pixels; i++) {
    t->g[i] *= t->pb[i];
    t->z[i] = lanes_all(0);
  }
  add_part(w, t, 1);
  add_part(w, t, -1);
  for (size_t i = 0; i < pixels; i++) t->g[i] *= BD_LN2;
}

/* ---- creation --------------------------------------------------------------------- */

/* exp(-cost/gamma) as m * 2^e with sqrt(1/2) <= m <= sqrt(2).  ln 2 comes in two parts, so that the
   argument of exp is right to a rounding. */
static void make_tap(bd_wide_t *w, size_t i, double cost, double gamma) {
  double x = -cost / gamma, n = nearbyint(x * 1.4426950408889634074);
  w->distance[i] = cost;
  w->exponent[i] = n;
  w->mantissa[i] = exp((x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33);
}

static void make_taps(bd_wide_t *w, size_t taps, double gamma) {
  const size_t columns = (size_t)w->radii.x + 1;
  for (size_t i = 0; i < taps; i++)
    make_tap(w, i,
             kernel_separates(w->cost)
                 ? kernel_cost(w->cost, 0, (int)i)
                 : kernel_cost(w->cost, (int)(i / columns), (int)(i % columns)),
             gamma);
}

bd_status_t BD_X(wide_create)(const bd_solver_options_t *o, int height, int width, bd_wide_t *w,
                              bd_error_t *error) {
  *w = (bd_wide_t){.height = height,
                   .width = width,
                   .radii = {kernel_radius(o->window, height), kernel_radius(o->window, width)},
                   .cost = o->cost,
                   .is_recursion = kernel_recurs(o)};
  const int longest = w->radii.y > w->radii.x ? w->radii.y : w->radii.x;
  const size_t plane = (size_t)height * (size_t)width * sizeof *w->a;
  /* The recursion wants tap 1 of an image of a single pixel as well. */
  const size_t taps = kernel_separates(o->cost)
                          ? (size_t)longest + 2
                          : ((size_t)w->radii.y + 1) * ((size_t)w->radii.x + 1);
  w->mantissa = malloc(taps * sizeof *w->mantissa);
  w->exponent = malloc(taps * sizeof *w->exponent);
  w->distance = malloc(taps * sizeof *w->distance);
  w->a = lanes_allocate(plane);
  w->b = lanes_allocate(plane);
  w->c = lanes_allocate(plane);
  w->row = lanes_allocate((size_t)width * sizeof *w->row);
  if (!w->mantissa || !w->exponent || !w->distance || !w->a || !w->b || !w->c || !w->row)
    return bd_fail(error, BD_FAILED, "no memory for the wide-range way of %d x %d pixels", height,
                   width);
  make_taps(w, taps, o->gamma);
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
