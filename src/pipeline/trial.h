/* Measure how fast this machine does what a plan asks for, on a few of its images.  Knows no MPI.
 */
#ifndef BD_TRIAL_H
#define BD_TRIAL_H

#include "pipeline/worker.h"

/* What is measured. */
enum {
  TRIAL_PURIFY,  /* units of estimate_cost in a second */
  TRIAL_PREDICT, /* predictions of the bare victim in a second */
  TRIAL_ATTACKS  /* of attack a of the plan, at the first point: passes forward in a second, at
                    TRIAL_ATTACKS + 2 a; and passes forward and backward, behind it */
};

/* Speeds, each measured some times.  0: not measured. */
typedef struct trial {
  int count;
  double *speeds;      /* [2][count]; owned */
  double *slow, *fast; /* [count] of them */
} trial_t;

/* Measure for about `seconds`, or a single call of each where that takes longer.  The caller calls
   trial_free, also after an error.  Errors: those of reading, of the solver and of the victim. */
bd_status_t trial_run(bd_worker_t *worker, double seconds, trial_t *trial, bd_error_t *error);
void trial_free(trial_t *trial);

#endif
