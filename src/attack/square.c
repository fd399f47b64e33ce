#include "attack/square.h"
#include "attack/hunt.h"
#include "attack/outcome.h"

#include <stdlib.h>
#include <string.h>

/* Store what fooled the model, and have it judged.  which[] has room for all. */
static bd_status_t store(hunt_t *h, int *which, attack_outcome_t *outcome, bd_error_t *error) {
  int count = 0;
  for (int i = 0; i < h->count; i++) {
    const hunt_row_t *r = &h->rows[i];
    if (r->is_right) continue;
    memcpy(outcome->images + (size_t)r->image * h->size, h->best + (size_t)i * h->size,
           h->size * sizeof *h->best);
    which[count++] = r->image;
  }
  return attack_judge(h->model, h->task, count, which, outcome, error);
}

/* A query of each image that is left. */
static void count_queries(const hunt_t *h, attack_outcome_t *outcome) {
  for (int k = 0; k < h->left; k++) outcome->forward[h->rows[h->row[k]].image]++;
}

/* One restart for the images that are still right. */
static bd_status_t attack_left(const attack_model_t *model, const attack_task_t *task, int restart,
                               int *which, attack_outcome_t *outcome, bd_error_t *error) {
  const int steps = attack_steps(task->options);
  const int count = attack_standing(task, outcome, which);
  hunt_t hunt;
  if (count == 0) return BD_OK;
  bd_status_t status = hunt_create(model, task, count, which, &hunt, error);
  for (int i = 0; i < count && status == BD_OK; i++) outcome->forward[which[i]]++;
  if (status == BD_OK) status = hunt_start(&hunt, restart, error);
  while (status == BD_OK && hunt.left > 0 && hunt.done < steps) {
    count_queries(&hunt, outcome);
    status = hunt_step(&hunt, error);
  }
  if (status == BD_OK) status = store(&hunt, which, outcome, error);
  hunt_free(&hunt);
  return status;
}

bd_status_t attack_square(const attack_model_t *model, const attack_task_t *task,
                          attack_outcome_t *outcome, bd_error_t *error) {
  int *which = malloc((size_t)task->count * sizeof *which);
  if (!which) return attack_no_memory(task->count, error);
  bd_status_t status = attack_begin(model, task, outcome, NULL, error);
  for (int r = 0; r < task->options->restarts && status == BD_OK; r++)
    status = attack_left(model, task, r, which, outcome, error);
  free(which);
  return status;
}
