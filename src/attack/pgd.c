#include "attack/pgd.h"
#include "attack/ball.h"
#include "attack/losses.h"
#include "attack/outcome.h"
#include "attack/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The images under attack, which are those of the task that no restart has beaten yet. */
typedef struct climb {
  const attack_model_t *model;
  const attack_task_t *task;
  attack_outcome_t *outcome;
  size_t size;
  double step; /* in units of epsilon */
  int steps, starts_at_random, restart;
  int count;
  int *which;       /* [count], of the task */
  int64_t *numbers; /* [count] */
  float *images;    /* [count][size] */
  float *gradient;  /* [count][size] */
  float *logits;    /* [count][classes] */
  double *random;   /* [size] */
} climb_t;

static void end(climb_t *c) {
  free(c->which);
  free(c->numbers);
  free(c->images);
  free(c->gradient);
  free(c->logits);
  free(c->random);
}

static bd_status_t begin(climb_t *c, bd_error_t *error) {
  const size_t count = (size_t)c->task->count;
  c->size = attack_size(c->model);
  c->which = malloc(count * sizeof *c->which);
  c->numbers = malloc(count * sizeof *c->numbers);
  c->images = malloc(count * c->size * sizeof *c->images);
  c->gradient = malloc(count * c->size * sizeof *c->gradient);
  c->logits = malloc(count * (size_t)c->model->classes * sizeof *c->logits);
  c->random = malloc(c->size * sizeof *c->random);
  if (c->which && c->numbers && c->images && c->gradient && c->logits && c->random) return BD_OK;
  return attack_no_memory(c->task->count, error);
}

/* A point of the ball, uniformly.  For l2 that is a direction and a radius. */
static void start_at_random(climb_t *c, int i, const float *clean, float *image) {
  const bd_made_attack_t *o = c->task->options;
  const attack_stream_t stream = {(uint32_t)o->seed, c->numbers[i], (uint16_t)o->type,
                                  (uint16_t)c->restart, 0};
  double norm = 0, radius;
  if (o->norm == BD_ATTACK_NORM_LINF) {
    attack_uniform(stream, 0, c->size, c->random);
    for (size_t j = 0; j < c->size; j++)
      image[j] = (float)((double)clean[j] + o->epsilon * (2 * c->random[j] - 1));
    return;
  }
  attack_normal(stream, 2, c->size, c->random);
  for (size_t j = 0; j < c->size; j++) norm += c->random[j] * c->random[j];
  attack_uniform(stream, 0, 1, &radius);
  radius = o->epsilon * pow(radius, 1.0 / (double)c->size) / sqrt(norm);
  for (size_t j = 0; j < c->size; j++) image[j] = (float)((double)clean[j] + radius * c->random[j]);
}

/* Take on the images that a restart is for. */
static void restart(climb_t *c) {
  const attack_task_t *t = c->task;
  c->count = 0;
  for (int i = 0; i < t->count; i++) {
    if (c->restart > 0 && c->outcome->predicted[i] != t->labels[i]) continue;
    const float *clean = t->images + (size_t)i * c->size;
    float *image = c->images + (size_t)c->count * c->size;
    c->which[c->count] = i;
    c->numbers[c->count] = t->numbers[i];
    memcpy(image, clean, c->size * sizeof *image);
    if (c->starts_at_random) {
      start_at_random(c, c->count, clean, image);
      attack_store(t->options->norm, t->options->epsilon, c->size, clean, image, image);
    }
    c->count++;
  }
}

/* A step of length epsilon * step, back into the ball. */
static void step(const climb_t *c, int i) {
  const bd_made_attack_t *o = c->task->options;
  const float *clean = c->task->images + (size_t)c->which[i] * c->size;
  float *image = c->images + (size_t)i * c->size;
  attack_ascend(o->norm, o->epsilon * c->step, c->size, c->gradient + (size_t)i * c->size, image);
  attack_store(o->norm, o->epsilon, c->size, clean, image, image);
}

/* Have the model judge where the steps have led, and keep it where it is the first or succeeds. */
static bd_status_t judge(climb_t *c, bd_error_t *error) {
  const attack_images_t images = {c->count, c->numbers, c->images};
  bd_status_t status = c->model->logits(c->model->state, &images, c->logits, error);
  for (int i = 0; status == BD_OK && i < c->count; i++) {
    const int at = c->which[i],
              found = attack_class(c->logits + (size_t)i * (size_t)c->model->classes,
                                   c->model->classes);
    c->outcome->forward[at] += c->steps + 1;
    c->outcome->backward[at] += c->steps;
    if (c->restart > 0 && found == c->task->labels[at]) continue;
    c->outcome->predicted[at] = found;
    memcpy(c->outcome->images + (size_t)at * c->size, c->images + (size_t)i * c->size,
           c->size * sizeof *c->images);
  }
  return status;
}

static bd_status_t climb(climb_t *c, int restarts, bd_error_t *error) {
  bd_status_t status = begin(c, error);
  attack_raised_t raised = {c->task->options->loss, c->model->classes, c->task->labels, c->which};
  const attack_weights_t weights = {attack_weigh, &raised};
  for (c->restart = 0; status == BD_OK && c->restart < restarts; c->restart++) {
    restart(c);
    const attack_images_t images = {c->count, c->numbers, c->images};
    if (c->count == 0) break;
    for (int s = 0; status == BD_OK && s < c->steps; s++) {
      status = c->model->gradient(c->model->state, &images, &weights, NULL, c->gradient, error);
      for (int i = 0; status == BD_OK && i < c->count; i++) step(c, i);
    }
    if (status == BD_OK) status = judge(c, error);
  }
  end(c);
  return status;
}

bd_status_t attack_pgd(const attack_model_t *model, const attack_task_t *task,
                       attack_outcome_t *outcome, bd_error_t *error) {
  const bd_made_attack_t *o = task->options;
  climb_t c = {.model = model,
               .task = task,
               .outcome = outcome,
               .steps = attack_steps(o),
               .step = attack_step_size(o),
               .starts_at_random = 1};
  return climb(&c, o->restarts, error);
}

bd_status_t attack_fgsm(const attack_model_t *model, const attack_task_t *task,
                        attack_outcome_t *outcome, bd_error_t *error) {
  climb_t c = {.model = model,
               .task = task,
               .outcome = outcome,
               .steps = attack_steps(task->options),
               .step = attack_step_size(task->options)};
  return climb(&c, 1, error);
}
