#include <barydef/barydef.h>
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const bd_views_t ALL = ~(bd_views_t)0;

/* Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
   Medicine 17 (1998), table I, method 3. */
Test(wilson, agrees_with_newcombes_table) {
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

/* The ends of the interval are defined by (p - p0)^2 = z^2 p0 (1 - p0) / n. */
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

Test(wilson, of_nothing_tried_is_from_0_to_1) {
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
  bd_tally_finish(&tally, ALL, &row);
  cr_assert_eq(row.images, 4);
  cr_assert_eq(row.failed, 1);
  cr_assert_eq(row.recovered, 1);
  cr_assert_eq(row.broken, 1);
  /* The failed image was shown in no view, and is wrong for the purified images alone. */
  cr_assert_float_eq(row.attack_accuracy.value, 2. / 3, 0);
  cr_assert_float_eq(row.rounded_accuracy.value, 1, 0);
  cr_assert_float_eq(row.blurred_accuracy.value, 2. / 3, 0);
  cr_assert_float_eq(row.mean_accuracy.value, 2. / 3, 0);
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
  bd_tally_finish(&whole, ALL, &a);
  bd_tally_finish(&parts, ALL, &b);
  cr_assert_arr_eq(&a, &b, sizeof a);
}

Test(tally, of_which_nothing_was_shown_has_no_accuracy) {
  bd_tally_t tally = {0};
  bd_statistics_t row;
  bd_per_image_t record = records[2];
  for (bd_view_t v = 0; v < BD_VIEWS; v++) bd_per_image_predict(&record, v, -1);
  bd_tally_add(&tally, 0.2, 1, &record);
  bd_tally_finish(&tally, ALL, &row);
  for (bd_view_t v = 0; v < BD_VIEWS; v++)
    cr_assert(isnan(bd_statistics_accuracy(&row, v).value), "%s", bd_view_name(v));
}

Test(worst_case, leaves_out_what_was_not_shown) {
  bd_worst_image_t images[4];
  bd_worst_case_t row = {.images = 4};
  for (int i = 0; i < 4; i++) images[i] = (bd_worst_image_t){ALL, ALL};
  bd_worst_case_add(images, 4, records);
  bd_worst_case_finish(images, ALL, &row);
  cr_assert_float_eq(row.attack_accuracy.value, 2. / 3, 0);
  cr_assert_float_eq(row.barycenter_accuracy.value, 0.5, 0);
  images[2].right = 0; /* wrong under another attack */
  bd_worst_case_finish(images, ALL, &row);
  cr_assert_float_eq(row.attack_accuracy.value, 0.5, 0);
}

Test(tally, without_a_victim_there_is_no_accuracy) {
  bd_tally_t tally = {0};
  bd_statistics_t row;
  bd_tally_add(&tally, 0.2, 4, records);
  bd_tally_finish(&tally, 0, &row);
  cr_assert(isnan(row.attack_accuracy.value) && isnan(row.barycenter_accuracy.low));
}

Test(tally, a_view_that_was_not_asked_for_has_no_accuracy) {
  bd_tally_t tally = {0};
  bd_statistics_t row;
  bd_tally_add(&tally, 0.2, 4, records);
  bd_tally_finish(&tally, ALL & ~BD_VIEW_BIT(BD_VIEW_BLURRED), &row);
  cr_assert(isnan(row.blurred_accuracy.value) && isnan(row.blurred_accuracy.low));
  cr_assert_float_eq(row.mean_accuracy.value, 2. / 3, 0);
  for (bd_view_t v = 0; v < BD_VIEWS; v++)
    cr_assert_eq(isnan(bd_statistics_accuracy(&row, v).value), v == BD_VIEW_BLURRED, "%s",
                 bd_view_name(v));
}

Test(record, packs_and_unpacks_what_was_asked_for) {
  const bd_views_t sets[] = {0, bd_views_added(), ALL};
  for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
    bd_per_image_t record, again;
    memset(&record, 0, sizeof record);
    record.label = 7;
    record.bits = 64;
    record.safe_tau = 0.25;
    for (bd_view_t v = 0; v < BD_VIEWS; v++) bd_per_image_predict(&record, v, 100 + (int32_t)v);
    const size_t size = bd_record_bytes(sets[s]);
    unsigned char bytes[sizeof record + 8];
    memset(bytes, 165, sizeof bytes);
    cr_assert(size % 8 == 0 && size <= sizeof record);
    bd_record_pack(sets[s], &record, bytes);
    cr_assert_eq(bytes[size], 165);
    bd_record_unpack(sets[s], bytes, &again);
    cr_assert(again.label == 7 && again.bits == 64 && again.safe_tau == 0.25);
    for (bd_view_t v = 0; v < BD_VIEWS; v++) {
      const int is_there = !(bd_views_added() & BD_VIEW_BIT(v)) || (sets[s] & BD_VIEW_BIT(v));
      cr_assert_eq(bd_per_image_predicted(&again, v), is_there ? 100 + (int32_t)v : -1);
    }
  }
}

Test(distance, is_that_of_both_norms) {
  const float stored[3] = {0, 0.5f, 1};
  const double other[3] = {3, 0.5, -3};
  double l2, linf;
  bd_distance(3, stored, other, &l2, &linf);
  cr_assert_float_eq(l2, 5, 1e-15);
  cr_assert_float_eq(linf, 4, 0);
}

Test(statistics, fields_without_a_victim_are_told_and_filled) {
  const bd_image_report_t reports[2] = {{.iterations = 7, .residual = 0.5, .safe_tau = 3},
                                        {.status = BD_IMAGE_EMPTY, .residual = NAN}};
  const double attacked[2] = {0.25, 0};
  const float stored[2] = {0.75f, NAN};
  bd_per_image_t records[2];
  bd_per_image_measure(2, 1, reports, attacked, stored, records);
  const char *name, *type;
  size_t offset;
  int number = 0, seen = 0;
  for (; bd_per_image_measured(number, &name, &type, &offset); number++) {
    const char *field = (const char *)records + offset;
    cr_assert_lt(offset, bd_per_image_size());
    cr_assert(strncmp(name, "predicted", 9) && strcmp(name, "label"));
    if (!strcmp(name, "iterations")) seen += *(const int32_t *)field == 7 && !strcmp(type, "i4");
    if (!strcmp(name, "l2_to_attacked")) seen += *(const double *)field == 0.5;
    if (!strcmp(name, "safe_tau")) seen += *(const double *)field == 3 && !strcmp(type, "f8");
    if (!strcmp(name, "status")) seen += *(const int8_t *)field == 0 && !strcmp(type, "i1");
  }
  cr_assert(seen == 4 && number > 4);
  cr_assert(records[1].status == BD_IMAGE_EMPTY && isnan(records[1].l2_to_attacked));
}
