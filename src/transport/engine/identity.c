#include "transport/engine/identity.h"

#include <math.h>
#include <string.h>

/* ---- implied potentials ------------------------------------------------------------ */

/* The length of a step of u_k, in units of the potentials. */
static bd_real_t length_of(const bd_setup_t *s, int k) {
  return (bd_real_t)(step_length(s) * s->beta[k]);
}

/* The implied u_k at pixel i. */
BD_INLINE bd_lanes_t implied(const bd_iterate_t *it, int k, bd_real_t length, size_t i) {
  return length * (it->implied.sum[i] - (bd_real_t)it->implied.steps * it->batch->q[k][i]);
}

BD_NOT_FUSED void BD_X(implied_extent)(const bd_iterate_t *it, int k, bd_lanes_t *max,
                                       bd_lanes_t *min) {
  const bd_setup_t *s = it->setup;
  const bd_real_t length = length_of(s, k);
  bd_lanes_t largest = lanes_all(-INFINITY), smallest = lanes_all(INFINITY);
  for (size_t i = 0; i < s->pixels; i++) {
    const bd_lanes_t u = implied(it, k, length, i);
    largest = lanes_max(largest, u);
    smallest = lanes_min(smallest, u);
  }
  *max = lanes_select(it->implied.lanes[k], whole_max(s, largest), lanes_all(0));
  *min = lanes_select(it->implied.lanes[k], whole_min(s, smallest), lanes_all(0));
}

/* Q and B of the lanes that are implied. */
static void take_drift(bd_iterate_t *it) {
  const bd_setup_t *s = it->setup;
  bd_implied_t *m = &it->implied;
  m->squares = lanes_all(0);
  m->planes = 0;
  memset(m->drift, 0, s->pixels * sizeof *m->drift);
  for (int k = 0; k < s->marginals - 1; k++) {
    const bd_lanes_t square =
        lanes_select(m->lanes[k], lanes_all(s->beta[k] * s->beta[k]), lanes_all(0));
    if (!every_lane(m->lanes[k])) m->plane[m->planes++] = k;
    if (!lanes_any(m->lanes[k])) continue;
    m->squares += square;
    for (size_t i = 0; i < s->pixels; i++) m->drift[i] += square * it->batch->q[k][i];
  }
}

void BD_X(implied_start)(bd_iterate_t *it) {
  const bd_setup_t *s = it->setup;
  bd_implied_t *m = &it->implied;
  for (int k = 0; k < s->marginals; k++) {
    m->lanes[k] = k < s->marginals - 1 ? ~(bd_mask_t)lanes_all(0) : (bd_mask_t)lanes_all(0);
    m->range[k] = lanes_all(0);
  }
  m->steps = 0;
  memset(m->sum, 0, s->pixels * sizeof *m->sum);
  take_drift(it);
}

/* The lanes of u_k that leave the guard, into its plane. */
static void make_explicit(bd_iterate_t *it, int k, bd_mask_t leaving) {
  const bd_setup_t *s = it->setup;
  const bd_real_t length = length_of(s, k);
  bd_lanes_t *u = it->at.u[k];
  if (every_lane(it->implied.lanes[k])) memset(u, 0, s->pixels * sizeof *u);
  for (size_t i = 0; i < s->pixels; i++)
    u[i] = lanes_select(leaving, implied(it, k, length, i), u[i]);
}

/* Look at u_k where the bound of its range has passed the guard.  1 if a lane leaves. */
static int check_range(bd_iterate_t *it, int k) {
  const bd_real_t guard = it->setup->identity_range;
  bd_implied_t *m = &it->implied;
  const bd_mask_t doubtful = m->lanes[k] & (m->range[k] > guard);
  if (!lanes_any(doubtful)) return 0;
  bd_lanes_t max, min;
  BD_X(implied_extent)(it, k, &max, &min);
  m->range[k] = lanes_select(doubtful, max - min, m->range[k]);
  const bd_mask_t leaving = doubtful & (m->range[k] > guard);
  if (!lanes_any(leaving)) return 0;
  make_explicit(it, k, leaving);
  m->lanes[k] &= ~leaving;
  it->at.max[k] = lanes_select(leaving, max, it->at.max[k]);
  it->at.min[k] = lanes_select(leaving, min, it->at.min[k]);
  return 1;
}

/* Rounding may not make the bound less than the range. */
static const bd_real_t above_rounding = (bd_real_t)1.0001;

void BD_X(implied_step)(bd_iterate_t *it, const bd_lanes_t *largest) {
  bd_implied_t *m = &it->implied;
  int leaves = 0;
  m->steps++;
  for (int k = 0; k < it->setup->marginals - 1; k++) {
    /* p_N - q_k lies between -max q_k and max p_N. */
    m->range[k] += above_rounding * length_of(it->setup, k) * (*largest + it->batch->q_max[k]);
    leaves |= check_range(it, k);
  }
  if (leaves) take_drift(it);
}

/* ---- known marginals --------------------------------------------------------------- */

/* <q, log K a>, where K a = 2^(u - max u).  max is 0 where u is implied. */
static bd_lanes_t known_log(const bd_iterate_t *it, const bd_evaluation_t *e) {
  const bd_setup_t *s = it->setup;
  const bd_lanes_t *q = it->batch->q[e->k], *u = e->at->u[e->k], max = e->at->max[e->k];
  bd_lanes_t sum = lanes_all(0);
  if (it->implied.sum && e->k < s->marginals - 1) {
    const bd_real_t length = length_of(s, e->k);
    for (size_t i = 0; i < s->pixels; i++) sum += q[i] * implied(it, e->k, length, i);
  } else
    for (size_t i = 0; i < s->pixels; i++) sum += q[i] * (u[i] - max);
  return whole_sum(s, sum) * (bd_real_t)BD_LN2;
}

static bd_dual_sums_t known_sums(const bd_iterate_t *it, const bd_evaluation_t *e) {
  return (bd_dual_sums_t){it->batch->q_mass[e->k], it->batch->q_max[e->k],
                          e->wants_log ? known_log(it, e) : lanes_all(0)};
}

void BD_X(evaluate_known)(bd_iterate_t *it, bd_evaluation_t *e) {
  e->sums = known_sums(it, e);
  if (e->p) memcpy(e->p, it->batch->q[e->k], it->setup->pixels * sizeof *e->p);
}

void BD_X(merge_known)(bd_iterate_t *it, bd_evaluation_t *e) {
  const bd_dual_sums_t sums = known_sums(it, e);
  const bd_lanes_t *q = it->batch->q[e->k];
  merge_sums(&e->sums, &e->known, &sums);
  for (size_t i = 0; e->p && i < it->setup->pixels; i++)
    e->p[i] = lanes_select(e->known, q[i], e->p[i]);
}
