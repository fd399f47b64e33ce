#include "clock.h"
#include "pipeline/steps.h"

#include <math.h>

/* The victim's answer for a view of image i. */
static int32_t class_of(const bd_worker_t *w, bd_view_t view, int snapshot, int i) {
  const size_t block = (size_t)w->plan->block;
  return view == BD_VIEW_PURIFIED ? w->shown.purified[(size_t)snapshot * block + (size_t)i]
                                  : w->shown.classes[(size_t)view * block + (size_t)i];
}

/* Did the victim give NaN for a view of image i, or to the attack that made it? */
static int is_victim_nan(const bd_worker_t *w, const bd_item_t *item, int snapshot, int i) {
  if (w->plan->made[item->attack] && w->made.failed[i]) return 1;
  for (bd_view_t v = 0; w->victim && v < BD_VIEWS; v++)
    if ((w->plan->views & BD_VIEW_BIT(v)) && class_of(w, v, snapshot, i) == BD_VICTIM_NAN) return 1;
  return 0;
}

/* What is reported of image i. */
static bd_image_report_t report_of(const bd_worker_t *w, const bd_item_t *item, int snapshot,
                                   int i) {
  const bd_image_report_t *report = &w->reports[(size_t)snapshot * (size_t)item->count + (size_t)i];
  const int is_made = w->plan->made[item->attack] && w->made.failed[i];
  if ((report->status != BD_IMAGE_OK && !is_made) || !is_victim_nan(w, item, snapshot, i))
    return *report;
  return (bd_image_report_t){.status = BD_IMAGE_VICTIM_NAN,
                             .residual = NAN,
                             .mass_defect = NAN,
                             .objective = NAN,
                             .safe_tau = NAN,
                             .adjoint_growth = NAN};
}

/* What the victim says of a view.  Of an image that failed it may have seen the other views. */
static int32_t predicted(const bd_worker_t *w, bd_view_t view, int snapshot, int i, int is_ok) {
  if (!w->victim || !(w->plan->views & BD_VIEW_BIT(view))) return -1;
  if (view == BD_VIEW_PURIFIED && !is_ok) return -1;
  const int32_t class_number = class_of(w, view, snapshot, i);
  return class_number < 0 ? -1 : class_number;
}

/* Compute the record of one image.  A purified image that failed is stored as NaN. */
static void measure(const bd_worker_t *w, const bd_item_t *item, int snapshot, int i, float *stored,
                    bd_per_image_t *r) {
  const size_t size = block_image_size(bd_images_info(w->images)), at = (size_t)i * size;
  const bd_image_report_t report = report_of(w, item, snapshot, i);
  const int is_ok = report.status == BD_IMAGE_OK;
  bd_per_image_measure(1, size, &report, w->attacked + at, stored + at, r);
  r->label = bd_images_labels(w->images)[item->first + i];
  if (!w->plan->made[item->attack]) r->clipped = w->clipped[i];
  r->l2_to_clean = r->linf_to_clean = NAN;
  if (is_ok && w->plan->clean >= 0)
    bd_distance(size, stored + at, w->clean + at, &r->l2_to_clean, &r->linf_to_clean);
  for (size_t j = 0; !is_ok && j < size; j++) stored[at + j] = NAN;
  attacked_record(w, item, i, r);
  for (bd_view_t v = 0; v < BD_VIEWS; v++)
    bd_per_image_predict(r, v, predicted(w, v, snapshot, i, is_ok));
}

static bd_status_t write_images(bd_worker_t *w, const bd_item_t *item, int snapshot,
                                const float *stored, bd_timings_t *seconds, bd_error_t *error) {
  if (!w->result) return BD_OK;
  const double start = clock_seconds();
  const bd_rows_t rows = {bd_job_first_run(w->plan->job, item->point) + snapshot, item->attack,
                          item->first, item->count};
  bd_status_t status = bd_result_write_images(w->result, rows, stored, error);
  seconds->write += clock_seconds() - start;
  return status;
}

bd_status_t step_record(bd_worker_t *w, const bd_item_t *item, int snapshot, bd_block_t *block,
                        bd_error_t *error) {
  const bd_plan_t *plan = w->plan;
  const bd_images_info_t *info = bd_images_info(w->images);
  const size_t size = block_image_size(info);
  const double *purified = w->purified + (size_t)snapshot * (size_t)item->count * size;
  const size_t record_bytes = bd_record_bytes(plan->views);
  char *records = block_records(plan, info, block, snapshot);
  uint64_t *marks = block_marks(plan, info, block, snapshot);
  float *stored = plan->store_images && plan->writers == BD_WRITERS_ROOT
                      ? block_images(plan, info, block, snapshot)
                      : w->stored;
  for (int i = 0; i < item->count; i++, records += record_bytes) {
    bd_per_image_t record;
    step_store(size, purified + (size_t)i * size, stored + (size_t)i * size);
    measure(w, item, snapshot, i, stored, &record);
    bd_record_pack(plan->views, &record, records);
    marks[i] = bd_result_mark(block_input_marks(block)[i], records, record_bytes,
                              plan->store_images ? stored + (size_t)i * size : NULL, size);
  }
  return write_images(w, item, snapshot, stored, &block->seconds, error);
}
