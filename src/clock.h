/* Time that passes. */
#ifndef BD_CLOCK_H
#define BD_CLOCK_H

#include <time.h>

/* Seconds since some moment, by a clock that is never set. */
static inline double clock_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

#endif
