#include <barydef/barydef.h>
#include <criterion/criterion.h>
#include <math.h>

enum { H = 9, W = 11, PIXELS = H * W };

static bd_solver_options_t defaults(void) {
  bd_solver_options_t options = {
      .gamma = 0.02, .theta = 1e5, .tau = 0.2, .window = 7, .iterations = {1, {20}}};
  cr_assert_eq(bd_marginal_set_parse("B6", &options.marginals, NULL), BD_OK);
  return options;
}

/* A blob, so that no motion of B6 empties the image. */
static void fill(double *image, double scale) {
  for (int i = 0; i < PIXELS; i++) {
    double y = i / W - 4, x = i % W - 5;
    image[i] = scale * exp(-(x * x + y * y) / 6);
  }
}

static bd_image_report_t purify(const bd_solver_options_t *options, int channels,
                                const double *image, double *purified) {
  bd_solver_t *solver;
  bd_error_t error = {0};
  bd_image_report_t reports[BD_SNAPSHOTS_MAX];
  cr_assert_eq(bd_solver_create(options, channels, H, W, NULL, &solver, &error), BD_OK, "%s",
               error.message);
  bd_solver_run(solver, 1, image, purified, NULL, reports, NULL, NULL);
  bd_solver_destroy(solver);
  return reports[options->iterations.count - 1];
}

Test(solver, options_out_of_range_are_refused) {
  bd_solver_t *solver;
  bd_error_t error;
#define REFUSED(change)                                                                            \
  do {                                                                                             \
    bd_solver_options_t o = defaults();                                                            \
    change;                                                                                        \
    cr_assert_eq(bd_solver_create(&o, 1, H, W, NULL, &solver, &error), BD_BAD_INPUT, #change);     \
    cr_assert(solver == NULL && error.message[0]);                                                 \
  } while (0)
  REFUSED(o.gamma = 0);
  REFUSED(o.gamma = NAN);
  REFUSED(o.theta = -1);
  REFUSED(o.tau = 0);
  REFUSED(o.window = 4);
  REFUSED(o.window = -1);
  REFUSED(o.marginals.count = 0);
  REFUSED(o.weights.count = 2);
  REFUSED(o.iterations.count = 0);
  REFUSED((o.iterations.count = 2, o.iterations.values[1] = 20));
  REFUSED(o.iterations.values[0] = 1 << 24);
  REFUSED((o.weights.count = 6, o.weights.values[3] = 0));
#undef REFUSED
}

Test(solver, each_bad_image_has_its_status_and_is_nan) {
  const struct {
    int pixel;
    double value;
    bd_image_status_t status;
  } bad[] = {{3, NAN, BD_IMAGE_NOT_FINITE},
             {0, INFINITY, BD_IMAGE_NOT_FINITE},
             {98, -INFINITY, BD_IMAGE_NOT_FINITE},
             {50, -1e-9, BD_IMAGE_NEGATIVE},
             {50, 1.5, BD_IMAGE_ABOVE_ONE}};
  bd_solver_options_t options = defaults();
  for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
    double image[PIXELS], purified[PIXELS];
    fill(image, 0.8);
    image[bad[b].pixel] = bad[b].value;
    bd_image_report_t report = purify(&options, 1, image, purified);
    cr_assert_eq(report.status, bad[b].status, "%s", bd_image_status_name(report.status));
    for (int i = 0; i < PIXELS; i++) cr_assert(isnan(purified[i]));
  }
  double zeros[PIXELS] = {0}, purified[PIXELS];
  cr_assert_eq(purify(&options, 1, zeros, purified).status, BD_IMAGE_EMPTY);
  /* All mass lies in the column that the shift moves out. */
  zeros[5 * W - 1] = 1;
  cr_assert_eq(purify(&options, 1, zeros, purified).status, BD_IMAGE_LOST_MARGINAL);
}

Test(solver, an_empty_channel_purifies_to_zeros) {
  double image[3 * PIXELS] = {0}, purified[3 * PIXELS];
  bd_solver_options_t options = defaults();
  fill(image, 0.8);
  fill(image + 2 * PIXELS, 0.3);
  cr_assert_eq(purify(&options, 3, image, purified).status, BD_IMAGE_OK);
  for (int i = PIXELS; i < 2 * PIXELS; i++) cr_assert(purified[i] == 0);
  cr_assert(purified[PIXELS / 2] > 0.3);
}

Test(solver, mass_is_kept) {
  double image[PIXELS], purified[PIXELS], mass = 0, after = 0;
  bd_solver_options_t options = defaults();
  fill(image, 0.5);
  bd_image_report_t report = purify(&options, 1, image, purified);
  for (int i = 0; i < PIXELS; i++) mass += image[i], after += purified[i];
  cr_assert_float_eq(after, mass, 1e-12);
  cr_assert_lt(report.mass_defect, 1e-13);
}

Test(solver, snapshots_are_those_of_shorter_runs) {
  double image[PIXELS], three[3 * PIXELS], one[PIXELS];
  bd_solver_options_t options = defaults();
  fill(image, 0.5);
  options.iterations = (bd_iterations_t){3, {0, 7, 31}};
  purify(&options, 1, image, three);
  for (int s = 0; s < 3; s++) {
    bd_solver_options_t shorter = options;
    shorter.iterations = (bd_iterations_t){1, {options.iterations.values[s]}};
    cr_assert_eq(purify(&shorter, 1, image, one).iterations, options.iterations.values[s]);
    cr_assert_arr_eq(one, three + s * PIXELS, sizeof one);
  }
}

static void count_call(void *context) { ++*(int *)context; }

/* Returns how often poll is called for one block of 8 problems: once an iteration. */
static int iterations_of(const bd_solver_options_t *options, double *purified,
                         bd_image_report_t *reports) {
  double images[8 * PIXELS];
  bd_solver_t *solver;
  int calls = 0;
  for (int i = 0; i < 8; i++) fill(images + i * PIXELS, 0.3 + 0.05 * i);
  cr_assert_eq(bd_solver_create(options, 1, H, W, NULL, &solver, NULL), BD_OK);
  bd_solver_run(solver, 8, images, purified, NULL, reports, count_call, &calls);
  bd_solver_destroy(solver);
  return calls;
}

Test(solver, snapshots_cost_the_iterations_of_the_last) {
  const struct {
    double gamma;
    bd_kernel_t kernel;
    bd_method_t method;
    int window;
  } ways[] = {{0.02, BD_KERNEL_DIRECT, BD_METHOD_FB, 7},
              {0.5, BD_KERNEL_DIRECT, BD_METHOD_FB, BD_WINDOW_FULL},
              {0.5, BD_KERNEL_FFTW, BD_METHOD_FB, 7},
              {0.001, BD_KERNEL_AUTO, BD_METHOD_FB, 7} /* takes the wide path */,
              {0.5, BD_KERNEL_AUTO, BD_METHOD_FISTA, 7}};
  static double three[3 * 8 * PIXELS], one[8 * PIXELS];
  bd_image_report_t reports[3 * 8], report[8];
  for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
    bd_solver_options_t options = defaults();
    options.gamma = ways[w].gamma, options.kernel = ways[w].kernel, options.method = ways[w].method,
    options.window = ways[w].window;
    options.iterations = (bd_iterations_t){3, {10, 20, 40}};
    cr_assert_eq(iterations_of(&options, three, reports), 40);
    for (int s = 0; s < 3; s++) {
      bd_solver_options_t shorter = options;
      shorter.iterations = (bd_iterations_t){1, {options.iterations.values[s]}};
      cr_assert_eq(iterations_of(&shorter, one, report), options.iterations.values[s]);
      cr_assert_arr_eq(one, three + s * 8 * PIXELS, sizeof one);
      for (int i = 0; i < 8; i++)
        cr_assert(report[i].status == reports[8 * s + i].status &&
                  report[i].iterations == reports[8 * s + i].iterations &&
                  report[i].objective == reports[8 * s + i].objective &&
                  report[i].residual == reports[8 * s + i].residual);
    }
  }
}

Test(solver, poll_is_called_every_iteration_of_every_eight_problems) {
  double images[17 * PIXELS], purified[17 * PIXELS];
  bd_image_report_t reports[17];
  bd_solver_options_t options = defaults();
  bd_solver_t *solver;
  int calls = 0;
  for (int i = 0; i < 17; i++) fill(images + i * PIXELS, 0.5);
  cr_assert_eq(bd_solver_create(&options, 1, H, W, NULL, &solver, NULL), BD_OK);
  bd_solver_run(solver, 17, images, purified, NULL, reports, count_call, &calls);
  bd_solver_destroy(solver);
  cr_assert_eq(calls, 3 * 20);
}
