/* The step of an item whose images are attacked here instead of read. */
#include "attack/attack.h"
#include "attack/examine.h"
#include "clock.h"
#include "pipeline/chain.h"
#include "pipeline/steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bd_chain_shape_t attacked_shape(const bd_images_info_t *info, int classes, int block) {
  return (bd_chain_shape_t){info->channels, info->height, info->width, classes, block};
}

/* Are the images in hand those of this item?  Through the bare victim they are the same at every
   point of a sweep. */
static int is_in_hand(const bd_worker_t *w, const bd_item_t *item) {
  return plan_is_same_pixels(&w->made.item, item) &&
         plan_is_same_attack(w->plan, item->attack, w->made.item.point, item->point);
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
  made->found = malloc(3 * block * sizeof *made->found);
  made->failed = malloc(block);
  if (made->clean && made->images && made->numbers && made->labels && made->predicted &&
      made->forward && made->found && made->failed)
    return BD_OK;
  return bd_fail(error, BD_FAILED, "no memory to attack blocks of %d images", w->plan->block);
}

void attacked_free(bd_made_t *made) {
  chain_free(&made->chain);
  free(made->clean);
  free(made->images);
  free(made->numbers);
  free(made->labels);
  free(made->predicted);
  free(made->forward);
  free(made->found);
  free(made->failed);
  *made = (bd_made_t){0};
}

bd_image_status_t attacked_flaw(size_t size, const double *pixels) {
  for (size_t j = 0; j < size; j++) {
    if (!isfinite(pixels[j])) return BD_IMAGE_NOT_FINITE;
    if (pixels[j] < 0) return BD_IMAGE_NEGATIVE;
    if (pixels[j] > 1) return BD_IMAGE_ABOVE_ONE;
  }
  return BD_IMAGE_OK;
}

/* Put the images that cannot be attacked back in place of the blank ones that were. */
static void spare_flawed(bd_worker_t *w, const bd_item_t *item) {
  const size_t size = block_image_size(bd_images_info(w->images));
  bd_made_t *made = &w->made;
  for (int i = 0; i < item->count; i++) {
    const size_t at = (size_t)i * size;
    if (attacked_flaw(size, w->clean + at) == BD_IMAGE_OK) continue;
    memcpy(w->attacked + at, w->clean + at, size * sizeof *w->attacked);
    made->failed[i] = 0;
    made->forward[i] = made->forward[item->count + i] = -1;
    for (int finding = 0; finding < 3; finding++) made->found[finding * item->count + i] = -1;
  }
}

/* The clean images as the attacker has them, in float32.  One that cannot be attacked is blank: the
   victim might give NaN for it, and no ball around it meets [0,1]. */
static attack_task_t task_of(bd_worker_t *w, const bd_item_t *item) {
  const size_t size = block_image_size(bd_images_info(w->images));
  const int64_t *labels = bd_images_labels(w->images);
  bd_made_t *made = &w->made;
  for (int i = 0; i < item->count; i++) {
    made->numbers[i] = item->first + i;
    made->labels[i] = (int32_t)labels[item->first + i];
  }
  for (size_t i = 0; i < (size_t)item->count; i++) {
    const double *clean = w->clean + i * size;
    const int is_flawed = attacked_flaw(size, clean) != BD_IMAGE_OK;
    for (size_t j = 0; j < size; j++) made->clean[i * size + j] = is_flawed ? 0 : (float)clean[j];
  }
  return (attack_task_t){.options = &w->plan->made[item->attack][item->point],
                         .count = item->count,
                         .numbers = made->numbers,
                         .images = made->clean,
                         .labels = made->labels};
}

static attack_findings_t findings_of(const bd_made_t *made, int count) {
  return (attack_findings_t){made->found, made->found + count, made->found + 2 * count};
}

void attacked_record(const bd_worker_t *w, const bd_item_t *item, int i, bd_per_image_t *r) {
  const bd_made_t *made = &w->made;
  const attack_findings_t found = findings_of(made, item->count);
  r->passes_forward = r->passes_backward = -1;
  r->zero_gradient = r->noise_right = r->longer_right = -1;
  if (!w->plan->made[item->attack]) return;
  r->passes_forward = (int32_t)made->forward[i];
  r->passes_backward = (int32_t)made->forward[item->count + i];
  r->zero_gradient = found.zero_gradient[i];
  r->noise_right = found.noise_right[i];
  r->longer_right = found.longer_right[i];
}

/* Attack the images, and examine the attack where the images are there to be judged. */
static bd_status_t attack_block(bd_worker_t *w, const bd_item_t *item, const attack_model_t *model,
                                bd_error_t *error) {
  const attack_task_t task = task_of(w, item);
  attack_findings_t found = findings_of(&w->made, item->count);
  attack_outcome_t outcome = {w->made.images, w->made.predicted, w->made.forward,
                              w->made.forward + item->count};
  memset(w->made.found, -1, 3 * (size_t)item->count);
  memset(w->made.failed, 0, (size_t)item->count);
  w->made.chain.first = item->first;
  w->made.chain.failed = w->made.failed;
  const bd_status_t status = attack_run(model, &task, &outcome, error);
  if (status != BD_OK || w->plan->kind == PLAN_ATTACKS) return status;
  return attack_examine(model, &task, &outcome, &found, error);
}

/* Make the chain of an item, which is kept until an item of another attack or point comes.  Through
   the bare victim all points have the same. */
static bd_status_t set_chain(bd_worker_t *w, const bd_item_t *item, bd_error_t *error) {
  const bd_made_attack_t *attacks = w->plan->made[item->attack], *attack = &attacks[item->point];
  bd_chain_t *chain = &w->made.chain;
  if (chain->model.state && chain->attack == &attacks[w->made.point] &&
      (w->made.point == item->point || (attack->through == BD_ATTACK_THROUGH_VICTIM &&
                                        chain->attack->through == BD_ATTACK_THROUGH_VICTIM)))
    return BD_OK;
  const bd_chain_shape_t shape =
      attacked_shape(bd_images_info(w->images), bd_victim_classes(w->victim), w->plan->block);
  chain_free(chain);
  const bd_status_t status = chain_create(chain, &shape, w->victim, attack, &w->parameters, error);
  if (status != BD_OK) chain_free(chain);
  w->made.point = item->point;
  return status;
}

/* Put what an attack has made in place of the images that were read.  An image for which the victim
   gave NaN was not attacked, and becomes NaN. */
static void replace(bd_worker_t *w, const bd_item_t *item) {
  const size_t size = block_image_size(bd_images_info(w->images));
  for (int i = 0; i < item->count; i++)
    for (size_t j = (size_t)i * size; j < ((size_t)i + 1) * size; j++)
      w->attacked[j] = w->made.failed[i] ? NAN : (double)w->made.images[j];
  spare_flawed(w, item);
  w->made.item = *item;
}

bd_status_t step_attack(bd_worker_t *w, const bd_item_t *item, bd_block_t *block, bd_poll_t *poll,
                        void *context, bd_error_t *error) {
  const double start = clock_seconds();
  if (!w->plan->made[item->attack] || is_in_hand(w, item)) return BD_OK;
  bd_status_t status = make_room(w, error);
  if (status == BD_OK) status = set_chain(w, item, error);
  w->made.chain.poll = poll;
  w->made.chain.context = context;
  if (status == BD_OK) status = attack_block(w, item, &w->made.chain.model, error);
  if (status == BD_OK) replace(w, item);
  else w->made.item.count = 0;
  /* Neither predictions nor moved images of what was there before hold any more. */
  w->shown.item.count = 0;
  bd_moved_forget(w->moved);
  block->seconds.attack += clock_seconds() - start;
  return status;
}
