/* Solves hostile but legal images with floating-point exceptions trapped.  An invalid operation or
   a division by zero anywhere ends the test. */
#include <barydef/barydef.h>
#include <criterion/criterion.h>
#include <fenv.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/set/survey_check.h"

enum { H = 12, W = 15, PIXELS = H * W, KINDS = 6 };

static void fill(int kind, double *image) {
  for (int i = 0; i < PIXELS; i++) {
    int y = i / W, x = i % W;
    switch (kind) {
      case 0: image[i] = y == 6 && x == 7; break;                          /* one lit pixel */
      case 1: image[i] = (y == 3 && x == 3) || (y == 9 && x == 10); break; /* two far ones */
      case 2: image[i] = 1; break;                                         /* constant */
      case 3: image[i] = (x + y) % 2; break;                               /* checkerboard */
      case 4: image[i] = pow(10, -30.0 * i / (PIXELS - 1)); break;         /* down to 1e-30 */
      default:
        image[i] = pow(10, -12.0 * ((i * 7919) % PIXELS) / PIXELS);
        break; /* 1e-12 to 1, mixed */
    }
  }
}

/* The gradients of the images just solved, which are solved again with the same bits.  Steps that
   are too long let adjoints grow, so an overflow is trapped only where all are safe. */
static void go_back(bd_solver_t *solver, const double *images, const double *purified,
                    const bd_image_report_t *reports, double tau, const char *name) {
  static double again[2 * KINDS * PIXELS], adjoints[KINDS * PIXELS], gradients[KINDS * PIXELS];
  bd_image_report_t of_gradients[2 * KINDS];
  bd_error_t error = {0};
  int traps = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW;
  for (int i = 0; i < KINDS; i++)
    if (tau > reports[KINDS + i].safe_tau) traps = 0;
  for (int i = 0; i < KINDS * PIXELS; i++) adjoints[i] = i * 7919 % 31 / 15.0 - 1;
  const bd_vjp_t vjp = {.count = KINDS,
                        .images = images,
                        .adjoints = adjoints,
                        .purified = again,
                        .gradients = gradients,
                        .reports = of_gradients};
  feenableexcept(traps);
  const bd_status_t status = bd_solver_vjp(solver, &vjp, &error);
  fedisableexcept(FE_ALL_EXCEPT);
  cr_assert_eq(status, BD_OK, "%s: %s", name, error.message);
  cr_assert_arr_eq(again, purified, sizeof again, "%s: other bits", name);
  for (int i = 0; traps && i < KINDS * PIXELS; i++)
    cr_assert(isfinite(gradients[i]), "%s: the gradient of pixel %d is %g", name, i, gradients[i]);
}

static void solve_all(bd_solver_options_t *options, const char *name) {
  static double images[KINDS * PIXELS], purified[2 * KINDS * PIXELS];
  bd_image_report_t reports[2 * KINDS];
  bd_solver_t *solver;
  bd_error_t error = {0};
  for (int kind = 0; kind < KINDS; kind++) fill(kind, images + kind * PIXELS);
  options->iterations = (bd_iterations_t){2, {1, 60}};
  cr_assert_eq(bd_solver_create(options, 1, H, W, NULL, &solver, &error), BD_OK, "%s",
               error.message);
  feenableexcept(FE_INVALID | FE_DIVBYZERO);
  bd_solver_run(solver, KINDS, images, purified, NULL, reports, NULL, NULL);
  fedisableexcept(FE_INVALID | FE_DIVBYZERO);
  const int is_wanted = getenv("BARYDEF_LONG") || options->instructions == bd_instructions_best();
  if (options->method == BD_METHOD_FB && options->precision == BD_PRECISION_DOUBLE && is_wanted)
    go_back(solver, images, purified, reports, options->tau, name);
  bd_solver_destroy(solver);
  for (int i = 0; i < 2 * KINDS; i++) {
    cr_assert_eq(reports[i].status, BD_IMAGE_OK, "%s, image %d: %s", name, i % KINDS,
                 bd_image_status_name(reports[i].status));
    cr_assert_lt(reports[i].mass_defect, reports[i].bits == 32 ? 1e-5 : 1e-10,
                 "%s, image %d: mass defect %g", name, i % KINDS, reports[i].mass_defect);
  }
  for (int i = 0; i < 2 * KINDS * PIXELS; i++)
    cr_assert(purified[i] >= 0 && purified[i] <= 1, "%s: pixel %d is %g", name, i, purified[i]);
}

static void over_parameters_with(bd_method_t method, bd_instructions_t instructions) {
  mallopt(M_PERTURB, 165); /* memory that nobody initialised is garbage, not zeros */
  const double gammas[] = {1e-3, 0.02, 0.5, 5, 1e3}, taus[] = {1e-6, 0.2, 1e3};
  const int windows[] = {1, 7, BD_WINDOW_FULL};
  for (int g = 0; g < 5; g++)
    for (int t = 0; t < 3; t++)
      for (int cost = 0; cost < BD_COSTS; cost++)
        for (int w = 0; w < 3; w++)
          for (int kernel = BD_KERNEL_DIRECT; kernel <= BD_KERNEL_FFTW; kernel++) {
            char name[200];
            bd_solver_options_t options = {.gamma = gammas[g],
                                           .theta = 1e5,
                                           .tau = taus[t],
                                           .cost = (bd_cost_t)cost,
                                           .window = windows[w],
                                           .kernel = (bd_kernel_t)kernel,
                                           .method = method,
                                           .instructions = instructions};
            if (method == BD_METHOD_FISTA && t > 0) continue; /* FISTA has no tau */
            bd_marginal_set_parse("identity + rotate 3 + translate 1 0", &options.marginals, NULL);
            snprintf(name, sizeof name, "gamma %g tau %g cost %d window %d kernel %d", gammas[g],
                     taus[t], cost, windows[w], kernel);
            solve_all(&options, name);
          }
  bd_solver_options_t single = {.gamma = 5,
                                .theta = 1e5,
                                .tau = 0.2,
                                .window = 7,
                                .precision = BD_PRECISION_AUTO,
                                .instructions = instructions};
  bd_marginal_set_parse("identity + rotate 3 + translate 1 0", &single.marginals, NULL);
  if (method == BD_METHOD_FB) solve_all(&single, "float32");
  for (int regularizer = BD_REGULARIZER_DATA; regularizer <= BD_REGULARIZER_NONE; regularizer++)
    for (int mass = BD_MASS_CHANNEL; mass <= BD_MASS_JOINT; mass++) {
      bd_solver_options_t options = {.gamma = 0.5,
                                     .theta = 10,
                                     .tau = 0.2,
                                     .window = 7,
                                     .method = method,
                                     .mass = (bd_mass_t)mass,
                                     .regularizer = (bd_regularizer_t)regularizer,
                                     .weights = {3, {1, 2, 1e-3}},
                                     .instructions = instructions};
      bd_marginal_set_parse("identity + rotate 3 + translate 1 0", &options.marginals, NULL);
      solve_all(&options, "variants");
    }
}

static void over_parameters(bd_method_t method) {
  for (int set = BD_INSTRUCTIONS_BASELINE; set <= (int)bd_instructions_best(); set++)
    over_parameters_with(method, (bd_instructions_t)set);
}

/* A channel whose mass has no finite inverse counts as black, and so does an image. */
Test(hostile, image_of_next_to_no_mass_is_empty) {
  double images[2 * PIXELS] = {0}, purified[2 * PIXELS];
  bd_image_report_t report;
  bd_solver_t *solver;
  bd_solver_options_t options = {
      .gamma = 0.02, .theta = 1e5, .tau = 0.2, .window = 7, .iterations = {1, {5}}};
  bd_marginal_set_parse("B6", &options.marginals, NULL);
  cr_assert_eq(bd_solver_create(&options, 2, H, W, NULL, &solver, NULL), BD_OK);
  feenableexcept(FE_INVALID | FE_DIVBYZERO);
  images[6 * W + 7] = 5e-324;
  bd_solver_run(solver, 1, images, purified, NULL, &report, NULL, NULL);
  cr_assert_eq(report.status, BD_IMAGE_EMPTY, "%s", bd_image_status_name(report.status));
  for (int i = 0; i < PIXELS; i++) images[PIXELS + i] = 0.5;
  bd_solver_run(solver, 1, images, purified, NULL, &report, NULL, NULL);
  fedisableexcept(FE_INVALID | FE_DIVBYZERO);
  cr_assert_eq(report.status, BD_IMAGE_OK, "%s", bd_image_status_name(report.status));
  for (int i = 0; i < PIXELS; i++) cr_assert(purified[i] == 0);
  bd_solver_destroy(solver);
}

/* The set declares 2^27 images of 2^36 pixels, each pixel a chunk.  A run.max_memory of a terabyte
   keeps every other limit out of the way. */
Test(hostile, number_of_chunks_does_not_overflow) {
  const int64_t most = INT64_C(1000000) << 20;
  survey_head_t head = {.count = 1 << 27, .attack_count = 1};
  bd_attack_t attack = {.name = "a"};
  place_t place = {
      .shape = {1 << 27, 4096, 32768, 512}, .chunk = {1, 1, 1, 1}, .element = ELEMENT_UINT8};
  const survey_t survey = {.head = &head, .attacks = &attack, .places = &place};
  const survey_request_t request = {
      .path = "set.h5", .file_size = INT64_C(1) << 40, .most_bytes = most};
  bd_error_t error = {0};
  cr_assert_eq(survey_check_shapes(&request, &survey, &error), BD_OK, "%s", error.message);
  for (int doubled = 0; doubled < 4; doubled++, place.shape[0] *= 2)
    cr_assert_eq(chunks_of(&place), INT64_MAX);
}

Test(hostile, forward_backward_stays_finite_and_keeps_mass) {
  if (!getenv("BARYDEF_LONG"))
    puts("REDUCED: gradients by the best instructions alone; --long takes all");
  over_parameters(BD_METHOD_FB);
}
Test(hostile, fista_stays_finite_and_keeps_mass) { over_parameters(BD_METHOD_FISTA); }
