/* What is recorded on the way from the start, and when a problem is done. */
#ifndef BD_TRAJECTORY_H
#define BD_TRAJECTORY_H

#include "transport/engine/iterate.h"

/* Iterations are fewer than 2^HISTORY. */
enum { HISTORY = BD_LOG_ITERATIONS_MAX };

/* Figures at an iteration. */
typedef struct bd_record {
  bd_lanes_t residual;  /* max_k |p_k - mean p|_1 */
  bd_lanes_t objective; /* F + J*(v) */
  bd_lanes_t range;     /* the widest of a potential, in units of the cost */
} bd_record_t;

typedef struct bd_trajectory {
  const bd_setup_t *setup;
  const bd_batch_t *batch;
  const bd_solver_call_t *call;      /* results go there; NULL between calls */
  bd_figures_t figures;              /* the worst of all iterations, of a lane until it is done */
  bd_mask_t done;                    /* lanes whose result is stored */
  bd_record_t now, history[HISTORY]; /* history[j]: at iteration 2^j */
  bd_lanes_t start_objective;
  int snapshot;                                 /* the next one */
  double objective[BD_LANES][BD_SNAPSHOTS_MAX]; /* of each problem and snapshot */
} bd_trajectory_t;

/* Begin with the problems that are loaded. */
void BD_X(trajectory_start)(bd_trajectory_t *trajectory);

/* Is the objective wanted at this iteration?  If so, trajectory_range and trajectory_look are. */
int BD_X(trajectory_wants_objective)(const bd_trajectory_t *trajectory, int iteration);

/* Record the widest range of a potential, before the potentials move. */
void BD_X(trajectory_range)(bd_trajectory_t *trajectory, const bd_iterate_t *iterate);

/* Take in the figures of an evaluation. */
void BD_X(trajectory_account)(bd_trajectory_t *trajectory, const bd_figures_t *figures);

/* Look at the point whose p has been evaluated and accounted for, `iteration` steps from the start:
   record it, store snapshots and converged problems.  The plane a is overwritten.  1 when nothing
   is left to do. */
int BD_X(trajectory_look)(bd_trajectory_t *trajectory, bd_iterate_t *iterate, int iteration,
                          const bd_lanes_t *objective);

/* 1 when nothing is left to do because all problems want another engine (solver.c).  They are
   marked as such. */
int BD_X(trajectory_given_up)(const bd_trajectory_t *trajectory);

/* Add the objectives of the problems to those of their images. */
void BD_X(trajectory_finish)(const bd_trajectory_t *trajectory);

#endif
