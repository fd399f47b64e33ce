/* The ball of an attack: what may be stored. */
#ifndef BD_ATTACK_BALL_H
#define BD_ATTACK_BALL_H

#include <barydef/attack.h>
#include <stddef.h>

/* Distance of two images in float64. */
double attack_distance(int norm, size_t size, const float *one, const float *other);

/* Move an image by `length` in a norm, to raise what the gradient is of as much as it can: along
   the sign of the gradient for linf, along the gradient for l2.  The image may leave [0,1]. */
void attack_ascend(int norm, double length, size_t size, const float *gradient, float *image);

/* Bring x [size] into the ball of epsilon around the clean image and into [0,1], and store it as
   float32: for linf each value by itself, for l2 along the line to the clean image.  As stored,
   attack_distance is at most epsilon, and no value is outside [0,1].  A NaN becomes the clean
   value.  x and stored may be the same array. */
void attack_store(int norm, double epsilon, size_t size, const float *clean, const float *x,
                  float *stored);

#endif
