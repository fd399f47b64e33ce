#include "attack/hills.h"
#include "attack/outcome.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

bd_status_t hills_create(const attack_model_t *model, double epsilon, hills_t *hills,
                         bd_error_t *error) {
  const size_t size = attack_size(model), channels = (size_t)model->channels;
  *hills = (hills_t){model->channels, model->height, model->width, epsilon, 0, NULL, NULL, NULL};
  hills->shape = malloc(size * sizeof *hills->shape);
  hills->fresh = malloc(size * sizeof *hills->fresh);
  hills->random = malloc((channels + 8) * sizeof *hills->random);
  return hills->shape && hills->fresh && hills->random ? BD_OK : attack_no_memory(1, error);
}

void hills_free(hills_t *hills) {
  free(hills->shape);
  free(hills->fresh);
  free(hills->random);
}

/* A pyramid [height][width] of norm 1, times sign. */
static void make_hill(int height, int width, int sign, double *hill) {
  const int top = height / 2, middle = width / 2, levels = (top > middle ? top : middle) + 1;
  double sum = 0;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      const int below = abs(y - top), aside = abs(x - middle);
      double value = 0;
      for (int k = below > aside ? below : aside; k < levels; k++)
        value += 1 / ((double)(k + 1) * (double)(k + 1));
      hill[y * width + x] = value;
      sum += value * value;
    }
  for (int i = 0; i < height * width; i++) hill[i] *= sign / sqrt(sum);
}

void hills_shape(int side, double *shape) {
  const int upper = side / 2;
  make_hill(upper, side, 1, shape);
  make_hill(side - upper, side, -1, shape + upper * side);
  const double scale = upper > 0 ? sqrt(0.5) : 1;
  for (int i = 0; i < side * side; i++) shape[i] *= scale;
}

/* Have the shape of a side at hand. */
static void prepare(hills_t *h, int side) {
  if (h->side != side) hills_shape(side, h->shape);
  h->side = side;
}

/* The shape at a place, upright or lying. */
static double shape_at(const hills_t *h, int y, int x, bool is_lying) {
  return is_lying ? h->shape[x * h->side + y] : h->shape[y * h->side + x];
}

/* A square of a perturbation. */
typedef struct square {
  int top, left, side;
} square_t;

static double *at(const hills_t *h, double *delta, int channel, int y, int x) {
  return delta + ((size_t)channel * (size_t)h->height + (size_t)y) * (size_t)h->width + (size_t)x;
}

static double squares_in(const hills_t *h, double *delta, int channel, square_t s) {
  double sum = 0;
  for (int y = s.top; y < s.top + s.side; y++)
    for (int x = s.left; x < s.left + s.side; x++) {
      const double value = *at(h, delta, channel, y, x);
      sum += value * value;
    }
  return sum;
}

/* What two squares of the same side have in common; side is 0 where that is nothing. */
static double squares_in_both(const hills_t *h, double *delta, int channel, square_t a,
                              square_t b) {
  const int top = a.top > b.top ? a.top : b.top, left = a.left > b.left ? a.left : b.left;
  const int bottom = (a.top < b.top ? a.top : b.top) + a.side;
  const int right = (a.left < b.left ? a.left : b.left) + a.side;
  double sum = 0;
  for (int y = top; y < bottom; y++)
    for (int x = left; x < right; x++) {
      const double value = *at(h, delta, channel, y, x);
      sum += value * value;
    }
  return sum;
}

/* Give a perturbation the norm epsilon. */
static void stretch(const hills_t *h, double *delta) {
  const size_t size = (size_t)h->channels * (size_t)h->height * (size_t)h->width;
  double sum = 0;
  for (size_t j = 0; j < size; j++) sum += delta[j] * delta[j];
  const double scale = h->epsilon / (sqrt(sum) + 1e-12);
  for (size_t j = 0; j < size; j++) delta[j] *= scale;
}

void hills_start(hills_t *h, attack_stream_t stream, double *delta) {
  const int least = h->height < h->width ? h->height : h->width;
  const int side = least >= 5 ? least / 5 : 1;
  const int rows = h->height / side, columns = h->width / side;
  const int top = (h->height - rows * side) / 2, left = (h->width - columns * side) / 2;
  const size_t size = (size_t)h->channels * (size_t)h->height * (size_t)h->width;
  const size_t numbers = (size_t)h->channels + 1;
  prepare(h, side);
  memset(delta, 0, size * sizeof *delta);
  for (int tile = 0; tile < rows * columns; tile++) {
    const int y0 = top + tile / columns * side, x0 = left + tile % columns * side;
    attack_uniform(stream, (uint64_t)tile * numbers, numbers, h->random);
    for (int c = 0; c < h->channels; c++)
      for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
          *at(h, delta, c, y0 + y, x0 + x) =
              shape_at(h, y, x, h->random[0] > 0.5) * (h->random[1 + c] < 0.5 ? -1 : 1);
  }
  stretch(h, delta);
}

/* Set fresh[channel] to what a channel of `to` becomes: its direction and a shape, with the norm of
   both squares and a share of what is free. */
static void make_fresh(hills_t *h, int channel, square_t to, square_t from, double free_squares,
                       double *delta) {
  double *fresh = h->fresh + (size_t)channel * (size_t)to.side * (size_t)to.side, sum = 0;
  const double inside = squares_in(h, delta, channel, to);
  const double both =
      inside + squares_in(h, delta, channel, from) - squares_in_both(h, delta, channel, to, from);
  const double sign = h->random[5 + channel] < 0.5 ? -1 : 1, scale = 1 / (1e-12 + sqrt(inside));
  for (int y = 0; y < to.side; y++)
    for (int x = 0; x < to.side; x++) {
      const double value = sign * shape_at(h, y, x, h->random[4] > 0.5) +
                           scale * *at(h, delta, channel, to.top + y, to.left + x);
      fresh[y * to.side + x] = value;
      sum += value * value;
    }
  const double wanted = sqrt(free_squares / h->channels + fmax(both, 0)) / (1e-12 + sqrt(sum));
  for (int i = 0; i < to.side * to.side; i++) fresh[i] *= wanted;
}

/* One of `count` places, by a uniform number. */
static int place(double u, int count) { return (int)(u * count); }

void hills_change(hills_t *h, int side, attack_stream_t stream, double *delta) {
  const size_t size = (size_t)h->channels * (size_t)h->height * (size_t)h->width;
  double sum = 0;
  prepare(h, side);
  attack_uniform(stream, 0, (size_t)h->channels + 5, h->random);
  const int down = h->height - side + 1, across = h->width - side + 1;
  const square_t to = {place(h->random[0], down), place(h->random[1], across), side};
  const square_t from = {place(h->random[2], down), place(h->random[3], across), side};
  for (size_t j = 0; j < size; j++) sum += delta[j] * delta[j];
  for (int c = 0; c < h->channels; c++)
    make_fresh(h, c, to, from, fmax(h->epsilon * h->epsilon - sum, 0), delta);
  for (int c = 0; c < h->channels; c++)
    for (int i = 0; i < side * side; i++)
      *at(h, delta, c, from.top + i / side, from.left + i % side) = 0;
  for (int c = 0; c < h->channels; c++)
    for (int i = 0; i < side * side; i++)
      *at(h, delta, c, to.top + i / side, to.left + i % side) = h->fresh[c * side * side + i];
  stretch(h, delta);
}
