#include "pipeline/block.h"

#include <barydef/baseline.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

enum { ATTACKED, ROUNDED, BLURRED, MEAN, PURIFIED };

static int most_snapshots(const bd_plan_t *plan) {
  int most = 1;
  for (int point = plan->first_point; point < plan->first_point + plan->point_count; point++)
    if (plan_snapshots(plan, point) > most) most = plan_snapshots(plan, point);
  return most;
}

static size_t image_size(const bd_images_info_t *info) {
  return (size_t)info->channels * (size_t)info->height * (size_t)info->width;
}

/* ---- a block in memory --------------------------------------------------------- */

static size_t snapshot_size(const bd_plan_t *plan, const bd_images_info_t *info, int count) {
  size_t images = plan->store_images && !plan->all_write ? image_size(info) * sizeof(float) : 0;
  /* Records stay aligned whatever the size of the images. */
  return (size_t)count * (bd_result_record_bytes() + sizeof(uint64_t)) +
         ((size_t)count * images + 7) / 8 * 8;
}

static size_t size_of(const bd_plan_t *plan, const bd_images_info_t *info, int count,
                      int snapshots) {
  return sizeof(bd_block_t) + (size_t)count * sizeof(uint64_t) +
         (size_t)snapshots * snapshot_size(plan, info, count);
}

size_t block_used(const bd_plan_t *plan, const bd_images_info_t *info, const bd_block_t *block) {
  if (block->status != BD_OK) return sizeof *block;
  return size_of(plan, info, block->item.count, plan_snapshots(plan, block->item.point));
}

size_t block_size(const bd_plan_t *plan, const bd_images_info_t *info) {
  return size_of(plan, info, plan->block, most_snapshots(plan));
}

uint64_t *block_input_marks(bd_block_t *block) { return (uint64_t *)(void *)block->contents; }

bd_per_image_t *block_records(const bd_plan_t *plan, const bd_images_info_t *info,
                              bd_block_t *block, int snapshot) {
  char *first = (char *)(block_input_marks(block) + block->item.count);
  return (bd_per_image_t *)(void *)(first + (size_t)snapshot *
                                                snapshot_size(plan, info, block->item.count));
}

uint64_t *block_marks(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                      int snapshot) {
  return (uint64_t *)(void *)(block_records(plan, info, block, snapshot) + block->item.count);
}

float *block_images(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                    int snapshot) {
  return (float *)(void *)(block_marks(plan, info, block, snapshot) + block->item.count);
}

uint64_t input_mark(const bd_images_info_t *info, const double *attacked, const double *clean,
                    int64_t i) {
  size_t size = image_size(info);
  uint64_t mark = XXH3_64bits(attacked + (size_t)i * size, size * sizeof *attacked);
  if (clean) mark = XXH3_64bits_withSeed(clean + (size_t)i * size, size * sizeof *clean, mark);
  return mark ? mark : 1;
}

/* ---- work space ---------------------------------------------------------------- */

bd_status_t worker_create(const bd_plan_t *plan, bd_images_t *images, bd_victim_t *victim,
                          bd_worker_t *w, bd_error_t *error) {
  *w = (bd_worker_t){.plan = plan, .images = images, .victim = victim, .point = -1};
  size_t block = (size_t)plan->block, pixels = block * image_size(bd_images_info(images));
  size_t snapshots = (size_t)most_snapshots(plan);
  double moved;
  w->reports = malloc(snapshots * block * sizeof *w->reports);
  w->attacked = malloc(pixels * sizeof *w->attacked);
  w->clean = malloc(pixels * sizeof *w->clean);
  w->mean = malloc(pixels * sizeof *w->mean);
  w->baseline = malloc(pixels * sizeof *w->baseline);
  w->purified = malloc(snapshots * pixels * sizeof *w->purified);
  w->stored = malloc(pixels * sizeof *w->stored);
  w->predicted = malloc(5 * block * sizeof *w->predicted);
  worker_bytes(plan, bd_images_info(images), &moved);
  w->moved = bd_moved_create(moved);
  if (!w->moved || !w->reports || !w->attacked || !w->clean || !w->mean || !w->baseline ||
      !w->purified || !w->stored || !w->predicted)
    return bd_fail(error, BD_FAILED,
                   "no memory for blocks of %d images; a smaller run.block needs less",
                   plan->block);
  return BD_OK;
}

void worker_free(bd_worker_t *w) {
  bd_solver_destroy(w->solver);
  free(w->reports);
  free(w->attacked);
  free(w->clean);
  free(w->mean);
  free(w->baseline);
  free(w->purified);
  free(w->stored);
  free(w->predicted);
  bd_moved_free(w->moved);
  memset(w, 0, sizeof *w);
}

double worker_bytes(const bd_plan_t *plan, const bd_images_info_t *info, double *moved) {
  double pixels = (double)plan->block * (double)image_size(info), solver = 0, all = 0, limit = 0;
  for (int point = plan->first_point; point < plan->first_point + plan->point_count; point++) {
    const bd_parameters_t *p = bd_job_point(plan->job, point);
    solver = fmax(solver, bd_solver_bytes(&p->solver, info->height, info->width));
    all = fmax(all,
               bd_moved_bytes(&p->solver, info->channels, info->height, info->width, plan->block));
    limit = (double)p->max_memory * (1 << 20);
  }
  /* Two blocks under way, the images in float64, the solver, and the chunks kept of the
     attack being read and of the clean images. */
  const double needed = 2 * (double)block_size(plan, info) +
                        pixels * (4 * 8 + 4 + 8 * most_snapshots(plan)) + solver + info->bytes;
  /* Of large images little is kept: moving is a smaller part of the work than memory is of the
   * cost. */
  const double kept = plan->shares ? fmax(0, fmin(fmin(all, limit / 32), limit - needed)) : 0;
  if (moved) *moved = kept;
  return needed + kept;
}

/* ---- one item ------------------------------------------------------------------ */

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The solver of a point is kept until an item of another point comes. */
static bd_status_t set_point(bd_worker_t *w, int point, bd_error_t *error) {
  if (point == w->point) return BD_OK;
  const bd_images_info_t *info = bd_images_info(w->images);
  bd_solver_destroy(w->solver);
  w->solver = NULL;
  w->point = -1;
  w->parameters = *bd_job_point(w->plan->job, point);
  if (w->parameters.solver.instructions == BD_INSTRUCTIONS_AUTO)
    w->parameters.solver.instructions = w->plan->instructions;
  bd_status_t status = bd_solver_create(&w->parameters.solver, info->channels, info->height,
                                        info->width, w->moved, &w->solver, error);
  if (status == BD_OK) w->point = point;
  return status;
}

/* What the victim says of `pixels`; the float32 it sees is what would be stored.  An image
   that is not finite is shown as zeros. */
static bd_status_t predict(bd_worker_t *w, const bd_item_t *item, const double *pixels,
                           float *stored, int which, bd_timings_t *seconds, bd_error_t *error) {
  const size_t size = image_size(bd_images_info(w->images));
  double start = now();
  for (size_t i = 0; i < (size_t)item->count; i++) {
    double sum = 0;
    for (size_t j = i * size; j < (i + 1) * size; j++) sum += pixels[j];
    for (size_t j = i * size; j < (i + 1) * size; j++)
      stored[j] = isfinite(sum) ? (float)pixels[j] : 0;
  }
  bd_status_t status = BD_OK;
  if (w->victim)
    status = bd_victim_predict(w->victim, item->first, item->count, stored,
                               w->predicted + which * w->plan->block, error);
  seconds->victim += now() - start;
  return status;
}

/* The baselines' predictions, which no snapshot changes, and a new point of a sweep only
   in part. */
static bd_status_t baselines(bd_worker_t *w, const bd_item_t *item, bd_timings_t *seconds,
                             bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(w->images);
  const size_t size = image_size(info), plane = (size_t)info->height * (size_t)info->width;
  if (!w->victim) return BD_OK;
  const bd_baselines_t held = w->baselines;
  /* Bit by bit: float32 and float64 make other means of the same marginals, and an image may have
   * failed at one point alone. */
  const bd_baselines_t wanted = {
      item->attack, item->count, item->first, w->parameters.blur_sigma,
      XXH3_64bits(w->mean, (size_t)item->count * size * sizeof *w->mean)};
  const int same =
      held.count == item->count && held.attack == item->attack && held.first == item->first;
  bd_status_t status = BD_OK;
  w->baselines.count = 0;
  if (!same) status = predict(w, item, w->attacked, w->stored, ATTACKED, seconds, error);
  if (status == BD_OK && !(same && held.mean_mark == wanted.mean_mark))
    status = predict(w, item, w->mean, w->stored, MEAN, seconds, error);
  double start = now();
  if (!same) bd_round8((size_t)item->count * size, w->attacked, w->baseline);
  seconds->baseline += now() - start;
  if (status == BD_OK && !same)
    status = predict(w, item, w->baseline, w->stored, ROUNDED, seconds, error);
  if (same && held.blur_sigma == wanted.blur_sigma) {
    w->baselines = wanted;
    return status;
  }
  start = now();
  for (size_t c = 0; status == BD_OK && c < (size_t)item->count * (size_t)info->channels; c++)
    status = bd_blur(info->height, info->width, w->parameters.blur_sigma, w->attacked + c * plane,
                     w->baseline + c * plane, error);
  seconds->baseline += now() - start;
  if (status == BD_OK) status = predict(w, item, w->baseline, w->stored, BLURRED, seconds, error);
  if (status == BD_OK) w->baselines = wanted;
  return status;
}

/* Records and images of one snapshot into the block. */
static bd_status_t record(bd_worker_t *w, const bd_item_t *item, int snapshot, bd_block_t *block,
                          bd_error_t *error) {
  const bd_plan_t *plan = w->plan;
  const bd_images_info_t *info = bd_images_info(w->images);
  const size_t size = image_size(info);
  const bd_image_report_t *reports = w->reports + snapshot * item->count;
  const double *purified = w->purified + (size_t)snapshot * (size_t)item->count * size;
  bd_per_image_t *records = block_records(plan, info, block, snapshot);
  uint64_t *marks = block_marks(plan, info, block, snapshot);
  float *stored = plan->store_images && !plan->all_write ? block_images(plan, info, block, snapshot)
                                                         : w->stored;
  const int32_t *predicted = w->predicted;
  const int stride = plan->block;
  bd_status_t status = predict(w, item, purified, stored, PURIFIED, &block->seconds, error);
  for (int i = 0; i < item->count; i++) {
    bd_per_image_t r;
    memset(&r, 0, sizeof r); /* padding too: blocks are sent as bytes */
    r.label = bd_images_labels(w->images)[item->first + i];
    r.status = (int8_t)reports[i].status;
    r.iterations = reports[i].iterations;
    r.residual = reports[i].residual;
    r.mass_defect = reports[i].mass_defect;
    r.convergence = (int8_t)reports[i].convergence;
    r.fallback = (int8_t)reports[i].fallback;
    r.objective = reports[i].objective;
    r.safe_tau = reports[i].safe_tau;
    r.bits = (int8_t)reports[i].bits;
    r.l2_to_attacked = r.linf_to_attacked = r.l2_to_clean = r.linf_to_clean = NAN;
    if (reports[i].status == BD_IMAGE_OK) {
      size_t offset = (size_t)i * size;
      bd_distance(size, stored + offset, w->attacked + offset, &r.l2_to_attacked,
                  &r.linf_to_attacked);
      if (plan->clean >= 0)
        bd_distance(size, stored + offset, w->clean + offset, &r.l2_to_clean, &r.linf_to_clean);
    } else
      for (size_t j = 0; j < size; j++) stored[(size_t)i * size + j] = NAN;
    int32_t *fields[5] = {&r.predicted_attacked, &r.predicted_rounded, &r.predicted_blurred,
                          &r.predicted_mean, &r.predicted_purified};
    for (int j = 0; j < 5; j++)
      *fields[j] = w->victim && reports[i].status == BD_IMAGE_OK ? predicted[j * stride + i] : -1;
    records[i] = r;
    marks[i] = bd_result_mark(block_input_marks(block)[i], &r, sizeof r,
                              plan->store_images ? stored + (size_t)i * size : NULL, size);
  }
  if (status != BD_OK || !w->result) return status;
  double start = now();
  const bd_rows_t rows = {bd_job_first_run(plan->job, item->point) + snapshot, item->attack,
                          item->first, item->count};
  status = bd_result_write_images(w->result, rows, stored, error);
  block->seconds.write += now() - start;
  return status;
}

/* Where ranks write their images: on the disk before rank 0 marks them as done. */
static bd_status_t flush(bd_worker_t *w, bd_block_t *block, bd_error_t *error) {
  if (!w->result) return BD_OK;
  const double start = now();
  bd_status_t status = bd_result_flush(w->result, error);
  block->seconds.write += now() - start;
  return status;
}

bd_status_t worker_read(bd_worker_t *w, const bd_item_t *item, bd_error_t *error) {
  const bd_plan_t *plan = w->plan;
  const bd_item_t *held = &w->read;
  if (held->count == item->count && held->attack == item->attack && held->first == item->first)
    return BD_OK;
  w->read.count = w->baselines.count = 0;
  bd_moved_forget(w->moved);
  bd_status_t status = bd_images_read(w->images, plan->attacks[item->attack], item->first,
                                      item->count, w->attacked, error);
  if (status == BD_OK && plan->attacks[item->attack] == plan->clean)
    memcpy(w->clean, w->attacked,
           (size_t)item->count * image_size(bd_images_info(w->images)) * sizeof *w->clean);
  else if (status == BD_OK && plan->clean >= 0)
    status = bd_images_read(w->images, plan->clean, item->first, item->count, w->clean, error);
  if (status == BD_OK) w->read = *item;
  return status;
}

static bd_status_t compute(bd_worker_t *w, const bd_item_t *item, bd_block_t *block,
                           bd_poll_t *poll, void *context, bd_error_t *error) {
  const bd_plan_t *plan = w->plan;
  bd_status_t status = set_point(w, item->point, error);
  double start = now();
  if (status == BD_OK) status = worker_read(w, item, error);
  if (status != BD_OK) return status;
  for (int i = 0; i < item->count; i++)
    block_input_marks(block)[i] =
        input_mark(bd_images_info(w->images), w->attacked, plan->clean >= 0 ? w->clean : NULL, i);
  block->seconds.read = now() - start, start = now();
  bd_solver_run(w->solver, item->count, w->attacked, w->purified, w->mean, w->reports, poll,
                context);
  block->seconds.solve = now() - start;
  status = baselines(w, item, &block->seconds, error);
  for (int s = 0; status == BD_OK && s < plan_snapshots(plan, item->point); s++)
    status = record(w, item, s, block, error);
  return status == BD_OK ? flush(w, block, error) : status;
}

void worker_compute(bd_worker_t *w, const bd_item_t *item, bd_block_t *block, bd_poll_t *poll,
                    void *context) {
  bd_error_t error = {BD_OK, ""};
  memset(block, 0, sizeof *block);
  block->item = *item;
  block->status = compute(w, item, block, poll, context, &error);
  strcpy(block->message, error.message);
}

void worker_expect(bd_worker_t *w, const bd_item_t *item) {
  const bd_item_t *held = &w->read;
  if (held->count == item->count && held->attack == item->attack && held->first == item->first)
    return;
  bd_images_expect(w->images, w->plan->attacks[item->attack], item->first, item->count);
  if (w->plan->clean >= 0) bd_images_expect(w->images, w->plan->clean, item->first, item->count);
}
