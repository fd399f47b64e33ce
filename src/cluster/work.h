/* Hand out items and gather blocks.  This is the conversation between rank 0 and the other ranks.

   Rank 0 begins by sending every other rank TOKENS messages.  Each is an item, or says that there
   are none left.  Rank 0 answers every block it receives with another such message.  So a rank
   always has one item in hand while it computes the one before, and never more.  If rank 0 writes
   slowly, the others wait.  Rank 0 computes as well, and looks for messages between two iterations
   of its solver, so that nobody waits for it.

   Every rank has memory for two blocks and the labels.  On rank 0 the blocks are its own and the
   one it receives.  Rank 0 also holds the schedule, a byte for each image and point if a run is
   resumed, and for each other rank up to TOKENS messages of the size that MPI sends eagerly, which
   is some kilobytes.

   A rank that is asked to stop tells rank 0, which tells all ranks.  Each finishes the item it is
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

/* Compute all items of the plan.  Collective.  All ranks return the same status and error, which
   is BD_STOPPED if they stopped early and nothing failed. */
bd_status_t work_all(const bd_work_t *work, bd_error_t *error);

#endif
