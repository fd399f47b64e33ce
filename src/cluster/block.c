#include "block.h"

#include <barydef/baseline.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { READ, SOLVE, BASELINE, VICTIM };
enum { ATTACKED, ROUNDED, BLURRED, MEAN, PURIFIED };

/* ---- the plan ------------------------------------------------------------------ */

static int64_t blocks_of(const bd_plan_t *plan) { return (plan->count + plan->block - 1) / plan->block; }

int64_t plan_items(const bd_plan_t *plan) {
  return bd_job_point_count(plan->job) * (int64_t)plan->attack_count * blocks_of(plan);
}

bd_item_t plan_item(const bd_plan_t *plan, int64_t index) {
  int64_t blocks = blocks_of(plan), first = index % blocks * plan->block;
  int count = first + plan->block <= plan->count ? plan->block : (int)(plan->count - first);
  int64_t group = index / blocks;
  return (bd_item_t){(int)(group / plan->attack_count), (int)(group % plan->attack_count), count, first};
}

static int snapshots_of(const bd_plan_t *plan, int point) {
  return bd_job_first_run(plan->job, point + 1) - bd_job_first_run(plan->job, point);
}

static int most_snapshots(const bd_plan_t *plan) {
  int most = 0;
  for (int point = 0; point < bd_job_point_count(plan->job); point++)
    if (snapshots_of(plan, point) > most) most = snapshots_of(plan, point);
  return most;
}

static size_t image_size(const bd_images_info_t *info) {
  return (size_t)info->channels * (size_t)info->height * (size_t)info->width;
}

/* ---- a block in memory --------------------------------------------------------- */

static size_t snapshot_size(const bd_plan_t *plan, const bd_images_info_t *info, int count) {
  size_t images = plan->store_images ? image_size(info) * sizeof(float) : 0;
  /* Records stay aligned whatever the size of the images. */
  return (size_t)count * sizeof(bd_per_image_t) + ((size_t)count * images + 7) / 8 * 8;
}

size_t block_item_size(const bd_plan_t *plan, const bd_images_info_t *info, const bd_item_t *item) {
  return sizeof(bd_block_t) + (size_t)snapshots_of(plan, item->point) * snapshot_size(plan, info, item->count);
}

size_t block_size(const bd_plan_t *plan, const bd_images_info_t *info) {
  return sizeof(bd_block_t) + (size_t)most_snapshots(plan) * snapshot_size(plan, info, plan->block);
}

bd_per_image_t *block_records(const bd_plan_t *plan, const bd_images_info_t *info, const bd_item_t *item,
                              bd_block_t *block, int snapshot) {
  return (bd_per_image_t *)(void *)(block->contents + (size_t)snapshot * snapshot_size(plan, info, item->count));
}

float *block_images(const bd_plan_t *plan, const bd_images_info_t *info, const bd_item_t *item,
                    bd_block_t *block, int snapshot) {
  return (float *)(void *)(block_records(plan, info, item, block, snapshot) + item->count);
}

/* ---- work space ---------------------------------------------------------------- */

bd_status_t worker_create(const bd_plan_t *plan, bd_images_t *images, bd_victim_t *victim, bd_worker_t *w,
                          bd_error_t *error) {
  *w = (bd_worker_t){.plan = plan, .images = images, .victim = victim, .point = -1};
  size_t block = (size_t)plan->block, pixels = block * image_size(bd_images_info(images));
  size_t snapshots = (size_t)most_snapshots(plan);
  w->reports = malloc(snapshots * block * sizeof *w->reports);
  w->attacked = malloc(pixels * sizeof *w->attacked);
  w->clean = malloc(pixels * sizeof *w->clean);
  w->mean = malloc(pixels * sizeof *w->mean);
  w->baseline = malloc(pixels * sizeof *w->baseline);
  w->purified = malloc(snapshots * pixels * sizeof *w->purified);
  w->stored = malloc(pixels * sizeof *w->stored);
  w->predicted = malloc(5 * block * sizeof *w->predicted);
  if (!w->reports || !w->attacked || !w->clean || !w->mean || !w->baseline || !w->purified || !w->stored || !w->predicted)
    return bd_fail(error, BD_FAILED, "no memory for blocks of %d images; a smaller run.block needs less", plan->block);
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
  memset(w, 0, sizeof *w);
}

double worker_bytes(const bd_plan_t *plan, const bd_images_info_t *info) {
  double pixels = (double)plan->block * (double)image_size(info), solver = 0;
  bd_parameters_t *p = malloc(sizeof *p);
  for (int point = 0; p && point < bd_job_point_count(plan->job); point++) {
    bd_job_parameters(plan->job, point, p);
    solver = fmax(solver, bd_solver_bytes(&p->solver, info->height, info->width));
  }
  free(p);
  /* Two blocks under way, the images in float64, the solver, and the chunks kept of the
     attack being read and of the clean images. */
  return 2 * (double)block_size(plan, info) + pixels * (4 * 8 + 4 + 8 * most_snapshots(plan)) + solver + 2 * info->chunk_bytes;
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
  bd_job_parameters(w->plan->job, point, &w->parameters);
  if (w->parameters.solver.instructions == BD_INSTRUCTIONS_AUTO) w->parameters.solver.instructions = w->plan->instructions;
  bd_status_t status =
      bd_solver_create(&w->parameters.solver, info->channels, info->height, info->width, &w->solver, error);
  if (status == BD_OK) w->point = point;
  return status;
}

/* What the victim says of `pixels`; the float32 it sees is what would be stored.  A failed
   image is shown as zeros and predicted as -1. */
static bd_status_t predict(bd_worker_t *w, const bd_item_t *item, const double *pixels,
                           const bd_image_report_t *reports, float *stored, int32_t *predicted, bd_error_t *error) {
  size_t size = image_size(bd_images_info(w->images));
  for (int i = 0; i < item->count; i++)
    for (size_t j = (size_t)i * size; j < ((size_t)i + 1) * size; j++)
      stored[j] = reports[i].status == BD_IMAGE_OK ? (float)pixels[j] : 0;
  bd_status_t status =
      w->victim ? bd_victim_predict(w->victim, item->first, item->count, stored, predicted, error) : BD_OK;
  for (int i = 0; i < item->count; i++)
    if (!w->victim || reports[i].status != BD_IMAGE_OK) predicted[i] = -1;
  return status;
}

/* The baselines' predictions, which no snapshot changes. */
static bd_status_t baselines(bd_worker_t *w, const bd_item_t *item, double *seconds, bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(w->images);
  const size_t size = image_size(info), plane = (size_t)info->height * (size_t)info->width;
  const int block = w->plan->block;
  double start = now();
  bd_status_t status = predict(w, item, w->attacked, w->reports, w->stored, w->predicted + ATTACKED * block, error);
  if (status == BD_OK) status = predict(w, item, w->mean, w->reports, w->stored, w->predicted + MEAN * block, error);
  seconds[VICTIM] += now() - start;
  if (status != BD_OK || !w->victim) {
    for (int i = 0; i < 5 * block; i++) w->predicted[i] = -1;
    return status;
  }
  start = now();
  bd_round8((size_t)item->count * size, w->attacked, w->baseline);
  seconds[BASELINE] += now() - start, start = now();
  status = predict(w, item, w->baseline, w->reports, w->stored, w->predicted + ROUNDED * block, error);
  seconds[VICTIM] += now() - start, start = now();
  for (size_t c = 0; status == BD_OK && c < (size_t)item->count * (size_t)info->channels; c++)
    status = bd_blur(info->height, info->width, w->parameters.blur_sigma, w->attacked + c * plane, w->baseline + c * plane, error);
  seconds[BASELINE] += now() - start, start = now();
  if (status == BD_OK)
    status = predict(w, item, w->baseline, w->reports, w->stored, w->predicted + BLURRED * block, error);
  seconds[VICTIM] += now() - start;
  return status;
}

/* Records and images of one snapshot into the block. */
static bd_status_t record(bd_worker_t *w, const bd_item_t *item, int snapshot, bd_block_t *block, bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(w->images);
  const size_t size = image_size(info);
  const bd_image_report_t *reports = w->reports + snapshot * item->count;
  const double *purified = w->purified + (size_t)snapshot * (size_t)item->count * size;
  bd_per_image_t *records = block_records(w->plan, info, item, block, snapshot);
  float *stored = w->plan->store_images ? block_images(w->plan, info, item, block, snapshot) : w->stored;
  int32_t *predicted = w->predicted;
  const int stride = w->plan->block;
  double start = now();
  bd_status_t status = predict(w, item, purified, reports, stored, predicted + PURIFIED * stride, error);
  block->seconds[VICTIM] += now() - start;
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
      bd_distance(size, stored + offset, w->attacked + offset, &r.l2_to_attacked, &r.linf_to_attacked);
      if (w->plan->clean >= 0)
        bd_distance(size, stored + offset, w->clean + offset, &r.l2_to_clean, &r.linf_to_clean);
    } else
      for (size_t j = 0; j < size; j++) stored[(size_t)i * size + j] = NAN;
    /* An image may fail after the first snapshot, by which the baselines were predicted. */
    int32_t *fields[5] = {&r.predicted_attacked, &r.predicted_rounded, &r.predicted_blurred, &r.predicted_mean,
                          &r.predicted_purified};
    for (int j = 0; j < 5; j++) *fields[j] = reports[i].status == BD_IMAGE_OK ? predicted[j * stride + i] : -1;
    records[i] = r;
  }
  return status;
}

static bd_status_t compute(bd_worker_t *w, const bd_item_t *item, bd_block_t *block, bd_poll_t *poll, void *context,
                           bd_error_t *error) {
  const bd_plan_t *plan = w->plan;
  bd_status_t status = set_point(w, item->point, error);
  double start = now();
  if (status == BD_OK)
    status = bd_images_read(w->images, plan->attacks[item->attack], item->first, item->count, w->attacked, error);
  if (status == BD_OK && plan->clean >= 0)
    status = bd_images_read(w->images, plan->clean, item->first, item->count, w->clean, error);
  if (status != BD_OK) return status;
  block->seconds[READ] = now() - start, start = now();
  bd_solver_run(w->solver, item->count, w->attacked, w->purified, w->mean, w->reports, poll, context);
  block->seconds[SOLVE] = now() - start;
  status = baselines(w, item, block->seconds, error);
  for (int s = 0; status == BD_OK && s < snapshots_of(plan, item->point); s++)
    status = record(w, item, s, block, error);
  return status;
}

void worker_compute(bd_worker_t *w, int64_t index, bd_block_t *block, bd_poll_t *poll, void *context) {
  bd_error_t error = {BD_OK, ""};
  bd_item_t item = plan_item(w->plan, index);
  memset(block, 0, sizeof *block);
  block->item = index;
  block->status = compute(w, &item, block, poll, context, &error);
  strcpy(block->message, error.message);
}
