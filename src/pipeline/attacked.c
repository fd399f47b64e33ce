/* The step of an item whose images are attacked here instead of read. */
#include "attack/attack.h"
#include "clock.h"
#include "pipeline/chain.h"
#include "pipeline/steps.h"

#include <stdlib.h>
#include <string.h>

bd_chain_shape_t attacked_shape(const bd_images_info_t *info, int classes, int block) {
  return (bd_chain_shape_t){info->channels, info->height, info->width, classes, block};
}

/* Are the images in hand those of this item?  Through the bare victim they are the same at every
   point of a sweep. */
static int is_in_hand(const bd_worker_t *w, const bd_item_t *item) {
  const bd_made_attack_t *attack = w->plan->made[item->attack];
  return plan_is_same_pixels(&w->made.item, item) &&
         (attack->through == BD_ATTACK_THROUGH_VICTIM || w->made.item.point == item->point);
}

static bd_status_t make_room(bd_worker_t *w, bd_error_t *error) {
  const size_t block = (size_t)w->plan->block, size = block_image_size(bd_images_info(w->images));
  bd_made_t *made = &w->made;
  if (made->clean) return BD_OK;
  made->clean = malloc(block * size * sizeof *made->clean);
  made->images = malloc(block * size * sizeof *made->images);
  made->numbers = malloc(block * sizeof *made->numbers);
  made->labels = malloc(block * sizeof *made->labels);
  made->predicted = malloc(block * sizeof *made->predicted);
  made->forward = malloc(2 * block * sizeof *made->forward);
  if (made->clean && made->images && made->numbers && made->labels && made->predicted &&
      made->forward)
    return BD_OK;
  return bd_fail(error, BD_FAILED, "no memory to attack blocks of %d images", w->plan->block);
}

void attacked_free(bd_made_t *made) {
  free(made->clean);
  free(made->images);
  free(made->numbers);
  free(made->labels);
  free(made->predicted);
  free(made->forward);
  *made = (bd_made_t){0};
}

/* The clean images as the attacker has them, in float32. */
static attack_task_t task_of(bd_worker_t *w, const bd_item_t *item) {
  const size_t size = block_image_size(bd_images_info(w->images));
  const int64_t *labels = bd_images_labels(w->images);
  bd_made_t *made = &w->made;
  for (int i = 0; i < item->count; i++) {
    made->numbers[i] = item->first + i;
    made->labels[i] = (int32_t)labels[item->first + i];
  }
  for (size_t j = 0; j < (size_t)item->count * size; j++) made->clean[j] = (float)w->clean[j];
  return (attack_task_t){.options = w->plan->made[item->attack],
                         .count = item->count,
                         .numbers = made->numbers,
                         .images = made->clean,
                         .labels = made->labels};
}

bd_status_t step_attack(bd_worker_t *w, const bd_item_t *item, bd_block_t *block, bd_poll_t *poll,
                        void *context, bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(w->images);
  const bd_made_attack_t *attack = w->plan->made[item->attack];
  const double start = clock_seconds();
  bd_chain_t chain = {0};
  if (!attack || is_in_hand(w, item)) return BD_OK;
  const bd_chain_shape_t shape = attacked_shape(info, bd_victim_classes(w->victim), w->plan->block);
  bd_status_t status = make_room(w, error);
  if (status == BD_OK)
    status = chain_create(&chain, &shape, w->victim, attack, &w->parameters, error);
  chain.poll = poll;
  chain.context = context;
  if (status == BD_OK) {
    const attack_task_t task = task_of(w, item);
    attack_outcome_t outcome = {w->made.images, w->made.predicted, w->made.forward,
                                w->made.forward + item->count};
    status = attack_run(&chain.model, &task, &outcome, error);
  }
  if (status == BD_OK) {
    for (size_t j = 0; j < (size_t)item->count * block_image_size(info); j++)
      w->attacked[j] = (double)w->made.images[j];
    w->made.item = *item;
  } else w->made.item.count = 0;
  /* Neither predictions nor moved images of what was there before hold any more. */
  w->shown.item.count = 0;
  bd_moved_forget(w->moved);
  if (chain.model.state) chain_free(&chain);
  block->seconds.attack += clock_seconds() - start;
  return status;
}
