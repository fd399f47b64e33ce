/* What all attacks build on (random numbers, the ball, losses), and the attacks of Foolbox and of
   the paper, on victims whose borders are known. */
#include "attack/carlini_wagner.h"
#include "attack/deepfool.h"
#include "attack/losses.h"
#include "attack_scene.h"

Test(random, philox_gives_the_published_answers) {
  /* Random123's kat_vectors for philox4x32, 10 rounds: counter, key, answer. */
  static const uint32_t published[][10] = {
      {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
      {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
       0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
       0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (int k = 0; k < 3; k++) {
    uint32_t words[4];
    attack_philox(published[k], published[k] + 4, words);
    for (int i = 0; i < 4; i++) cr_assert_eq(words[i], published[k][6 + i]);
  }
}

Test(random, numbers_depend_on_their_place_alone) {
  const attack_stream_t stream = {7, 123456789012, 3, 1, 9};
  double all[100], one;
  attack_uniform(stream, 0, 100, all);
  for (uint64_t at = 0; at < 100; at++) {
    attack_uniform(stream, at, 1, &one);
    cr_assert_eq(one, all[at]);
    cr_assert(one > 0 && one < 1);
  }
  attack_normal(stream, 0, 100, all);
  for (uint64_t at = 0; at < 100; at++) {
    attack_normal(stream, at, 1, &one);
    cr_assert_eq(one, all[at]);
  }
}

Test(ball, what_is_stored_is_inside_as_float64_sees_it) {
  enum { PIXELS = 50 };
  for (int round = 0; round < 2000; round++) {
    double u[2 * PIXELS + 1];
    float clean[PIXELS], x[PIXELS], stored[PIXELS];
    attack_uniform((attack_stream_t){11, round, 0, 0, 0}, 0, 2 * PIXELS + 1, u);
    const double epsilon = round % 10 == 0 ? 0 : round % 3 ? 0.3 * u[2 * PIXELS] : 8.0 / 255;
    for (int j = 0; j < PIXELS; j++) {
      clean[j] = (float)(j % 5 ? u[j] : u[j] > 0.5);
      x[j] = j == 7 ? NAN : (float)(3 * u[PIXELS + j] - 1);
    }
    for (int norm = 0; norm < 2; norm++) {
      attack_store(norm, epsilon, PIXELS, clean, x, stored);
      cr_assert_leq(attack_distance(norm, PIXELS, clean, stored), epsilon);
      for (int j = 0; j < PIXELS; j++) cr_assert(stored[j] >= 0 && stored[j] <= 1);
      cr_assert_eq(stored[7], clean[7]);
      /* Nothing moves that is inside, and what is not goes no further than it must. */
      float again[PIXELS];
      attack_store(norm, epsilon, PIXELS, clean, stored, again);
      cr_assert_arr_eq(again, stored, sizeof stored);
      for (int j = 0; norm == BD_ATTACK_NORM_LINF && j < PIXELS; j++) {
        const double wanted = isnan(x[j]) ? (double)clean[j] : (double)x[j];
        const double nearest =
            fmin(fmax(fmin(fmax(wanted, clean[j] - epsilon), clean[j] + epsilon), 0), 1);
        cr_assert_float_eq(stored[j], nearest, 1.2e-7);
      }
    }
  }
}

Test(ball, the_search_for_it_ends_where_a_clean_value_is_nan, .timeout = 10) {
  const float clean[3] = {0.5F, NAN, 0.25F}, x[3] = {1, 0.5F, 0};
  float stored[3];
  for (int norm = 0; norm < 2; norm++) {
    attack_store(norm, 0.1, 3, clean, x, stored);
    cr_assert(stored[0] >= 0 && stored[0] <= 1);
  }
}

/* The loss of logits that differ by `change` in class c. */
static double loss_of(int loss, int target, int classes, const float *logits, int label, int c,
                      float change) {
  float moved[20];
  memcpy(moved, logits, (size_t)classes * sizeof *logits);
  moved[c] += change;
  return target < 0 ? attack_loss(loss, classes, moved, label, NULL)
                    : attack_loss_targeted_dlr(classes, moved, label, target, NULL);
}

Test(losses, derivatives_are_those_of_finite_differences) {
  static const int losses[] = {BD_ATTACK_LOSS_CE, BD_ATTACK_LOSS_DLR, BD_ATTACK_LOSS_MARGIN,
                               BD_ATTACK_LOSS_DLR};
  for (int round = 0; round < 200; round++)
    for (int k = 0; k < 4; k++) {
      const int classes = 4 + round % 12, label = round % classes,
                target = k == 3 ? (label + 1) % classes : -1;
      double u[20];
      float logits[20], weights[20];
      attack_normal((attack_stream_t){12, round, 0, 0, 0}, 0, (size_t)classes, u);
      for (int c = 0; c < classes; c++) logits[c] = (float)(3 * u[c]);
      if (target < 0) attack_loss(losses[k], classes, logits, label, weights);
      else attack_loss_targeted_dlr(classes, logits, label, target, weights);
      for (int c = 0; c < classes; c++) {
        const float h = 1.0f / 256;
        const double up = loss_of(losses[k], target, classes, logits, label, c, h),
                     down = loss_of(losses[k], target, classes, logits, label, c, -h);
        /* Where the order of logits changes on the way, there is no derivative to compare with. */
        bool is_near = false;
        for (int d = 0; d < classes; d++)
          is_near |= d != c && fabs((double)logits[c] - (double)logits[d]) < 2 / 256.0;
        if (!is_near || losses[k] == BD_ATTACK_LOSS_CE)
          cr_assert_float_eq(weights[c], (up - down) * 128,
                             1e-3 * fmax(1, fabs((double)weights[c])), "loss %d class %d", k, c);
      }
    }
}

Test(losses, logits_of_any_size_give_finite_weights) {
  static const float sizes[] = {1e-30f, 1, 1e3f, 1e30f};
  for (int k = 0; k < 4; k++)
    for (int loss = 0; loss < 3; loss++)
      for (int label = 0; label < 5; label++) {
        const float logits[] = {sizes[k], -sizes[k], 0, 0.5f * sizes[k], 0.25f * sizes[k]};
        float weights[5];
        cr_assert(isfinite(attack_loss(loss, 5, logits, label, weights)));
        for (int c = 0; c < 5; c++) cr_assert(isfinite(weights[c]));
      }
}

/* A scene whose images are far from black and white, so that their nearest border is inside. */
static scene_t *inner_scene(bd_attack_type_t type, bd_attack_norm_t norm, double epsilon) {
  scene_t *s = scene(type, norm, epsilon);
  for (int j = 0; j < COUNT * SIZE; j++) s->clean[j] = 0.3f + 0.4f * s->clean[j];
  label(s);
  return s;
}

/* The class and the passes are those of what is stored. */
static void check_judged(scene_t *s) {
  float found[COUNT * CLASSES];
  int64_t forward = 0, backward = 0;
  for (int i = 0; i < COUNT; i++) {
    forward += s->forward[i];
    backward += s->backward[i];
  }
  cr_assert_eq(forward, s->victim.forward);
  cr_assert_eq(backward, s->victim.backward);
  logits(&s->victim, &(attack_images_t){COUNT, s->numbers, s->images}, found, NULL);
  for (int i = 0; i < COUNT; i++) {
    cr_assert_eq(s->predicted[i], attack_class(found + i * CLASSES, CLASSES));
    if (s->options.epsilon > 0) cr_assert_leq(distance(s, i), s->options.epsilon);
  }
}

Test(deepfool, finds_the_nearest_plane) {
  for (int norm = 0; norm < 2; norm++) {
    scene_t *s = inner_scene(BD_ATTACK_DEEPFOOL, (bd_attack_norm_t)norm, 0);
    run(s);
    check_judged(s);
    cr_assert_eq(fooled(s), COUNT);
    for (int i = 0; i < COUNT; i++) {
      const double least = nearest(s, i);
      cr_assert(distance(s, i) >= least * 0.999 && distance(s, i) <= 1.02 * (least + 2e-4),
                "norm %d image %d: %g, the plane is at %g", norm, i, distance(s, i), least);
    }
    free(s);
  }
}

Test(carlini_wagner, finds_the_nearest_plane) {
  scene_t *s = inner_scene(BD_ATTACK_CARLINI_WAGNER, BD_ATTACK_NORM_L2, 0);
  s->options.steps = 500;
  run(s);
  check_judged(s);
  cr_assert_eq(fooled(s), COUNT);
  /* A first step of Adam is some 0.03 long, and crosses nearer borders whatever the constant is. */
  int checked = 0;
  for (int i = 0; i < COUNT; i++) {
    const double least = nearest(s, i);
    if (least < 0.1) continue;
    checked++;
    cr_assert(distance(s, i) >= least * 0.999 && distance(s, i) <= 1.03 * least,
              "image %d: %g, the plane is at %g", i, distance(s, i), least);
  }
  cr_assert_geq(checked, 3);
  free(s);
}

Test(carlini_wagner, needs_l2) {
  bd_error_t error;
  const bd_made_attack_t options = {
      .name = "cw", .type = BD_ATTACK_CARLINI_WAGNER, .norm = BD_ATTACK_NORM_LINF};
  cr_assert_eq(attack_check(&options, 10, &error), BD_BAD_INPUT);
  cr_assert(strstr(error.message, "[attack cw]") && strstr(error.message, "norm = l2"));
}

Test(growing, stops_just_beyond_the_border) {
  for (int norm = 0; norm < 2; norm++) {
    scene_t *s = inner_scene(BD_ATTACK_GROWING, (bd_attack_norm_t)norm, 0);
    s->victim.is_bent = norm == 1;
    run(s);
    check_judged(s);
    cr_assert_eq(fooled(s), COUNT);
    /* At the radius of the step that led across, the step before was still right. */
    for (int i = 0; i < COUNT; i++) {
      const int64_t steps = s->backward[i] - 1;
      const double radius = 0.01 * pow(1.1, (double)((steps - 1) / 10));
      cr_assert_leq(distance(s, i), radius * (1 + 1e-6));
    }
    free(s);
  }
}

Test(growing, epsilon_bounds_the_radius) {
  scene_t *s = inner_scene(BD_ATTACK_GROWING, BD_ATTACK_NORM_LINF, 0.005);
  run(s);
  check_judged(s);
  for (int i = 0; i < COUNT; i++)
    if (s->predicted[i] == s->labels[i]) cr_assert_eq(s->backward[i], 600);
  free(s);
}

/* Images of two runs, one of which had an image's neighbours and the other not, are the same. */
Test(attacks, of_an_image_do_not_depend_on_its_neighbours) {
  static const bd_attack_type_t types[] = {BD_ATTACK_FGSM, BD_ATTACK_PGD, BD_ATTACK_DEEPFOOL,
                                           BD_ATTACK_CARLINI_WAGNER, BD_ATTACK_GROWING};
  for (int k = 0; k < 5; k++)
    for (int norm = types[k] == BD_ATTACK_CARLINI_WAGNER; norm < 2; norm++) {
      scene_t *s = scene(types[k], (bd_attack_norm_t)norm, norm ? 0.4 : 0.02);
      s->victim.is_bent = true;
      s->options.steps = 20;
      label(s);
      s->labels[3] = (s->labels[3] + 1) % CLASSES; /* misclassified when clean */
      run(s);
      check_judged(s);
      if (types[k] != BD_ATTACK_FGSM && types[k] != BD_ATTACK_PGD) cr_assert_eq(distance(s, 3), 0);
      for (int i = 0; i < COUNT; i++) {
        float alone[SIZE];
        int32_t predicted;
        int64_t forward, backward;
        bd_error_t error;
        const attack_task_t task = {&s->options, 1, s->numbers + i, s->clean + i * SIZE,
                                    s->labels + i};
        attack_outcome_t outcome = {alone, &predicted, &forward, &backward};
        cr_assert_eq(attack_run(&s->model, &task, &outcome, &error), BD_OK);
        cr_assert_arr_eq(alone, s->images + i * SIZE, sizeof alone);
        cr_assert(predicted == s->predicted[i] && forward == s->forward[i] &&
                  backward == s->backward[i]);
      }
      free(s);
    }
}
