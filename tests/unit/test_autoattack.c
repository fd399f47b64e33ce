/* APGD, FAB, the square attack and their ensemble hold what their papers promise, on victims whose
   borders are known. */
#include "attack/ascent.h"
#include "attack/hills.h"
#include "attack/hunt.h"
#include "attack/plane.h"
#include "attack_scene.h"

static const double radius[] = {[BD_ATTACK_NORM_LINF] = 0.06, [BD_ATTACK_NORM_L2] = 0.5};

Test(plane, reach_is_the_shortest_way_in_the_cube) {
  float w[SIZE], x[SIZE];
  double u[SIZE];
  for (int norm = 0; norm < 2; norm++)
    for (int round = 0; round < 50; round++) {
      double all = 0, change = 0, most = 0, sum = 0;
      attack_normal((attack_stream_t){4, round, 0, 0, 0}, 0, SIZE, u);
      for (int j = 0; j < SIZE; j++) w[j] = j % 7 ? (float)u[j] : 0;
      attack_uniform((attack_stream_t){5, round, 0, 0, 0}, 0, SIZE, u);
      for (int j = 0; j < SIZE; j++) {
        x[j] = (float)(j % 5 ? u[j] : u[j] > 0.5);
        all += w[j] > 0 ? w[j] * (1 - (double)x[j]) : -w[j] * (double)x[j];
      }
      const double height = -all * (round + 1) / 40; /* from 1.0 on the plane misses the cube */
      const plane_way_t way = plane_reach(norm, SIZE, w, x, height);
      for (int j = 0; j < SIZE; j++) {
        const double move = plane_move(norm, way, w[j], x[j]);
        cr_assert(x[j] + move >= 0 && x[j] + move <= 1 && move * w[j] >= 0);
        const double wanted = norm == BD_ATTACK_NORM_LINF ? way.length : way.length * fabs(w[j]);
        const double room = w[j] == 0 ? 0 : w[j] > 0 ? 1 - (double)x[j] : x[j];
        cr_assert_float_eq(fabs(move), fmin(wanted, room), 1e-15);
        change += move * w[j];
        sum += move * move;
        most = fmax(most, fabs(move));
      }
      cr_assert_float_eq(change, round < 40 ? -height : all, 1e-9 * all);
      cr_assert_float_eq(way.size, norm == BD_ATTACK_NORM_LINF ? most : sqrt(sum), 1e-12);
    }
}

Test(apgd, keeps_the_best_point_and_halves_the_step_at_checkpoints_alone) {
  /* The checkpoints of 100 steps, of the paper: shares 0.22, 0.41, 0.57, 0.70, 0.80, 0.87, 0.93,
     0.99. */
  static const int checkpoints[] = {22, 41, 57, 70, 80, 87, 93, 99};
  const int which[COUNT] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  for (int norm = 0; norm < 2; norm++)
    for (int loss = 0; loss < 4; loss++) {
      scene_t *s = scene(BD_ATTACK_APGD, (bd_attack_norm_t)norm, radius[norm]);
      ascent_t a;
      bd_error_t error;
      int halvings = 0;
      s->victim.is_bent = true;
      s->options.loss = loss;
      label(s);
      cr_assert_eq(ascent_create(&s->model, &s->task, COUNT, which, &a, &error), BD_OK);
      for (int i = 0; i < COUNT; i++) a.rows[i].target = (a.rows[i].label + 1) % CLASSES;
      cr_assert_eq(ascent_start(&a, 0, &error), BD_OK);
      for (int i = 0; i < COUNT; i++) cr_assert_float_eq(a.rows[i].step, 2 * radius[norm], 1e-15);
      for (int done = 1; done <= 100; done++) {
        ascent_row_t before[COUNT];
        memcpy(before, a.rows, sizeof before);
        cr_assert_eq(ascent_step(&a, &error), BD_OK);
        bool is_checkpoint = false;
        for (int k = 0; k < 8; k++) is_checkpoint |= checkpoints[k] == done;
        for (int i = 0; i < COUNT; i++) {
          const ascent_row_t *r = &a.rows[i];
          cr_assert_geq(r->kept_loss, before[i].kept_loss);
          cr_assert_geq(r->kept_loss, r->loss);
          cr_assert(r->step == before[i].step || (is_checkpoint && r->step == before[i].step / 2));
          halvings += r->step < before[i].step;
          if (r->step < before[i].step)
            cr_assert_arr_eq(a.iterate + i * SIZE, a.kept + i * SIZE, SIZE * sizeof(float));
        }
      }
      cr_assert_gt(halvings, COUNT);
      cr_assert_leq(s->victim.farthest, radius[norm]);
      cr_assert_gt(s->victim.farthest, 0.99 * radius[norm]);
      cr_assert_eq(s->victim.forward, 101 * COUNT);
      cr_assert_eq(s->victim.backward, 100 * COUNT);
      ascent_free(&a);
      free(s);
    }
}

Test(apgd, fools_a_plane_just_where_the_ball_reaches_it) {
  for (int norm = 0; norm < 2; norm++)
    for (int loss = 0; loss < 4; loss++) {
      scene_t *s = scene(BD_ATTACK_APGD, (bd_attack_norm_t)norm, 1);
      label(s);
      s->options.loss = loss;
      double reach[COUNT];
      for (int i = 0; i < COUNT; i++) reach[i] = nearest(s, i);
      for (int i = 0; i < COUNT; i += 5)
        for (int far = 0; far < 2; far++) {
          s->options.epsilon = reach[i] * (far ? 1.02 : 0.98);
          run(s);
          check_outcome(s);
          for (int k = 0; k < COUNT; k++) {
            if (reach[k] > s->options.epsilon) cr_assert_eq(s->predicted[k], s->labels[k]);
            /* What is raised untargeted may climb towards another class. */
            if (loss == BD_ATTACK_LOSS_DLR_TARGETED && reach[k] < 0.98 * s->options.epsilon)
              cr_assert_neq(s->predicted[k], s->labels[k]);
          }
        }
      free(s);
    }
}

Test(fab, finds_the_smallest_perturbation_of_planes) {
  for (int norm = 0; norm < 2; norm++) {
    scene_t *s = scene(BD_ATTACK_FAB, (bd_attack_norm_t)norm, 0);
    label(s);
    run(s);
    check_outcome(s);
    for (int i = 0; i < COUNT; i++) {
      const double least = nearest(s, i);
      cr_assert_neq(s->predicted[i], s->labels[i]);
      cr_assert(distance(s, i) >= least * (1 - 1e-6) && distance(s, i) <= 1.01 * least,
                "%g instead of %g", distance(s, i), least);
    }
    free(s);
  }
}

Test(deepfool, finds_the_smallest_perturbation_of_planes) {
  for (int norm = 0; norm < 2; norm++) {
    scene_t *s = scene(BD_ATTACK_DEEPFOOL, (bd_attack_norm_t)norm, 0);
    for (int j = 0; j < COUNT * SIZE; j++) /* the cube, which DeepFool does not see, is far */
      s->clean[j] = 0.5f + 0.3f * (s->clean[j] - 0.5f);
    label(s);
    run(s);
    check_outcome(s);
    for (int i = 0; i < COUNT; i++) {
      const double least = nearest(s, i); /* it goes 1.02 times as far, and a little */
      cr_assert_neq(s->predicted[i], s->labels[i]);
      cr_assert(distance(s, i) >= least && distance(s, i) <= 1.03 * least + 1e-3,
                "%g instead of %g", distance(s, i), least);
    }
    free(s);
  }
}

Test(fab, more_steps_never_give_a_larger_perturbation) {
  for (int norm = 0; norm < 2; norm++) {
    scene_t *s = scene(BD_ATTACK_FAB, (bd_attack_norm_t)norm, 0);
    double before[COUNT], first = 0, last = 0;
    s->victim.is_bent = true;
    label(s);
    for (int i = 0; i < COUNT; i++) before[i] = INFINITY;
    for (s->options.steps = 1; s->options.steps <= 16; s->options.steps++) {
      run(s);
      check_outcome(s);
      for (int i = 0; i < COUNT; i++) {
        if (s->predicted[i] == s->labels[i]) {
          cr_assert(isinf(before[i]));
          continue;
        }
        cr_assert_leq(distance(s, i), before[i]);
        if (isinf(before[i])) first += distance(s, i);
        before[i] = distance(s, i);
        if (s->options.steps == 16) last += distance(s, i);
      }
    }
    cr_assert_eq(fooled(s), COUNT);
    cr_assert_lt(last, 0.999 * first);
    free(s);
  }
}

Test(fab, stores_what_is_within_epsilon_alone) {
  for (int norm = 0; norm < 2; norm++) {
    scene_t *s = scene(BD_ATTACK_FAB, (bd_attack_norm_t)norm, 0);
    label(s);
    double reach[COUNT], sum = 0;
    for (int i = 0; i < COUNT; i++) sum += reach[i] = nearest(s, i);
    s->options.epsilon = sum / COUNT;
    run(s);
    check_outcome(s);
    cr_assert(fooled(s) > 0 && fooled(s) < COUNT);
    for (int i = 0; i < COUNT; i++)
      if (fabs(reach[i] / s->options.epsilon - 1) > 0.01)
        cr_assert_eq(s->predicted[i] != s->labels[i], reach[i] < s->options.epsilon);
    free(s);
  }
}

/* One after the other: the margin never rises, and every point is as the norm has it. */
static void check_points(const scene_t *s, const hunt_t *h, double *margin) {
  const double epsilon = s->options.epsilon;
  for (int i = 0; i < COUNT; i++) {
    const float *point = h->best + i * SIZE, *clean = s->clean + i * SIZE;
    cr_assert_leq(h->rows[i].margin, margin[i]);
    margin[i] = h->rows[i].margin;
    for (int j = 0; j < SIZE && s->options.norm == BD_ATTACK_NORM_LINF; j++) {
      const double low = fmax(clean[j] - epsilon, 0), high = fmin(clean[j] + epsilon, 1);
      cr_assert(fabs(point[j] - low) < 1e-7 || fabs(point[j] - high) < 1e-7);
    }
    cr_assert_leq(attack_distance(s->options.norm, SIZE, clean, point), epsilon);
  }
}

Test(square, margin_never_rises_and_the_norm_is_kept) {
  const int which[COUNT] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  for (int norm = 0; norm < 2; norm++) {
    scene_t *s = scene(BD_ATTACK_SQUARE, (bd_attack_norm_t)norm, radius[norm]);
    double margin[COUNT], first = 0, last = 0;
    hunt_t h;
    bd_error_t error;
    for (int j = 0; j < COUNT * SIZE; j++) /* l2: nothing is clipped, so the norm is epsilon */
      s->clean[j] = norm == BD_ATTACK_NORM_L2 ? 0.5f + 0.01f * (s->clean[j] - 0.5f) : s->clean[j];
    label(s);
    for (int c = 0; c < CLASSES; c++) /* too far for the ball */
      for (int j = 0; j < SIZE; j++) s->victim.w[c][j] *= 0.02f;
    for (int i = 0; i < COUNT; i++) s->labels[i] = 0, margin[i] = INFINITY;
    s->victim.b[0] = 5;
    cr_assert_eq(hunt_create(&s->model, &s->task, COUNT, which, &h, &error), BD_OK);
    cr_assert_eq(hunt_start(&h, 0, &error), BD_OK);
    check_points(s, &h, margin);
    for (int i = 0; i < COUNT; i++) first += margin[i];
    for (int turn = 0; turn < 600; turn++) {
      cr_assert_eq(hunt_step(&h, &error), BD_OK);
      check_points(s, &h, margin);
      for (int i = 0; i < COUNT && norm == BD_ATTACK_NORM_L2; i++)
        cr_assert_geq(attack_distance(norm, SIZE, s->clean + i * SIZE, h.best + i * SIZE),
                      radius[norm] * (1 - 1e-5));
    }
    for (int i = 0; i < COUNT; i++) last += margin[i];
    cr_assert_lt(last, first);
    cr_assert_eq(h.left, COUNT);
    cr_assert_eq(s->victim.forward, 601 * COUNT);
    cr_assert_eq(s->victim.backward, 0);
    hunt_free(&h);
    free(s);
  }
}

Test(square, asks_for_no_gradient_and_stops_at_success) {
  scene_t *s = scene(BD_ATTACK_SQUARE, BD_ATTACK_NORM_LINF, 0.5);
  int64_t sum = 0;
  label(s);
  s->options.steps = 300;
  run(s);
  check_outcome(s);
  for (int i = 0; i < COUNT; i++) {
    sum += s->forward[i];
    cr_assert_leq(s->forward[i], 1 + 1 + 300 + 1); /* clean, start, changes, stored */
    cr_assert_eq(s->backward[i], 0);
  }
  cr_assert_eq(s->victim.backward, 0);
  cr_assert_eq(s->victim.forward, sum + COUNT, "%lld passes", (long long)s->victim.forward);
  cr_assert_gt(fooled(s), COUNT / 2);
  cr_assert_lt(sum, 150 * COUNT);
  free(s);
}

Test(square, hills_have_norm_one_and_cancel_out) {
  for (int side = 1; side < 30; side++) {
    double shape[30 * 30], sum = 0;
    hills_shape(side, shape);
    for (int i = 0; i < side * side; i++) sum += shape[i] * shape[i];
    cr_assert_float_eq(sum, 1, 1e-12);
    for (int i = 0; i < side * side; i++)
      cr_assert(side == 1 || (shape[i] > 0) == (i < side / 2 * side));
  }
}

Test(autoattack, gives_each_attack_what_the_ones_before_it_left) {
  static const struct {
    bd_attack_type_t type;
    bd_attack_loss_t loss;
  } parts[] = {{BD_ATTACK_APGD, BD_ATTACK_LOSS_CE},
               {BD_ATTACK_APGD, BD_ATTACK_LOSS_DLR_TARGETED},
               {BD_ATTACK_FAB, BD_ATTACK_LOSS_CE},
               {BD_ATTACK_SQUARE, BD_ATTACK_LOSS_CE}};
  for (int norm = 0; norm < 2; norm++) {
    scene_t *s = scene(BD_ATTACK_AUTOATTACK, (bd_attack_norm_t)norm, radius[norm]);
    scene_t *part = scene(BD_ATTACK_APGD, (bd_attack_norm_t)norm, radius[norm]);
    float expected[COUNT * SIZE];
    bool is_found[COUNT] = {false};
    s->victim.is_bent = part->victim.is_bent = true;
    label(s);
    label(part);
    memcpy(expected, s->clean, sizeof expected);
    s->options.steps = part->options.steps = 12;
    run(s);
    check_outcome(s);
    for (int p = 0; p < 4; p++) {
      part->options.type = (int)parts[p].type;
      part->options.loss = (int)parts[p].loss;
      part->options.steps = parts[p].type == BD_ATTACK_SQUARE ? 600 : 12;
      run(part);
      for (int i = 0; i < COUNT; i++) {
        if (is_found[i] || part->predicted[i] == part->labels[i]) continue;
        is_found[i] = true;
        memcpy(expected + i * SIZE, part->images + i * SIZE, SIZE * sizeof *expected);
      }
    }
    cr_assert_arr_eq(s->images, expected, sizeof expected);
    free(s);
    free(part);
  }
}

Test(autoattack, does_without_the_targeted_loss_for_few_classes) {
  scene_t *s = scene(BD_ATTACK_AUTOATTACK, BD_ATTACK_NORM_LINF, 0.2);
  s->options.steps = 10;
  label(s);
  cr_assert_eq(attack_check(&s->options, 2, NULL), BD_OK);
  s->options.type = BD_ATTACK_APGD;
  s->options.loss = BD_ATTACK_LOSS_DLR_TARGETED;
  cr_assert_eq(attack_check(&s->options, 3, NULL), BD_BAD_INPUT);
  s->options.type = BD_ATTACK_PGD;
  cr_assert_eq(attack_check(&s->options, 5, NULL), BD_BAD_INPUT);
  free(s);
}

Test(autoattack, results_depend_on_no_neighbour) {
  static const bd_attack_type_t types[] = {BD_ATTACK_APGD, BD_ATTACK_FAB, BD_ATTACK_SQUARE,
                                           BD_ATTACK_AUTOATTACK};
  for (int t = 0; t < 4; t++)
    for (int norm = 0; norm < 2; norm++) {
      scene_t *s = scene(types[t], (bd_attack_norm_t)norm, radius[norm]);
      s->victim.is_bent = true;
      s->options.steps = 15;
      s->options.restarts = 2;
      label(s);
      s->labels[4] = (s->labels[4] + 1) % CLASSES; /* wrong from the beginning */
      run(s);
      check_outcome(s);
      for (int i = 0; i < COUNT; i++) {
        float alone[SIZE];
        int32_t predicted;
        int64_t forward, backward;
        const attack_task_t one = {&s->options, 1, s->numbers + i, s->clean + i * SIZE,
                                   s->labels + i};
        attack_outcome_t outcome = {alone, &predicted, &forward, &backward};
        cr_assert_eq(attack_run(&s->model, &one, &outcome, NULL), BD_OK);
        cr_assert_arr_eq(alone, s->images + i * SIZE, sizeof alone);
        cr_assert_eq(predicted, s->predicted[i]);
        cr_assert_eq(forward, s->forward[i]);
        cr_assert_eq(backward, s->backward[i]);
      }
      cr_assert_eq(distance(s, 4), 0);
      cr_assert_eq(s->forward[4], 1);
      free(s);
    }
}
