/* The precision of this compilation, and every number that depends on it. */
#ifndef BD_PRECISION_H
#define BD_PRECISION_H

#include <barydef/limits.h>

#include <stdint.h>

/* A value, and the integer of its size. */
#ifdef BD_SINGLE
typedef float bd_real_t;
typedef int32_t bd_integer_t;
#else
typedef double bd_real_t;
typedef int64_t bd_integer_t;
#endif

#ifdef BD_SINGLE
enum {
  BD_IS_SINGLE = 1,
  BD_FRACTION = 23, /* bits of a mantissa */
  BD_BIAS = 127,    /* of an exponent */

  /* Exponents up to here leave room for a few products. */
  BD_EXPONENT_MAX = 120,

  /* Bits that a potential may span.  float32 is left for the sake of its digits, long before its
     exponents end (single_may_serve, solver.c). */
  BD_RANGE_MAX = 4,

  /* Degree to which the series of lanes_log goes. */
  BD_LOG_DEGREE = 9
};
#define BD_LEAST_NORMAL 0x1p-126
#else
enum {
  BD_IS_SINGLE = 0,
  BD_FRACTION = 52,
  BD_BIAS = 1023,
  BD_EXPONENT_MAX = 1000,

  /* 2^-865 leaves room for q / K a and the sums.  What underflows below it is too small to change
     a sum. */
  BD_RANGE_MAX = 865,

  BD_LOG_DEGREE = 23
};
#define BD_LEAST_NORMAL 0x1p-1022
#endif

/* The mass defect from which an image counts as failed. */
#ifdef BD_SINGLE
#define BD_DEFECT_MAX BD_MASS_DEFECT_MAX_SINGLE
#else
#define BD_DEFECT_MAX BD_MASS_DEFECT_MAX
#endif

/* More than the rounding of the dual objective, a sum of terms of the size of gamma and of the
   objective itself. */
#ifdef BD_SINGLE
#define BD_OBJECTIVE_ROUNDING 1e-4
#else
#define BD_OBJECTIVE_ROUNDING 1e-9
#endif

/* An image with less mass than this counts as black: 1/mass would overflow, in float64. */
#define BD_LEAST_MASS 1e-290

/* A mass by which float32 cannot divide. */
#define BD_LEAST_MASS_SINGLE 1e-30

#define BD_LN2 0.693147180559945309417

#endif
