#include "attack/adam.h"

#include <math.h>

static const double decay = 0.9, square_decay = 0.999;
static const float smallest = 1e-8f;

void adam_step(const adam_t *adam, int step, const float *gradient, float *x) {
  const float keep = (float)decay, take = (float)(1 - decay), keep_square = (float)square_decay,
              take_square = (float)(1 - square_decay), length = (float)adam->step_size,
              part = (float)(1 - pow(decay, step)),
              square_part = (float)(1 - pow(square_decay, step));
  for (size_t j = 0; j < adam->size; j++) {
    adam->mean[j] = keep * adam->mean[j] + take * gradient[j];
    adam->square[j] = keep_square * adam->square[j] + take_square * (gradient[j] * gradient[j]);
    x[j] -= length * (adam->mean[j] / part) / (sqrtf(adam->square[j] / square_part) + smallest);
  }
}
