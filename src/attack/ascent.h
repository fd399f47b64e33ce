/* One run of Auto-PGD (apgd.h): from one start, on one loss, for images that all stay to its end.
 */
#ifndef BD_ATTACK_ASCENT_H
#define BD_ATTACK_ASCENT_H

#include "attack/attack.h"

#include <stdbool.h>

/* Where the search for one image stands. */
typedef struct ascent_row {
  int image;          /* its number in the task */
  int label;          /* its class */
  int target;         /* the class that the targeted loss raises */
  int rises;          /* steps since the last checkpoint that raised the loss */
  bool is_halved;     /* the last checkpoint halved the step; so it stands at the start, too */
  bool is_right;      /* the model has the iterate right */
  bool is_fooled;     /* an iterate was misclassified; `fooling` has the last such */
  double step;        /* length of the next step */
  double loss;        /* of the iterate */
  double loss_before; /* of the iterate before */
  double kept_loss;   /* of `kept`, the highest so far */
  double check_loss;  /* kept_loss at the last checkpoint */
} ascent_row_t;

/* The images in hand.  Images are [count][size], and those that the model sees are inside the ball
   and [0,1]. */
typedef struct ascent {
  const attack_model_t *model;
  const attack_task_t *task;
  int count;
  size_t size;
  int steps, done;     /* all steps, and those made */
  int interval, since; /* steps from checkpoint to checkpoint, and those since the last */
  ascent_row_t *rows;  /* [count] */
  int64_t *numbers;    /* [count], of the images in their set */
  float *iterate;      /* what the model is shown */
  float *before;       /* the iterate of the step before */
  float *kept;         /* the iterate with the highest loss */
  float *fooling;      /* the last iterate that was misclassified */
  float *gradient;     /* of the loss at the iterate */
  float *kept_gradient;
  float *logits; /* [count][classes] */
  double *trial; /* [size] */
} ascent_t;

/* Prepare for the images which[0 .. count-1] of a task.  Their targets are the caller's to set.
   Freed by ascent_free, also after an error.  Errors: BD_FAILED without memory. */
bd_status_t ascent_create(const attack_model_t *model, const attack_task_t *task, int count,
                          const int *which, ascent_t *ascent, bd_error_t *error);
void ascent_free(ascent_t *ascent);

/* Go to the random start of a restart.  Costs a forward and a backward pass.  Errors: those of the
   model. */
bd_status_t ascent_start(ascent_t *ascent, int restart, bd_error_t *error);

/* Make a step, and adapt its length for the next at a checkpoint.  Costs a forward pass, and a
   backward pass but for the last step.  Errors: those of the model. */
bd_status_t ascent_step(ascent_t *ascent, bd_error_t *error);

#endif
