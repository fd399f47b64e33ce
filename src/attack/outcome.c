#include "attack/outcome.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double attack_radius(const bd_made_attack_t *options) {
  return options->epsilon > 0 ? options->epsilon : INFINITY;
}

bd_status_t attack_no_memory(int count, bd_error_t *error) {
  return bd_fail(error, BD_FAILED, "no memory to attack %d images; a smaller run.block needs less",
                 count);
}

static bd_status_t judge_clean(const attack_model_t *model, const attack_task_t *task,
                               attack_outcome_t *outcome, float *logits, bd_error_t *error) {
  const attack_images_t all = {task->count, task->numbers, task->images};
  const bd_status_t status = model->logits(model->state, &all, logits, error);
  memcpy(outcome->images, task->images,
         (size_t)task->count * attack_size(model) * sizeof *outcome->images);
  for (int i = 0; i < task->count && status == BD_OK; i++) {
    outcome->predicted[i] =
        attack_class(logits + (size_t)i * (size_t)model->classes, model->classes);
    outcome->forward[i] = 1;
    outcome->backward[i] = 0;
  }
  return status;
}

bd_status_t attack_begin(const attack_model_t *model, const attack_task_t *task,
                         attack_outcome_t *outcome, float *logits, bd_error_t *error) {
  if (logits) return judge_clean(model, task, outcome, logits, error);
  float *own = malloc((size_t)task->count * (size_t)model->classes * sizeof *own);
  const bd_status_t status =
      own ? judge_clean(model, task, outcome, own, error) : attack_no_memory(task->count, error);
  free(own);
  return status;
}

int attack_standing(const attack_task_t *task, const attack_outcome_t *outcome, int *which) {
  int count = 0;
  for (int i = 0; i < task->count; i++)
    if (outcome->predicted[i] == task->labels[i]) which[count++] = i;
  return count;
}

bd_status_t attack_judge(const attack_model_t *model, const attack_task_t *task, int count,
                         const int *which, attack_outcome_t *outcome, bd_error_t *error) {
  const size_t size = attack_size(model), classes = (size_t)model->classes;
  if (count == 0) return BD_OK;
  float *pixels = malloc((size_t)count * size * sizeof *pixels);
  float *logits = malloc((size_t)count * classes * sizeof *logits);
  int64_t *numbers = malloc((size_t)count * sizeof *numbers);
  bd_status_t status = pixels && logits && numbers ? BD_OK : attack_no_memory(count, error);
  for (int i = 0; i < count && status == BD_OK; i++) {
    memcpy(pixels + (size_t)i * size, outcome->images + (size_t)which[i] * size,
           size * sizeof *pixels);
    numbers[i] = task->numbers[which[i]];
  }
  const attack_images_t stored = {count, numbers, pixels};
  if (status == BD_OK) status = model->logits(model->state, &stored, logits, error);
  for (int i = 0; i < count && status == BD_OK; i++) {
    outcome->predicted[which[i]] = attack_class(logits + (size_t)i * classes, model->classes);
    outcome->forward[which[i]]++;
  }
  free(pixels);
  free(logits);
  free(numbers);
  return status;
}

int attack_ranked_class(const float *logits, int classes, int rank) {
  for (int c = 0; c < classes; c++) {
    int before = 0;
    for (int other = 0; other < classes; other++)
      before += logits[other] > logits[c] || (other < c && logits[other] == logits[c]);
    if (before == rank) return c;
  }
  return 0;
}

attack_stream_t attack_stream_of(const bd_made_attack_t *options, int64_t image, int restart,
                                 int step) {
  return (attack_stream_t){.seed = (uint32_t)options->seed,
                           .image = image,
                           .attack = (uint16_t)(options->type | options->loss << 8),
                           .restart = (uint16_t)restart,
                           .step = (uint32_t)step};
}

void attack_direction(int norm, attack_stream_t stream, size_t size, double *direction) {
  double most = 0, sum = 0;
  if (norm == BD_ATTACK_NORM_L2) attack_normal(stream, 0, size, direction);
  else attack_uniform(stream, 0, size, direction);
  for (size_t j = 0; j < size; j++) {
    if (norm == BD_ATTACK_NORM_LINF) direction[j] = 2 * direction[j] - 1;
    most = fmax(most, fabs(direction[j]));
    sum += direction[j] * direction[j];
  }
  const double length = norm == BD_ATTACK_NORM_LINF ? most : sqrt(sum);
  for (size_t j = 0; j < size; j++) direction[j] /= length;
}
