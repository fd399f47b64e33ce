/* Solves images for L iterations and does nothing else.  solver_costs.py runs it under valgrind
   with two L, and takes the difference of instructions and of misses of a cache.

       count L [SIDE IMAGES COST WINDOW GAMMA SHORTCUTS]

   The defaults are 28 8 l1 7 0.5.  WINDOW 0 stands for full.

   The last argument switches shortcuts, 1 unless given.  Prints how many evaluations of a marginal
   they left out, over all images. */
#include <barydef/solver.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The cost of this name, or the first. */
static bd_cost_t cost_named(const char *name) {
  int cost = BD_COSTS - 1;
  while (cost > 0 && strcmp(bd_cost_name(cost), name)) cost--;
  return (bd_cost_t)cost;
}

int main(int argc, char **argv) {
  const int side = argc > 2 ? atoi(argv[2]) : 28, count = argc > 3 ? atoi(argv[3]) : 8;
  const size_t size = (size_t)(count * side * side);
  bd_solver_options_t options = {.cost = argc > 4 ? cost_named(argv[4]) : BD_COST_L1,
                                 .window = argc > 5 ? atoi(argv[5]) : 7,
                                 .gamma = argc > 6 ? atof(argv[6]) : 0.5,
                                 .theta = 1e5,
                                 .tau = 0.2,
                                 .shortcuts = argc > 7 ? atoi(argv[7]) : 1,
                                 .iterations = {1, {argc > 1 ? atoi(argv[1]) : 0}},
                                 /* valgrind has no AVX-512 */
                                 .instructions = bd_instructions_best() < BD_INSTRUCTIONS_AVX2
                                                     ? BD_INSTRUCTIONS_BASELINE
                                                     : BD_INSTRUCTIONS_AVX2};
  double *images = malloc(2 * size * sizeof *images);
  bd_image_report_t *reports = malloc((size_t)count * sizeof *reports);
  bd_solver_t *solver;
  bd_error_t error;
  if (!images || !reports) return 1;
  for (size_t i = 0; i < size; i++) images[i] = i * 7 % 11 < 5 ? 0 : (double)(i * 7 % 11) / 11.0;
  if (bd_marginal_set_parse("B6", &options.marginals, &error) != BD_OK) return 1;
  if (bd_solver_create(&options, 1, side, side, NULL, &solver, &error) != BD_OK) return 1;
  bd_solver_run(solver, count, images, images + size, NULL, reports, NULL, NULL);
  bd_solver_destroy(solver);
  int64_t skipped = 0;
  for (int i = 0; i < count; i++) skipped += reports[i].evaluations_skipped;
  printf("%lld\n", (long long)skipped);
  return reports[0].status;
}
