/* What an attacker attacks: anything that gives logits and a gradient.

   An attack hands over images by their number in the set, because a model may have to evaluate an
   image at a row of its own (bd_victim_predict).  The answers for an image depend on its pixels
   alone, whatever other images are asked about with it. */
#ifndef BD_ATTACK_MODEL_H
#define BD_ATTACK_MODEL_H

#include <barydef/error.h>
#include <stddef.h>
#include <stdint.h>

/* Images and the numbers that they have in their set.  pixels: float32 in [0,1], [count][size]. */
typedef struct attack_images {
  int count;
  const int64_t *numbers; /* [count] */
  const float *pixels;    /* [count][size] */
} attack_images_t;

/* Weights of the logits: the derivative of a loss.  Called between a forward and a backward pass
   for `count` images, of which rows[i] says which image of the request it is.  Sets weights
   [count][classes] from logits [count][classes]. */
typedef struct attack_weights {
  void (*weigh)(void *state, int count, const int *rows, const float *logits, float *weights);
  void *state;
} attack_weights_t;

/* A classifier, alone or behind a defence.  All of it belongs to whoever made it. */
typedef struct attack_model {
  int channels, height, width, classes;
  void *state;
  /* logits[count][classes] of images.  Errors: those of the model. */
  bd_status_t (*logits)(void *state, const attack_images_t *images, float *logits,
                        bd_error_t *error);
  /* Also gradient[count][size] of sum_c weight_c logit_c by the pixels.  logits may be NULL. */
  bd_status_t (*gradient)(void *state, const attack_images_t *images,
                          const attack_weights_t *weights, float *logits, float *gradient,
                          bd_error_t *error);
} attack_model_t;

#endif
