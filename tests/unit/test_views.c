/* Each view is what its name says, and what a job may ask for is what there is. */
#include <barydef/barydef.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Of a job that lives as long as the process of a test. */
static const bd_parameters_t *parameters(const char *baseline) {
  static bd_job_t *jobs[128];
  static size_t count;
  char text[512];
  bd_job_t *job;
  bd_error_t error;
  snprintf(text, sizeof text, "[input]\nfile = a\n[output]\nfile = b\n[baseline]\n%s", baseline);
  cr_assert_eq(bd_job_parse(text, "job", "", 0, NULL, &job, &error), BD_OK, "%s", error.message);
  cr_assert_lt(count, sizeof jobs / sizeof *jobs);
  jobs[count++] = job;
  return bd_job_point(job, 0);
}

static const double *make(bd_view_t view, const char *baseline, int height, int width,
                          const double *attacked, double *room) {
  const bd_view_source_t source = {.count = 1,
                                   .channels = 1,
                                   .height = height,
                                   .width = width,
                                   .attacked = attacked,
                                   .mean = attacked + 1,
                                   .purified = attacked + 2,
                                   .parameters = parameters(baseline)};
  const double *pixels = NULL;
  bd_error_t error;
  cr_assert_eq(bd_view_make(view, &source, room, &pixels, &error), BD_OK, "%s", error.message);
  return pixels;
}

Test(views, rounded_is_the_nearest_grey_level) {
  const double in[4] = {0, 0.5 / 255 - 1e-9, 0.5 / 255 + 1e-9, 1};
  double room[4];
  const double *out = make(BD_VIEW_ROUNDED, "", 2, 2, in, room);
  cr_assert_float_eq(out[0], 0, 0);
  cr_assert_float_eq(out[1], 0, 0);
  cr_assert_float_eq(out[2], 1.0 / 255, 1e-16);
  cr_assert_float_eq(out[3], 1, 0);
}

Test(views, blurred_spreads_a_pixel_as_a_gaussian) {
  enum { N = 9 };
  double in[N * N] = {0}, room[N * N], sum = 0;
  in[4 * N + 4] = 1;
  const double *out = make(BD_VIEW_BLURRED, "blur_sigma = 0.75\n", N, N, in, room);
  for (int i = 0; i < N * N; i++) sum += out[i];
  cr_assert_float_eq(sum, 1, 1e-14);
  cr_assert_float_eq(out[4 * N + 5] / out[4 * N + 4], exp(-0.5 / (0.75 * 0.75)), 1e-14);
  cr_assert_float_eq(out[6 * N + 5] / out[4 * N + 4], exp(-2.5 / (0.75 * 0.75)), 1e-14);
}

Test(views, blurred_by_nothing_is_a_copy) {
  const double in[6] = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6};
  double room[6];
  cr_assert_arr_eq(make(BD_VIEW_BLURRED, "blur_sigma = 0\n", 2, 3, in, room), in, sizeof in);
}

/* An image of pixels in [0,1], and a derivative by a view of it. */
static void draw(int size, double *image, double *adjoint) {
  for (int j = 0; j < size; j++) {
    image[j] = fmod(0.37 * j * j, 1);
    adjoint[j] = fmod(0.73 * j * j + 0.1, 1) - 0.5;
  }
}

static bd_view_source_t source_of(const char *baseline, int height, int width, const double *in) {
  return (bd_view_source_t){.count = 1,
                            .channels = 1,
                            .height = height,
                            .width = width,
                            .attacked = in,
                            .parameters = parameters(baseline)};
}

/* <B x, y> = <x, B^T y>, also where the blur is wider than the image. */
Test(views, blurred_has_its_transpose_as_gradient) {
  enum { HEIGHT = 5, WIDTH = 7, SIZE = HEIGHT * WIDTH };
  double in[SIZE], adjoint[SIZE], room[SIZE], gradient[SIZE], there = 0, back = 0;
  draw(SIZE, in, adjoint);
  for (int wide = 0; wide < 2; wide++) {
    const char *baseline = wide ? "blur_sigma = 3\n" : "blur_sigma = 0.7\n";
    const bd_view_source_t source = source_of(baseline, HEIGHT, WIDTH, in);
    const double *out = make(BD_VIEW_BLURRED, baseline, HEIGHT, WIDTH, in, room);
    cr_assert_eq(bd_view_vjp(BD_VIEW_BLURRED, &source, adjoint, gradient, NULL), BD_OK);
    there = back = 0;
    for (int j = 0; j < SIZE; j++) there += out[j] * adjoint[j], back += in[j] * gradient[j];
    cr_assert_float_eq(there, back, 1e-14);
  }
}

/* The derivative by each pixel, beside central differences. */
Test(views, total_variation_has_its_own_gradient) {
  enum { HEIGHT = 4, WIDTH = 5, SIZE = HEIGHT * WIDTH };
  const double step = 1e-5;
  double in[SIZE], adjoint[SIZE], room[SIZE], gradient[SIZE];
  draw(SIZE, in, adjoint);
  for (int strong = 0; strong < 2; strong++) {
    const char *baseline = strong ? "tv_weight = 0.3\n" : "tv_weight = 0.02\n";
    const bd_view_source_t source = source_of(baseline, HEIGHT, WIDTH, in);
    cr_assert_eq(bd_view_vjp(BD_VIEW_TOTAL_VARIATION, &source, adjoint, gradient, NULL), BD_OK);
    for (int at = 0; at < SIZE; at++) {
      double difference = 0;
      for (int side = -1; side < 2; side += 2) {
        const double pixel = in[at];
        in[at] += side * step;
        const double *out = make(BD_VIEW_TOTAL_VARIATION, baseline, HEIGHT, WIDTH, in, room);
        for (int j = 0; j < SIZE; j++) difference += side * out[j] * adjoint[j] / (2 * step);
        in[at] = pixel;
      }
      cr_assert_float_eq(gradient[at], difference, 1e-7, "%d %d: %.3e", strong, at,
                         gradient[at] - difference);
    }
  }
}

Test(views, gradients_pass_straight_through_what_is_not_smooth) {
  const double adjoint[6] = {0.1, -0.2, 0.3, 0, 5, -6};
  const bd_view_t straight[] = {BD_VIEW_ATTACKED, BD_VIEW_ROUNDED, BD_VIEW_MEDIAN, BD_VIEW_JPEG},
                  solved[] = {BD_VIEW_MEAN, BD_VIEW_PURIFIED};
  const bd_view_source_t source = {.count = 1, .channels = 1, .height = 2, .width = 3};
  double gradient[6];
  bd_error_t error;
  for (size_t i = 0; i < sizeof straight / sizeof *straight; i++) {
    memset(gradient, 0, sizeof gradient);
    cr_assert_eq(bd_view_vjp(straight[i], &source, adjoint, gradient, &error), BD_OK);
    cr_assert_arr_eq(gradient, adjoint, sizeof adjoint);
  }
  for (size_t i = 0; i < sizeof solved / sizeof *solved; i++)
    cr_assert_eq(bd_view_vjp(solved[i], &source, adjoint, gradient, &error), BD_BAD_INPUT);
}

Test(views, what_was_made_before_is_handed_on) {
  const double in[4] = {0};
  double room[4];
  cr_assert_eq(make(BD_VIEW_ATTACKED, "", 1, 1, in, room), in);
  cr_assert_eq(make(BD_VIEW_MEAN, "", 1, 1, in, room), in + 1);
  cr_assert_eq(make(BD_VIEW_PURIFIED, "", 1, 1, in, room), in + 2);
}

Test(views, a_job_asks_for_those_it_names_and_two_always) {
  cr_assert_eq(bd_views_asked(parameters("views =\n")), BD_VIEWS_ALWAYS);
  cr_assert_eq(bd_views_asked(parameters("views = mean\n")),
               BD_VIEWS_ALWAYS | BD_VIEW_BIT(BD_VIEW_MEAN));
  cr_assert_eq(bd_views_asked(parameters("")), BD_VIEWS_ALWAYS | BD_VIEW_BIT(BD_VIEW_ROUNDED) |
                                                   BD_VIEW_BIT(BD_VIEW_BLURRED) |
                                                   BD_VIEW_BIT(BD_VIEW_MEAN));
  for (bd_view_t v = 0; v < BD_VIEWS; v++) {
    char line[100];
    if (BD_VIEWS_ALWAYS & BD_VIEW_BIT(v)) continue;
    snprintf(line, sizeof line, "views = %s\n", bd_view_name(v));
    cr_assert_eq(bd_views_asked(parameters(line)), BD_VIEWS_ALWAYS | BD_VIEW_BIT(v));
  }
}

Test(views, a_job_may_not_ask_for_what_is_no_view_or_for_one_twice) {
  const char *const wrong[] = {"attacked", "purified", "mean, mean", "meen", "mean; blurred"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    char text[200];
    bd_job_t *job;
    bd_error_t error;
    snprintf(text, sizeof text, "[input]\nfile = a\n[output]\nfile = b\n[baseline]\nviews = %s\n",
             wrong[i]);
    cr_assert_eq(bd_job_parse(text, "job", "", 0, NULL, &job, &error), BD_BAD_INPUT, "%s",
                 wrong[i]);
    cr_assert(strstr(error.message, "baseline.views"), "%s", error.message);
  }
}
