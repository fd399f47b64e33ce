/* The table of costs against the functions that it names.  A cost that separates according to the
   table is computed by two passes, which would be wrong if it did not. */
#include "transport/kernel.h"

#include <criterion/criterion.h>
#include <math.h>

enum { FARTHEST = 30 };

static double cost_at(int cost, int dy, int dx) { return kernel_cost((bd_cost_t)cost, dy, dx); }

static int is_sum_of_its_directions(int cost) {
  for (int dy = 0; dy <= FARTHEST; dy++)
    for (int dx = 0; dx <= FARTHEST; dx++)
      if (fabs(cost_at(cost, dy, dx) - cost_at(cost, dy, 0) - cost_at(cost, 0, dx)) > 1e-9)
        return 0;
  return 1;
}

Test(costs, separate_exactly_where_the_table_says) {
  for (int cost = 0; cost < BD_COSTS; cost++)
    cr_expect_eq(kernel_separates((bd_cost_t)cost), is_sum_of_its_directions(cost), "%s",
                 bd_cost_name(cost));
}

Test(costs, with_a_recursion_are_the_distance_in_each_direction) {
  for (int cost = 0; cost < BD_COSTS; cost++) {
    const bd_solver_options_t options = {.cost = (bd_cost_t)cost, .window = BD_WINDOW_FULL};
    if (!kernel_recurs(&options)) continue;
    cr_expect(kernel_separates(options.cost), "%s", bd_cost_name(cost));
    for (int d = 0; d <= FARTHEST; d++) cr_expect_eq(cost_at(cost, 0, d), d);
  }
}

Test(costs, ignore_signs_and_order_and_grow) {
  for (int cost = 0; cost < BD_COSTS; cost++)
    for (int dy = 0; dy <= FARTHEST; dy++)
      for (int dx = 0; dx <= FARTHEST; dx++) {
        const double here = cost_at(cost, dy, dx);
        cr_assert_eq(here, cost_at(cost, -dy, dx), "%s", bd_cost_name(cost));
        cr_assert_eq(here, cost_at(cost, dx, -dy), "%s", bd_cost_name(cost));
        cr_assert(here < cost_at(cost, dy + 1, dx), "%s", bd_cost_name(cost));
      }
}

Test(costs, have_names) {
  cr_assert_str_eq(bd_cost_name(BD_COST_L1), "l1");
  cr_assert_str_eq(bd_cost_name(BD_COST_L2), "l2");
  cr_assert_str_eq(bd_cost_name(BD_COST_SQL2), "sql2");
  cr_assert_null(bd_cost_name(-1));
  cr_assert_null(bd_cost_name(BD_COSTS));
}
