#include "clock.h"
#include "pipeline/steps.h"
#include "views/views.h"

#include <math.h>
#include <string.h>

int step_store(size_t size, const double *pixels, float *stored) {
  double sum = 0;
  for (size_t j = 0; j < size; j++) sum += pixels[j];
  for (size_t j = 0; j < size; j++) stored[j] = isfinite(sum) ? (float)pixels[j] : 0;
  return isfinite(sum);
}

/* Make a view of the images in hand, and ask the victim about those that are finite.
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
    classes[i] = NOT_SHOWN;
    if (step_store(size, pixels + (size_t)i * size, w->stored))
      status = seen_ask(&w->seen, i, w->stored, &classes[i], error);
  }
  seconds->victim += clock_seconds() - start;
  return status;
}

/* Would a view of the images in hand be the same as when it was last made?  A mean of marginals is
   made again for each point, where its pixels are compared. */
static int is_held(const bd_worker_t *w, bd_view_t view) {
  const view_dependence_t it = view_dependence(view);
  if (!(w->shown.held & BD_VIEW_BIT(view)) || it.on == VIEW_ON_MEAN) return 0;
  const char *then = (const char *)bd_job_point(w->plan->job, w->shown.point[view]),
             *now = (const char *)&w->parameters;
  return it.on == VIEW_ON_NOTHING || memcmp(then + it.at, now + it.at, it.size) == 0;
}

/* Show the views that are the same for all snapshots. */
static bd_status_t show_views(bd_worker_t *w, const bd_item_t *item, bd_timings_t *seconds,
                              bd_error_t *error) {
  bd_shown_t *shown = &w->shown;
  bd_status_t status = BD_OK;
  for (bd_view_t v = 0; status == BD_OK && v < BD_VIEWS; v++) {
    const bd_views_t bit = BD_VIEW_BIT(v);
    int32_t *classes = shown->classes + (size_t)v * (size_t)w->plan->block;
    if (!(w->plan->views & bit) || view_dependence(v).on == VIEW_ON_PURIFIED) continue;
    if (is_held(w, v)) {
      for (int i = 0; i < item->count; i++) w->seen.counts.shared += classes[i] != NOT_SHOWN;
      continue;
    }
    shown->held &= ~bit;
    status = show(w, item, v, NULL, classes, seconds, error);
    if (status == BD_OK) shown->held |= bit;
    shown->point[v] = item->point;
  }
  return status;
}

bd_status_t step_predict(bd_worker_t *w, const bd_item_t *item, bd_timings_t *seconds,
                         bd_error_t *error) {
  const size_t images = (size_t)item->count * block_image_size(bd_images_info(w->images));
  bd_shown_t *shown = &w->shown;
  if (!w->victim) return BD_OK;
  w->seen.counts = (seen_counts_t){0, 0, 0};
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
