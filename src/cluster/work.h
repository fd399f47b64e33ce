/* Handing out items, gathering blocks: the conversation between rank 0 and the others.

   Rank 0 gives every other rank TOKENS messages, each an item or the word that there is
   none left, and answers every block it receives with another; a rank has thus always an
   item in hand while the one before is under way, and never more: where rank 0 writes
   slowly the others wait.  Rank 0 computes as well and looks at its post between two
   iterations of its solver, so that nobody waits for it.

   Memory: two blocks on a rank, which on rank 0 are its own and the one it receives, and there
   for each other rank up to TOKENS messages of the size that MPI sends eagerly (some kilobytes);
   on rank 0 the schedule too, a byte for each image and point where a run is resumed, and on
   every rank the labels.

   A rank that is asked to stop tells rank 0, and rank 0 tells all; each finishes the item it is
   computing and gives back the one in hand. */
#ifndef BD_WORK_H
#define BD_WORK_H

#include "pipeline/done.h"
#include "pipeline/schedule.h"
#include "pipeline/worker.h"

#include <barydef/result.h>
#include <barydef/run.h>

typedef struct bd_work {
  MPI_Comm communicator;
  const bd_plan_t *plan;
  bd_worker_t *worker;
  const bd_run_options_t *options; /* `stop` on all ranks, the rest on rank 0 */
  /* Rank 0 only. */
  const bd_done_t *done;
  int is_resumed;
  bd_result_t *result;
  bd_run_summary_t *summary;
  double deadline; /* MPI_Wtime at which to stop */
} bd_work_t;

/* Collective: all items of the plan.  All ranks return the same status and error;
   BD_STOPPED where stopped early with nothing failed. */
bd_status_t work_all(const bd_work_t *work, bd_error_t *error);

#endif
