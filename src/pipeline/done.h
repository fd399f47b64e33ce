/* What of a plan a result holds already.  Knows no MPI. */
#ifndef BD_DONE_H
#define BD_DONE_H

#include "pipeline/output.h"
#include "pipeline/worker.h"

/* A map of what is done: BD_ROW_MISSING, BD_ROW_DONE or BD_ROW_DAMAGED for each point, attack and
   image of the plan, [points][attacks][count], as schedule_create takes it. */
typedef struct bd_done {
  uint8_t *rows;   /* NULL: nothing is done */
  int64_t done;    /* images, counted for every run */
  int64_t damaged; /* likewise */
} bd_done_t;

/* With nothing done.  The caller frees done->rows.  Errors: BD_FAILED without memory. */
bd_status_t done_create(const bd_plan_t *plan, bd_done_t *done, bd_error_t *error);

/* What is checked at once: all points of a block of an attack.  There are plan->attack_count *
   plan_blocks(plan) of them; the item's point is not looked at. */
bd_item_t done_unit(const bd_plan_t *plan, int64_t index);

/* states[point][image] of a unit: the worst of the point's snapshots.  The pixels of images that
   are done are compared with those they were made from.  Errors: BD_BAD_INPUT where they differ;
   BD_FAILED. */
bd_status_t done_verify(const bd_output_t *output, bd_worker_t *worker, const bd_item_t *unit,
                        uint8_t *states, bd_error_t *error);

/* Put the states of a unit into the map. */
void done_keep(bd_done_t *done, const bd_plan_t *plan, const bd_item_t *unit,
               const uint8_t *states);

/* Take the mark from what is damaged, in the map and in the result, also for a run that will trust
   the marks (run.verify).  Errors: BD_FAILED. */
bd_status_t done_unmark_damaged(bd_done_t *done, const bd_output_t *output, bd_error_t *error);

#endif
