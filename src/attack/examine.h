/* Does an attack show what it seems to show?  Checks of Carlini et al., "On evaluating adversarial
   robustness", 2019, and of AutoAttack's flags (Croce and Hein, ICML 2020), on the images that an
   attack could not break. */
#ifndef BD_ATTACK_EXAMINE_H
#define BD_ATTACK_EXAMINE_H

#include "attack/attack.h"

#include <stdbool.h>

/* What was found, for each image of a task: 1 yes, 0 no, -1 not tried.  The arrays are the
   caller's. */
typedef struct attack_findings {
  int8_t *zero_gradient; /* the cross-entropy of the clean image has no gradient at all; not tried
                            where the model has the clean image wrong */
  int8_t *noise_right;   /* right at all of options->noise points of the ball, drawn at random */
  int8_t *longer_right;  /* right after the same attack of twice the steps */
} attack_findings_t;

/* Do the steps of an attack follow a gradient, so that twice as many are tried? */
bool attack_is_made_longer(const bd_made_attack_t *options);

/* Examine an attack that attack_run has made.  The last two are tried for images whose number is
   below options->sample and whose outcome the model has right, and the last for attacks whose steps
   follow a gradient.  Errors: those of the model, and BD_FAILED without memory. */
bd_status_t attack_examine(const attack_model_t *model, const attack_task_t *task,
                           const attack_outcome_t *outcome, attack_findings_t *found,
                           bd_error_t *error);

#endif
