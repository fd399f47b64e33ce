#include "clock.h"
#include "pipeline/steps.h"
#include "views/views.h"

#include <math.h>
#include <xxhash.h>

/* Round to the float32 that a result holds.  The victim sees zeros in place of an image that is
   not finite. */
static void store(size_t count, size_t size, const double *pixels, float *stored) {
  for (size_t i = 0; i < count; i++) {
    double sum = 0;
    for (size_t j = i * size; j < (i + 1) * size; j++) sum += pixels[j];
    for (size_t j = i * size; j < (i + 1) * size; j++)
      stored[j] = isfinite(sum) ? (float)pixels[j] : 0;
  }
}

bd_status_t step_show(bd_worker_t *w, const bd_item_t *item, const step_view_t *show,
                      bd_timings_t *seconds, bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(w->images);
  const bd_view_source_t source = {.count = item->count,
                                   .channels = info->channels,
                                   .height = info->height,
                                   .width = info->width,
                                   .attacked = w->attacked,
                                   .mean = w->mean,
                                   .purified = show->purified,
                                   .parameters = &w->parameters};
  const double *pixels;
  double start = clock_seconds();
  bd_status_t status = bd_view_make(show->view, &source, w->room, &pixels, error);
  seconds->baseline += clock_seconds() - start;
  if (status != BD_OK) return status;
  start = clock_seconds();
  store((size_t)item->count, block_image_size(info), pixels, show->stored);
  if (w->victim)
    status =
        bd_victim_predict(w->victim, item->first, item->count, show->stored,
                          w->shown.classes + (size_t)show->view * (size_t)w->plan->block, error);
  seconds->victim += clock_seconds() - start;
  return status;
}

/* Return a hash of everything, besides the attacked images, that a prediction depends on.  Means
   are compared by their bits, because float32 and float64 give different means of the same
   marginals, and because an image may have failed at one point only. */
static uint64_t key_of(const bd_worker_t *w, const bd_item_t *item, bd_view_t view) {
  const view_dependence_t it = view_dependence(view);
  const size_t pixels = (size_t)item->count * block_image_size(bd_images_info(w->images));
  if (it.on == VIEW_ON_MEAN) return XXH3_64bits(w->mean, pixels * sizeof *w->mean);
  if (it.on == VIEW_ON_PARAMETER) return XXH3_64bits((const char *)&w->parameters + it.at, it.size);
  return 0;
}

bd_status_t step_predict(bd_worker_t *w, const bd_item_t *item, bd_timings_t *seconds,
                         bd_error_t *error) {
  bd_shown_t *shown = &w->shown;
  bd_status_t status = BD_OK;
  if (!w->victim) return BD_OK;
  if (!plan_is_same_pixels(&shown->item, item)) shown->held = 0;
  shown->item = *item;
  for (bd_view_t v = 0; status == BD_OK && v < BD_VIEWS; v++) {
    const bd_views_t bit = BD_VIEW_BIT(v);
    if (!(w->plan->views & bit) || view_dependence(v).on == VIEW_ON_PURIFIED) continue;
    const uint64_t key = key_of(w, item, v);
    if ((shown->held & bit) && shown->key[v] == key) continue;
    shown->held &= ~bit;
    status = step_show(w, item, &(step_view_t){.view = v, .stored = w->stored}, seconds, error);
    if (status == BD_OK) shown->held |= bit;
    shown->key[v] = key;
  }
  return status;
}
