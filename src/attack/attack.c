#include "attack/attack.h"
#include "attack/apgd.h"
#include "attack/autoattack.h"
#include "attack/carlini_wagner.h"
#include "attack/deepfool.h"
#include "attack/fab.h"
#include "attack/growing.h"
#include "attack/losses.h"
#include "attack/pgd.h"
#include "attack/square.h"

#define FUNCTION(NAME, name, meaning) attack_##name,
static attack_t *const functions[] = {BD_ATTACK_TYPE_TABLE(FUNCTION)};

/* What a type does where the options leave it open.  A step size of 0 means that it has none. */
static int standard_steps(const bd_made_attack_t *o) {
  const int steps[] = {[BD_ATTACK_FGSM] = 1,
                       [BD_ATTACK_PGD] = pgd_steps[o->norm],
                       [BD_ATTACK_DEEPFOOL] = deepfool_steps,
                       [BD_ATTACK_CARLINI_WAGNER] = carlini_wagner_steps,
                       [BD_ATTACK_APGD] = apgd_steps,
                       [BD_ATTACK_FAB] = fab_steps,
                       [BD_ATTACK_SQUARE] = square_queries,
                       [BD_ATTACK_AUTOATTACK] = autoattack_steps,
                       [BD_ATTACK_GROWING] = growing_steps};
  return steps[o->type];
}

static double standard_step_size(const bd_made_attack_t *o) {
  const double sizes[] = {[BD_ATTACK_FGSM] = 1,
                          [BD_ATTACK_PGD] = pgd_step_size[o->norm],
                          [BD_ATTACK_CARLINI_WAGNER] = carlini_wagner_step_size,
                          [BD_ATTACK_APGD] = apgd_step_size,
                          [BD_ATTACK_AUTOATTACK] = apgd_step_size,
                          [BD_ATTACK_GROWING] = growing_step_size};
  return sizes[o->type];
}

int attack_steps(const bd_made_attack_t *o) {
  return o->type == BD_ATTACK_FGSM || o->steps == 0 ? standard_steps(o) : o->steps;
}

double attack_step_size(const bd_made_attack_t *o) {
  return o->step_size > 0 ? o->step_size : standard_step_size(o);
}

bd_status_t attack_check(const bd_made_attack_t *options, int classes, bd_error_t *error) {
  const int least = attack_loss_classes(options->loss);
  if (options->type == BD_ATTACK_CARLINI_WAGNER && options->norm != BD_ATTACK_NORM_L2)
    return bd_fail(error, BD_BAD_INPUT, "[attack %s] type = carlini_wagner needs norm = l2",
                   options->name);
  if (options->loss == BD_ATTACK_LOSS_DLR_TARGETED && options->type != BD_ATTACK_APGD)
    return bd_fail(error, BD_BAD_INPUT,
                   "[attack %s] loss = dlr_targeted needs a target, which type = apgd alone has",
                   options->name);
  if (classes >= least) return BD_OK;
  return bd_fail(error, BD_BAD_INPUT,
                 "[attack %s] this loss compares %d logits, and the victim gives %d; loss = ce "
                 "needs two",
                 options->name, least, classes);
}

bd_status_t attack_run(const attack_model_t *model, const attack_task_t *task,
                       attack_outcome_t *outcome, bd_error_t *error) {
  for (int i = 0; i < task->count; i++) outcome->forward[i] = outcome->backward[i] = 0;
  return functions[task->options->type](model, task, outcome, error);
}
