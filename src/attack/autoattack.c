#include "attack/autoattack.h"
#include "attack/losses.h"
#include "attack/outcome.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The attacks of the ensemble, in their order.  FAB and the square attack look at no loss; that of
   the default gives them the random numbers that they have by themselves. */
static const struct part {
  bd_attack_type_t type;
  bd_attack_loss_t loss;
  int share; /* its steps for each of the ensemble */
  attack_t *run;
} parts[] = {{BD_ATTACK_APGD, BD_ATTACK_LOSS_CE, 1, attack_apgd},
             {BD_ATTACK_APGD, BD_ATTACK_LOSS_DLR_TARGETED, 1, attack_apgd},
             {BD_ATTACK_FAB, BD_ATTACK_LOSS_CE, 1, attack_fab},
             {BD_ATTACK_SQUARE, BD_ATTACK_LOSS_CE, 50, attack_square}};

/* The images that are left, as an attack takes them, and what it makes of them. */
typedef struct rest {
  int count;
  size_t size;
  int *which;       /* [count], of the task */
  int64_t *numbers; /* [count] */
  int32_t *labels;  /* [count] */
  float *images;    /* [count][size] */
  attack_outcome_t outcome;
} rest_t;

static bd_status_t create(int count, size_t size, rest_t *r, bd_error_t *error) {
  const size_t n = (size_t)count;
  *r = (rest_t){.size = size};
  r->which = malloc(n * sizeof *r->which);
  r->numbers = malloc(n * sizeof *r->numbers);
  r->labels = malloc(n * sizeof *r->labels);
  r->images = malloc(2 * n * size * sizeof *r->images);
  r->outcome.predicted = malloc(n * sizeof *r->outcome.predicted);
  r->outcome.forward = malloc(2 * n * sizeof *r->outcome.forward);
  if (!r->which || !r->numbers || !r->labels || !r->images || !r->outcome.predicted ||
      !r->outcome.forward)
    return attack_no_memory(count, error);
  r->outcome.images = r->images + n * size;
  r->outcome.backward = r->outcome.forward + n;
  return BD_OK;
}

static void destroy(rest_t *r) {
  free(r->which);
  free(r->numbers);
  free(r->labels);
  free(r->images);
  free(r->outcome.predicted);
  free(r->outcome.forward);
}

/* Gather the images that are left. */
static void gather(const attack_task_t *task, const attack_outcome_t *outcome, rest_t *r) {
  r->count = attack_standing(task, outcome, r->which);
  for (int i = 0; i < r->count; i++) {
    const int from = r->which[i];
    r->numbers[i] = task->numbers[from];
    r->labels[i] = task->labels[from];
    memcpy(r->images + (size_t)i * r->size, task->images + (size_t)from * r->size,
           r->size * sizeof *r->images);
  }
}

/* Take over what fooled the model, and the passes of all. */
static void take(const rest_t *r, attack_outcome_t *outcome) {
  for (int i = 0; i < r->count; i++) {
    const int to = r->which[i];
    outcome->forward[to] += r->outcome.forward[i];
    outcome->backward[to] += r->outcome.backward[i];
    if (r->outcome.predicted[i] == r->labels[i]) continue;
    outcome->predicted[to] = r->outcome.predicted[i];
    memcpy(outcome->images + (size_t)to * r->size, r->outcome.images + (size_t)i * r->size,
           r->size * sizeof *r->images);
  }
}

static bd_status_t run(const attack_model_t *model, const attack_task_t *task,
                       const struct part *part, rest_t *r, bd_error_t *error) {
  bd_made_attack_t options = *task->options;
  options.type = (int)part->type;
  options.loss = (int)part->loss;
  options.steps *= part->share;
  if (model->classes < attack_loss_classes(options.loss)) options.loss = BD_ATTACK_LOSS_MARGIN;
  const attack_task_t own = {&options, r->count, r->numbers, r->images, r->labels};
  return part->run(model, &own, &r->outcome, error);
}

bd_status_t attack_autoattack(const attack_model_t *model, const attack_task_t *task,
                              attack_outcome_t *outcome, bd_error_t *error) {
  rest_t rest;
  bd_status_t status = create(task->count, attack_size(model), &rest, error);
  if (status == BD_OK) status = attack_begin(model, task, outcome, NULL, error);
  for (size_t p = 0; p < sizeof parts / sizeof *parts && status == BD_OK; p++) {
    gather(task, outcome, &rest);
    if (rest.count == 0) break;
    status = run(model, task, &parts[p], &rest, error);
    if (status == BD_OK) take(&rest, outcome);
  }
  destroy(&rest);
  return status;
}
