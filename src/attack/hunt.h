/* One run of the square attack (square.h), from one start. */
#ifndef BD_ATTACK_HUNT_H
#define BD_ATTACK_HUNT_H

#include "attack/attack.h"
#include "attack/hills.h"

#include <stdbool.h>

/* Where the search for one image stands. */
typedef struct hunt_row {
  int image;     /* its number in the task */
  int label;     /* its class */
  bool is_right; /* the model has the best point right */
  double margin; /* of the best point: logit of the label less the largest other */
} hunt_row_t;

/* The images in hand, of which those that are still right are left. */
typedef struct hunt {
  const attack_model_t *model;
  const attack_task_t *task;
  int count;
  size_t size;
  int restart, done; /* number of the restart, and changes that were tried */
  hunt_row_t *rows;  /* [count] */
  float *best;       /* [count][size], the best points */
  float *low, *high; /* [count][size], the clean images minus and plus epsilon, within [0,1] */
  int left;
  int *row;         /* [left], their rows */
  int64_t *numbers; /* [left], of the images in their set */
  float *tried;     /* [left][size], what the model is shown */
  float *logits;    /* [left][classes] */
  double *delta;    /* [size], a perturbation */
  double *random;   /* [channels * width + 2] */
  hills_t hills;
} hunt_t;

/* Prepare for the images which[0 .. count-1] of a task.  Freed by hunt_free, also after an error.
   Errors: BD_FAILED without memory. */
bd_status_t hunt_create(const attack_model_t *model, const attack_task_t *task, int count,
                        const int *which, hunt_t *hunt, bd_error_t *error);
void hunt_free(hunt_t *hunt);

/* Go to the random start of a restart.  Costs a query.  Errors: those of the model. */
bd_status_t hunt_start(hunt_t *hunt, int restart, bd_error_t *error);

/* Try a change of each image that is left.  Costs a query of each.  Errors: those of the model. */
bd_status_t hunt_step(hunt_t *hunt, bd_error_t *error);

#endif
