/* What the attacks of AutoAttack have in common: which images are left to attack, where a search
   begins, and the judgement of what is stored. */
#ifndef BD_ATTACK_OUTCOME_H
#define BD_ATTACK_OUTCOME_H

#include "attack/attack.h"
#include "attack/random.h"

/* The radius within which an image must stay.  An epsilon of 0 stands for none. */
double attack_radius(const bd_made_attack_t *options);

/* Set the outcome of every image to the clean one, its class, and one forward pass.  Also sets
   logits[count][classes] of the clean images, unless it is NULL.  Errors: those of the model, and
   BD_FAILED without memory. */
bd_status_t attack_begin(const attack_model_t *model, const attack_task_t *task,
                         attack_outcome_t *outcome, float *logits, bd_error_t *error);

/* List the images of a task whose outcome the model has right, in which[], which has room for all.
   Returns how many they are. */
int attack_standing(const attack_task_t *task, const attack_outcome_t *outcome, int *which);

/* Have the model judge the stored images which[0 .. count-1] of a task.  Errors: those of the
   model, and BD_FAILED without memory. */
bd_status_t attack_judge(const attack_model_t *model, const attack_task_t *task, int count,
                         const int *which, attack_outcome_t *outcome, bd_error_t *error);

/* The class whose logit has `rank` others before it.  Of equal logits the first comes first. */
int attack_ranked_class(const float *logits, int classes, int rank);

/* The stream of an image, restart and step.  Each loss of an attack has streams of its own. */
attack_stream_t attack_stream_of(const bd_made_attack_t *options, int64_t image, int restart,
                                 int step);

/* A random direction [size] of length 1: uniform in the cube and stretched to its surface for linf,
   uniform on the sphere for l2. */
void attack_direction(int norm, attack_stream_t stream, size_t size, double *direction);

/* "No memory to attack so many images." */
bd_status_t attack_no_memory(int count, bd_error_t *error);

#endif
