/* The images of a task that are still under attack, packed for the model.

   An image has a slot of the pack until the attack drops it.  The slots behind it then move up, so
   that nothing is spent on an image that is done. */
#ifndef BD_ATTACK_PACK_H
#define BD_ATTACK_PACK_H

#include "attack/attack.h"

#include <stdbool.h>

/* The arrays belong to the pack.  Those with [count] are by slot. */
typedef struct pack {
  const attack_model_t *model;
  const attack_task_t *task;
  attack_outcome_t *outcome; /* whose passes are counted */
  size_t size;               /* values of an image */
  float *clean_logits;       /* [task->count][classes], by the image's number in the task */
  int begun;                 /* images that were packed at first */
  int *all;                  /* [begun], their numbers in the task */
  int count;                 /* images that are still there */
  int *which;                /* [count], the image's number in the task */
  int64_t *numbers;          /* [count], its number in the set */
  float *pixels;             /* [count][size], what the model is shown; clean at first */
  float *gradient;           /* [count][size], after pack_gradient */
  float *logits;             /* [count][classes], after pack_gradient */
  bool *stays;               /* [count], for the attack to set before pack_drop */
} pack_t;

/* Have the model judge the clean images of a task, which become the outcome, and pack those that it
   has right.  Freed by pack_free, also after an error.  Errors: those of the model, and BD_FAILED
   without memory. */
bd_status_t pack_begin(const attack_model_t *model, const attack_task_t *task,
                       attack_outcome_t *outcome, pack_t *pack, bd_error_t *error);
void pack_free(pack_t *pack);

/* Have the model give logits and gradient of the pixels.  weigh: see attack_weights_t, whose rows
   are slots.  Errors: those of the model. */
bd_status_t pack_gradient(pack_t *pack, attack_weights_t weights, bd_error_t *error);

/* Keep the images that stay, with pixels, gradient and logits. */
void pack_drop(pack_t *pack);

/* Of the image in a slot: its clean pixels, its label, its logits, and whether the model had it
   right when it gave the logits. */
const float *pack_clean(const pack_t *pack, int slot);
int pack_label(const pack_t *pack, int slot);
const float *pack_logits(const pack_t *pack, int slot);
bool pack_is_right(const pack_t *pack, int slot);

/* Put the pixels of a slot, brought into the ball of the task's epsilon, into the outcome. */
void pack_store(pack_t *pack, int slot);

/* Store and drop the images that the model had wrong when it gave the logits. */
void pack_drop_fooled(pack_t *pack);

/* Have the model judge the outcome of all images that were ever packed.  Errors: those of the
   model, and BD_FAILED without memory. */
bd_status_t pack_judge(pack_t *pack, bd_error_t *error);

#endif
