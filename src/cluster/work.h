/* Handing out items, gathering blocks: the conversation between rank 0 and the others.

   Rank 0 gives every other rank `tokens` messages, each an item or the word that there is
   none left, and answers every block it receives with another; a rank has thus always an
   item in hand while the one before is under way.  Rank 0 computes as well and looks at
   its post between two iterations of its solver, so that nobody waits for it.  Memory: two
   blocks on a rank, one more on rank 0 for what it receives. */
#ifndef BD_WORK_H
#define BD_WORK_H

#include "block.h"

#include <barydef/result.h>
#include <barydef/run.h>

/* Collective: all items of the plan.  `result`, `options` and `summary` are used on rank 0
   only.  All ranks return the same status and error. */
bd_status_t work_all(MPI_Comm communicator, const bd_plan_t *plan, bd_worker_t *worker, bd_result_t *result,
                     const bd_run_options_t *options, bd_run_summary_t *summary, bd_error_t *error);

/* Collective: the first failure, by rank, becomes everybody's status and error. */
bd_status_t agree(MPI_Comm communicator, bd_status_t status, bd_error_t *error);

#endif
