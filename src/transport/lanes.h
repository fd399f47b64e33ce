/* Eight images side by side: element l of a bd_lanes_t is the same pixel of image l.

   A plane of a block is [height][width] of bd_lanes_t.  Everything the solver does to a
   lane is independent of the other lanes and of the lane's place, which is what makes
   results independent of block size and rank count.

   Written with the vector extension of GCC and Clang, which lowers to AVX-512, AVX2, SSE2
   or plain code; functions marked BD_CLONES are compiled for each and chosen at load time. */
#ifndef BD_LANES_H
#define BD_LANES_H

#include <stdint.h>
#include <string.h>

enum { BD_LANES = 8 };
typedef double bd_lanes_t __attribute__((vector_size(64)));
typedef int64_t bd_mask_t __attribute__((vector_size(64)));

#if defined __x86_64__ && defined __GNUC__ && !defined __clang__
#define BD_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define BD_CLONES
#endif
#define BD_INLINE static inline __attribute__((always_inline))



BD_INLINE bd_lanes_t lanes_all(double x) { return (bd_lanes_t){x, x, x, x, x, x, x, x}; }

BD_INLINE bd_lanes_t lanes_select(bd_mask_t mask, bd_lanes_t yes, bd_lanes_t no) {
  return (bd_lanes_t)((mask & (bd_mask_t)yes) | (~mask & (bd_mask_t)no));
}
BD_INLINE bd_lanes_t lanes_max(bd_lanes_t a, bd_lanes_t b) { return lanes_select(a > b, a, b); }
BD_INLINE bd_lanes_t lanes_min(bd_lanes_t a, bd_lanes_t b) { return lanes_select(a < b, a, b); }
BD_INLINE bd_lanes_t lanes_abs(bd_lanes_t a) { return lanes_max(a, -a); }

BD_INLINE int lanes_any(bd_mask_t mask) {
  int64_t all = 0;
  for (int l = 0; l < BD_LANES; l++) all |= mask[l];
  return all != 0;
}

BD_INLINE double lanes_largest(bd_lanes_t a) {
  double largest = a[0];
  for (int l = 1; l < BD_LANES; l++) largest = a[l] > largest ? a[l] : largest;
  return largest;
}

/* x = n ln 2 + r with |r| <= ln 2 / 2: returns exp(r) and the integer n, for |x| <= 1e15.
   Cody and Waite, "Software Manual for the Elementary Functions" (1980); exp(r) is its
   Taylor polynomial of degree 13 (truncation below 5e-18).  Adding 1.5 * 2^52 rounds to an
   integer and leaves it in the low bits of `shifted`. */
BD_INLINE bd_lanes_t lanes_exp_parts(bd_lanes_t x, bd_lanes_t *n, bd_lanes_t *shifted) {
  static const double coefficient[] = {
      1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880,
      1.0 / 40320,      1.0 / 5040,      1.0 / 720,      1.0 / 120,     1.0 / 24,
      1.0 / 6,          1.0 / 2,         1.0,            1.0};
  const double round = 0x1.8p52, log2e = 0x1.71547652b82fep0;
  const double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
  *shifted = x * log2e + round;
  *n = *shifted - round;
  bd_lanes_t r = (x - *n * ln2_high) - *n * ln2_low;
  bd_lanes_t p = lanes_all(coefficient[0]);
  for (int i = 1; i < 14; i++) p = p * r + coefficient[i];
  return p;
}

/* exp(x) for -708 <= x <= 0 to 1 ulp; smaller x counts as -708. */
BD_INLINE bd_lanes_t lanes_exp(bd_lanes_t x) {
  bd_lanes_t n, shifted, p = lanes_exp_parts(lanes_max(x, lanes_all(-708)), &n, &shifted);
  return (bd_lanes_t)((bd_mask_t)p + ((bd_mask_t)shifted << 52));
}

/* log(x) for normal positive x, to 2 ulp; 0 for smaller x.  x = 2^n m with
   sqrt(1/2) <= m < sqrt(2); log m = 2 atanh(s), s = (m - 1)/(m + 1), by its series. */
BD_INLINE bd_lanes_t lanes_log(bd_lanes_t x) {
  const bd_mask_t magic = (bd_mask_t)lanes_all(0x1p52), one = (bd_mask_t)lanes_all(1);
  bd_mask_t usable = x >= lanes_all(0x1p-1022);
  bd_mask_t bits = (bd_mask_t)lanes_select(usable, x, lanes_all(1));
  bd_lanes_t n = (bd_lanes_t)((bits >> 52) | magic) - (0x1p52 + 1023);
  bd_lanes_t m = (bd_lanes_t)((bits & 0xfffffffffffff) | one);
  bd_mask_t upper = m > lanes_all(1.4142135623730951);
  m = lanes_select(upper, m * 0.5, m);
  n = lanes_select(upper, n + 1, n);
  bd_lanes_t s = (m - 1) / (m + 1), ss = s * s, sum = lanes_all(1.0 / 23);
  for (int k = 21; k >= 1; k -= 2) sum = sum * ss + 1.0 / k;
  return n * 0x1.62e42feep-1 + (2 * s * sum + n * 0x1.a39ef35793c76p-33);
}

/* x * 2^n for integers |n| <= 1000; beyond, n counts as +-1000. */
BD_INLINE bd_lanes_t lanes_scale(bd_lanes_t x, bd_lanes_t n) {
  n = lanes_max(lanes_min(n, lanes_all(1000)), lanes_all(-1000));
  return x * (bd_lanes_t)((bd_mask_t)(n + (0x1.8p52 + 1023)) << 52);
}

#endif
