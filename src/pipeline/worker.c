#include "pipeline/worker.h"
#include "clock.h"
#include "pipeline/steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- work space ---------------------------------------------------------------- */

/* Answers of the victim that are kept for each image: one for each view and snapshot of the points,
   as far as this part of the memory allows, and not more than are searched quickly. */
enum { ANSWERS_MAX = 64, ANSWERS_PART = 16 };

/* The same at every point, since it is no part of a sweep. */
static int victim_batch(const bd_plan_t *plan) {
  return bd_job_point(plan->job, plan->first_point)->victim_batch;
}

static int answers_kept(const bd_plan_t *plan, const bd_images_info_t *info) {
  const double image = (double)plan->block * (double)block_image_size(info) * sizeof(float),
               part = (double)bd_job_point(plan->job, plan->first_point)->max_memory * (1 << 20) /
                      ANSWERS_PART;
  const int views = __builtin_popcountll((unsigned long long)plan->views);
  const double wanted = (double)plan->point_count * (views + plan_snapshots_most(plan));
  return (int)fmax(1, fmin(fmin(wanted, ANSWERS_MAX), part / image));
}

bd_status_t worker_create(const bd_plan_t *plan, bd_images_t *images, bd_victim_t *victim,
                          bd_worker_t *w, bd_error_t *error) {
  *w = (bd_worker_t){.plan = plan, .images = images, .victim = victim, .point = -1};
  const size_t block = (size_t)plan->block, snapshots = (size_t)plan_snapshots_most(plan);
  const size_t pixels = block * block_image_size(bd_images_info(images));
  double moved;
  w->reports = malloc(snapshots * block * sizeof *w->reports);
  w->attacked = malloc(pixels * sizeof *w->attacked);
  w->clipped = malloc(block);
  w->clean = malloc(pixels * sizeof *w->clean);
  w->mean = malloc(pixels * sizeof *w->mean);
  w->room = malloc(pixels * sizeof *w->room);
  w->purified = malloc(snapshots * pixels * sizeof *w->purified);
  w->stored = malloc(pixels * sizeof *w->stored);
  w->shown.classes = malloc(BD_VIEWS * block * sizeof *w->shown.classes);
  w->shown.purified = malloc(snapshots * block * sizeof *w->shown.purified);
  worker_bytes(plan, bd_images_info(images), &moved);
  w->moved = bd_moved_create(moved);
  if (w->moved && w->reports && w->attacked && w->clipped && w->clean && w->mean && w->room &&
      w->purified && w->stored && w->shown.classes && w->shown.purified)
    return seen_create(victim, victim_batch(plan), plan->block,
                       answers_kept(plan, bd_images_info(images)),
                       block_image_size(bd_images_info(images)), &w->seen, error);
  return bd_fail(error, BD_FAILED,
                 "no memory for blocks of %d images; a smaller run.block needs less", plan->block);
}

void worker_free(bd_worker_t *w) {
  bd_solver_destroy(w->solver);
  attacked_free(&w->made);
  free(w->reports);
  free(w->attacked);
  free(w->clipped);
  free(w->clean);
  free(w->mean);
  free(w->room);
  free(w->purified);
  free(w->stored);
  free(w->shown.classes);
  free(w->shown.purified);
  seen_free(&w->seen);
  bd_moved_free(w->moved);
  memset(w, 0, sizeof *w);
}

/* What the most demanding attack takes at a point. */
static double attack_bytes(const bd_plan_t *plan, const bd_images_info_t *info, int point) {
  const bd_chain_shape_t shape = attacked_shape(info, 0, plan->block);
  double most = 0;
  for (int a = 0; a < plan->attack_count; a++)
    if (plan->made[a])
      most = fmax(most, chain_bytes(&shape, &plan->made[a][point], bd_job_point(plan->job, point)));
  return most;
}

double worker_bytes(const bd_plan_t *plan, const bd_images_info_t *info, double *moved) {
  const size_t size = block_image_size(info);
  const double pixels = (double)plan->block * (double)size;
  const int has_victim = *bd_job_point(plan->job, plan->first_point)->victim_file != 0;
  double solver = 0, attacks = 0, all = 0, limit = 0;
  for (int point = plan->first_point; point < plan->first_point + plan->point_count; point++) {
    const bd_parameters_t *p = bd_job_point(plan->job, point);
    solver = fmax(solver, bd_solver_bytes(&p->solver, info->height, info->width));
    attacks = fmax(attacks, attack_bytes(plan, info, point));
    all = fmax(all,
               bd_moved_bytes(&p->solver, info->channels, info->height, info->width, plan->block));
    limit = (double)p->max_memory * (1 << 20);
  }
  /* This counts two blocks under way, the images in float64, the solver, the chunks kept of the
     clean images and of the attack being read, and the answers of a victim. */
  const double needed =
      2 * (double)block_size(plan, info) + pixels * (4 * 8 + 4 + 8 * plan_snapshots_most(plan)) +
      solver + attacks + info->bytes +
      (has_victim ? seen_bytes(victim_batch(plan), plan->block, answers_kept(plan, info), size)
                  : 0);
  /* Little is kept for large images, since moving them is a small part of the work but keeping them
     takes much memory. */
  const double kept = plan->shares ? fmax(0, fmin(fmin(all, limit / 32), limit - needed)) : 0;
  if (moved) *moved = kept;
  return needed + kept;
}

/* ---- one item ------------------------------------------------------------------ */

/* Make the solver of a point, which is kept until an item of another point comes. */
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

/* Clip what rounding left beyond [0,1] in the images that were read. */
static void clip(bd_worker_t *w, int count) {
  const size_t size = block_image_size(bd_images_info(w->images));
  for (int i = 0; i < count; i++)
    w->clipped[i] = (int8_t)bd_pixels_clip(size, w->attacked + (size_t)i * size);
}

bd_status_t worker_read(bd_worker_t *w, const bd_item_t *item, bd_error_t *error) {
  const bd_plan_t *plan = w->plan;
  const int attack = plan->attacks[item->attack];
  if (plan_is_same_pixels(&w->read, item)) return BD_OK;
  w->read.count = w->shown.item.count = w->made.item.count = 0;
  bd_moved_forget(w->moved);
  bd_status_t status =
      bd_images_read(w->images, attack, item->first, item->count, w->attacked, error);
  const size_t pixels = (size_t)item->count * block_image_size(bd_images_info(w->images));
  if (status == BD_OK) clip(w, item->count);
  if (status == BD_OK && attack == plan->clean)
    memcpy(w->clean, w->attacked, pixels * sizeof *w->clean);
  else if (status == BD_OK && plan->clean >= 0)
    status = bd_images_read(w->images, plan->clean, item->first, item->count, w->clean, error);
  if (status == BD_OK && plan->clean >= 0) bd_pixels_clip(pixels, w->clean);
  if (status == BD_OK) w->read = *item;
  return status;
}

uint64_t worker_input_mark(const bd_worker_t *w, int64_t i) {
  const size_t size = block_image_size(bd_images_info(w->images)), at = (size_t)i * size;
  /* A made attack follows from the clean images, which a resume compares without attacking. */
  const double *from = w->plan->made[w->read.attack] ? w->clean : w->attacked;
  uint64_t mark = XXH3_64bits(from + at, size * sizeof *from);
  if (w->plan->clean >= 0)
    mark = XXH3_64bits_withSeed(w->clean + at, size * sizeof *w->clean, mark);
  return mark ? mark : 1;
}

/* Bring the images that this rank has written itself to the disk before rank 0 marks them as
   done. */
static bd_status_t flush(bd_worker_t *w, bd_block_t *block, bd_error_t *error) {
  if (!w->result) return BD_OK;
  const double start = clock_seconds();
  bd_status_t status = bd_result_flush(w->result, error);
  block->seconds.write += clock_seconds() - start;
  return status;
}

/* What is stored of an attack is the attacked image itself. */
static void leave_as_attacked(bd_worker_t *w, const bd_item_t *item) {
  const size_t size = block_image_size(bd_images_info(w->images)),
               values = (size_t)item->count * size;
  memcpy(w->purified, w->attacked, values * sizeof *w->purified);
  memcpy(w->mean, w->attacked, values * sizeof *w->mean);
  for (int i = 0; i < item->count; i++)
    w->reports[i] = (bd_image_report_t){.status = attacked_flaw(size, w->clean + (size_t)i * size),
                                        .residual = NAN,
                                        .mass_defect = NAN,
                                        .objective = NAN,
                                        .safe_tau = INFINITY};
}

static bd_status_t compute(bd_worker_t *w, const bd_item_t *item, bd_block_t *block,
                           bd_poll_t *poll, void *context, bd_error_t *error) {
  bd_status_t status = set_point(w, item->point, error);
  double start = clock_seconds();
  if (status == BD_OK) status = worker_read(w, item, error);
  if (status != BD_OK) return status;
  for (int i = 0; i < item->count; i++) block_input_marks(block)[i] = worker_input_mark(w, i);
  block->seconds.read = clock_seconds() - start;
  status = step_attack(w, item, block, poll, context, error);
  if (status != BD_OK) return status;
  start = clock_seconds();
  if (w->plan->kind == PLAN_ATTACKS) leave_as_attacked(w, item);
  else
    bd_solver_run(w->solver, item->count, w->attacked, w->purified, w->mean, w->reports, poll,
                  context);
  block->seconds.solve = clock_seconds() - start;
  status = step_predict(w, item, &block->seconds, error);
  block->shown = w->seen.counts;
  for (int s = 0; status == BD_OK && s < plan_snapshots(w->plan, item->point); s++)
    status = step_record(w, item, s, block, error);
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
  if (plan_is_same_pixels(&w->read, item)) return;
  bd_images_expect(w->images, w->plan->attacks[item->attack], item->first, item->count);
  if (w->plan->clean >= 0) bd_images_expect(w->images, w->plan->clean, item->first, item->count);
}
