/* Random numbers by counter, so that none depends on blocks, ranks or order.

   Philox 4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
   SC 2011. */
#ifndef BD_ATTACK_RANDOM_H
#define BD_ATTACK_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Whose numbers. */
typedef struct attack_stream {
  uint32_t seed;
  int64_t image;   /* number in its set */
  uint16_t attack; /* type, or a part of an ensemble */
  uint16_t restart;
  uint32_t step;
} attack_stream_t;

/* Four words from a counter and a key, after ten rounds. */
void attack_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]);

/* u[0 .. n-1]: numbers offset .. offset + n - 1 of a stream, uniform in (0, 1).  offset and n are
   below 2^32. */
void attack_uniform(attack_stream_t stream, uint64_t offset, size_t n, double *u);

/* The same from the normal distribution of mean 0 and variance 1, by Box and Muller. */
void attack_normal(attack_stream_t stream, uint64_t offset, size_t n, double *z);

#endif
