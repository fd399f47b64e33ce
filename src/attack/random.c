#include "attack/random.h"

#include <math.h>

static void multiply(uint32_t a, uint32_t b, uint32_t *high, uint32_t *low) {
  const uint64_t product = (uint64_t)a * b;
  *high = (uint32_t)(product >> 32);
  *low = (uint32_t)product;
}

void attack_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]) {
  static const uint32_t multipliers[] = {0xD2511F53, 0xCD9E8D57},
                        bumps[] = {0x9E3779B9, 0xBB67AE85};
  uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
  for (int round = 0; round < 10; round++) {
    uint32_t high[2], low[2];
    multiply(multipliers[0], c[0], &high[0], &low[0]);
    multiply(multipliers[1], c[2], &high[1], &low[1]);
    const uint32_t next[4] = {high[1] ^ c[1] ^ k[0], low[1], high[0] ^ c[3] ^ k[1], low[0]};
    for (int i = 0; i < 4; i++) c[i] = next[i];
    for (int i = 0; i < 2; i++) k[i] += bumps[i];
  }
  for (int i = 0; i < 4; i++) words[i] = c[i];
}

void attack_uniform(attack_stream_t s, uint64_t offset, size_t n, double *u) {
  const uint32_t key[2] = {s.seed, (uint32_t)s.attack << 16 | s.restart};
  uint32_t words[4];
  for (size_t i = 0; i < n; i++) {
    const uint64_t at = offset + i;
    if (i == 0 || at % 4 == 0) {
      const uint32_t counter[4] = {(uint32_t)(at / 4), s.step, (uint32_t)s.image,
                                   (uint32_t)((uint64_t)s.image >> 32)};
      attack_philox(counter, key, words);
    }
    u[i] = (words[at % 4] + 0.5) * 0x1p-32;
  }
}

void attack_normal(attack_stream_t stream, uint64_t offset, size_t n, double *z) {
  const double turn = 6.283185307179586;
  for (size_t i = 0; i < n; i++) {
    const uint64_t at = offset + i;
    double u[2];
    attack_uniform(stream, at / 2 * 2, 2, u);
    z[i] = sqrt(-2 * log(u[0])) * (at % 2 ? sin(turn * u[1]) : cos(turn * u[1]));
  }
}
