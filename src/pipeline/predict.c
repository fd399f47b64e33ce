#include "clock.h"
#include "pipeline/steps.h"
#include "views/views.h"

#include <math.h>
#include <xxhash.h>

int step_store(size_t size, const double *pixels, float *stored) {
  double sum = 0;
  for (size_t j = 0; j < size; j++) sum += pixels[j];
  for (size_t j = 0; j < size; j++) stored[j] = isfinite(sum) ? (float)pixels[j] : 0;
  return isfinite(sum);
}

/* Make a view of the images in hand, and ask the victim about those that have not failed.
   purified: the images of a snapshot; NULL where no snapshot changes the view. */
static bd_status_t show(bd_worker_t *w, const bd_item_t *item, bd_view_t view,
                        const double *purified, int32_t *classes, bd_timings_t *seconds,
                        bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(w->images);
  const size_t size = block_image_size(info);
  const bd_view_source_t source = {.count = item->count,
                                   .channels = info->channels,
                                   .height = info->height,
                                   .width = info->width,
                                   .attacked = w->attacked,
                                   .mean = w->mean,
                                   .purified = purified,
                                   .parameters = &w->parameters};
  const double *pixels;
  double start = clock_seconds();
  bd_status_t status = bd_view_make(view, &source, w->room, &pixels, error);
  seconds->baseline += clock_seconds() - start, start = clock_seconds();
  for (int i = 0; status == BD_OK && i < item->count; i++) {
    classes[i] = -1;
    if (step_store(size, pixels + (size_t)i * size, w->stored))
      status = seen_ask(&w->seen, i, w->stored, &classes[i], error);
  }
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

/* Show the views that are the same for all snapshots. */
static bd_status_t show_views(bd_worker_t *w, const bd_item_t *item, bd_timings_t *seconds,
                              bd_error_t *error) {
  bd_shown_t *shown = &w->shown;
  bd_status_t status = BD_OK;
  for (bd_view_t v = 0; status == BD_OK && v < BD_VIEWS; v++) {
    const bd_views_t bit = BD_VIEW_BIT(v);
    if (!(w->plan->views & bit) || view_dependence(v).on == VIEW_ON_PURIFIED) continue;
    const uint64_t key = key_of(w, item, v);
    if ((shown->held & bit) && shown->key[v] == key) {
      w->seen.counts.shared += item->count;
      continue;
    }
    shown->held &= ~bit;
    status =
        show(w, item, v, NULL, shown->classes + (size_t)v * (size_t)w->plan->block, seconds, error);
    if (status == BD_OK) shown->held |= bit;
    shown->key[v] = key;
  }
  return status;
}

bd_status_t step_predict(bd_worker_t *w, const bd_item_t *item, bd_timings_t *seconds,
                         bd_error_t *error) {
  const size_t images = (size_t)item->count * block_image_size(bd_images_info(w->images));
  bd_shown_t *shown = &w->shown;
  if (!w->victim) return BD_OK;
  w->seen.counts = (seen_counts_t){0, 0};
  if (!plan_is_same_pixels(&shown->item, item)) {
    shown->held = 0;
    seen_forget(&w->seen, item->first);
  }
  shown->item = *item;
  bd_status_t status = show_views(w, item, seconds, error);
  for (int s = 0; status == BD_OK && s < plan_snapshots(w->plan, item->point); s++)
    status = show(w, item, BD_VIEW_PURIFIED, w->purified + (size_t)s * images,
                  shown->purified + (size_t)s * (size_t)w->plan->block, seconds, error);
  const double start = clock_seconds();
  if (status == BD_OK) status = seen_answer_all(&w->seen, error);
  seconds->victim += clock_seconds() - start;
  return status;
}
