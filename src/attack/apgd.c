#include "attack/apgd.h"
#include "attack/ascent.h"
#include "attack/outcome.h"

#include <stdlib.h>
#include <string.h>

/* Store what fooled the model, and have it judged.  which[] is where the rows come from. */
static bd_status_t store(ascent_t *c, attack_outcome_t *outcome, int *which, bd_error_t *error) {
  int count = 0;
  for (int i = 0; i < c->count; i++) {
    const int image = c->rows[i].image;
    outcome->forward[image] += c->steps + 1;
    outcome->backward[image] += c->steps;
    if (!c->rows[i].is_fooled) continue;
    memcpy(outcome->images + (size_t)image * c->size, c->fooling + (size_t)i * c->size,
           c->size * sizeof *c->fooling);
    which[count++] = image;
  }
  return attack_judge(c->model, c->task, count, which, outcome, error);
}

/* The attacks of one image after the other: for each target, restarts. */
static int rounds(const attack_model_t *model, const bd_made_attack_t *o) {
  const int others = model->classes - 1, targets = others < apgd_targets ? others : apgd_targets;
  return o->loss == BD_ATTACK_LOSS_DLR_TARGETED ? targets * o->restarts : o->restarts;
}

/* One round for the images that are still right. */
static bd_status_t attack_left(const attack_model_t *model, const attack_task_t *task, int round,
                               const float *logits, int *which, attack_outcome_t *outcome,
                               bd_error_t *error) {
  const int count = attack_standing(task, outcome, which), classes = model->classes;
  ascent_t ascent;
  if (count == 0) return BD_OK;
  bd_status_t status = ascent_create(model, task, count, which, &ascent, error);
  for (int i = 0; i < count && status == BD_OK; i++)
    ascent.rows[i].target = attack_ranked_class(logits + (size_t)which[i] * (size_t)classes,
                                                classes, 1 + round / task->options->restarts);
  if (status == BD_OK) status = ascent_start(&ascent, round, error);
  while (status == BD_OK && ascent.done < ascent.steps) status = ascent_step(&ascent, error);
  if (status == BD_OK) status = store(&ascent, outcome, which, error);
  ascent_free(&ascent);
  return status;
}

bd_status_t attack_apgd(const attack_model_t *model, const attack_task_t *task,
                        attack_outcome_t *outcome, bd_error_t *error) {
  float *logits = malloc((size_t)task->count * (size_t)model->classes * sizeof *logits);
  int *which = malloc((size_t)task->count * sizeof *which);
  bd_status_t status = logits && which ? attack_begin(model, task, outcome, logits, error)
                                       : attack_no_memory(task->count, error);
  for (int r = 0; r < rounds(model, task->options) && status == BD_OK; r++)
    status = attack_left(model, task, r, logits, which, outcome, error);
  free(logits);
  free(which);
  return status;
}
