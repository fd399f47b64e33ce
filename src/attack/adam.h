/* Adam: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015. */
#ifndef BD_ATTACK_ADAM_H
#define BD_ATTACK_ADAM_H

#include <stddef.h>

/* The state of one minimisation, of `size` values.  The arrays are the caller's, and zeros at
   first. */
typedef struct adam {
  size_t size;
  double step_size;
  float *mean;   /* [size], of the gradients */
  float *square; /* [size], mean of their squares */
} adam_t;

/* Make step number `step`, which counts from 1, against the gradient. */
void adam_step(const adam_t *adam, int step, const float *gradient, float *x);

#endif
