/* The steps of worker_compute that have their own files. */
#ifndef BD_STEPS_H
#define BD_STEPS_H

#include "pipeline/worker.h"

/* Have the victim predict every view of the plan that is the same for all snapshots.  Predictions
   in hand are kept if the point of the sweep changes nothing that they depend on. */
bd_status_t step_predict(bd_worker_t *w, const bd_item_t *item, bd_timings_t *seconds,
                         bd_error_t *error);

/* Put records, marks and images of one snapshot into the block.  The records include the victim's
   predictions of the purified images. */
bd_status_t step_record(bd_worker_t *w, const bd_item_t *item, int snapshot, bd_block_t *block,
                        bd_error_t *error);

/* What step_show makes. */
typedef struct step_view {
  bd_view_t view;
  const double *purified; /* the images of a snapshot; NULL where no snapshot changes the view */
  float *stored;          /* gets the view */
} step_view_t;

/* Make a view of the images in hand, as float32, and have the victim predict it.  Without a victim
   the view is only made. */
bd_status_t step_show(bd_worker_t *w, const bd_item_t *item, const step_view_t *show,
                      bd_timings_t *seconds, bd_error_t *error);

#endif
