/* Marginals whose p_k is q_k to rounding, which need no evaluation.

   Where the taps of exp(-C/gamma) are small against what a = 2^u spans, K a is a to rounding and
   p_k = a . K(q_k / K a) is q_k.  With T the sum of all taps but that of the offset 0, and R the
   range of u in bits,

       |p_k - q_k|_1 <= 2 T 2^R |q_k|_1.

   setup.identity_range is the R at which this bound is half an ulp of the mass.  The guard looks at
   one lane alone, so it cannot depend on the neighbours.

   Forward-backward steps leave the potential of such a marginal implied.  After t steps

       u_k = -tau beta_k (t q_k - S),   S = the sum of p_N over these steps,

   so all of them share the plane S, and what they add to the eliminated potential is
   tau (B S - t Q) with Q = sum_k beta_k^2 q_k and B = sum_k beta_k^2 over the implied k.  Lanes of
   u_k are written when they leave the guard, and go on by the dense way from there. */
#ifndef BD_IDENTITY_H
#define BD_IDENTITY_H

#include "transport/engine/iterate.h"

/* Lanes in which p_k is q_k at an explicit potential. */
BD_INLINE bd_mask_t identity_lanes(const bd_setup_t *s, const bd_potentials_t *at, int k) {
  return at->max[k] - at->min[k] <= s->identity_range;
}

BD_INLINE int every_lane(bd_mask_t mask) { return !lanes_any(~mask); }

/* Evaluate a marginal whose lanes are all known. */
void BD_X(evaluate_known)(bd_iterate_t *iterate, bd_evaluation_t *evaluation);

/* Replace p and the sums in the lanes that are known. */
void BD_X(merge_known)(bd_iterate_t *iterate, bd_evaluation_t *evaluation);

/* Replace the sums of some lanes. */
BD_INLINE void merge_sums(bd_dual_sums_t *sums, const bd_mask_t *lanes,
                          const bd_dual_sums_t *others) {
  sums->mass = lanes_select(*lanes, others->mass, sums->mass);
  sums->largest = lanes_select(*lanes, others->largest, sums->largest);
  sums->log_ka = lanes_select(*lanes, others->log_ka, sums->log_ka);
}

/* ---- implied potentials ------------------------------------------------------------ */

/* Potentials of zero, all but the eliminated one implied. */
void BD_X(implied_start)(bd_iterate_t *iterate);

/* The largest and smallest of the implied u_k, and 0 in the lanes that are explicit. */
void BD_X(implied_extent)(const bd_iterate_t *iterate, int k, bd_lanes_t *max, bd_lanes_t *min);

/* v and S have moved by a step to p_N.  Write the lanes that have left the guard into their
   planes.  largest: of p_N. */
void BD_X(implied_step)(bd_iterate_t *iterate, const bd_lanes_t *largest);

/* v + sum_k beta_k u_k at pixel i, over the potentials that are explicit in some lane. */
BD_INLINE bd_lanes_t explicit_part(const bd_iterate_t *it, size_t i) {
  bd_lanes_t sum = it->at.v[i];
  for (int j = 0; j < it->implied.planes; j++) {
    const int k = it->implied.plane[j];
    sum += it->setup->weight[k] * it->at.u[k][i];
  }
  return sum;
}

#endif
