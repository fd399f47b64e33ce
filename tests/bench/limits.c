/* Measures the operations that no iteration can do without, in nanoseconds per number, at the best
   of this machine.  Each runs alone in a loop, on lanes of this path.  All but the planes stay in
   the first-level cache. */
#include "limits.h"

#include "transport/engine/lanes.h"

#include <stdlib.h>
#include <time.h>

enum { ROW = 256, TAPS = 3, MARGINALS = 6, PLANES = 2 * MARGINALS + 3 };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The compiler has to believe that the array is used. */
#define USE(array) __asm__ volatile("" : : "r"(array) : "memory")

typedef struct arrays {
  bd_lanes_t *a, *b, *c, *planes;
  bd_real_t tap[TAPS + 1];
  size_t pixels;
} arrays_t;

static size_t exponentials(arrays_t *s) {
  for (int i = 0; i < ROW; i++) s->c[i] = lanes_exp2(s->a[i] - s->b[0]);
  USE(s->c);
  return ROW;
}

static size_t quotients(arrays_t *s) {
  for (int i = 0; i < ROW; i++) s->c[i] = s->a[i] / s->b[i];
  USE(s->c);
  return ROW;
}

static size_t passes(arrays_t *s) {
  const bd_lanes_t *restrict in = s->a;
  bd_lanes_t *restrict out = s->c;
  const bd_real_t *tap = s->tap;
  for (int i = TAPS; i < ROW - TAPS; i++)
    out[i] = in[i] + tap[1] * (in[i - 1] + in[i + 1]) + tap[2] * (in[i - 2] + in[i + 2]) +
             tap[3] * (in[i - 3] + in[i + 3]);
  USE(s->c);
  return ROW - 2 * TAPS;
}

/* Reads and writes every plane that an iteration reads and writes, and computes next to nothing:
   u_N, q_N -> p_N; u_k, q_k, p_N -> u_k; v, p_N, x -> v; u_k, v -> u_N. */
static size_t planes(arrays_t *s) {
  const size_t n = s->pixels;
  const bd_real_t factor = s->tap[1];
  const bd_lanes_t *restrict q = s->planes, *restrict x = s->planes + 2 * MARGINALS * n;
  bd_lanes_t *restrict u = s->planes + MARGINALS * n, *restrict u_last = u + (MARGINALS - 1) * n;
  bd_lanes_t *restrict v = s->planes + (2 * MARGINALS + 1) * n, *restrict p_last = v + n;
  for (size_t i = 0; i < n; i++) p_last[i] = u_last[i] + q[(MARGINALS - 1) * n + i];
  USE(p_last);
  for (size_t k = 0; k < MARGINALS - 1; k++)
    for (size_t i = k * n; i < (k + 1) * n; i++) u[i] = u[i] + factor * (q[i] - p_last[i - k * n]);
  USE(u);
  for (size_t i = 0; i < n; i++) {
    bd_lanes_t sum = v[i] = v[i] + factor * (p_last[i] - x[i]);
    for (size_t k = 0; k < MARGINALS - 1; k++) sum += factor * u[k * n + i];
    u_last[i] = sum;
  }
  USE(u);
  return MARGINALS * n;
}

static double measure(size_t (*operation)(arrays_t *), arrays_t *s) {
  double best = 1e9;
  for (int round = 0; round < 5; round++) {
    size_t count = 0;
    double start = now();
    while (now() - start < 0.01)
      for (int i = 0; i < 20; i++) count += operation(s);
    double cost = (now() - start) / (double)count / BD_LANES * 1e9;
    if (cost < best) best = cost;
  }
  return best;
}

int BD_X(limits)(int height, int width, limits_t *out) {
  arrays_t s = {.pixels = (size_t)height * (size_t)width,
                .tap = {1, (bd_real_t)0.3, (bd_real_t)0.1, (bd_real_t)0.03}};
  s.a = aligned_alloc(64, ROW * sizeof *s.a);
  s.b = aligned_alloc(64, ROW * sizeof *s.b);
  s.c = aligned_alloc(64, ROW * sizeof *s.c);
  s.planes = aligned_alloc(64, PLANES * s.pixels * sizeof *s.planes);
  int ready = s.a && s.b && s.c && s.planes;
  for (int i = 0; ready && i < ROW; i++) {
    s.a[i] = lanes_all(-0.7 * (i % 50));
    s.b[i] = lanes_all(1 + i);
  }
  for (size_t i = 0; ready && i < PLANES * s.pixels; i++) s.planes[i] = lanes_all(0);
  if (ready)
    *out = (limits_t){measure(exponentials, &s), measure(quotients, &s), measure(passes, &s),
                      measure(planes, &s)};
  free(s.a);
  free(s.b);
  free(s.c);
  free(s.planes);
  return ready ? 0 : -1;
}
