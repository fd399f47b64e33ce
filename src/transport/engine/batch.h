/* The problems that are solved together, as planes: the images x and their marginals q_k. */
#ifndef BD_BATCH_H
#define BD_BATCH_H

#include "transport/engine/setup.h"

/* One channel of one image. */
typedef struct bd_problem {
  const double *pixels;
  size_t image, offset;                   /* index of the image; of the channel's first pixel */
  double mass;                            /* what x is divided by; 0 only for a channel of zeros */
  double marginal_mass[BD_MARGINALS_MAX]; /* what each A_k x is divided by */
} bd_problem_t;

typedef struct bd_batch {
  const bd_setup_t *setup;
  bd_problem_t *image;          /* [channels], the image being prepared */
  bd_problem_t queue[BD_LANES]; /* the problems, lane by lane */
  int queued;

  /* Planes of the batch, which batch_load puts in place: of the queued problems, scaled to mass 1,
     with mass, entropy and largest pixel of each q_k. */
  bd_lanes_t *x, *q[BD_MARGINALS_MAX], *q_mass, *q_entropy, *q_max;
  bd_mask_t unusable; /* lanes whose mass is too small for float32 */

  /* Where they lie: with what solvers share, or where that has no room, in memory of its own. */
  bd_moved_t *moved; /* NULL: nothing is shared */
  int index;         /* batches before this one */
  bd_lanes_t *own;
} bd_batch_t;

/* Errors: BD_FAILED without memory.  Freed by batch_free, also after an error. */
bd_status_t BD_X(batch_create)(const bd_setup_t *setup, const bd_engine_plan_t *plan,
                               bd_batch_t *batch, bd_error_t *error);
void BD_X(batch_free)(bd_batch_t *batch);

/* Begin with the first batch of `count` images. */
void BD_X(batch_begin)(bd_batch_t *batch, size_t count);

/* The channels of an image as problems in batch->image.  BD_IMAGE_OK, or what is wrong with it. */
bd_image_status_t BD_X(batch_prepare)(bd_batch_t *batch, const double *image, size_t index);

/* Queue a channel of the prepared image.  1 when the batch is full. */
int BD_X(batch_add)(bd_batch_t *batch, int channel);

/* The queued problems into the planes. */
void BD_X(batch_load)(bd_batch_t *batch);

/* Problem l of a plane into the pixels of a channel, on the mass of the image and clipped. */
void BD_X(batch_read)(const bd_batch_t *batch, const bd_lanes_t *plane, int l, double *out);

#endif
