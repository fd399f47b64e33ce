#include "pipeline/estimate.h"
#include "attack/passes.h"
#include "pipeline/chain.h"
#include "pipeline/trial.h"
#include "pipeline/worker.h"

#include <limits.h>
#include <math.h>
#include <string.h>

double estimate_cost(const bd_solver_options_t *solver) {
  const bd_iterations_t *iterations = &solver->iterations;
  return solver->marginals.count * (1.0 + iterations->values[iterations->count - 1]);
}

/* ---- time -------------------------------------------------------------------------- */

static void add(bd_seconds_t *to, bd_seconds_t more) {
  to->least += more.least;
  to->most += more.most;
}

/* Seconds for work between `least` and `most`.  Work that could not be tried takes NaN. */
static bd_seconds_t seconds_of(const trial_t *trial, int which, double least, double most) {
  const double fast = trial->fast[which], slow = trial->slow[which];
  if (least == 0 && most == 0) return (bd_seconds_t){0, 0};
  if (fast <= 0 || slow <= 0) return (bd_seconds_t){NAN, NAN};
  return (bd_seconds_t){least / fast, most / slow};
}

/* Where the victim does the work, a rank takes whole batches. */
static double rounded_up(const bd_plan_t *plan, const bd_made_attack_t *made, int ranks) {
  const double images = (double)plan->count,
               batch = bd_job_point(plan->job, plan->first_point)->victim_batch;
  return chain_iterates(made) ? images
                              : fmax(images, ceil(images / (batch * ranks)) * batch * ranks);
}

/* An attack at one point. */
static bd_seconds_t attack_seconds(const bd_plan_t *plan, const trial_t *trial, int attack,
                                   int point, int classes, int ranks) {
  const bd_made_attack_t *made = &plan->made[attack][point];
  const int first = plan->first_point, at = TRIAL_ATTACKS + 2 * attack;
  const double images = (double)plan->count, all = rounded_up(plan, made, ranks),
               sample = plan->kind == PLAN_PURIFIES ? fmin(images, made->sample) : 0,
               share = plan->kind == PLAN_PURIFIES ? 1 : 0,
               scale = chain_iterates(made)
                           ? estimate_cost(&bd_job_point(plan->job, point)->solver) /
                                 estimate_cost(&bd_job_point(plan->job, first)->solver)
                           : 1;
  const attack_range_t passes = attack_passes(made, classes),
                       checks = attack_examine_passes(made, classes);
  bd_seconds_t sum = seconds_of(
      trial, at, scale * images * passes.least.forward,
      scale * (all * passes.most.forward + sample * (checks.most.forward - checks.least.forward)));
  add(&sum, seconds_of(trial, at + 1, scale * images * (passes.least.gradient + share),
                       scale * (all * (passes.most.gradient + share) +
                                sample * (checks.most.gradient - checks.least.gradient))));
  return sum;
}

/* An attack is made anew for each point but those at which it is the same. */
static bd_attack_time_t attack_time(const bd_plan_t *plan, const trial_t *trial, int attack,
                                    int classes, int ranks) {
  const bd_made_attack_t *made = &plan->made[attack][plan->first_point];
  const attack_range_t passes = attack_passes(made, classes);
  bd_attack_time_t time = {.forward = {passes.least.forward + passes.least.gradient,
                                       passes.most.forward + passes.most.gradient},
                           .backward = {passes.least.gradient, passes.most.gradient}};
  memcpy(time.name, made->name, sizeof time.name);
  for (int i = 0; i < plan->point_count; i++) {
    const int *order = plan->order + attack * plan->point_count;
    if (i && plan_is_same_attack(plan, attack, order[i - 1], order[i])) continue;
    add(&time.seconds, attack_seconds(plan, trial, attack, order[i], classes, ranks));
  }
  return time;
}

static void multiply(bd_seconds_t *seconds, double by) {
  seconds->least *= by;
  seconds->most *= by;
}

/* The purified images of each run are shown to the victim, and of each image the views, anew where
   the pixels are others. */
static bd_seconds_t predictions(const bd_plan_t *plan, const trial_t *trial) {
  const double images = (double)plan->attack_count * (double)plan->count,
               views = 1 + __builtin_popcountll((unsigned long long)plan->views & ~BD_VIEWS_MADE),
               runs = plan->kind == PLAN_PURIFIES ? plan_runs(plan) : 1;
  return seconds_of(trial, TRIAL_PREDICT, images * runs, images * runs * views);
}

void estimate_time(const bd_plan_t *plan, const trial_t *trial, int classes, double left, int ranks,
                   bd_run_time_t *time) {
  double cost = 0;
  for (int i = 0; plan->kind == PLAN_PURIFIES && i < plan->point_count; i++)
    cost += estimate_cost(&bd_job_point(plan->job, plan->first_point + i)->solver);
  cost *= (double)plan->attack_count * (double)plan->count;
  *time = (bd_run_time_t){.is_tried = 1, .purify = seconds_of(trial, TRIAL_PURIFY, cost, cost)};
  if (classes) time->predict = predictions(plan, trial);
  for (int a = 0; a < plan->attack_count; a++) {
    if (!plan->made[a] || time->attack_count == BD_ATTACK_TIMES_MAX) continue;
    bd_attack_time_t *attack = &time->attacks[time->attack_count++];
    *attack = attack_time(plan, trial, a, classes, ranks);
    multiply(&attack->seconds, left);
    add(&time->all, attack->seconds);
  }
  multiply(&time->purify, left);
  multiply(&time->predict, left);
  add(&time->all, time->purify);
  add(&time->all, time->predict);
}

/* ---- steps and bytes --------------------------------------------------------------- */

/* Snapshots share the trajectory of their point. */
double estimate_steps(const bd_plan_t *plan, const bd_images_info_t *info) {
  double steps = 0;
  for (int point = plan->first_point; point < plan->first_point + plan->point_count; point++) {
    const bd_solver_options_t *solver = &bd_job_point(plan->job, point)->solver;
    steps += solver->iterations.values[solver->iterations.count - 1] *
             bd_solver_evaluated(solver, info->height, info->width);
  }
  return steps;
}

/* Bytes of headers, attributes and links for the file, for each run, for each attack of a run, and
   for the images of each.  Measured with HDF5 1.10. */
enum { FILE_OVERHEAD = 24576, RUN_OVERHEAD = 2600, GROUP_OVERHEAD = 3600, IMAGES_OVERHEAD = 280 };

double estimate_file_bytes(const bd_plan_t *plan, const bd_images_info_t *info) {
  const double count = (double)plan->count, runs = plan_runs(plan),
               groups = runs * plan->attack_count;
  const double images =
      plan->store_images
          ? 4.0 * info->channels * info->height * info->width * count + IMAGES_OVERHEAD
          : 0;
  return FILE_OVERHEAD + runs * RUN_OVERHEAD +
         groups * (GROUP_OVERHEAD + sizeof(bd_statistics_t) +
                   count * ((double)bd_record_bytes(plan->views) + 8) + images) +
         8 * count * (1 + plan->attack_count);
}

bd_status_t estimate_check_memory(const bd_plan_t *plan, const bd_images_info_t *info,
                                  bd_error_t *error) {
  const bd_parameters_t *p = bd_job_point(plan->job, 0);
  const double needed = worker_bytes(plan, info, NULL) / (1 << 20);
  if (needed > p->max_memory)
    return bd_fail(error, BD_BAD_INPUT,
                   "blocks and solver need about %.0f MiB on each rank, more than run.max_memory = "
                   "%d; a smaller run.block (now %d) needs less",
                   needed, p->max_memory, plan->block);
  if (block_size(plan, info) > INT_MAX)
    return bd_fail(error, BD_BAD_INPUT,
                   "run.block = %d makes blocks of more than 2 GiB; a smaller one is needed",
                   p->block);
  return BD_OK;
}
