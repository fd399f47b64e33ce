#include "attack/growing.h"
#include "attack/ball.h"
#include "attack/losses.h"
#include "attack/outcome.h"
#include "attack/pack.h"

#include <math.h>

static const double growth = 1.1;
enum { steps_of_a_radius = 10 };

/* Move the images that stay, within the radius of step s. */
static void move(pack_t *pack, int s) {
  const bd_made_attack_t *o = pack->task->options;
  const int times = s / steps_of_a_radius; /* that the radius has grown */
  /* The first radius, too. */
  const double unit = o->step_size > 0 && o->epsilon > 0 ? o->epsilon : 1,
               length = unit * attack_step_size(o),
               radius = fmin(length * pow(growth, times), attack_radius(o));
  for (int slot = 0; slot < pack->count; slot++) {
    float *image = pack->pixels + (size_t)slot * pack->size;
    attack_ascend(o->norm, length, pack->size, pack->gradient + (size_t)slot * pack->size, image);
    attack_store(o->norm, radius, pack->size, pack_clean(pack, slot), image, image);
  }
}

bd_status_t attack_growing(const attack_model_t *model, const attack_task_t *task,
                           attack_outcome_t *outcome, bd_error_t *error) {
  const int steps = attack_steps(task->options);
  pack_t pack;
  bd_status_t status = pack_begin(model, task, outcome, &pack, error);
  attack_raised_t raised = {task->options->loss, model->classes, task->labels, pack.which};
  for (int s = 0; s < steps && pack.count > 0 && status == BD_OK; s++) {
    status = pack_gradient(&pack, (attack_weights_t){attack_weigh, &raised}, error);
    if (status != BD_OK) break;
    pack_drop_fooled(&pack);
    move(&pack, s);
  }
  for (int slot = 0; slot < pack.count && status == BD_OK; slot++) pack_store(&pack, slot);
  if (status == BD_OK) status = pack_judge(&pack, error);
  pack_free(&pack);
  return status;
}
