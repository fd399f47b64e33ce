/* Attacks on whatever gives logits and a gradient.  This room knows no libtorch, no file, no job
   text and no MPI.

   An image is attacked by itself: no result depends on its neighbours, on blocks or on order.
   Random numbers come from random.h. */
#ifndef BD_ATTACK_ATTACK_H
#define BD_ATTACK_ATTACK_H

#include "attack/model.h"

#include <barydef/attack.h>

/* What is attacked, and how.  options->steps, options->step_size: 0 stands for the default of the
   type.  All arrays are the caller's. */
typedef struct attack_task {
  const bd_made_attack_t *options;
  int count;
  const int64_t *numbers; /* [count], of the images in their set */
  const float *images;    /* [count][size], clean, in [0,1] */
  const int32_t *labels;  /* [count] */
} attack_task_t;

/* What became of it.  All arrays are the caller's. */
typedef struct attack_outcome {
  float *images;      /* [count][size], in [0,1] and in the ball of epsilon, as float32 */
  int32_t *predicted; /* [count], the class that the model gives the stored image */
  int64_t *forward;   /* [count], passes that were spent on an image */
  int64_t *backward;  /* [count] */
} attack_outcome_t;

typedef bd_status_t attack_t(const attack_model_t *model, const attack_task_t *task,
                             attack_outcome_t *outcome, bd_error_t *error);

/* The attacks of BD_ATTACK_TYPE_TABLE.  Errors: BD_FAILED without memory, and those of the
   model. */
#define ATTACK_FUNCTION(NAME, name, meaning) attack_t attack_##name;
BD_ATTACK_TYPE_TABLE(ATTACK_FUNCTION)
#undef ATTACK_FUNCTION

/* Run the attack that task->options names, and have the model judge the stored images. */
bd_status_t attack_run(const attack_model_t *model, const attack_task_t *task,
                       attack_outcome_t *outcome, bd_error_t *error);

/* Can the attack be made with this norm and loss, of images of `classes` classes?  Errors:
   BD_BAD_INPUT, naming the section and the key. */
bd_status_t attack_check(const bd_made_attack_t *options, int classes, bd_error_t *error);

/* The steps that options ask for, or the default, and their length in units of epsilon. */
int attack_steps(const bd_made_attack_t *options);
double attack_step_size(const bd_made_attack_t *options);

static inline size_t attack_size(const attack_model_t *model) {
  return (size_t)model->channels * (size_t)model->height * (size_t)model->width;
}

/* The largest of the logits of an image. */
static inline int attack_class(const float *logits, int classes) {
  int best = 0;
  for (int c = 1; c < classes; c++)
    if (logits[c] > logits[best]) best = c;
  return best;
}

#endif
