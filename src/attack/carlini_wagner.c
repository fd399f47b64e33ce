#include "attack/carlini_wagner.h"
#include "attack/adam.h"
#include "attack/ball.h"
#include "attack/losses.h"
#include "attack/outcome.h"
#include "attack/pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float almost = 0.999999f; /* keeps atanh finite where a pixel is 0 or 1 */
static const double progress = 0.9999; /* of the loss, from check to check */
enum { checks = 10, growth = 10, arrays = 6 };

/* Where the search for one image stands. */
typedef struct search {
  int round;             /* of the binary search */
  int step;              /* of Adam */
  bool is_found;         /* this constant led to an adversarial image */
  double constant;       /* c */
  double lower, upper;   /* constants that failed and that succeeded */
  double height;         /* logit of the label less the largest other */
  double sum;            /* of the losses since the last check */
  double last_sum;       /* of those between the last check and the one before */
  double nearest_so_far; /* distance of the nearest adversarial image */
} search_t;

/* Images are [task->count][size]. */
typedef struct wagner {
  pack_t pack;
  int steps;
  double step_size;
  search_t *searches; /* [task->count] */
  float *start;       /* atanh of the clean image */
  float *reached;     /* what the start stands for: the clean image, but for rounding */
  float *change;      /* of the start: what Adam moves */
  float *mean, *square;
  float *nearest;
} wagner_t;

/* The pixels that w stands for. */
static void to_pixels(size_t size, const float *start, const float *change, float *pixels) {
  for (size_t j = 0; j < size; j++) pixels[j] = tanhf(start[j] + change[j]) * 0.5f + 0.5f;
}

static void begin_round(wagner_t *w, int image) {
  const size_t size = w->pack.size, at = (size_t)image * size, bytes = size * sizeof(float);
  search_t *s = &w->searches[image];
  s->step = 0;
  s->is_found = false;
  s->sum = 0;
  s->last_sum = INFINITY;
  memset(w->change + at, 0, bytes);
  memset(w->mean + at, 0, bytes);
  memset(w->square + at, 0, bytes);
}

static bd_status_t create(wagner_t *w, bd_error_t *error) {
  const size_t count = (size_t)w->pack.task->count, size = w->pack.size, all = count * size;
  w->searches = calloc(count, sizeof *w->searches);
  w->start = malloc(arrays * all * sizeof *w->start);
  if (!w->searches || !w->start) return attack_no_memory((int)count, error);
  w->reached = w->start + all;
  w->change = w->reached + all;
  w->mean = w->change + all;
  w->square = w->mean + all;
  w->nearest = w->square + all;
  for (int slot = 0; slot < w->pack.count; slot++) {
    const int image = w->pack.which[slot];
    const float *clean = pack_clean(&w->pack, slot);
    float *start = w->start + (size_t)image * size;
    for (size_t j = 0; j < size; j++) start[j] = atanhf((clean[j] - 0.5f) / 0.5f * almost);
    begin_round(w, image);
    to_pixels(size, start, w->change + (size_t)image * size, w->reached + (size_t)image * size);
    w->searches[image].constant = carlini_wagner_first_constant;
    w->searches[image].upper = w->searches[image].nearest_so_far = INFINITY;
  }
  return BD_OK;
}

static void destroy(wagner_t *w) {
  free(w->searches);
  free(w->start);
  pack_free(&w->pack);
}

static void weigh(void *state, int count, const int *rows, const float *logits, float *weights) {
  wagner_t *w = state;
  const size_t classes = (size_t)w->pack.model->classes;
  for (int i = 0; i < count; i++) {
    search_t *s = &w->searches[w->pack.which[rows[i]]];
    float *of_image = weights + (size_t)i * classes;
    s->height = -attack_loss(BD_ATTACK_LOSS_MARGIN, (int)classes, logits + (size_t)i * classes,
                             pack_label(&w->pack, rows[i]), of_image);
    for (size_t c = 0; c < classes; c++) of_image[c] *= s->height > 0 ? -(float)s->constant : 0;
  }
}

/* Make a step of Adam on the image of a slot.  Returns the loss before it. */
static double descend(wagner_t *w, int slot) {
  const size_t size = w->pack.size, at = (size_t)w->pack.which[slot] * size;
  const search_t *s = &w->searches[w->pack.which[slot]];
  const float *pixels = w->pack.pixels + (size_t)slot * size, *reached = w->reached + at;
  float *gradient = w->pack.gradient + (size_t)slot * size;
  double square = 0;
  for (size_t j = 0; j < size; j++) {
    const float moved = pixels[j] - reached[j], tanh_w = 2 * pixels[j] - 1;
    square += (double)moved * (double)moved;
    gradient[j] = (gradient[j] + 2 * moved) * 0.5f * (1 - tanh_w * tanh_w);
  }
  const adam_t adam = {size, w->step_size, w->mean + at, w->square + at};
  adam_step(&adam, s->step + 1, gradient, w->change + at);
  return square + s->constant * fmax(s->height, 0);
}

/* Keep the pixels of a slot, which are adversarial, if they are the nearest so far. */
static void keep(wagner_t *w, int slot) {
  const size_t size = w->pack.size, at = (size_t)w->pack.which[slot] * size;
  const float *pixels = w->pack.pixels + (size_t)slot * size;
  search_t *s = &w->searches[w->pack.which[slot]];
  const double distance =
      attack_distance(BD_ATTACK_NORM_L2, size, pixels, pack_clean(&w->pack, slot));
  s->is_found = true;
  if (!(distance < s->nearest_so_far)) return;
  s->nearest_so_far = distance;
  memcpy(w->nearest + at, pixels, size * sizeof *pixels);
}

/* Go on to the next constant.  Returns whether there is one. */
static bool next_round(wagner_t *w, int image) {
  search_t *s = &w->searches[image];
  if (s->is_found) s->upper = s->constant;
  else s->lower = s->constant;
  s->constant = isinf(s->upper) ? s->constant * growth : (s->lower + s->upper) / 2;
  begin_round(w, image);
  return ++s->round < carlini_wagner_searches;
}

/* After a tenth of the steps: has the loss fallen from the tenth before? */
static bool makes_progress(search_t *s) {
  const bool is_lower = s->sum <= progress * s->last_sum;
  s->last_sum = s->sum;
  s->sum = 0;
  return is_lower;
}

/* Go on with the image of a slot.  Returns whether it is still under attack. */
static bool advance(wagner_t *w, int slot) {
  const int image = w->pack.which[slot], interval = (w->steps + checks - 1) / checks;
  search_t *s = &w->searches[image];
  s->sum += descend(w, slot);
  if (!pack_is_right(&w->pack, slot)) keep(w, slot);
  s->step++;
  if (s->step % interval == 0 && !makes_progress(s)) return next_round(w, image);
  return s->step < w->steps || next_round(w, image);
}

/* Images do not wait for each other: each goes on to its next constant when it is ready. */
static bd_status_t search(wagner_t *w, bd_error_t *error) {
  const size_t size = w->pack.size;
  bd_status_t status = BD_OK;
  while (w->pack.count > 0 && status == BD_OK) {
    for (int slot = 0; slot < w->pack.count; slot++) {
      const size_t at = (size_t)w->pack.which[slot] * size;
      to_pixels(size, w->start + at, w->change + at, w->pack.pixels + (size_t)slot * size);
    }
    status = pack_gradient(&w->pack, (attack_weights_t){weigh, w}, error);
    if (status != BD_OK) break;
    for (int slot = 0; slot < w->pack.count; slot++) w->pack.stays[slot] = advance(w, slot);
    pack_drop(&w->pack);
  }
  return status;
}

/* Put what was found into the outcome, and have it judged. */
static bd_status_t finish(wagner_t *w, bd_error_t *error) {
  const attack_task_t *task = w->pack.task;
  for (int i = 0; i < w->pack.begun; i++) {
    const int image = w->pack.all[i];
    const size_t at = (size_t)image * w->pack.size;
    if (isinf(w->searches[image].nearest_so_far)) continue;
    attack_store(BD_ATTACK_NORM_L2, attack_radius(task->options), w->pack.size, task->images + at,
                 w->nearest + at, w->pack.outcome->images + at);
  }
  return pack_judge(&w->pack, error);
}

bd_status_t attack_carlini_wagner(const attack_model_t *model, const attack_task_t *task,
                                  attack_outcome_t *outcome, bd_error_t *error) {
  wagner_t w = {.steps = attack_steps(task->options), .step_size = attack_step_size(task->options)};
  bd_status_t status = pack_begin(model, task, outcome, &w.pack, error);
  if (status == BD_OK) status = create(&w, error);
  if (status == BD_OK) status = search(&w, error);
  if (status == BD_OK) status = finish(&w, error);
  destroy(&w);
  return status;
}
