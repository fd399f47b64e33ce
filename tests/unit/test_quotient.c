/* Holds the division of the AVX-512 path against that of the processor.  This file is compiled for
   that path, where there is one. */
#define BD_PATH test
#include "transport/engine/lanes.h"

#include <barydef/solver.h>

#include <criterion/criterion.h>
#include <math.h>

/* Numbers between 1 and 2 with all bits at random, times a power of two. */
static double any_number(uint64_t *state, int exponents) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  const double mantissa = 1 + ldexp((double)(*state >> 12), -52);
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return ldexp(mantissa, (int)((*state >> 33) % (unsigned)(2 * exponents)) - exponents);
}

static void check(double a, double b) {
  const volatile double wanted = a / b;
  const bd_lanes_t found = lanes_divide(lanes_all(a), lanes_all(b));
  for (int l = 0; l < BD_LANES; l++)
    cr_assert(found[l] == wanted, "%a / %a is %a, not %a", a, b, wanted, (double)found[l]);
}

Test(quotient, division_is_that_of_the_processor_to_the_last_bit) {
#if defined __AVX512F__
  if (bd_instructions_best() < BD_INSTRUCTIONS_AVX512)
    cr_skip_test("SKIPPED: this processor has no AVX-512");
#endif
  uint64_t state = 1;
  for (int i = 0; i < 2000000; i++) check(any_number(&state, 400), any_number(&state, 400));
  /* Divisors whose bits are all but equal, and quotients that are exact. */
  for (int i = 1; i < 100000; i++) {
    check(i, nextafter(nextafter(2, 0), 0));
    check(i, 1 + ldexp(i, -52));
    check(3.0 * i, i);
    check(0, i);
  }
  /* The one mantissa that Markstein's theorem excepts. */
  const bd_lanes_t half = lanes_divide(lanes_all(1), lanes_all(nextafter(2, 0)));
  cr_assert(fabs(half[0] - 0.5) <= 0x1p-53);
}
