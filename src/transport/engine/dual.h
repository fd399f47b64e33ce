/* p_k and the dual objective at given potentials, for all lanes of a batch. */
#ifndef BD_DUAL_H
#define BD_DUAL_H

#include "transport/engine/identity.h"

/* What an FFT may be wrong by: relative in K a, relative to the mass in p. */
static const bd_real_t guarded_noise = (bd_real_t)1e-11;

/* What an offset may cost and still matter in p_k, lane by lane, in units of the cost. */
bd_lanes_t BD_X(reach_of)(const bd_setup_t *setup, const bd_potentials_t *at, int k);

/* Lanes whose exp(u_k/gamma) leaves the range of this precision, or the reach of the kernel. */
bd_mask_t BD_X(beyond_range)(const bd_setup_t *setup, const bd_potentials_t *at, int k);

/* Evaluate a marginal, some of whose lanes may be known; `beyond` is set here.  The figures of p_k
   go into those of the iterate. */
void BD_X(evaluate_marginal)(bd_iterate_t *iterate, bd_evaluation_t *evaluation);

/* Its wide part: lanes `beyond` of p and the sums are right, others are void.  Where the engine has
   no wide way those lanes are 0, and only marked in the figures. */
void BD_X(evaluate_wide)(bd_iterate_t *iterate, bd_evaluation_t *evaluation);

/* The sums of p_k into the figures: the mass defect and the largest p. */
void BD_X(account)(bd_iterate_t *iterate, const bd_evaluation_t *evaluation);

/* What marginal k adds to the objective, without J*: beta_k H*(u_k). */
bd_lanes_t BD_X(objective_of)(const bd_iterate_t *iterate, const bd_potentials_t *at, int k,
                              const bd_lanes_t *log_ka);

/* J*(v) per lane. */
void BD_X(conjugate)(const bd_iterate_t *iterate, const bd_lanes_t *v, bd_lanes_t *value);

typedef enum bd_wanted { BD_WANT_OBJECTIVE, BD_WANT_P_AND_OBJECTIVE } bd_wanted_t;

/* Evaluate all marginals at a point, whose eliminated potential is set: iterate->p where wanted,
   and the objective F + J*(v). */
void BD_X(evaluate)(bd_iterate_t *iterate, bd_potentials_t *at, bd_wanted_t wanted,
                    bd_lanes_t *objective);

#endif
