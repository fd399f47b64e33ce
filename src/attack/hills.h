/* The changes that the square attack makes for l2. */
#ifndef BD_ATTACK_HILLS_H
#define BD_ATTACK_HILLS_H

#include "attack/model.h"
#include "attack/random.h"

/* What perturbations look like, and room to make them.  A perturbation is float64 [size] of norm
   epsilon. */
typedef struct hills {
  int channels, height, width;
  double epsilon;
  int side;       /* of `shape`, 0 before the first */
  double *shape;  /* [side][side] */
  double *fresh;  /* [channels][side][side] */
  double *random; /* [channels + 8] */
} hills_t;

/* Prepare for perturbations of images as the model takes them.  Errors: BD_FAILED without memory.
   Freed by hills_free, also after an error. */
bd_status_t hills_create(const attack_model_t *model, double epsilon, hills_t *hills,
                         bd_error_t *error);
void hills_free(hills_t *hills);

/* Make the perturbation that a search begins with: a grid of about five by five shapes. */
void hills_start(hills_t *hills, attack_stream_t stream, double *delta);

/* Change a perturbation: what is in a square moves to another square, where a shape is added. Takes
   the norm that an earlier clipping to [0,1] has cost as well.  side: of the squares. */
void hills_change(hills_t *hills, int side, attack_stream_t stream, double *delta);

/* Set shape[side][side], of norm 1: a hill above a pit.  A hill is a pyramid of steps, of which the
   one at distance d from the top has the height sum_{i >= d} 1 / (i + 1)^2; a pit is one upside
   down. */
void hills_shape(int side, double *shape);

#endif
