#include "attack/examine.h"
#include "attack/ball.h"
#include "attack/losses.h"
#include "attack/outcome.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The images of a task that a check is for, as a task of their own with room for its outcome. */
typedef struct part {
  attack_task_t task;
  attack_outcome_t outcome;
  int *which; /* [task.count], numbers in the whole task */
  size_t size;
  int64_t *numbers;
  float *images, *logits, *gradient;
  int32_t *labels;
} part_t;

static void end(part_t *p) {
  free(p->which);
  free(p->numbers);
  free(p->images);
  free(p->logits);
  free(p->gradient);
  free(p->labels);
  free(p->outcome.images);
  free(p->outcome.predicted);
  free(p->outcome.forward);
}

static bd_status_t begin(part_t *p, const attack_model_t *model, const attack_task_t *task,
                         bd_error_t *error) {
  const size_t count = (size_t)task->count, values = count * attack_size(model);
  *p = (part_t){.size = attack_size(model)};
  p->which = malloc(count * sizeof *p->which);
  p->numbers = malloc(count * sizeof *p->numbers);
  p->labels = malloc(count * sizeof *p->labels);
  p->images = malloc(values * sizeof *p->images);
  p->gradient = malloc(values * sizeof *p->gradient);
  p->logits = malloc(count * (size_t)model->classes * sizeof *p->logits);
  p->outcome.images = malloc(values * sizeof *p->outcome.images);
  p->outcome.predicted = malloc(count * sizeof *p->outcome.predicted);
  p->outcome.forward = malloc(2 * count * sizeof *p->outcome.forward);
  if (!p->which || !p->numbers || !p->labels || !p->images || !p->gradient || !p->logits ||
      !p->outcome.images || !p->outcome.predicted || !p->outcome.forward)
    return attack_no_memory(task->count, error);
  p->outcome.backward = p->outcome.forward + count;
  return BD_OK;
}

/* Take the images which[0 .. count-1] of the whole task. */
static void take(part_t *p, const attack_task_t *whole, int count) {
  p->task = (attack_task_t){whole->options, count, p->numbers, p->images, p->labels};
  for (int i = 0; i < count; i++) {
    p->numbers[i] = whole->numbers[p->which[i]];
    p->labels[i] = whole->labels[p->which[i]];
    memcpy(p->images + (size_t)i * p->size, whole->images + (size_t)p->which[i] * p->size,
           p->size * sizeof *p->images);
  }
}

/* Does the model have image i of the part right, after it gave the logits? */
static bool is_right(const part_t *p, const attack_model_t *model, int i) {
  const float *logits = p->logits + (size_t)i * (size_t)model->classes;
  return attack_class(logits, model->classes) == p->labels[i];
}

/* ---- the gradient ------------------------------------------------------------------ */

static bool is_zero(size_t size, const float *gradient) {
  for (size_t j = 0; j < size; j++)
    if (gradient[j] != 0) return false;
  return true;
}

static bd_status_t try_gradient(part_t *p, const attack_model_t *model, int8_t *found,
                                bd_error_t *error) {
  attack_raised_t raised = {BD_ATTACK_LOSS_CE, model->classes, p->labels, NULL};
  const attack_images_t images = {p->task.count, p->numbers, p->images};
  const attack_weights_t weights = {attack_weigh, &raised};
  bd_status_t status =
      model->gradient(model->state, &images, &weights, p->logits, p->gradient, error);
  for (int i = 0; status == BD_OK && i < p->task.count; i++)
    if (is_right(p, model, i))
      found[p->which[i]] = is_zero(p->size, p->gradient + (size_t)i * p->size) ? 1 : 0;
  return status;
}

/* ---- noise --------------------------------------------------------------------------- */

enum { NOISE = 0xfff }; /* no attack_stream_t of an attack has this restart */

/* A point of the ball: uniform in the cube for linf, on the sphere for l2. */
static void draw(part_t *p, int i, int number, double *direction) {
  const bd_made_attack_t *o = p->task.options;
  const bool is_cube = o->norm == BD_ATTACK_NORM_LINF;
  const attack_stream_t stream = attack_stream_of(o, p->numbers[i], NOISE, number);
  const float *clean = p->images + (size_t)i * p->size;
  float *image = p->outcome.images + (size_t)i * p->size;
  if (is_cube) attack_uniform(stream, 0, p->size, direction);
  else attack_direction(o->norm, stream, p->size, direction);
  for (size_t j = 0; j < p->size; j++) {
    const double by = is_cube ? 2 * direction[j] - 1 : direction[j];
    image[j] = (float)((double)clean[j] + o->epsilon * by);
  }
  attack_store(o->norm, o->epsilon, p->size, clean, image, image);
}

static bd_status_t try_noise(part_t *p, const attack_model_t *model, int8_t *found,
                             bd_error_t *error) {
  const attack_images_t images = {p->task.count, p->numbers, p->outcome.images};
  double *direction = malloc(p->size * sizeof *direction);
  bd_status_t status = BD_OK;
  if (!direction) return attack_no_memory(p->task.count, error);
  for (int i = 0; i < p->task.count; i++) found[p->which[i]] = 1;
  for (int n = 0; status == BD_OK && n < p->task.options->noise; n++) {
    for (int i = 0; i < p->task.count; i++) draw(p, i, n, direction);
    status = model->logits(model->state, &images, p->logits, error);
    for (int i = 0; status == BD_OK && i < p->task.count; i++)
      if (!is_right(p, model, i)) found[p->which[i]] = 0;
  }
  free(direction);
  return status;
}

/* ---- twice the steps ------------------------------------------------------------------- */

bool attack_is_made_longer(const bd_made_attack_t *o) {
  return o->type == BD_ATTACK_PGD || o->type == BD_ATTACK_APGD || o->type == BD_ATTACK_FAB ||
         o->type == BD_ATTACK_CARLINI_WAGNER || o->type == BD_ATTACK_DEEPFOOL;
}

static bd_status_t try_longer(part_t *p, const attack_model_t *model, int8_t *found,
                              bd_error_t *error) {
  bd_made_attack_t longer = *p->task.options;
  longer.steps = 2 * attack_steps(p->task.options);
  const attack_task_t task = {&longer, p->task.count, p->numbers, p->images, p->labels};
  bd_status_t status = attack_run(model, &task, &p->outcome, error);
  for (int i = 0; status == BD_OK && i < task.count; i++)
    found[p->which[i]] = p->outcome.predicted[i] == p->labels[i] ? 1 : 0;
  return status;
}

/* ---- all --------------------------------------------------------------------------------- */

bd_status_t attack_examine(const attack_model_t *model, const attack_task_t *task,
                           const attack_outcome_t *outcome, attack_findings_t *found,
                           bd_error_t *error) {
  const bd_made_attack_t *o = task->options;
  part_t part;
  int count = 0;
  bd_status_t status = begin(&part, model, task, error);
  memset(found->zero_gradient, -1, (size_t)task->count);
  memset(found->noise_right, -1, (size_t)task->count);
  memset(found->longer_right, -1, (size_t)task->count);
  for (int i = 0; status == BD_OK && i < task->count; i++) part.which[i] = i;
  if (status == BD_OK) {
    take(&part, task, task->count);
    status = try_gradient(&part, model, found->zero_gradient, error);
  }
  for (int i = 0; status == BD_OK && i < task->count; i++)
    if (task->numbers[i] < o->sample && outcome->predicted[i] == task->labels[i])
      part.which[count++] = i;
  if (status == BD_OK) take(&part, task, count);
  if (status == BD_OK && count && o->noise && o->epsilon > 0)
    status = try_noise(&part, model, found->noise_right, error);
  if (status == BD_OK && count && attack_is_made_longer(o))
    status = try_longer(&part, model, found->longer_right, error);
  end(&part);
  return status;
}
