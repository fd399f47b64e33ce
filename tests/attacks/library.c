/* The attacks of src/attack on a model of the caller's, as a library: what local_optimality.py
   measures. */
#include "attack/attack.h"

#include <string.h>

/* The keys of a section [attack NAME]. */
typedef struct native_options {
  const char *type, *norm, *loss;
  double epsilon, step_size;
  int steps, restarts, seed;
} native_options_t;

/* Called by name.  Returns a status; `message` is that of an error. */
__attribute__((visibility("default"))) int
native_attack(const attack_model_t *model, const native_options_t *given, attack_task_t *task,
              attack_outcome_t *outcome, const char **message);

#define NAME(NAME_, name, meaning) #name,
static const char *const types[] = {BD_ATTACK_TYPE_TABLE(NAME) NULL},
                         *const norms[] = {BD_ATTACK_NORM_TABLE(NAME) NULL},
                         *const losses[] = {BD_ATTACK_LOSS_TABLE(NAME) NULL};

/* The value of a name of a table; -1 where it has none. */
static int value(const char *const *names, const char *name) {
  for (int i = 0; names[i]; i++)
    if (!strcmp(names[i], name)) return i;
  return -1;
}

int native_attack(const attack_model_t *model, const native_options_t *given, attack_task_t *task,
                  attack_outcome_t *outcome, const char **message) {
  static bd_error_t error;
  const bd_made_attack_t options = {.name = "attack",
                                    .type = value(types, given->type),
                                    .norm = value(norms, given->norm),
                                    .loss = value(losses, given->loss),
                                    .epsilon = given->epsilon,
                                    .step_size = given->step_size,
                                    .steps = given->steps,
                                    .restarts = given->restarts,
                                    .seed = given->seed};
  bd_status_t status = BD_BAD_INPUT;
  *message = "no attack, norm or loss of this name";
  if (options.type < 0 || options.norm < 0 || options.loss < 0) return (int)status;
  task->options = &options;
  status = attack_check(&options, model->classes, &error);
  if (status == BD_OK) status = attack_run(model, task, outcome, &error);
  *message = error.message;
  return (int)status;
}
