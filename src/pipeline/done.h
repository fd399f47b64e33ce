/* Find out which parts of a plan a result already holds.  Knows no MPI. */
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

/* Make a map in which nothing is done.  The caller frees done->rows.  Errors: BD_FAILED without
   memory. */
bd_status_t done_create(const bd_plan_t *plan, bd_done_t *done, bd_error_t *error);

/* A unit is what is checked at once, which is all points of a block of an attack.  There are
   plan->attack_count * plan_blocks(plan) units.  The item's point is not used. */
bd_item_t done_unit(const bd_plan_t *plan, int64_t index);

/* Set states[point][image] of a unit to the worst state among the point's snapshots.  For images
   that are done, compare the input's pixels with those they were made from.  Errors: BD_BAD_INPUT
   if these differ; BD_FAILED. */
bd_status_t done_verify(const bd_output_t *output, bd_worker_t *worker, const bd_item_t *unit,
                        uint8_t *states, bd_error_t *error);

/* Put the states of a unit into the map. */
void done_keep(bd_done_t *done, const bd_plan_t *plan, const bd_item_t *unit,
               const uint8_t *states);

/* Remove the marks of damaged images, in the map and in the result, so that a later run which
   trusts the marks (run.verify) computes them again.  Errors: BD_FAILED. */
bd_status_t done_unmark_damaged(bd_done_t *done, const bd_output_t *output, bd_error_t *error);

#endif
