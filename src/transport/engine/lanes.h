/* Images side by side: element l of a bd_lanes_t is the same pixel of image l.

   A plane is [height][width] of bd_lanes_t.  Everything that the solver does to a lane is
   independent of the other lanes and of the lane's place.  This is what makes results independent
   of block size and rank count.

   The planes of so many large images exceed the caches.  There the lanes are strips of one image:
   lane l holds columns l width .. (l + 1) width - 1, and what is summed over a plane is summed
   over the lanes as well (setup.h).

   Written with the vector extension of GCC and Clang.  A bd_lanes_t is one register: 8 float64
   with AVX-512, 4 with AVX2, 2 otherwise, and twice as many float32 with BD_SINGLE. */
#ifndef BD_LANES_H
#define BD_LANES_H

#include "transport/engine/path.h"
#include "transport/engine/precision.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#if defined __AVX512F__
enum { BD_REGISTER = 64 };
#elif defined __AVX__
enum { BD_REGISTER = 32 };
#else
enum { BD_REGISTER = 16 };
#endif
enum { BD_LANES = BD_REGISTER / sizeof(bd_real_t) };
typedef bd_real_t bd_lanes_t __attribute__((vector_size(BD_REGISTER)));
typedef bd_integer_t bd_mask_t __attribute__((vector_size(BD_REGISTER)));

#define BD_INLINE static inline __attribute__((always_inline))

/* For a function whose result is added to something else.  Inlined, its last product and that sum
   would become one fused operation, which rounds differently: bits must not depend on which
   functions share a file or can be seen from outside. */
#define BD_NOT_FUSED __attribute__((noinline))

/* How lanes hold images: planes of height x width vectors.  With strips = 1 each lane is an image
   of that size; with strips = BD_LANES the plane is one image, `width` the columns of a strip. */
typedef struct bd_shape {
  int height, width, strips;
} bd_shape_t;

/* Columns of an image. */
BD_INLINE int shape_columns(const bd_shape_t *shape) { return shape->width * shape->strips; }

/* Memory for lanes, freed by free().  aligned_alloc wants a multiple of the alignment. */
BD_INLINE void *lanes_allocate(size_t bytes) { return aligned_alloc(64, (bytes + 63) / 64 * 64); }

/* x in every lane. */
BD_INLINE bd_lanes_t lanes_all(double x) { return (bd_lanes_t){0} + (bd_real_t)x; }

BD_INLINE bd_lanes_t lanes_select(bd_mask_t mask, bd_lanes_t yes, bd_lanes_t no) {
  return (bd_lanes_t)((mask & (bd_mask_t)yes) | (~mask & (bd_mask_t)no));
}

/* The larger or smaller of two, by one instruction where there is one.  A comparison and a
   selection are five. */
#if defined __AVX512F__ && defined BD_SINGLE
#define BD_EXTREMUM(which) (bd_lanes_t) _mm512_##which##_ps((__m512)a, (__m512)b)
#elif defined __AVX512F__
#define BD_EXTREMUM(which) (bd_lanes_t) _mm512_##which##_pd((__m512d)a, (__m512d)b)
#elif defined __AVX__ && defined BD_SINGLE
#define BD_EXTREMUM(which) (bd_lanes_t) _mm256_##which##_ps((__m256)a, (__m256)b)
#elif defined __AVX__
#define BD_EXTREMUM(which) (bd_lanes_t) _mm256_##which##_pd((__m256d)a, (__m256d)b)
#elif defined __SSE2__ && defined BD_SINGLE
#define BD_EXTREMUM(which) (bd_lanes_t) _mm_##which##_ps((__m128)a, (__m128)b)
#elif defined __SSE2__
#define BD_EXTREMUM(which) (bd_lanes_t) _mm_##which##_pd((__m128d)a, (__m128d)b)
#else
#define BD_EXTREMUM(which) lanes_plain_##which(a, b)
BD_INLINE bd_lanes_t lanes_plain_max(bd_lanes_t a, bd_lanes_t b) {
  return lanes_select(a > b, a, b);
}
BD_INLINE bd_lanes_t lanes_plain_min(bd_lanes_t a, bd_lanes_t b) {
  return lanes_select(a < b, a, b);
}
#endif
BD_INLINE bd_lanes_t lanes_max(bd_lanes_t a, bd_lanes_t b) { return BD_EXTREMUM(max); }
BD_INLINE bd_lanes_t lanes_min(bd_lanes_t a, bd_lanes_t b) { return BD_EXTREMUM(min); }
BD_INLINE bd_lanes_t lanes_abs(bd_lanes_t a) { return lanes_max(a, -a); }

BD_INLINE int lanes_any(bd_mask_t mask) {
  bd_integer_t all = 0;
  for (int l = 0; l < BD_LANES; l++) all |= mask[l];
  return all != 0;
}

BD_INLINE double lanes_largest(bd_lanes_t a) {
  double largest = a[0];
  for (int l = 1; l < BD_LANES; l++) largest = a[l] > largest ? a[l] : largest;
  return largest;
}

/* Lane l becomes what lane l - 1 was, and the first 0; or what lane l + 1 was, and the last 0. */
#if defined __AVX512F__ && defined BD_SINGLE
BD_INLINE bd_lanes_t lanes_from_left(bd_lanes_t a) {
  return (bd_lanes_t)_mm512_alignr_epi32((__m512i)a, (__m512i){0}, 15);
}
BD_INLINE bd_lanes_t lanes_from_right(bd_lanes_t a) {
  return (bd_lanes_t)_mm512_alignr_epi32((__m512i){0}, (__m512i)a, 1);
}
#elif defined __AVX512F__
BD_INLINE bd_lanes_t lanes_from_left(bd_lanes_t a) {
  return (bd_lanes_t)_mm512_alignr_epi64((__m512i)a, (__m512i){0}, 7);
}
BD_INLINE bd_lanes_t lanes_from_right(bd_lanes_t a) {
  return (bd_lanes_t)_mm512_alignr_epi64((__m512i){0}, (__m512i)a, 1);
}
#else
BD_INLINE bd_lanes_t lanes_from_left(bd_lanes_t a) {
  bd_lanes_t pair[2] = {lanes_all(0), a}, moved;
  memcpy(&moved, (char *)&pair[1] - sizeof(bd_real_t), sizeof moved);
  return moved;
}
BD_INLINE bd_lanes_t lanes_from_right(bd_lanes_t a) {
  bd_lanes_t pair[2] = {a, lanes_all(0)}, moved;
  memcpy(&moved, (char *)&pair[0] + sizeof(bd_real_t), sizeof moved);
  return moved;
}
#endif

/* Image l of a plane (in strips: the image), from and to rows of pixels `stride` apart. */
BD_INLINE void lanes_put(const bd_shape_t *shape, bd_lanes_t *plane, int l, const double *pixels,
                         size_t stride) {
  const int width = shape->width, strips = shape->strips;
  for (int y = 0; y < shape->height; y++, plane += width, pixels += stride)
    for (int strip = 0; strip < strips; strip++)
      for (int x = 0; x < width; x++)
        plane[x][strips > 1 ? strip : l] = (bd_real_t)pixels[strip * width + x];
}
BD_INLINE void lanes_get(const bd_shape_t *shape, const bd_lanes_t *plane, int l, double *pixels,
                         size_t stride) {
  const int width = shape->width, strips = shape->strips;
  for (int y = 0; y < shape->height; y++, plane += width, pixels += stride)
    for (int strip = 0; strip < strips; strip++)
      for (int x = 0; x < width; x++)
        pixels[strip * width + x] = (double)plane[x][strips > 1 ? strip : l];
}

/* Write beside a row of a strip what lies there, the ends of its neighbours, to a distance of at
   most its width. */
BD_INLINE void lanes_join(bd_lanes_t *row, int width, int radius) {
  for (int d = 1; d <= radius; d++) {
    row[-d] = lanes_from_left(row[width - d]);
    row[width - 1 + d] = lanes_from_right(row[d - 1]);
  }
}

/* A symmetric filter along a row that has `radius` more pixels on either side. */
BD_INLINE void lanes_pass(const bd_lanes_t *restrict in, bd_lanes_t *restrict out, int width,
                          const bd_lanes_t *tap, int radius) {
  for (int x = 0; x < width; x++) {
    bd_lanes_t sum = in[x];
    for (int d = 1; d <= radius; d++) sum += tap[d] * (in[x - d] + in[x + d]);
    out[x] = sum;
  }
}

/* a / b to the last bit, for a >= 0 and b in the middle of the exponents, but to the last but one
   where all bits of the mantissa of b are set.  The divider takes 16
   cycles for a register of 8 float64, in which other units do some 30 operations.  An estimate of
   1/b to 14 bits becomes one of 53 by two Newton steps, and the remainder of a, which a fused
   operation finds exactly, rounds the quotient (Markstein, "Computation of elementary functions on
   the IBM RISC System/6000 processor", 1990). */
#if defined __AVX512F__ && !defined BD_SINGLE
BD_INLINE bd_lanes_t lanes_divide(bd_lanes_t a, bd_lanes_t b) {
  const __m512d d = (__m512d)b, one = _mm512_set1_pd(1);
  __m512d y = _mm512_rcp14_pd(d);
  y = _mm512_fmadd_pd(y, _mm512_fnmadd_pd(d, y, one), y);
  y = _mm512_fmadd_pd(y, _mm512_fnmadd_pd(d, y, one), y);
  const __m512d quotient = _mm512_mul_pd((__m512d)a, y);
  const __m512d rest = _mm512_fnmadd_pd(d, quotient, (__m512d)a);
  return (bd_lanes_t)_mm512_fmadd_pd(rest, y, quotient);
}
#else
BD_INLINE bd_lanes_t lanes_divide(bd_lanes_t a, bd_lanes_t b) { return a / b; }
#endif

/* 2^r for |r| <= 1/2.  (2^r - 1)/r is the polynomial that makes the relative error of 2^r least,
   fitted by iterated weighted least squares.  The error is below 4e-18 in float64 and 2e-9 in
   float32; the rounding of coefficients and operations adds half an ulp to one. */
BD_INLINE bd_lanes_t lanes_exp2_fraction(bd_lanes_t r) {
#ifdef BD_SINGLE
  static const float c[] = {0.00015353361959569156f,
                            0.0013398875016719103f,
                            0.0096184369176626205f,
                            0.055503323674201965f,
                            0.24022647738456726f,
                            0.69314718246459961f,
                            1};
#else
  static const double c[] = {0x1.e797989401463p-32, 0x1.e61b4b5cf1934p-28, 0x1.b5267fd5c5d73p-24,
                             0x1.62bfc7a07c826p-20, 0x1.ffcbfba7f4111p-17, 0x1.4309130ed76bcp-13,
                             0x1.5d87fe78cdc6bp-10, 0x1.3b2ab6fba011fp-7,  0x1.c6b08d7049fe6p-5,
                             0x1.ebfbdff82c5a4p-3,  0x1.62e42fefa39efp-1,  1};
#endif
  bd_lanes_t p = lanes_all(c[0]);
  for (unsigned i = 1; i < sizeof c / sizeof *c; i++) p = p * r + c[i];
  return p;
}

/* The nearest integer to x, as a number and, for lanes_exponent, in the low bits of `shifted`. */
BD_INLINE bd_lanes_t lanes_round(bd_lanes_t x, bd_lanes_t *shifted) {
  const bd_real_t magic = (bd_real_t)1.5 * (bd_real_t)((bd_integer_t)1 << BD_FRACTION);
  *shifted = x + magic;
  return *shifted - magic;
}

/* 2^x to 1.3 ulp for |x| <= BD_EXPONENT_MAX. */
BD_INLINE bd_lanes_t lanes_exp2(bd_lanes_t x) {
  bd_lanes_t shifted, n = lanes_round(x, &shifted);
  return (bd_lanes_t)((bd_mask_t)lanes_exp2_fraction(x - n) + ((bd_mask_t)shifted << BD_FRACTION));
}

/* x, but not less than what lanes_exp2 takes. */
BD_INLINE bd_lanes_t lanes_clamp(bd_lanes_t x) { return lanes_max(x, lanes_all(-BD_EXPONENT_MAX)); }

/* The natural logarithm of a normal positive x to 2 ulp, and 0 for a smaller x.  With x = 2^n m and
   sqrt(1/2) <= m < sqrt(2), log m = 2 atanh(s) with s = (m - 1)/(m + 1), by its series. */
BD_INLINE bd_lanes_t lanes_log(bd_lanes_t x) {
  const bd_real_t two = (bd_real_t)((bd_integer_t)1 << BD_FRACTION),
                  least = (bd_real_t)BD_LEAST_NORMAL;
  const bd_mask_t magic = (bd_mask_t)lanes_all(two), one = (bd_mask_t)lanes_all(1);
  bd_mask_t bits = (bd_mask_t)lanes_select(x >= least, x, lanes_all(1));
  bd_lanes_t n = (bd_lanes_t)((bits >> BD_FRACTION) | magic) - (two + BD_BIAS);
  bd_lanes_t m = (bd_lanes_t)((bits & (((bd_integer_t)1 << BD_FRACTION) - 1)) | one);
  bd_mask_t upper = m > (bd_real_t)1.4142135623730951;
  m = lanes_select(upper, m * (bd_real_t)0.5, m);
  n = lanes_select(upper, n + 1, n);
  bd_lanes_t s = (m - 1) / (m + 1), ss = s * s, sum = lanes_all(1.0 / BD_LOG_DEGREE);
  for (int k = BD_LOG_DEGREE - 2; k >= 1; k -= 2) sum = sum * ss + (bd_real_t)(1.0 / k);
  return n * (bd_real_t)0x1.62e4p-1 + (2 * s * sum + n * (bd_real_t)0x1.7f7d1cf79abcap-20);
}

/* x * 2^n for integers n; beyond +-BD_EXPONENT_MAX, n counts as that. */
BD_INLINE bd_lanes_t lanes_scale(bd_lanes_t x, bd_lanes_t n) {
  bd_lanes_t shifted, limit = lanes_all(BD_EXPONENT_MAX);
  lanes_round(lanes_max(lanes_min(n, limit), -limit) + BD_BIAS, &shifted);
  return x * (bd_lanes_t)((bd_mask_t)shifted << BD_FRACTION);
}

#endif
