/* Solves 8 images for L iterations and does nothing else: for counting instructions
   (bench.py runs it under valgrind --tool=callgrind with two L and takes the difference). */
#include <barydef/solver.h>

#include <stdlib.h>

int main(int argc, char **argv) {
  enum { IMAGES = 8, SIDE = 28, PIXELS = SIDE * SIDE };
  static double images[IMAGES * PIXELS], purified[IMAGES * PIXELS];
  bd_image_report_t reports[IMAGES];
  bd_solver_options_t options = {.gamma = 0.5, .theta = 1e5, .tau = 0.2, .window = 7,
                                 .iterations = {1, {argc > 1 ? atoi(argv[1]) : 0}},
                                 /* valgrind has no AVX-512 */
                                 .instructions = bd_instructions_best() < BD_INSTRUCTIONS_AVX2 ? BD_INSTRUCTIONS_BASELINE : BD_INSTRUCTIONS_AVX2};
  bd_solver_t *solver;
  bd_error_t error;
  for (int i = 0; i < IMAGES * PIXELS; i++) images[i] = i * 7 % 11 < 5 ? 0 : (i * 7 % 11) / 11.0;
  if (bd_marginal_set_parse("B6", &options.marginals, &error) != BD_OK) return 1;
  if (bd_solver_create(&options, 1, SIDE, SIDE, NULL, &solver, &error) != BD_OK) return 1;
  bd_solver_run(solver, IMAGES, images, purified, NULL, reports, NULL, NULL);
  bd_solver_destroy(solver);
  return reports[0].status;
}
