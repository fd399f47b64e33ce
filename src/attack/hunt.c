#include "attack/hunt.h"
#include "attack/ball.h"
#include "attack/losses.h"
#include "attack/outcome.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double first_share = 0.8; /* p_init, of an image's pixels */
static const int halvings[] = {10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000};

static void find_bounds(hunt_t *h, int i);

bd_status_t hunt_create(const attack_model_t *model, const attack_task_t *task, int count,
                        const int *which, hunt_t *hunt, bd_error_t *error) {
  hunt_t *h = hunt;
  const size_t size = attack_size(model), all = (size_t)count * size;
  *h = (hunt_t){.model = model, .task = task, .count = count, .size = size};
  h->rows = calloc((size_t)count, sizeof *h->rows);
  h->row = malloc((size_t)count * sizeof *h->row);
  h->numbers = malloc((size_t)count * sizeof *h->numbers);
  h->best = malloc(4 * all * sizeof *h->best);
  h->logits = malloc((size_t)count * (size_t)model->classes * sizeof *h->logits);
  h->delta = malloc(size * sizeof *h->delta);
  h->random = malloc((size + 2) * sizeof *h->random);
  const bd_status_t status = hills_create(model, task->options->epsilon, &h->hills, error);
  if (!h->rows || !h->row || !h->numbers || !h->best || !h->logits || !h->delta || !h->random)
    return attack_no_memory(count, error);
  h->low = h->best + all;
  h->high = h->low + all;
  h->tried = h->high + all;
  for (int i = 0; i < count; i++) {
    h->rows[i].image = which[i];
    h->rows[i].label = task->labels[which[i]];
    find_bounds(h, i);
  }
  return status;
}

void hunt_free(hunt_t *hunt) {
  free(hunt->rows);
  free(hunt->row);
  free(hunt->numbers);
  free(hunt->best);
  free(hunt->logits);
  free(hunt->delta);
  free(hunt->random);
  hills_free(&hunt->hills);
}

static const float *clean_of(const hunt_t *h, int i) {
  return h->task->images + (size_t)h->rows[i].image * h->size;
}

/* The values that an image may have, for linf: as far as float32 goes inside the ball. */
static void find_bounds(hunt_t *h, int i) {
  const double epsilon = h->task->options->epsilon;
  const float *clean = clean_of(h, i);
  float *low = h->low + (size_t)i * h->size, *high = h->high + (size_t)i * h->size;
  for (size_t j = 0; j < h->size; j++) {
    low[j] = (float)((double)clean[j] - epsilon);
    high[j] = (float)((double)clean[j] + epsilon);
  }
  attack_store(BD_ATTACK_NORM_LINF, epsilon, h->size, clean, low, low);
  attack_store(BD_ATTACK_NORM_LINF, epsilon, h->size, clean, high, high);
}

/* Side of the squares by their share of the pixels, which shrinks with the changes tried.  For l2
   it is odd and at least 3. */
static int find_side(const hunt_t *h) {
  const int height = h->model->height, width = h->model->width;
  const int most = height < width ? height : width;
  double share = first_share;
  for (size_t i = 0; i < sizeof halvings / sizeof *halvings; i++)
    if (h->done > halvings[i]) share /= 2;
  int side = (int)lrint(sqrt(share * height * width));
  if (h->task->options->norm == BD_ATTACK_NORM_L2) side = (side < 3 ? 3 : side) | 1;
  if (side < 1) side = 1;
  return side < most ? side : most;
}

/* Set a point to a clean image with a perturbation of l2. */
static void perturb(const hunt_t *h, int i, float *point) {
  const bd_made_attack_t *o = h->task->options;
  const float *clean = clean_of(h, i);
  for (size_t j = 0; j < h->size; j++) point[j] = (float)((double)clean[j] + h->delta[j]);
  attack_store(o->norm, o->epsilon, h->size, clean, point, point);
}

/* The first point of an image.  For linf each column of a channel goes up or down as a whole. */
static void begin(hunt_t *h, int i, attack_stream_t stream, float *point) {
  if (h->task->options->norm == BD_ATTACK_NORM_L2) {
    hills_start(&h->hills, stream, h->delta);
    perturb(h, i, point);
    return;
  }
  const float *low = h->low + (size_t)i * h->size, *high = h->high + (size_t)i * h->size;
  const size_t width = (size_t)h->model->width, plane = width * (size_t)h->model->height;
  attack_uniform(stream, 0, (size_t)h->model->channels * width, h->random);
  for (size_t j = 0; j < h->size; j++)
    point[j] = h->random[j / plane * width + j % width] < 0.5 ? low[j] : high[j];
}

/* Set a square of each channel to the clean image minus or plus epsilon. */
static void paint(hunt_t *h, int i, int side, attack_stream_t stream, float *point) {
  const float *low = h->low + (size_t)i * h->size, *high = h->high + (size_t)i * h->size;
  const int channels = h->model->channels, height = h->model->height, width = h->model->width;
  attack_uniform(stream, 0, (size_t)channels + 2, h->random);
  const int top = (int)(h->random[0] * (height - side + 1));
  const int left = (int)(h->random[1] * (width - side + 1));
  for (int c = 0; c < channels; c++) {
    const float *from = h->random[2 + c] < 0.5 ? low : high;
    for (int y = top; y < top + side; y++) {
      const size_t at = ((size_t)c * (size_t)height + (size_t)y) * (size_t)width + (size_t)left;
      memcpy(point + at, from + at, (size_t)side * sizeof *point);
    }
  }
}

/* A changed copy of an image's best point. */
static void change(hunt_t *h, int i, int side, attack_stream_t stream, float *point) {
  const float *best = h->best + (size_t)i * h->size, *clean = clean_of(h, i);
  memcpy(point, best, h->size * sizeof *point);
  if (h->task->options->norm == BD_ATTACK_NORM_LINF) {
    paint(h, i, side, stream, point);
    return;
  }
  for (size_t j = 0; j < h->size; j++) h->delta[j] = (double)best[j] - (double)clean[j];
  hills_change(&h->hills, side, stream, h->delta);
  perturb(h, i, point);
}

/* Ask about the points that were tried, keep those that are better, and count what is left. */
static bd_status_t judge(hunt_t *h, bd_error_t *error) {
  const attack_images_t images = {h->left, h->numbers, h->tried};
  const int classes = h->model->classes, asked = h->left;
  const bd_status_t status = h->model->logits(h->model->state, &images, h->logits, error);
  if (status) return status;
  h->left = 0;
  for (int k = 0; k < asked; k++) {
    const int i = h->row[k];
    hunt_row_t *r = &h->rows[i];
    const float *logits = h->logits + (size_t)k * (size_t)classes;
    const double margin = -attack_loss(BD_ATTACK_LOSS_MARGIN, classes, logits, r->label, NULL);
    const bool is_right = attack_class(logits, classes) == r->label;
    if (margin < r->margin || !is_right) {
      r->margin = margin;
      r->is_right = is_right;
      memcpy(h->best + (size_t)i * h->size, h->tried + (size_t)k * h->size,
             h->size * sizeof *h->best);
    }
    h->numbers[h->left] = h->numbers[k];
    h->row[h->left] = i;
    h->left += r->is_right;
  }
  return BD_OK;
}

bd_status_t hunt_start(hunt_t *hunt, int restart, bd_error_t *error) {
  hunt_t *h = hunt;
  h->restart = restart;
  h->done = 0;
  h->left = h->count;
  for (int i = 0; i < h->count; i++) {
    h->rows[i].margin = INFINITY;
    h->rows[i].is_right = true;
    h->row[i] = i;
    h->numbers[i] = h->task->numbers[h->rows[i].image];
    begin(h, i, attack_stream_of(h->task->options, h->numbers[i], restart, 0),
          h->tried + (size_t)i * h->size);
  }
  return judge(h, error);
}

bd_status_t hunt_step(hunt_t *hunt, bd_error_t *error) {
  hunt_t *h = hunt;
  const int side = find_side(h);
  h->done++;
  for (int k = 0; k < h->left; k++)
    change(h, h->row[k], side,
           attack_stream_of(h->task->options, h->numbers[k], h->restart, h->done),
           h->tried + (size_t)k * h->size);
  return judge(h, error);
}
