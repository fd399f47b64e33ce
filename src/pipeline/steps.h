/* The steps of worker_compute that have their own files. */
#ifndef BD_STEPS_H
#define BD_STEPS_H

#include "pipeline/chain.h"
#include "pipeline/worker.h"

/* Attack the clean images of an item whose attack is made, and put them in place of those that were
   read, unless they are in hand.  Nothing is done for an attack that is read. */
bd_status_t step_attack(bd_worker_t *w, const bd_item_t *item, bd_block_t *block, bd_poll_t *poll,
                        void *context, bd_error_t *error);

/* Fill the fields of image i's record that belong to the attack, those of one that was read too. */
void attacked_record(const bd_worker_t *w, const bd_item_t *item, int i, bd_per_image_t *record);

/* What keeps a clean image from being attacked, so that it is left as it is: a pixel that is not
   finite, negative or above one. */
bd_image_status_t attacked_flaw(size_t size, const double *pixels);

/* The shape of a chain that attacks blocks. */
bd_chain_shape_t attacked_shape(const bd_images_info_t *info, int classes, int block);

void attacked_free(bd_made_t *made);

/* The class of a view that is not finite, so that the victim was not asked. */
enum { NOT_SHOWN = -1 };

/* Have the victim predict every view of the plan and the purified images of every snapshot.
   Predictions in hand are kept if the point of the sweep changes nothing that they depend on, and
   pixels that are the same bits are predicted once. */
bd_status_t step_predict(bd_worker_t *w, const bd_item_t *item, bd_timings_t *seconds,
                         bd_error_t *error);

/* Put records, marks and images of one snapshot into the block.  The records include the
   predictions of step_predict. */
bd_status_t step_record(bd_worker_t *w, const bd_item_t *item, int snapshot, bd_block_t *block,
                        bd_error_t *error);

/* Round an image to the float32 that a result holds.  0 where it is not finite, since it failed;
   it is zeros then. */
int step_store(size_t size, const double *pixels, float *stored);

#endif
