#include <barydef/barydef.h>
#include <criterion/criterion.h>
#include <math.h>

/* Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
   Medicine 17 (1998), table I, method 3. */
Test(wilson, known_values) {
  const struct {
    int64_t right, of;
    double low, high;
  } known[] = {{81, 263, 0.2553, 0.3662},
               {15, 148, 0.0624, 0.1605},
               {0, 20, 0, 0.1611},
               {1, 29, 0.0061, 0.1718}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    bd_accuracy_t a = bd_wilson(known[i].right, known[i].of, 1.959963984540054);
    cr_assert_float_eq(a.value, (double)known[i].right / (double)known[i].of, 1e-15);
    cr_assert_float_eq(a.low, known[i].low, 5e-5, "%g", a.low);
    cr_assert_float_eq(a.high, known[i].high, 5e-5, "%g", a.high);
  }
}

/* The interval's ends solve (p - p0)^2 = z^2 p0 (1 - p0) / n: its definition. */
Test(wilson, ends_solve_the_score_equation) {
  const double z = 1.959963984540054;
  for (int64_t n = 1; n < 200; n += 7)
    for (int64_t k = 0; k <= n; k += 3) {
      bd_accuracy_t a = bd_wilson(k, n, z);
      const double ends[2] = {a.low, a.high};
      for (int e = 0; e < 2; e++)
        cr_assert_float_eq((a.value - ends[e]) * (a.value - ends[e]),
                           z * z * ends[e] * (1 - ends[e]) / (double)n, 1e-14);
      cr_assert(a.low <= a.value && a.value <= a.high);
    }
}

Test(wilson, nothing_tried) {
  bd_accuracy_t a = bd_wilson(0, 0, 1.96);
  cr_assert(isnan(a.value) && a.low == 0 && a.high == 1);
}

static const bd_per_image_t records[4] = {{.label = 3,
                                           .iterations = 7,
                                           .residual = 0.5,
                                           .l2_to_clean = NAN,
                                           .linf_to_clean = NAN,
                                           .predicted_attacked = 1,
                                           .predicted_rounded = 3,
                                           .predicted_blurred = 3,
                                           .predicted_mean = 2,
                                           .predicted_purified = 3},
                                          {.label = 4,
                                           .iterations = 7,
                                           .residual = 0.25,
                                           .l2_to_clean = NAN,
                                           .linf_to_clean = NAN,
                                           .predicted_attacked = 4,
                                           .predicted_rounded = 4,
                                           .predicted_blurred = 1,
                                           .predicted_mean = 4,
                                           .predicted_purified = 1},
                                          {.label = 5,
                                           .status = BD_IMAGE_EMPTY,
                                           .residual = NAN,
                                           .predicted_attacked = -1,
                                           .predicted_rounded = -1,
                                           .predicted_blurred = -1,
                                           .predicted_mean = -1,
                                           .predicted_purified = -1},
                                          {.label = 6,
                                           .iterations = 9,
                                           .residual = 0.75,
                                           .l2_to_clean = NAN,
                                           .linf_to_clean = NAN,
                                           .predicted_attacked = 6,
                                           .predicted_rounded = 6,
                                           .predicted_blurred = 6,
                                           .predicted_mean = 6,
                                           .predicted_purified = 6}};

Test(tally, counts_every_figure) {
  bd_tally_t tally = {0};
  bd_statistics_t row;
  bd_tally_add(&tally, 0.2, 4, records);
  bd_tally_finish(&tally, 1, &row);
  cr_assert_eq(row.images, 4);
  cr_assert_eq(row.failed, 1);
  cr_assert_eq(row.recovered, 1);
  cr_assert_eq(row.broken, 1);
  cr_assert_float_eq(row.attack_accuracy.value, 0.5, 0);
  cr_assert_float_eq(row.rounded_accuracy.value, 0.75, 0);
  cr_assert_float_eq(row.blurred_accuracy.value, 0.5, 0);
  cr_assert_float_eq(row.mean_accuracy.value, 0.5, 0);
  cr_assert_float_eq(row.barycenter_accuracy.value, 0.5, 0);
  cr_assert_float_eq(row.residual.mean, 0.5, 0);
  cr_assert_float_eq(row.residual.max, 0.75, 0);
  cr_assert_float_eq(row.iterations.max, 9, 0);
  cr_assert(isnan(row.l2_to_clean.mean) && isnan(row.l2_to_clean.max));
}

Test(tally, portions_change_no_bit) {
  bd_tally_t whole = {0}, parts = {0};
  bd_statistics_t a, b;
  memset(&a, 0, sizeof a);
  memset(&b, 0, sizeof b);
  bd_tally_add(&whole, 0.2, 4, records);
  for (int i = 0; i < 4; i++) bd_tally_add(&parts, 0.2, 1, records + i);
  bd_tally_finish(&whole, 1, &a);
  bd_tally_finish(&parts, 1, &b);
  cr_assert_arr_eq(&a, &b, sizeof a);
}

Test(tally, without_a_victim_there_is_no_accuracy) {
  bd_tally_t tally = {0};
  bd_statistics_t row;
  bd_tally_add(&tally, 0.2, 4, records);
  bd_tally_finish(&tally, 0, &row);
  cr_assert(isnan(row.attack_accuracy.value) && isnan(row.barycenter_accuracy.low));
}

Test(distance, both_norms) {
  const float stored[3] = {0, 0.5f, 1};
  const double other[3] = {3, 0.5, -3};
  double l2, linf;
  bd_distance(3, stored, other, &l2, &linf);
  cr_assert_float_eq(l2, 5, 1e-15);
  cr_assert_float_eq(linf, 4, 0);
}

Test(round8, nearest_grey_level) {
  const double in[4] = {0, 0.5 / 255 - 1e-9, 0.5 / 255 + 1e-9, 1};
  double out[4];
  bd_round8(4, in, out);
  cr_assert_float_eq(out[0], 0, 0);
  cr_assert_float_eq(out[1], 0, 0);
  cr_assert_float_eq(out[2], 1.0 / 255, 1e-16);
  cr_assert_float_eq(out[3], 1, 0);
}
