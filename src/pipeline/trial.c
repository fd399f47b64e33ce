#include "pipeline/trial.h"
#include "attack/attack.h"
#include "attack/losses.h"
#include "attack/passes.h"
#include "clock.h"
#include "pipeline/chain.h"
#include "pipeline/estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Images of a trial, points whose solvers are tried, and calls of each thing at most. */
enum { IMAGES = 32, POINTS = 4, CALLS = 20 };

/* Something that is tried. */
typedef struct tried {
  bd_status_t (*call)(struct tried *tried, bd_error_t *error);
  bd_worker_t *worker;
  int count; /* images of a call */
  bd_solver_t *solver;
  bd_chain_t chain;
  const float *pixels;
  const int64_t *numbers;
  float *logits, *gradient;
} tried_t;

/* Seconds of a call: of the fastest, and the mean, as long as others use the machine as well. */
typedef struct spent {
  double fast, slow;
} spent_t;

/* libtorch compiles a module in its first two calls, which are not counted unless a call takes all
   of the time. */
static bd_status_t try(tried_t *tried, double seconds, spent_t *spent, bd_error_t *error) {
  enum { FIRST = 2 };
  const double begin = clock_seconds();
  bd_status_t status = BD_OK;
  *spent = (spent_t){INFINITY, 0};
  int calls = 0;
  for (int i = 0; status == BD_OK && i < FIRST + CALLS; i++) {
    const double start = clock_seconds();
    status = tried->call(tried, error);
    const double end = clock_seconds(), took = fmax(end - start, 1e-9);
    if (i < FIRST && end - begin < seconds) continue;
    spent->fast = fmin(spent->fast, took);
    spent->slow += took;
    calls++;
    if (end - begin >= seconds) break;
  }
  spent->slow /= calls > 0 ? calls : 1;
  return status;
}

static void note(trial_t *t, int which, double work, spent_t spent) {
  t->fast[which] = work / spent.fast;
  t->slow[which] = work / spent.slow;
}

/* ---- the purifier ---------------------------------------------------------------- */

static bd_status_t purify(tried_t *t, bd_error_t *error) {
  bd_worker_t *w = t->worker;
  (void)error;
  bd_solver_run(t->solver, t->count, w->attacked, w->purified, w->mean, w->reports, NULL, NULL);
  return BD_OK;
}

/* The options of a point, with one number of iterations. */
static bd_solver_options_t shortened(const bd_plan_t *plan, int point, int iterations) {
  bd_solver_options_t options = bd_job_point(plan->job, point)->solver;
  if (options.instructions == BD_INSTRUCTIONS_AUTO) options.instructions = plan->instructions;
  options.iterations = (bd_iterations_t){1, {iterations}};
  return options;
}

static bd_status_t try_iterations(tried_t *t, int point, int iterations, double seconds,
                                  double *unit_fast, double *unit_slow, bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(t->worker->images);
  const bd_solver_options_t options = shortened(t->worker->plan, point, iterations);
  spent_t spent = {1, 1};
  bd_status_t status = bd_solver_create(&options, info->channels, info->height, info->width, NULL,
                                        &t->solver, error);
  if (status == BD_OK) status = try(t, seconds, &spent, error);
  bd_solver_destroy(t->solver);
  const double work = t->count * estimate_cost(&options);
  *unit_fast = spent.fast / work;
  *unit_slow = spent.slow / work;
  return status;
}

static int last_iteration(const bd_plan_t *plan, int point) {
  const bd_iterations_t *iterations = &bd_job_point(plan->job, point)->solver.iterations;
  return iterations->values[iterations->count - 1];
}

/* As many iterations as the seconds allow. */
static int affordable(const bd_plan_t *plan, int point, int count, double seconds, double unit) {
  const bd_solver_options_t *solver = &bd_job_point(plan->job, point)->solver;
  const double most = seconds / (unit * count * solver->marginals.count);
  const int all = last_iteration(plan, point);
  return most < 1 ? (all < 1 ? all : 1) : most < all ? (int)most : all;
}

/* A few points, evenly drawn.  First some iterations, which tell how many there is time for. */
static bd_status_t try_solver(bd_worker_t *w, int count, double seconds, trial_t *trial,
                              bd_error_t *error) {
  enum { SOME = 4 };
  const bd_plan_t *plan = w->plan;
  const int points = plan->point_count < POINTS ? plan->point_count : POINTS;
  double fast = 0, slow = 0;
  bd_status_t status = BD_OK;
  tried_t tried = {.call = purify, .worker = w, .count = count};
  for (int i = 0; status == BD_OK && i < points; i++) {
    const int point = plan->first_point + (int)((int64_t)i * plan->point_count / points),
              all = last_iteration(plan, point);
    double unit_fast, unit_slow;
    status =
        try_iterations(&tried, point, all < SOME ? all : SOME, 0, &unit_fast, &unit_slow, error);
    const int some = affordable(plan, point, count, seconds / points / 2, unit_slow);
    if (status == BD_OK)
      status = try_iterations(&tried, point, some, seconds / points, &unit_fast, &unit_slow, error);
    fast += unit_fast / points;
    slow += unit_slow / points;
  }
  if (status == BD_OK) note(trial, TRIAL_PURIFY, 1, (spent_t){fast, slow});
  return status;
}

/* ---- the victim, alone or behind a view -------------------------------------------- */

static attack_images_t images_of(const tried_t *t) {
  return (attack_images_t){t->count, t->numbers, t->pixels};
}

static bd_status_t forward(tried_t *t, bd_error_t *error) {
  const attack_images_t images = images_of(t);
  return t->chain.model.logits(&t->chain, &images, t->logits, error);
}

static void weigh(void *state, int count, const int *rows, const float *logits, float *weights) {
  const tried_t *t = state;
  const size_t classes = (size_t)t->chain.model.classes;
  const int64_t *labels = bd_images_labels(t->worker->images);
  for (int i = 0; i < count; i++)
    attack_loss(BD_ATTACK_LOSS_CE, (int)classes, logits + (size_t)i * classes,
                (int)labels[t->numbers[rows[i]]], weights + (size_t)i * classes);
}

static bd_status_t backward(tried_t *t, bd_error_t *error) {
  const attack_images_t images = images_of(t);
  const attack_weights_t weights = {weigh, t};
  return t->chain.model.gradient(&t->chain, &images, &weights, NULL, t->gradient, error);
}

/* Where the purifier is in front, it iterates as often as there is time for, and the rest is taken
   to be alike. */
static bd_status_t try_chain(tried_t *t, const bd_made_attack_t *attack, double seconds,
                             trial_t *trial, int which, bd_error_t *error) {
  /* Its reverse pass takes about three times the pass itself. */
  enum { TIMES = 4 };
  bd_worker_t *w = t->worker;
  const int point = w->plan->first_point;
  const bd_images_info_t *info = bd_images_info(w->images);
  const bd_chain_shape_t shape = {info->channels, info->height, info->width,
                                  bd_victim_classes(w->victim), t->count};
  bd_parameters_t parameters = *bd_job_point(w->plan->job, point);
  const double whole = estimate_cost(&parameters.solver);
  spent_t spent = {1, 1};
  if (chain_iterates(attack))
    parameters.solver = shortened(
        w->plan, point,
        affordable(w->plan, point, t->count, seconds / TIMES, 1 / trial->slow[TRIAL_PURIFY]));
  const double part = chain_iterates(attack) ? estimate_cost(&parameters.solver) / whole : 1;
  bd_status_t status = chain_create(&t->chain, &shape, w->victim, attack, &parameters, error);
  t->call = forward;
  if (status == BD_OK) status = try(t, seconds / 3, &spent, error);
  if (status == BD_OK) note(trial, which, part * t->count, spent);
  t->call = backward;
  if (status == BD_OK && which >= TRIAL_ATTACKS) {
    status = try(t, 2 * seconds / 3, &spent, error);
    if (status == BD_OK) note(trial, which + 1, part * t->count, spent);
  }
  chain_free(&t->chain);
  return status;
}

/* What an attack did in a trial of it. */
typedef struct outcome {
  attack_outcome_t of;
  int32_t *labels;
} outcome_t;

static int make_outcome(const tried_t *t, outcome_t *o) {
  const size_t count = (size_t)t->count, size = block_image_size(bd_images_info(t->worker->images));
  *o = (outcome_t){{malloc(count * size * sizeof *o->of.images),
                    malloc(count * sizeof *o->of.predicted), malloc(count * sizeof *o->of.forward),
                    malloc(count * sizeof *o->of.backward)},
                   malloc(count * sizeof *o->labels)};
  return o->of.images && o->of.predicted && o->of.forward && o->of.backward && o->labels;
}

static void free_outcome(outcome_t *o) {
  free(o->of.images);
  free(o->of.predicted);
  free(o->of.forward);
  free(o->of.backward);
  free(o->labels);
}

/* Seconds that these passes take by the speeds of the chain alone. */
static double seconds_of(const trial_t *trial, int which, double forward, double gradient) {
  return forward / trial->slow[which] + gradient / trial->slow[which + 1];
}

/* The time of an attack over that of its passes alone: it makes steps of its own between them. */
static bd_status_t time_attack(tried_t *t, const bd_made_attack_t *attack, const trial_t *trial,
                               int which, double *ratio, bd_error_t *error) {
  outcome_t outcome;
  const int64_t *labels = bd_images_labels(t->worker->images);
  if (!make_outcome(t, &outcome)) {
    free_outcome(&outcome);
    return bd_fail(error, BD_FAILED, "no memory to try an attack");
  }
  for (int i = 0; i < t->count; i++) outcome.labels[i] = (int32_t)labels[i];
  const attack_task_t task = {attack, t->count, t->numbers, t->pixels, outcome.labels};
  const double start = clock_seconds();
  bd_status_t status = attack_run(&t->chain.model, &task, &outcome.of, error);
  const double took = clock_seconds() - start;
  double passes = 0, gradient = 0;
  for (int i = 0; status == BD_OK && i < t->count; i++) {
    gradient += (double)outcome.of.backward[i];
    passes += (double)(outcome.of.forward[i] - outcome.of.backward[i]);
  }
  *ratio = took / fmax(seconds_of(trial, which, passes, gradient), 1e-9);
  free_outcome(&outcome);
  return status;
}

/* Make a few steps of an attack, where there is time for them.  Behind the purifier they are a
   small part of the time. */
static bd_status_t try_steps(tried_t *t, const bd_made_attack_t *attack, double seconds,
                             trial_t *trial, int which, bd_error_t *error) {
  enum { SOME = 4 };
  const bd_worker_t *w = t->worker;
  const bd_images_info_t *info = bd_images_info(w->images);
  const bd_chain_shape_t shape = {info->channels, info->height, info->width,
                                  bd_victim_classes(w->victim), t->count};
  bd_made_attack_t some = *attack;
  some.steps = attack_steps(attack) < SOME ? attack_steps(attack) : SOME;
  some.restarts = 1;
  const attack_passes_t most = attack_passes(&some, shape.classes).most;
  if (chain_iterates(attack) ||
      seconds_of(trial, which, t->count * most.forward, t->count * most.gradient) > seconds)
    return BD_OK;
  double ratio = 1;
  bd_status_t status = chain_create(&t->chain, &shape, w->victim, &some,
                                    bd_job_point(w->plan->job, w->plan->first_point), error);
  if (status == BD_OK) status = time_attack(t, &some, trial, which, &ratio, error);
  for (int i = 0; ratio > 1 && i < 2; i++) trial->slow[which + i] /= ratio;
  chain_free(&t->chain);
  return status;
}

/* Attacks through one view by one gradient are alike. */
static int find_alike(const bd_plan_t *plan, int attack) {
  const bd_made_attack_t *a = &plan->made[attack][plan->first_point];
  for (int b = 0; b < attack; b++) {
    const bd_made_attack_t *other = plan->made[b] ? &plan->made[b][plan->first_point] : NULL;
    if (other && other->through == a->through && other->gradient == a->gradient) return b;
  }
  return attack;
}

static bd_status_t try_victim(tried_t *t, double seconds, trial_t *trial, bd_error_t *error) {
  const bd_plan_t *plan = t->worker->plan;
  const bd_made_attack_t bare = {.through = BD_ATTACK_THROUGH_VICTIM};
  int kinds = 1;
  for (int a = 0; a < plan->attack_count; a++)
    kinds += plan->made[a] ? 1 + (find_alike(plan, a) == a) : 0;
  bd_status_t status = try_chain(t, &bare, seconds / kinds, trial, TRIAL_PREDICT, error);
  for (int a = 0; status == BD_OK && a < plan->attack_count; a++) {
    const int alike = plan->made[a] ? find_alike(plan, a) : a;
    if (plan->made[a] && alike == a)
      status = try_chain(t, &plan->made[a][plan->first_point], seconds / kinds, trial,
                         TRIAL_ATTACKS + 2 * a, error);
    for (int i = 0; alike < a && i < 2; i++) {
      trial->fast[TRIAL_ATTACKS + 2 * a + i] = trial->fast[TRIAL_ATTACKS + 2 * alike + i];
      trial->slow[TRIAL_ATTACKS + 2 * a + i] = trial->slow[TRIAL_ATTACKS + 2 * alike + i];
    }
  }
  for (int a = 0; status == BD_OK && a < plan->attack_count; a++)
    if (plan->made[a])
      status = try_steps(t, &plan->made[a][plan->first_point], seconds / kinds, trial,
                         TRIAL_ATTACKS + 2 * a, error);
  return status;
}

/* ---- all --------------------------------------------------------------------------- */

static bd_status_t try_all(bd_worker_t *w, int count, double seconds, trial_t *trial,
                           bd_error_t *error) {
  const size_t size = block_image_size(bd_images_info(w->images)), values = (size_t)count * size;
  const size_t classes = w->victim ? (size_t)bd_victim_classes(w->victim) : 1;
  float *pixels = malloc(values * sizeof *pixels), *gradient = malloc(values * sizeof *gradient),
        *logits = malloc((size_t)count * classes * sizeof *logits);
  int64_t *numbers = malloc((size_t)count * sizeof *numbers);
  const int ready = pixels && gradient && logits && numbers;
  bd_status_t status =
      ready ? BD_OK : bd_fail(error, BD_FAILED, "no memory to try %d images", count);
  for (size_t j = 0; ready && j < values; j++) pixels[j] = (float)w->attacked[j];
  for (int i = 0; ready && i < count; i++) numbers[i] = i;
  if (status == BD_OK)
    status = try_solver(w, count, w->victim ? seconds / 3 : seconds, trial, error);
  tried_t tried = {.worker = w,
                   .count = count,
                   .pixels = pixels,
                   .numbers = numbers,
                   .logits = logits,
                   .gradient = gradient};
  if (status == BD_OK && w->victim) status = try_victim(&tried, 2 * seconds / 3, trial, error);
  free(numbers);
  free(logits);
  free(gradient);
  free(pixels);
  return status;
}

bd_status_t trial_run(bd_worker_t *w, double seconds, trial_t *trial, bd_error_t *error) {
  const bd_plan_t *plan = w->plan;
  int count = plan->block < IMAGES ? plan->block : IMAGES, attack = 0;
  *trial = (trial_t){.count = TRIAL_ATTACKS + 2 * plan->attack_count};
  trial->speeds = calloc(2 * (size_t)trial->count, sizeof *trial->speeds);
  if (!trial->speeds) return bd_fail(error, BD_FAILED, "no memory for a trial");
  trial->slow = trial->speeds;
  trial->fast = trial->speeds + trial->count;
  /* Attacks are made from clean images. */
  while (attack + 1 < plan->attack_count && plan->attacks[attack] != plan->clean) attack++;
  if (plan->attacks[attack] != plan->clean) attack = 0;
  const bd_item_t item = {.point = plan->first_point, .attack = attack, .count = count};
  bd_status_t status = worker_read(w, &item, error);
  w->read.count = 0; /* the caller may read images of other attacks next */
  return status == BD_OK ? try_all(w, count, seconds, trial, error) : status;
}

void trial_free(trial_t *trial) {
  free(trial->speeds);
  *trial = (trial_t){0};
}
