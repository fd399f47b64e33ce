/* Logits and gradients of images that are asked for by their numbers. */
#include "victim/inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A request under way, and the batch in hand. */
typedef struct asking {
  bd_victim_t *victim;
  const bd_victim_request_t *request;
  size_t size;     /* values of an image */
  int classes;     /* logits of an image */
  char *is_done;   /* [request->count] */
  int *image_of;   /* [batch], the image of the request at each row, or -1 */
  int *which;      /* [batch], the images that are in the batch */
  float *logits;   /* [batch][classes] */
  float *weights;  /* [batch][classes], without gaps */
  float *packed;   /* [batch][classes], the logits without gaps */
  float *gradient; /* [batch][size] */
} asking_t;

static void end(asking_t *a) {
  free(a->is_done);
  free(a->image_of);
  free(a->which);
  free(a->logits);
  free(a->weights);
  free(a->packed);
  free(a->gradient);
}

static bd_status_t begin(bd_victim_t *victim, const bd_victim_request_t *request, asking_t *a,
                         bd_error_t *error) {
  const bd_plugin_images_t *batch = &victim->batch;
  const size_t rows = (size_t)batch->count;
  *a = (asking_t){.victim = victim, .request = request, .classes = victim->answer.class_count};
  const size_t logits = rows * (size_t)a->classes;
  a->size = (size_t)batch->channels * (size_t)batch->height * (size_t)batch->width;
  a->is_done = calloc((size_t)request->count, 1);
  a->image_of = malloc(rows * sizeof *a->image_of);
  a->which = malloc(rows * sizeof *a->which);
  a->logits = malloc(logits * sizeof *a->logits);
  a->weights = malloc(logits * sizeof *a->weights);
  a->packed = malloc(logits * sizeof *a->packed);
  a->gradient = malloc(rows * a->size * sizeof *a->gradient);
  if (a->is_done && a->image_of && a->which && a->logits && a->weights && a->packed && a->gradient)
    return BD_OK;
  return bd_fail(error, BD_FAILED, "no memory for the gradient of %d images", batch->count);
}

/* Put an image that is not done at each row that has one.  Rows without one get a copy of an image
   that is there, since a classifier may look for impossible input.  Returns how many images there
   are. */
static int fill_rows(asking_t *a) {
  const int rows = a->victim->batch.count;
  int filled = 0, first = -1;
  for (int row = 0; row < rows; row++) a->image_of[row] = -1;
  for (int i = 0; i < a->request->count && filled < rows; i++) {
    const int row = (int)(a->request->numbers[i] % rows);
    if (a->is_done[i] || a->image_of[row] >= 0) continue;
    a->image_of[row] = i;
    a->is_done[i] = 1;
    if (first < 0) first = i;
    filled++;
  }
  for (int row = 0; first >= 0 && row < rows; row++)
    memcpy(a->victim->images + (size_t)row * a->size,
           a->request->images + (size_t)(a->image_of[row] < 0 ? first : a->image_of[row]) * a->size,
           a->size * sizeof(float));
  return filled;
}

static int has_nan(size_t count, const float *values) {
  for (size_t j = 0; j < count; j++)
    if (isnan(values[j])) return 1;
  return 0;
}

/* What an image gets whose own logits have NaN.  They differ from each other, since losses divide
   by differences. */
static void stand_in(size_t classes, float *logits) {
  for (size_t c = 0; c < classes; c++) logits[c] = -(float)c;
}

/* Called by the module between the forward and the backward pass.  Rows that only fill the batch
   have no weight. */
static void weigh(void *context, const float *logits, float *weights) {
  asking_t *a = context;
  const size_t classes = (size_t)a->classes;
  int count = 0;
  for (int row = 0; row < a->victim->batch.count; row++) {
    if (a->image_of[row] < 0) continue;
    float *packed = a->packed + (size_t)count * classes;
    memcpy(packed, logits + (size_t)row * classes, classes * sizeof *logits);
    if (has_nan(classes, packed)) stand_in(classes, packed);
    a->which[count++] = a->image_of[row];
  }
  a->request->weigh(a->request->context, count, a->which, a->packed, a->weights);
  memset(weights, 0, (size_t)a->victim->batch.count * classes * sizeof *weights);
  for (int row = 0, at = 0; row < a->victim->batch.count; row++)
    if (a->image_of[row] >= 0)
      memcpy(weights + (size_t)row * classes, a->weights + (size_t)at++ * classes,
             classes * sizeof *weights);
}

/* Hand out what the module has found for the images of the batch. */
static bd_status_t take(const asking_t *a, bd_error_t *error) {
  const bd_victim_request_t *request = a->request;
  const size_t classes = (size_t)a->classes;
  for (int row = 0; row < a->victim->batch.count; row++) {
    const int i = a->image_of[row];
    float *logits = a->logits + (size_t)row * classes,
          *gradient = a->gradient + (size_t)row * a->size;
    if (i < 0) continue;
    if (has_nan(classes, logits) || (request->weigh && has_nan(a->size, gradient))) {
      if (!request->failed)
        return bd_fail(error, BD_FAILED, "%s: gives NaN for image %lld", a->victim->path,
                       (long long)request->numbers[i]);
      stand_in(classes, logits);
      memset(gradient, 0, a->size * sizeof *gradient);
      request->failed[i] = 1;
    }
    if (request->logits)
      memcpy(request->logits + (size_t)i * classes, logits, classes * sizeof *logits);
    if (request->weigh)
      memcpy(request->gradients + (size_t)i * a->size, gradient, a->size * sizeof *gradient);
  }
  return BD_OK;
}

bd_status_t bd_victim_ask(bd_victim_t *victim, const bd_victim_request_t *request,
                          bd_error_t *error) {
  asking_t a;
  bd_status_t status = begin(victim, request, &a, error);
  while (status == BD_OK && fill_rows(&a)) {
    bd_plugin_gradient_t asked = {.weigh = request->weigh ? weigh : NULL,
                                  .context = &a,
                                  .logits = a.logits,
                                  .gradient = a.gradient,
                                  .class_count = a.classes};
    if (victim_differentiate(victim, &asked))
      status =
          bd_fail(error, BD_FAILED, "%s: fails to give a gradient: %s", victim->path, asked.why);
    else status = take(&a, error);
  }
  end(&a);
  return status;
}
