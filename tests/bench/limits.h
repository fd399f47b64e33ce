#ifndef LIMITS_H
#define LIMITS_H

/* Nanoseconds per number.  `planes` stands for all planes of an iteration, per pixel and marginal.
 */
typedef struct limits {
  double exponential, quotient, pass, planes;
} limits_t;

#endif
