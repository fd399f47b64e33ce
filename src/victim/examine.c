/* Is a classifier a function of one image?  It is asked about the same images in several ways. */
#include "victim/inside.h"

#include <barydef/victim.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Logits of the same image at another row, or in another batch, differ by rounding: by this part of
   the largest logit at most. */
#define ROUNDING 1e-3

/* Fewer clean images say nothing of chance. */
enum { CHANCE_IMAGES = 20 };

/* An examination under way.  A batch has trial image (row + shift) mod count at a row. */
typedef struct examination {
  bd_victim_t *victim;
  const bd_victim_trial_t *trial;
  size_t size; /* values of an image */
  int rows, classes;
  float *logits; /* [rows][classes], of the first batch */
  float *others; /* [rows][classes] */
  char *notes;
  size_t room;
} examination_t;

/* ---- asking ------------------------------------------------------------------------ */

static void put(const examination_t *e, int row, int image) {
  memcpy(e->victim->images + (size_t)row * e->size,
         e->trial->images + (size_t)(image % e->trial->count) * e->size, e->size * sizeof(float));
}

static bd_status_t ask(examination_t *e, float *logits, bd_error_t *error) {
  e->victim->answer.logits = logits;
  const int failed = victim_classify(e->victim, &e->victim->batch);
  e->victim->answer.logits = NULL;
  return failed ? bd_fail(error, BD_BAD_INPUT, "%s: fails on images of the set: %s",
                          e->victim->path, e->victim->answer.why)
                : BD_OK;
}

/* ---- comparing --------------------------------------------------------------------- */

/* NaN is itself here. */
static int is_same(size_t count, const float *a, const float *b) {
  for (size_t j = 0; j < count; j++)
    if (a[j] != b[j] && !(isnan(a[j]) && isnan(b[j]))) return 0;
  return 1;
}

static int is_near(size_t count, const float *a, const float *b) {
  float most = 0;
  for (size_t j = 0; j < count; j++)
    if (isfinite(a[j])) most = fmaxf(most, fabsf(a[j]));
  for (size_t j = 0; j < count; j++)
    if (!(fabsf(a[j] - b[j]) <= (float)ROUNDING * most) && !is_same(1, a + j, b + j)) return 0;
  return 1;
}

static const float *row_of(const examination_t *e, const float *logits, int row) {
  return logits + (size_t)row * (size_t)e->classes;
}

/* ---- what it must be --------------------------------------------------------------- */

static void note(examination_t *e, const char *text) {
  const size_t used = strlen(e->notes);
  if (used + 1 < e->room)
    snprintf(e->notes + used, e->room - used, "%s%s: %s", used ? "\n" : "", e->victim->path, text);
}

/* Refuse the victim, or say why it would be refused. */
static bd_status_t refuse(examination_t *e, const char *why, bd_error_t *error) {
  if (e->trial->check == BD_VICTIM_CHECK_WARN) {
    note(e, why);
    return BD_OK;
  }
  return bd_fail(error, BD_BAD_INPUT, "%s: %s (victim.check = warn goes on all the same)",
                 e->victim->path, why);
}

static bd_status_t check_finite(examination_t *e, bd_error_t *error) {
  for (int row = 0; row < e->rows; row++) {
    float most = -INFINITY;
    int has_nan = 0;
    for (int c = 0; c < e->classes; c++) {
      const float logit = row_of(e, e->logits, row)[c];
      has_nan |= isnan(logit);
      most = fmaxf(most, logit);
    }
    if (!has_nan && isfinite(most)) return BD_OK;
  }
  return refuse(e,
                "gives NaN or infinite logits for every image of the set that was tried: look for "
                "a broken weight, or for a division by zero",
                error);
}

static bd_status_t check_repeated(examination_t *e, bd_error_t *error) {
  bd_status_t status = ask(e, e->others, error);
  if (status != BD_OK || is_same((size_t)e->rows * (size_t)e->classes, e->logits, e->others))
    return status;
  return refuse(e,
                "gives other logits for the same images a second time, so it is random, as dropout "
                "in train mode is: call model.eval() before it is traced or scripted",
                error);
}

#define OF_A_BATCH                                                                                 \
  "as batch normalisation does in train mode or without running statistics: call model.eval() "    \
  "before it is traced or scripted, and keep track_running_stats"

/* Every second row has its image again, the others have another. */
static bd_status_t check_neighbours(examination_t *e, bd_error_t *error) {
  for (int row = 0; row < e->rows; row++) put(e, row, row + row % 2);
  bd_status_t status = e->rows > 1 && e->trial->count > 1 ? ask(e, e->others, error) : BD_OK;
  if (e->rows < 2 || e->trial->count < 2) return status;
  for (int row = 0; status == BD_OK && row < e->rows; row += 2)
    if (!is_same((size_t)e->classes, row_of(e, e->logits, row), row_of(e, e->others, row)))
      return refuse(e, "gives other logits for an image among other images, " OF_A_BATCH, error);
  return status;
}

/* Every image moves up by one row. */
static bd_status_t check_rows(examination_t *e, bd_error_t *error) {
  if (e->rows < 2 || e->trial->count < 2) return BD_OK;
  for (int row = 0; row < e->rows; row++) put(e, row, row + 1);
  bd_status_t status = ask(e, e->others, error);
  for (int row = 1; status == BD_OK && row < e->rows; row++)
    if (!is_near((size_t)e->classes, row_of(e, e->logits, row), row_of(e, e->others, row - 1)))
      return refuse(e,
                    "gives other logits for an image at another row of a batch: it must treat all "
                    "rows alike",
                    error);
  return status;
}

/* A victim that takes batches of one size alone is never asked about an image alone. */
static bd_status_t check_alone(examination_t *e, bd_error_t *error) {
  bd_plugin_images_t one = e->victim->batch;
  const int classes = e->classes;
  one.count = 1;
  put(e, 0, 0);
  e->victim->answer.logits = e->others;
  const int failed = victim_classify(e->victim, &one);
  e->victim->answer.logits = NULL;
  e->victim->answer.class_count = classes;
  if (e->rows < 2 || failed || is_near((size_t)classes, e->logits, e->others)) return BD_OK;
  return refuse(e, "gives other logits for an image alone than in a batch, " OF_A_BATCH, error);
}

/* ---- what is odd ------------------------------------------------------------------- */

/* Are all rows probabilities, or logarithms of them? */
static void look_for_softmax(examination_t *e) {
  int is_probable = 1, is_logarithm = 1;
  for (int row = 0; row < e->rows; row++) {
    double sum = 0, sum_exp = 0;
    for (int c = 0; c < e->classes; c++) {
      const double logit = row_of(e, e->logits, row)[c];
      is_probable &= logit >= 0;
      is_logarithm &= logit <= 1e-6;
      sum += logit;
      sum_exp += exp(logit);
    }
    is_probable &= fabs(sum - 1) < 1e-3;
    is_logarithm &= fabs(sum_exp - 1) < 1e-3;
  }
  if (is_probable)
    note(e, "gives probabilities, as after a softmax: predictions are the same, but attacks by "
            "gradients need logits, so leave the softmax out");
  if (is_logarithm)
    note(e, "gives logarithms of probabilities, as after a log_softmax: predictions and the loss "
            "ce are the same; logits are what the other losses expect");
}

static bd_status_t look_for_chance(examination_t *e, bd_error_t *error) {
  const int count = e->trial->count;
  char text[300];
  int right = 0;
  if (!e->trial->labels || count < CHANCE_IMAGES) return BD_OK;
  int32_t *classes = malloc((size_t)count * sizeof *classes);
  if (!classes) return bd_fail(error, BD_FAILED, "%s: no memory", e->victim->path);
  bd_status_t status = bd_victim_predict(e->victim, 0, count, e->trial->images, classes, error);
  for (int i = 0; status == BD_OK && i < count; i++) right += classes[i] == e->trial->labels[i];
  free(classes);
  /* Guessing is right so often, but for one time in forty. */
  const double part = 1. / e->classes, most = count * part + 1.96 * sqrt(count * part * (1 - part));
  if (status != BD_OK || right > most) return status;
  snprintf(text, sizeof text,
           "is right for %d of %d clean images, which is chance for %d classes: are images scaled "
           "and labels numbered as in its training?",
           right, count, e->classes);
  note(e, text);
  return BD_OK;
}

/* ---- the whole --------------------------------------------------------------------- */

static bd_status_t examine(examination_t *e, bd_error_t *error) {
  static bd_status_t (*const checks[])(examination_t *, bd_error_t *) = {
      check_finite, check_repeated, check_neighbours, check_rows, check_alone};
  if (*e->victim->said) note(e, e->victim->said);
  for (int row = 0; row < e->rows; row++) put(e, row, row);
  bd_status_t status = ask(e, e->logits, error);
  const size_t before = strlen(e->notes);
  /* One reason is enough. */
  for (size_t i = 0; status == BD_OK && i < sizeof checks / sizeof *checks; i++) {
    status = checks[i](e, error);
    if (strlen(e->notes) != before) return status;
  }
  if (status != BD_OK) return status;
  look_for_softmax(e);
  return look_for_chance(e, error);
}

bd_status_t bd_victim_examine(bd_victim_t *victim, const bd_victim_trial_t *trial, char *notes,
                              size_t room, bd_error_t *error) {
  const bd_plugin_images_t *batch = &victim->batch;
  examination_t e = {.victim = victim,
                     .trial = trial,
                     .size = (size_t)batch->channels * (size_t)batch->height * (size_t)batch->width,
                     .rows = batch->count,
                     .classes = victim->answer.class_count,
                     .notes = notes,
                     .room = room};
  const size_t logits = (size_t)e.rows * (size_t)e.classes;
  if (trial->count < 1) return BD_OK;
  e.logits = malloc(logits * sizeof *e.logits);
  e.others = malloc(logits * sizeof *e.others);
  bd_status_t status = e.logits && e.others
                           ? examine(&e, error)
                           : bd_fail(error, BD_FAILED, "%s: no memory to examine it", victim->path);
  free(e.logits);
  free(e.others);
  return status;
}
