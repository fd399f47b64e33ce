#include "attack/fab.h"
#include "attack/ball.h"
#include "attack/losses.h"
#include "attack/outcome.h"
#include "attack/plane.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double most_bias = 0.1; /* alpha_max: share of the clean image's projection */
static const double overshoot = 1.05, shrink = 0.9; /* eta, beta */
static const double start_radius[] = {[BD_ATTACK_NORM_LINF] = 0.3, [BD_ATTACK_NORM_L2] = 1};

/* Where the search for one image stands. */
typedef struct fab_row {
  int image; /* its number in the task */
  int label, target;
  double height;  /* of the iterate above the border: logit of the target less that of the label */
  double nearest; /* distance of the nearest that was misclassified */
} fab_row_t;

/* The images in hand, [count][size]. */
typedef struct fab {
  const attack_model_t *model;
  const attack_task_t *task;
  int count;
  size_t size;
  fab_row_t *rows;  /* [count] */
  int64_t *numbers; /* [count], of the images in their set */
  float *iterate;   /* what the model is shown */
  float *gradient;  /* of the height */
  float *nearest;   /* the nearest that was misclassified */
  float *logits;    /* [count][classes] */
  double *start;    /* [size] */
} fab_t;

static bd_status_t create(const attack_model_t *model, const attack_task_t *task, fab_t *fab,
                          bd_error_t *error) {
  const size_t count = (size_t)task->count, all = count * attack_size(model);
  *fab = (fab_t){.model = model, .task = task, .size = attack_size(model)};
  fab->rows = calloc(count, sizeof *fab->rows);
  fab->numbers = malloc(count * sizeof *fab->numbers);
  fab->iterate = malloc(3 * all * sizeof *fab->iterate);
  fab->logits = malloc(count * (size_t)model->classes * sizeof *fab->logits);
  fab->start = malloc(fab->size * sizeof *fab->start);
  if (!fab->rows || !fab->numbers || !fab->iterate || !fab->logits || !fab->start)
    return attack_no_memory(task->count, error);
  fab->gradient = fab->iterate + all;
  fab->nearest = fab->gradient + all;
  return BD_OK;
}

static void destroy(fab_t *fab) {
  free(fab->rows);
  free(fab->numbers);
  free(fab->iterate);
  free(fab->logits);
  free(fab->start);
}

static const float *clean_of(const fab_t *fab, int i) {
  return fab->task->images + (size_t)fab->rows[i].image * fab->size;
}

/* Go to the start of a round: the clean image, or a random point for a restart. */
static void start(fab_t *fab, int i, int round) {
  const bd_made_attack_t *o = fab->task->options;
  const float *clean = clean_of(fab, i);
  float *iterate = fab->iterate + (size_t)i * fab->size;
  const double radius = o->epsilon > 0 && !isinf(o->epsilon) ? o->epsilon : start_radius[o->norm];
  memcpy(iterate, clean, fab->size * sizeof *iterate);
  fab->rows[i].nearest = INFINITY;
  if (round % o->restarts == 0) return;
  attack_direction(o->norm, attack_stream_of(o, fab->numbers[i], round, 0), fab->size, fab->start);
  for (size_t j = 0; j < fab->size; j++)
    iterate[j] = (float)fmin(fmax((double)clean[j] + radius / 2 * fab->start[j], 0), 1);
}

static void weigh(void *state, int count, const int *rows, const float *logits, float *weights) {
  const fab_t *fab = state;
  const size_t classes = (size_t)fab->model->classes;
  memset(weights, 0, (size_t)count * classes * sizeof *weights);
  for (int i = 0; i < count; i++) {
    fab_row_t *r = &fab->rows[rows[i]];
    const float *found = logits + (size_t)i * classes;
    r->height = (double)found[r->target] - (double)found[r->label];
    weights[(size_t)i * classes + (size_t)r->target] = 1;
    weights[(size_t)i * classes + (size_t)r->label] = -1;
  }
}

/* Move an image's iterate to a mean of its projection and the clean image's.  The nearer the
   iterate is to the border, the less the clean image's counts. */
static void move(fab_t *fab, int i) {
  const int norm = fab->task->options->norm;
  const float *clean = clean_of(fab, i), *w = fab->gradient + (size_t)i * fab->size;
  float *iterate = fab->iterate + (size_t)i * fab->size;
  const double here = fab->rows[i].height;
  double there = here;
  for (size_t j = 0; j < fab->size; j++)
    there += (double)w[j] * ((double)clean[j] - (double)iterate[j]);
  const plane_way_t way = plane_reach(norm, fab->size, w, iterate, here);
  const plane_way_t clean_way = plane_reach(norm, fab->size, w, clean, there);
  const double least = 1e-8, own = fmax(way.size, least), other = fmax(clean_way.size, least);
  const double bias = fmin(own / (own + other), most_bias);
  for (size_t j = 0; j < fab->size; j++) {
    const double one = (double)iterate[j] + overshoot * plane_move(norm, way, w[j], iterate[j]);
    const double two = (double)clean[j] + overshoot * plane_move(norm, clean_way, w[j], clean[j]);
    iterate[j] = (float)fmin(fmax((1 - bias) * one + bias * two, 0), 1);
  }
}

/* Where an image's iterate is misclassified, keep it if it is the nearest, and go back a bit. */
static void keep(fab_t *fab, int i) {
  fab_row_t *r = &fab->rows[i];
  const int classes = fab->model->classes;
  if (attack_class(fab->logits + (size_t)i * (size_t)classes, classes) == r->label) return;
  const float *clean = clean_of(fab, i);
  float *iterate = fab->iterate + (size_t)i * fab->size;
  const double distance = attack_distance(fab->task->options->norm, fab->size, clean, iterate);
  if (distance < r->nearest) {
    r->nearest = distance;
    memcpy(fab->nearest + (size_t)i * fab->size, iterate, fab->size * sizeof *iterate);
  }
  for (size_t j = 0; j < fab->size; j++) {
    const double middle = clean[j];
    iterate[j] = (float)(middle + shrink * ((double)iterate[j] - middle));
  }
}

static bd_status_t step(fab_t *fab, bd_error_t *error) {
  const attack_model_t *model = fab->model;
  const attack_images_t images = {fab->count, fab->numbers, fab->iterate};
  const attack_weights_t weights = {weigh, fab};
  bd_status_t status = model->gradient(model->state, &images, &weights, NULL, fab->gradient, error);
  if (status) return status;
  for (int i = 0; i < fab->count; i++) move(fab, i);
  status = model->logits(model->state, &images, fab->logits, error);
  for (int i = 0; i < fab->count && status == BD_OK; i++) keep(fab, i);
  return status;
}

/* Store what was found within epsilon, and nearer than what the outcome has. */
static void store(const fab_t *fab, int steps, double *nearest, attack_outcome_t *outcome) {
  const bd_made_attack_t *o = fab->task->options;
  for (int i = 0; i < fab->count; i++) {
    const fab_row_t *r = &fab->rows[i];
    outcome->forward[r->image] += 2 * steps;
    outcome->backward[r->image] += steps;
    if (!(r->nearest <= attack_radius(o) && r->nearest < nearest[r->image])) continue;
    nearest[r->image] = r->nearest;
    memcpy(outcome->images + (size_t)r->image * fab->size, fab->nearest + (size_t)i * fab->size,
           fab->size * sizeof *fab->nearest);
  }
}

/* List the images for a round: those that are right when clean, and not yet fooled within epsilon.
 */
static void list(fab_t *fab, const float *logits, const double *nearest, int round) {
  const attack_task_t *t = fab->task;
  const int classes = fab->model->classes, is_bounded = !isinf(attack_radius(t->options));
  fab->count = 0;
  for (int i = 0; i < t->count; i++) {
    const float *clean = logits + (size_t)i * (size_t)classes;
    if (attack_class(clean, classes) != t->labels[i]) continue;
    if (is_bounded && !isinf(nearest[i])) continue;
    fab_row_t *r = &fab->rows[fab->count];
    r->image = i;
    r->label = t->labels[i];
    r->target = attack_ranked_class(clean, classes, 1 + round / t->options->restarts);
    fab->numbers[fab->count] = t->numbers[i];
    start(fab, fab->count++, round);
  }
}

/* All rounds: for each target, restarts. */
static bd_status_t search(fab_t *fab, const float *logits, double *nearest,
                          attack_outcome_t *outcome, bd_error_t *error) {
  const bd_made_attack_t *o = fab->task->options;
  const int others = fab->model->classes - 1, steps = attack_steps(o);
  const int rounds = (others < fab_targets ? others : fab_targets) * o->restarts;
  bd_status_t status = BD_OK;
  for (int round = 0; round < rounds && status == BD_OK; round++) {
    list(fab, logits, nearest, round);
    for (int s = 0; s < steps && fab->count > 0 && status == BD_OK; s++) status = step(fab, error);
    if (status == BD_OK) store(fab, steps, nearest, outcome);
  }
  return status;
}

bd_status_t attack_fab(const attack_model_t *model, const attack_task_t *task,
                       attack_outcome_t *outcome, bd_error_t *error) {
  const size_t count = (size_t)task->count;
  float *logits = calloc(count * (size_t)model->classes, sizeof *logits);
  double *nearest = calloc(count, sizeof *nearest);
  int *which = calloc(count, sizeof *which), found = 0;
  fab_t fab;
  bd_status_t status = create(model, task, &fab, error);
  if (!logits || !nearest || !which) {
    attack_no_memory(task->count, error);
    status = BD_FAILED;
  }
  if (status == BD_OK) status = attack_begin(model, task, outcome, logits, error);
  for (size_t i = 0; i < count && status == BD_OK; i++) nearest[i] = INFINITY;
  if (status == BD_OK) status = search(&fab, logits, nearest, outcome, error);
  for (int i = 0; i < task->count && status == BD_OK; i++)
    if (!isinf(nearest[i])) which[found++] = i;
  if (status == BD_OK) status = attack_judge(model, task, found, which, outcome, error);
  destroy(&fab);
  free(logits);
  free(nearest);
  free(which);
  return status;
}
