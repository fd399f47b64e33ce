#include <barydef/barydef.h>
#include <criterion/criterion.h>

static bd_marginal_set_t parsed(const char *text) {
  bd_marginal_set_t set;
  bd_error_t error = {0};
  cr_assert_eq(bd_marginal_set_parse(text, &set, &error), BD_OK, "%s: %s", text, error.message);
  return set;
}

Test(marginal_set, names_stand_for_the_papers_sets) {
  bd_marginal_set_t b6 = parsed("B6"), b4 = parsed("B4");
  cr_assert_eq(b6.count, 6);
  cr_assert_eq(b4.count, 4);
  cr_assert_eq(b6.motions[0].kind, BD_IDENTITY);
  cr_assert_float_eq(b6.motions[4].degrees, -3, 0);
  cr_assert(b6.motions[5].kind == BD_TRANSLATE && b6.motions[5].dx == 3 && b6.motions[5].dy == 0);
  cr_assert(b4.motions[3].kind == BD_TRANSLATE);
}

Test(marginal_set, lists_of_motions_are_read_in_order) {
  bd_marginal_set_t set = parsed("  identity+rotate +2.5 +rotate -1e1 +  translate -3 .5 ");
  cr_assert_eq(set.count, 4);
  cr_assert_float_eq(set.motions[1].degrees, 2.5, 0);
  cr_assert_float_eq(set.motions[2].degrees, -10, 0);
  cr_assert(set.motions[3].dx == -3 && set.motions[3].dy == 0.5);
}

Test(marginal_set, nonsense_is_refused) {
  const char *const bad[] = {
      "",           "B5",           "identity +",  "+ identity",       "rotate",
      "rotate x",   "translate 1",  "identity 2",  "rotate 2 3",       "rotate nan",
      "rotate inf", "rotate 1e999", "rotate 0x10", "identity rotate 2"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    bd_marginal_set_t set;
    bd_error_t error = {0};
    cr_assert_eq(bd_marginal_set_parse(bad[i], &set, &error), BD_BAD_INPUT, "\"%s\" was taken",
                 bad[i]);
    cr_assert(strstr(error.message, "B4, B6"), "%s", error.message);
  }
}

Test(marginal_set, more_than_64_are_refused) {
  char text[2000] = "identity";
  bd_marginal_set_t set;
  for (int i = 1; i < 64; i++) strcat(text, "+identity");
  cr_assert_eq(parsed(text).count, 64);
  strcat(text, "+identity");
  cr_assert_eq(bd_marginal_set_parse(text, &set, NULL), BD_BAD_INPUT);
}

static void apply(const bd_motion_t *motion, bd_interpolation_t how, int h, int w, const double *in,
                  double *out) {
  cr_assert_eq(bd_marginal_apply(motion, how, h, w, in, out, NULL), BD_OK);
}

Test(marginal, shift_goes_right_and_down) {
  double in[6] = {1, 2, 3, 4, 5, 6}, out[6];
  const double right[6] = {0, 1, 2, 0, 4, 5}, down[6] = {0, 0, 0, 1, 2, 3},
               half[6] = {0.5, 1.5, 2.5, 2, 4.5, 5.5};
  apply(&(bd_motion_t){.kind = BD_TRANSLATE, .dx = 1}, BD_BILINEAR, 2, 3, in, out);
  cr_assert_arr_eq(out, right, sizeof out);
  apply(&(bd_motion_t){.kind = BD_TRANSLATE, .dy = 1}, BD_BILINEAR, 2, 3, in, out);
  cr_assert_arr_eq(out, down, sizeof out);
  /* Half a pixel to the right.  Bilinear blends with the zero outside. */
  apply(&(bd_motion_t){.kind = BD_TRANSLATE, .dx = 0.5}, BD_BILINEAR, 2, 3, in, out);
  cr_assert_arr_eq(out, half, sizeof out);
}

Test(marginal, a_quarter_turn_is_counter_clockwise) {
  double in[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, out[9];
  const double turned[9] = {3, 6, 9, 2, 5, 8, 1, 4, 7};
  apply(&(bd_motion_t){.kind = BD_ROTATE, .degrees = 90}, BD_BILINEAR, 3, 3, in, out);
  cr_assert_arr_eq(out, turned, sizeof out);
  apply(&(bd_motion_t){.kind = BD_ROTATE, .degrees = -270}, BD_NEAREST, 3, 3, in, out);
  cr_assert_arr_eq(out, turned, sizeof out);
}
