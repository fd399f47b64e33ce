/* The solvers of a sweep share moved images (bd_moved_t).  That changes no result, and no image is
   moved twice. */
#include <barydef/barydef.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* More images than the widest register has lanes, and no multiple of them. */
enum { COUNT = 19, SNAPSHOTS = 2 };

static bd_solver_options_t defaults(void) {
  bd_solver_options_t options = {
      .gamma = 0.02, .theta = 1e5, .tau = 0.2, .window = 7, .iterations = {SNAPSHOTS, {0, 12}}};
  cr_assert_eq(bd_marginal_set_parse("B4", &options.marginals, NULL), BD_OK);
  return options;
}

/* Blobs in noise.  One image fails by a motion, and one is NaN. */
static double *make(int channels, int height, int width) {
  const int pixels = height * width, size = channels * pixels;
  double *images = malloc(COUNT * (size_t)size * sizeof *images);
  for (int i = 0; i < COUNT * size; i++) {
    double y = i % pixels / width - height / 2.0, x = i % width - width / 2.0;
    images[i] = 0.7 * exp(-(x * x + y * y) / (height * 2.0)) + i * 7 % 11 / 50.0;
  }
  images[3 * size + size / 2] = NAN;
  for (int i = 0; i < size; i++) images[5 * size + i] = i % width == width - 1;
  return images;
}

typedef struct solved {
  double *purified, *mean;
  bd_image_report_t reports[SNAPSHOTS * COUNT];
} solved_t;

static solved_t solve(const bd_solver_options_t *options, int channels, int height, int width,
                      bd_moved_t *moved, const double *images) {
  const size_t bytes = COUNT * (size_t)(channels * height * width) * sizeof(double);
  solved_t s = {malloc(SNAPSHOTS * bytes), malloc(bytes), {{0}}};
  bd_solver_t *solver;
  bd_error_t error = {0};
  memset(s.reports, 0, sizeof s.reports);
  cr_assert_eq(bd_solver_create(options, channels, height, width, moved, &solver, &error), BD_OK,
               "%s", error.message);
  bd_solver_run(solver, COUNT, images, s.purified, s.mean, s.reports, NULL, NULL);
  bd_solver_destroy(solver);
  return s;
}

static void discard(solved_t s) {
  free(s.purified);
  free(s.mean);
}

/* The points of a sweep, with shared moved images and each alone, give the same bits. */
static void compare(int channels, int height, int width, double most) {
  const size_t bytes = COUNT * (size_t)(channels * height * width) * sizeof(double);
  bd_solver_options_t points[10];
  for (int i = 0; i < 10; i++) points[i] = defaults();
  points[1].gamma = 1;
  points[2].gamma = 2, points[2].precision = BD_PRECISION_AUTO;
  points[3].gamma = 3, points[3].precision = BD_PRECISION_AUTO;
  points[4].mass = BD_MASS_JOINT;
  points[5].mass = BD_MASS_JOINT, points[5].tau = 5,
  points[5].gamma = 1e-4; /* takes the wide path, or diverges */
  points[6].interpolation = BD_NEAREST;
  bd_marginal_set_parse("B6", &points[7].marginals, NULL);
  bd_marginal_set_parse("B6", &points[8].marginals, NULL), points[8].method = BD_METHOD_FISTA;
  points[9].instructions = BD_INSTRUCTIONS_BASELINE;
  double *images = make(channels, height, width);
  bd_moved_t *moved = bd_moved_create(most);
  for (int i = 0; i < 10; i++) {
    solved_t shared = solve(&points[i], channels, height, width, moved, images);
    solved_t alone = solve(&points[i], channels, height, width, NULL, images);
    cr_expect_arr_eq(shared.purified, alone.purified, SNAPSHOTS * bytes, "point %d", i);
    cr_expect_arr_eq(shared.mean, alone.mean, bytes, "point %d", i);
    cr_expect_eq(shared.reports[3].status, BD_IMAGE_NOT_FINITE);
    cr_expect_eq(shared.reports[5].status, BD_IMAGE_LOST_MARGINAL);
    for (int j = 0; j < SNAPSHOTS * COUNT; j++) {
      const bd_image_report_t *a = &shared.reports[j], *b = &alone.reports[j];
      cr_expect(a->status == b->status && a->bits == b->bits && a->fallback == b->fallback &&
                    !memcmp(&a->residual, &b->residual, sizeof a->residual) &&
                    !memcmp(&a->objective, &b->objective, sizeof a->objective),
                "point %d, image %d", i, j);
    }
    discard(shared);
    discard(alone);
  }
  bd_moved_free(moved);
  free(images);
}

Test(moved, a_sweep_is_its_points) { compare(1, 28, 28, 1e9); }
Test(moved, a_sweep_is_its_points_where_not_all_images_are_kept) { compare(2, 12, 9, 30000); }
Test(moved, a_sweep_is_its_points_in_strips) { compare(1, 96, 96, 1e9); }

/* With the memory that the estimate asks for, not even the last image is moved again. */
static void check_estimate(int channels, int side, bd_precision_t precision) {
  bd_solver_options_t options = defaults();
  options.gamma = 2, options.precision = precision;
  double *images = make(channels, side, side);
  bd_moved_t *moved = bd_moved_create(bd_moved_bytes(&options, channels, side, side, COUNT));
  discard(solve(&options, channels, side, side, moved, images));
  const size_t plane = (size_t)(side * side), size = (size_t)channels * plane,
               last = (COUNT - 1) * size;
  double *before = malloc(size * sizeof *before);
  memcpy(before, images + last, size * sizeof *before);
  for (size_t i = 0; i < size; i++)
    images[last + i] = before[i / plane * plane + plane - 1 - i % plane];
  solved_t is = solve(&options, channels, side, side, moved, images);
  memcpy(images + last, before, size * sizeof *before);
  solved_t expected = solve(&options, channels, side, side, NULL, images);
  for (size_t i = last; i < last + size; i++)
    cr_assert_float_eq(is.mean[i], expected.mean[i], 1e-6, "%d x %d", channels, side);
  discard(is);
  discard(expected);
  bd_moved_free(moved);
  free(before);
  free(images);
}

Test(moved, the_estimate_is_enough) {
  for (int precision = 0; precision < 2; precision++) {
    const bd_precision_t chosen = precision ? BD_PRECISION_AUTO : BD_PRECISION_DOUBLE;
    check_estimate(1, 4, chosen);
    check_estimate(3, 28, chosen);
    check_estimate(1, 96, chosen);
  }
}

/* The images are mirrored behind the solvers' backs.  Their mass stays the same, so the solvers go
   on with the old ones until they are told to forget them.  Images that failed still fail. */
Test(moved, images_are_not_moved_twice) {
  enum { SIDE = 28, PIXELS = SIDE * SIDE };
  double *images = make(1, SIDE, SIDE), *others = malloc(COUNT * PIXELS * sizeof *others);
  memcpy(images + 5 * PIXELS, images, PIXELS * sizeof *images);
  for (int i = 0; i < COUNT * PIXELS; i++)
    others[i] = images[i / PIXELS * PIXELS + PIXELS - 1 - i % PIXELS];
  bd_solver_options_t first = defaults(), second = defaults();
  second.gamma = 0.5;
  for (int keeps = 0; keeps < 2; keeps++) {
    bd_moved_t *moved = bd_moved_create(keeps ? 1e9 : 0);
    for (int forgets = 0; forgets < 2; forgets++) {
      discard(solve(&first, 1, SIDE, SIDE, moved, images));
      if (forgets) bd_moved_forget(moved);
      solved_t is = solve(&second, 1, SIDE, SIDE, moved, others);
      solved_t expected = solve(&second, 1, SIDE, SIDE, NULL, keeps && !forgets ? images : others);
      for (int i = 0; i < SNAPSHOTS * COUNT * PIXELS; i++)
        cr_assert(fabs(is.purified[i] - expected.purified[i]) < 1e-12 ||
                      isnan(expected.purified[i]),
                  "%d %d pixel %d", keeps, forgets, i);
      discard(is);
      discard(expected);
      bd_moved_forget(moved);
    }
    bd_moved_free(moved);
  }
  free(images);
  free(others);
}
