/* A victim whose borders are known, and images for it, for unit tests of attacks. */
#ifndef ATTACK_SCENE_H
#define ATTACK_SCENE_H

#include "attack/attack.h"
#include "attack/ball.h"
#include "attack/random.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS = 2, SIDE = 9, SIZE = CHANNELS * SIDE * SIDE, CLASSES = 5, COUNT = 12 };

/* Logits are w_c . x + b_c, or of x + 0.3 sin 7x, so that the gradient changes on the way. */
typedef struct victim {
  float w[CLASSES][SIZE], b[CLASSES];
  bool is_bent;
  /* What was asked. */
  int64_t forward, backward;
  const attack_task_t *task;
  double farthest; /* of what was shown, from the clean image of its number */
} victim_t;

static inline double bent(const victim_t *v, double x) {
  return v->is_bent ? x + 0.3 * sin(7 * x) : x;
}

static inline void watch(victim_t *v, const attack_images_t *images) {
  for (int i = 0; i < images->count; i++) {
    const float *pixels = images->pixels + (size_t)i * SIZE;
    for (int j = 0; j < SIZE; j++) cr_assert(pixels[j] >= 0 && pixels[j] <= 1);
    for (int k = 0; v->task && k < v->task->count; k++)
      if (v->task->numbers[k] == images->numbers[i])
        v->farthest =
            fmax(v->farthest, attack_distance(v->task->options->norm, SIZE,
                                              v->task->images + (size_t)k * SIZE, pixels));
  }
}

static inline bd_status_t logits(void *state, const attack_images_t *images, float *found,
                                 bd_error_t *error) {
  victim_t *v = state;
  (void)error;
  watch(v, images);
  v->forward += images->count;
  for (int i = 0; i < images->count; i++)
    for (int c = 0; c < CLASSES; c++) {
      double sum = v->b[c];
      for (int j = 0; j < SIZE; j++) sum += v->w[c][j] * bent(v, images->pixels[i * SIZE + j]);
      found[i * CLASSES + c] = (float)sum;
    }
  return BD_OK;
}

static inline bd_status_t gradient(void *state, const attack_images_t *images,
                                   const attack_weights_t *weights, float *given, float *found,
                                   bd_error_t *error) {
  victim_t *v = state;
  float own[COUNT * CLASSES], weight[COUNT * CLASSES];
  int rows[COUNT];
  logits(v, images, own, error);
  v->backward += images->count;
  for (int i = 0; i < images->count; i++) rows[i] = i;
  weights->weigh(weights->state, images->count, rows, own, weight);
  if (given) memcpy(given, own, sizeof(float) * CLASSES * (size_t)images->count);
  for (int i = 0; i < images->count; i++)
    for (int j = 0; j < SIZE; j++) {
      double sum = 0;
      for (int c = 0; c < CLASSES; c++) sum += (double)weight[i * CLASSES + c] * v->w[c][j];
      const double x = images->pixels[i * SIZE + j];
      found[i * SIZE + j] = (float)(sum * (v->is_bent ? 1 + 2.1 * cos(7 * x) : 1));
    }
  return BD_OK;
}

/* A victim, images that it has right, and room for what becomes of them. */
typedef struct scene {
  victim_t victim;
  attack_model_t model;
  bd_made_attack_t options;
  attack_task_t task;
  attack_outcome_t outcome;
  int64_t numbers[COUNT], forward[COUNT], backward[COUNT];
  int32_t labels[COUNT], predicted[COUNT];
  float clean[COUNT * SIZE], images[COUNT * SIZE];
} scene_t;

static inline scene_t *scene(bd_attack_type_t type, bd_attack_norm_t norm, double epsilon) {
  scene_t *s = calloc(1, sizeof *s);
  double u[SIZE];
  for (int c = 0; c < CLASSES; c++) {
    attack_normal((attack_stream_t){1, c, 0, 0, 0}, 0, SIZE, u);
    for (int j = 0; j < SIZE; j++) s->victim.w[c][j] = (float)(0.3 * u[j]);
  }
  s->model = (attack_model_t){CHANNELS, SIDE, SIDE, CLASSES, &s->victim, logits, gradient};
  s->options = (bd_made_attack_t){
      .type = (int)type, .norm = (int)norm, .epsilon = epsilon, .restarts = 1, .seed = 3};
  for (int i = 0; i < COUNT; i++) {
    s->numbers[i] = 100 + 7 * i;
    attack_uniform((attack_stream_t){2, i, 0, 0, 0}, 0, SIZE, u);
    for (int j = 0; j < SIZE; j++) s->clean[i * SIZE + j] = (float)u[j];
  }
  s->task = (attack_task_t){&s->options, COUNT, s->numbers, s->clean, s->labels};
  s->outcome = (attack_outcome_t){s->images, s->predicted, s->forward, s->backward};
  return s;
}

/* The victim's own classes as labels. */
static inline void label(scene_t *s) {
  float found[COUNT * CLASSES];
  logits(&s->victim, &(attack_images_t){COUNT, s->numbers, s->clean}, found, NULL);
  for (int i = 0; i < COUNT; i++) s->labels[i] = attack_class(found + i * CLASSES, CLASSES);
  s->victim.forward = s->victim.backward = 0;
  s->victim.task = &s->task;
  s->victim.farthest = 0;
}

static inline void run(scene_t *s) {
  bd_error_t error;
  cr_assert_eq(attack_run(&s->model, &s->task, &s->outcome, &error), BD_OK, "%s", error.message);
}

static inline double distance(const scene_t *s, int i) {
  return attack_distance(s->options.norm, SIZE, s->clean + i * SIZE, s->images + i * SIZE);
}

static inline int fooled(const scene_t *s) {
  int count = 0;
  for (int i = 0; i < COUNT; i++) count += s->predicted[i] != s->labels[i];
  return count;
}

/* What is stored is what was judged, inside the ball, and clean where nothing was found. */
static inline void check_outcome(scene_t *s) {
  float found[COUNT * CLASSES];
  logits(&s->victim, &(attack_images_t){COUNT, s->numbers, s->images}, found, NULL);
  for (int i = 0; i < COUNT; i++) {
    cr_assert_eq(s->predicted[i], attack_class(found + i * CLASSES, CLASSES));
    if (s->options.epsilon > 0) cr_assert_leq(distance(s, i), s->options.epsilon);
    if (s->predicted[i] == s->labels[i]) cr_assert_eq(distance(s, i), 0);
  }
}

/* The distance of the nearest other class's plane, inside [0,1], by bisection: independent of the
   code under test, which takes Newton's steps. */
static inline double nearest(const scene_t *s, int i) {
  const float *x = s->clean + i * SIZE;
  double best = INFINITY;
  for (int c = 0; c < CLASSES; c++) {
    if (c == s->labels[i]) continue;
    double low = 0, high = 1e3;
    for (int turn = 0; turn < 200; turn++) {
      const double length = (low + high) / 2;
      double height = s->victim.b[c] - s->victim.b[s->labels[i]], sum = 0, most = 0;
      for (int j = 0; j < SIZE; j++) {
        const double w = (double)s->victim.w[c][j] - s->victim.w[s->labels[i]][j];
        const double wanted =
            s->options.norm == BD_ATTACK_NORM_LINF ? copysign(length, w) : length * w;
        const double to = fmin(fmax(x[j] + wanted, 0), 1);
        height += w * to;
        sum += (to - x[j]) * (to - x[j]);
        most = fmax(most, fabs(to - x[j]));
      }
      if (height < 0) low = length;
      else {
        high = length;
        best = fmin(best, s->options.norm == BD_ATTACK_NORM_LINF ? most : sqrt(sum));
      }
    }
  }
  return best;
}

#endif
