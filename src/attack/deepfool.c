#include "attack/deepfool.h"
#include "attack/outcome.h"
#include "attack/pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double overshoot = 0.02;
/* Foolbox's, which keep quotients finite and lead across the border. */
static const double smallest = 1e-8, further = 1e-4;

/* What is known of an image in a step, by slot. */
typedef struct border {
  double distance; /* of the nearest border so far */
  double length;   /* the norm of its gradient that the distance was divided by */
} border_t;

typedef struct deepfool {
  pack_t pack;
  int candidate;     /* rank of the class whose border is looked at */
  border_t *nearest; /* by slot */
  float *way;        /* [slot][size], gradient of the nearest border */
  double *total;     /* [task->count][size], the perturbation */
} deepfool_t;

static bd_status_t create(deepfool_t *d, bd_error_t *error) {
  const size_t count = (size_t)d->pack.task->count, all = count * d->pack.size;
  d->nearest = calloc(count, sizeof *d->nearest);
  d->way = malloc(all * sizeof *d->way);
  d->total = calloc(all, sizeof *d->total);
  return d->nearest && d->way && d->total ? BD_OK : attack_no_memory((int)count, error);
}

static void destroy(deepfool_t *d) {
  free(d->nearest);
  free(d->way);
  free(d->total);
  pack_free(&d->pack);
}

static int candidate_of(const deepfool_t *d, int slot) {
  const int classes = d->pack.model->classes;
  return attack_ranked_class(d->pack.clean_logits + (size_t)d->pack.which[slot] * (size_t)classes,
                             classes, d->candidate);
}

static void weigh(void *state, int count, const int *rows, const float *logits, float *weights) {
  const deepfool_t *d = state;
  const size_t classes = (size_t)d->pack.model->classes;
  (void)logits;
  memset(weights, 0, (size_t)count * classes * sizeof *weights);
  for (int i = 0; i < count; i++) {
    weights[(size_t)i * classes + (size_t)candidate_of(d, rows[i])] = 1;
    weights[(size_t)i * classes + (size_t)pack_label(&d->pack, rows[i])] = -1;
  }
}

/* The norm that is dual to the one in which the perturbation is measured. */
static double dual_norm(int norm, size_t size, const float *gradient) {
  double sum = 0;
  for (size_t j = 0; j < size; j++)
    sum += norm == BD_ATTACK_NORM_LINF ? fabs((double)gradient[j])
                                       : (double)gradient[j] * (double)gradient[j];
  return norm == BD_ATTACK_NORM_LINF ? sum : sqrt(sum);
}

/* See whether the candidate's border is the nearest so far. */
static void compare(deepfool_t *d, int slot) {
  const size_t size = d->pack.size;
  const float *gradient = d->pack.gradient + (size_t)slot * size,
              *logits = pack_logits(&d->pack, slot);
  const double length = dual_norm(d->pack.task->options->norm, size, gradient) + smallest;
  const double loss = (double)(logits[candidate_of(d, slot)] - logits[pack_label(&d->pack, slot)]);
  if (d->candidate > 1 && !(fabs(loss) / length < d->nearest[slot].distance)) return;
  d->nearest[slot] = (border_t){fabs(loss) / length, length};
  memcpy(d->way + (size_t)slot * size, gradient, size * sizeof *gradient);
}

/* Add the way to the nearest border. */
static void move(deepfool_t *d, int slot) {
  const size_t size = d->pack.size;
  const int norm = d->pack.task->options->norm;
  const border_t nearest = d->nearest[slot];
  const double distance = nearest.distance + further;
  const float *clean = pack_clean(&d->pack, slot), *way = d->way + (size_t)slot * size;
  float *image = d->pack.pixels + (size_t)slot * size;
  double *total = d->total + (size_t)d->pack.which[slot] * size;
  for (size_t j = 0; j < size; j++) {
    total[j] += norm == BD_ATTACK_NORM_LINF ? distance * ((way[j] > 0) - (way[j] < 0))
                                            : distance / nearest.length * (double)way[j];
    image[j] = (float)fmin(fmax((double)clean[j] + (1 + overshoot) * total[j], 0), 1);
  }
}

/* The first candidate's pass also says who is misclassified. */
static bd_status_t step(deepfool_t *d, bd_error_t *error) {
  const int classes = d->pack.model->classes,
            candidates = classes < deepfool_candidates ? classes : deepfool_candidates;
  bd_status_t status = BD_OK;
  for (d->candidate = 1; d->candidate < candidates && status == BD_OK; d->candidate++) {
    status = pack_gradient(&d->pack, (attack_weights_t){weigh, d}, error);
    if (status == BD_OK && d->candidate == 1) pack_drop_fooled(&d->pack);
    if (d->pack.count == 0) return status;
    for (int slot = 0; slot < d->pack.count && status == BD_OK; slot++) compare(d, slot);
  }
  for (int slot = 0; slot < d->pack.count && status == BD_OK; slot++) move(d, slot);
  return status;
}

bd_status_t attack_deepfool(const attack_model_t *model, const attack_task_t *task,
                            attack_outcome_t *outcome, bd_error_t *error) {
  const int steps = attack_steps(task->options);
  deepfool_t d = {.candidate = 0};
  bd_status_t status = pack_begin(model, task, outcome, &d.pack, error);
  if (status == BD_OK) status = create(&d, error);
  for (int s = 0; s < steps && d.pack.count > 0 && status == BD_OK; s++) status = step(&d, error);
  for (int slot = 0; slot < d.pack.count && status == BD_OK; slot++) pack_store(&d.pack, slot);
  if (status == BD_OK) status = pack_judge(&d.pack, error);
  destroy(&d);
  return status;
}
