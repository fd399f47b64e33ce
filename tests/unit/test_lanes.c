/* Compares the vector functions with those of the C library in long double.  This file is compiled
   for the baseline path.  The other paths differ in which a*b + c are fused. */
#define BD_PATH test
#include "transport/engine/lanes.h"

#include <criterion/criterion.h>
#include <math.h>

/* Largest error in units of the last place, over `steps` points from `low` to `high`. */
static double worst(bd_lanes_t (*function)(bd_lanes_t), long double (*exact)(long double),
                    double low, double high, int steps) {
  double largest = 0;
  for (int i = 0; i <= steps; i++) {
    bd_real_t x = (bd_real_t)(low + (high - low) * i / steps);
    bd_lanes_t y = function(lanes_all(x));
    long double wanted = exact(x);
    int exponent;
    frexpl(wanted, &exponent);
    double error = (double)(fabsl(y[0] - wanted) / ldexpl(1, exponent - BD_FRACTION - 1));
    for (int l = 1; l < BD_LANES; l++) cr_assert(y[l] == y[0], "lanes differ at %g", (double)x);
    if (error > largest) largest = error;
  }
  return largest;
}

static bd_lanes_t exponential(bd_lanes_t x) { return lanes_exp2(x); }
static bd_lanes_t logarithm(bd_lanes_t x) { return lanes_log(x); }

Test(lanes, exp2_is_right_to_1_3_ulp) {
  double small = worst(exponential, exp2l, -3, 3, 200000),
         wide = worst(exponential, exp2l, -1000, 1000, 200000);
  cr_log_info("exp2: %.3f ulp near 0, %.3f ulp from -1000 to 1000", small, wide);
  cr_assert_lt(small, 1.3, "%g ulp", small);
  cr_assert_lt(wide, 1.3, "%g ulp", wide);
  cr_assert(exponential(lanes_all(0))[0] == 1);
}

Test(lanes, log_is_right_to_2_5_ulp) {
  double low = worst(logarithm, logl, 1e-300, 0.9, 200000),
         high = worst(logarithm, logl, 1.2, 1e6, 200000);
  cr_log_info("log: %.3f and %.3f ulp", low, high);
  cr_assert_lt(low, 2.5, "%g ulp", low);
  cr_assert_lt(high, 2.5, "%g ulp", high);
  cr_assert(logarithm(lanes_all(0))[0] == 0, "0 log 0 = 0");
  /* Near 1, where log is small, the error counts against 1. */
  for (double x = 0.9; x < 1.2; x += 1e-5)
    cr_assert(fabs(logarithm(lanes_all(x))[0] - log(x)) < 3e-16, "log(%g)", x);
}

Test(lanes, scale_is_exact) {
  for (int n = -1000; n <= 1000; n++)
    cr_assert(lanes_scale(lanes_all(1.5), lanes_all(n))[0] == ldexp(1.5, n));
  cr_assert(lanes_scale(lanes_all(1), lanes_all(-0x1p1000))[0] == ldexp(1, -1000));
}
