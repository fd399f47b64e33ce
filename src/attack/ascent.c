#include "attack/ascent.h"
#include "attack/ball.h"
#include "attack/losses.h"
#include "attack/outcome.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Checkpoints, as shares of all steps: the first interval, by how much each is shorter than the one
   before it, and the shortest. */
static const double first_interval = 0.22, shorter = 0.03, last_interval = 0.06;
static const double rho = 0.75;    /* a share of rises up to which the step is halved */
static const double weight = 0.75; /* of a step, beside the move before it */

static int share(const ascent_t *c, double part) {
  const int steps = (int)(part * c->steps);
  return steps > 1 ? steps : 1;
}

bd_status_t ascent_create(const attack_model_t *model, const attack_task_t *task, int count,
                          const int *which, ascent_t *ascent, bd_error_t *error) {
  const size_t size = attack_size(model), all = (size_t)count * size;
  ascent_t *c = ascent;
  *c = (ascent_t){.model = model, .task = task, .count = count, .size = size};
  c->steps = attack_steps(task->options);
  c->rows = calloc((size_t)count, sizeof *c->rows);
  c->numbers = malloc((size_t)count * sizeof *c->numbers);
  c->iterate = malloc(6 * all * sizeof *c->iterate);
  c->logits = malloc((size_t)count * (size_t)model->classes * sizeof *c->logits);
  c->trial = malloc(size * sizeof *c->trial);
  if (!c->rows || !c->numbers || !c->iterate || !c->logits || !c->trial)
    return attack_no_memory(count, error);
  c->before = c->iterate + all;
  c->kept = c->before + all;
  c->fooling = c->kept + all;
  c->gradient = c->fooling + all;
  c->kept_gradient = c->gradient + all;
  for (int i = 0; i < count; i++) {
    c->rows[i].image = which[i];
    c->rows[i].label = task->labels[which[i]];
    c->numbers[i] = task->numbers[which[i]];
  }
  return BD_OK;
}

void ascent_free(ascent_t *ascent) {
  free(ascent->rows);
  free(ascent->numbers);
  free(ascent->iterate);
  free(ascent->logits);
  free(ascent->trial);
}

static const float *clean_of(const ascent_t *c, int i) {
  return c->task->images + (size_t)c->rows[i].image * c->size;
}

/* See what the logits of an image's iterate say.  weights: NULL, or for the derivative. */
static void see(ascent_t *c, int i, const float *logits, float *weights) {
  ascent_row_t *r = &c->rows[i];
  const int classes = c->model->classes, loss = c->task->options->loss;
  r->loss = loss == BD_ATTACK_LOSS_DLR_TARGETED
                ? attack_loss_targeted_dlr(classes, logits, r->label, r->target, weights)
                : attack_loss(loss, classes, logits, r->label, weights);
  r->is_right = attack_class(logits, classes) == r->label;
}

static void weigh(void *state, int count, const int *rows, const float *logits, float *weights) {
  ascent_t *c = state;
  const size_t classes = (size_t)c->model->classes;
  for (int i = 0; i < count; i++)
    see(c, rows[i], logits + (size_t)i * classes, weights + (size_t)i * classes);
}

/* Ask the model about the iterates.  After the last step nobody needs the gradient. */
static bd_status_t ask(ascent_t *c, bd_error_t *error) {
  const attack_model_t *model = c->model;
  const attack_images_t images = {c->count, c->numbers, c->iterate};
  const attack_weights_t weights = {weigh, c};
  if (c->done < c->steps)
    return model->gradient(model->state, &images, &weights, NULL, c->gradient, error);
  const bd_status_t status = model->logits(model->state, &images, c->logits, error);
  for (int i = 0; i < c->count && status == BD_OK; i++)
    see(c, i, c->logits + (size_t)i * (size_t)model->classes, NULL);
  return status;
}

/* Keep an image's iterate where it fools the model, and where its loss is the highest so far. */
static void keep(ascent_t *c, int i) {
  ascent_row_t *r = &c->rows[i];
  const size_t at = (size_t)i * c->size, bytes = c->size * sizeof *c->iterate;
  if (!r->is_right) {
    r->is_fooled = true;
    memcpy(c->fooling + at, c->iterate + at, bytes);
  }
  if (!(r->loss > r->kept_loss)) return;
  r->kept_loss = r->loss;
  memcpy(c->kept + at, c->iterate + at, bytes);
  memcpy(c->kept_gradient + at, c->gradient + at, bytes);
}

bd_status_t ascent_start(ascent_t *ascent, int restart, bd_error_t *error) {
  ascent_t *c = ascent;
  const bd_made_attack_t *o = c->task->options;
  c->done = c->since = 0;
  c->interval = share(c, first_interval);
  for (int i = 0; i < c->count; i++) {
    ascent_row_t *r = &c->rows[i];
    const float *clean = clean_of(c, i);
    float *iterate = c->iterate + (size_t)i * c->size;
    attack_direction(o->norm, attack_stream_of(o, c->numbers[i], restart, 0), c->size, c->trial);
    for (size_t j = 0; j < c->size; j++)
      iterate[j] = (float)((double)clean[j] + o->epsilon * c->trial[j]);
    attack_store(o->norm, o->epsilon, c->size, clean, iterate, iterate);
    memcpy(c->before + (size_t)i * c->size, iterate, c->size * sizeof *iterate);
    r->step = o->epsilon * attack_step_size(o);
    r->rises = 0;
    r->is_halved = true;
    r->is_fooled = false;
    r->kept_loss = -INFINITY;
  }
  const bd_status_t status = ask(c, error);
  for (int i = 0; i < c->count && status == BD_OK; i++) {
    keep(c, i);
    c->rows[i].check_loss = c->rows[i].kept_loss;
  }
  return status;
}

static double clamp(double value, double low, double high) {
  return value < low ? low : value > high ? high : value;
}

/* Bring a point into the ball, and then into [0,1]. */
static void project(const ascent_t *c, const float *clean, double *point) {
  const double epsilon = c->task->options->epsilon;
  double sum = 0;
  if (c->task->options->norm == BD_ATTACK_NORM_LINF) {
    for (size_t j = 0; j < c->size; j++) {
      const double middle = clean[j];
      point[j] = clamp(clamp(point[j], middle - epsilon, middle + epsilon), 0, 1);
    }
    return;
  }
  for (size_t j = 0; j < c->size; j++) {
    const double d = point[j] - (double)clean[j];
    sum += d * d;
  }
  const double scale = sum > epsilon * epsilon ? epsilon / sqrt(sum) : 1;
  for (size_t j = 0; j < c->size; j++) {
    const double middle = clean[j];
    point[j] = clamp(middle + scale * (point[j] - middle), 0, 1);
  }
}

/* Set trial to where a step from an image's iterate leads: along the signs of the gradient for
   linf, along the gradient for l2. */
static void ascend(const ascent_t *c, int i) {
  const float *iterate = c->iterate + (size_t)i * c->size;
  const float *gradient = c->gradient + (size_t)i * c->size;
  double length = c->rows[i].step;
  if (c->task->options->norm == BD_ATTACK_NORM_LINF) {
    for (size_t j = 0; j < c->size; j++)
      c->trial[j] = (double)iterate[j] + length * ((gradient[j] > 0) - (gradient[j] < 0));
  } else {
    double sum = 0;
    for (size_t j = 0; j < c->size; j++) sum += (double)gradient[j] * (double)gradient[j];
    if (sum > 0) length /= sqrt(sum);
    for (size_t j = 0; j < c->size; j++)
      c->trial[j] = (double)iterate[j] + length * (double)gradient[j];
  }
  project(c, clean_of(c, i), c->trial);
}

/* Move an image's iterate: by a part of the step, and by a part of the move before it. */
static void move(ascent_t *c, int i) {
  const bd_made_attack_t *o = c->task->options;
  float *iterate = c->iterate + (size_t)i * c->size;
  float *before = c->before + (size_t)i * c->size;
  const double part = c->done > 0 ? weight : 1;
  ascend(c, i);
  for (size_t j = 0; j < c->size; j++) {
    const float now = iterate[j];
    const double last = (double)now - (double)before[j];
    iterate[j] = (float)((double)now + part * (c->trial[j] - (double)now) + (1 - part) * last);
    before[j] = now;
  }
  attack_store(o->norm, o->epsilon, c->size, clean_of(c, i), iterate, iterate);
}

/* At a checkpoint: where too few steps rose, or where nothing better was found with a step that was
   not halved, halve it and go back to the best point. */
static void check(ascent_t *c, int i) {
  ascent_row_t *r = &c->rows[i];
  const size_t at = (size_t)i * c->size, bytes = c->size * sizeof *c->iterate;
  const bool is_stuck = !r->is_halved && r->check_loss >= r->kept_loss;
  r->is_halved = r->rises <= rho * c->interval || is_stuck;
  r->check_loss = r->kept_loss;
  r->rises = 0;
  if (!r->is_halved) return;
  r->step /= 2;
  memcpy(c->iterate + at, c->kept + at, bytes);
  memcpy(c->gradient + at, c->kept_gradient + at, bytes);
}

bd_status_t ascent_step(ascent_t *ascent, bd_error_t *error) {
  ascent_t *c = ascent;
  for (int i = 0; i < c->count; i++) {
    move(c, i);
    c->rows[i].loss_before = c->rows[i].loss;
  }
  c->done++;
  c->since++;
  const bd_status_t status = ask(c, error);
  for (int i = 0; i < c->count && status == BD_OK; i++) {
    c->rows[i].rises += c->rows[i].loss > c->rows[i].loss_before;
    keep(c, i);
    if (c->since == c->interval) check(c, i);
  }
  if (c->since < c->interval) return status;
  const int next = c->interval - share(c, shorter), least = share(c, last_interval);
  c->interval = next > least ? next : least;
  c->since = 0;
  return status;
}
