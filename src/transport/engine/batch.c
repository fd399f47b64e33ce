#include "transport/engine/batch.h"

#include "transport/moved.h"

#include <barydef/limits.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- images to problems ----------------------------------------------------------- */

static bd_image_status_t check_pixels(size_t n, const double *pixels) {
  double max = 0;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(pixels[i])) return BD_IMAGE_NOT_FINITE;
    if (pixels[i] < 0) return BD_IMAGE_NEGATIVE;
    if (pixels[i] > max) max = pixels[i];
  }
  if (max > 1 + BD_ABOVE_ONE_MAX) return BD_IMAGE_ABOVE_ONE;
  return max < BD_LEAST_MASS ? BD_IMAGE_EMPTY : BD_IMAGE_OK;
}

/* The masses of x and A_k x. */
static void weigh(const bd_setup_t *s, bd_problem_t *problem) {
  for (size_t i = 0; i < s->area; i++) problem->mass += problem->pixels[i];
  if (problem->mass < BD_LEAST_MASS) problem->mass = 0;
  for (int k = 0; k < s->marginals; k++) {
    const double *column = s->column_mass + (size_t)k * s->area;
    for (size_t i = 0; i < s->area; i++)
      problem->marginal_mass[k] += column[i] * problem->pixels[i];
  }
}

/* Mass `joint`: every channel is divided by the mass of all. */
static void join_masses(const bd_setup_t *s, bd_problem_t *channels) {
  bd_problem_t joint = {0};
  for (int c = 0; c < s->channels; c++) {
    joint.mass += channels[c].mass;
    for (int k = 0; k < s->marginals; k++) joint.marginal_mass[k] += channels[c].marginal_mass[k];
  }
  for (int c = 0; c < s->channels; c++) {
    channels[c].mass = joint.mass;
    memcpy(channels[c].marginal_mass, joint.marginal_mass, sizeof joint.marginal_mass);
  }
}

bd_image_status_t BD_X(batch_prepare)(bd_batch_t *b, const double *image, size_t index) {
  const bd_setup_t *s = b->setup;
  bd_image_status_t status = check_pixels((size_t)s->channels * s->area, image);
  if (status != BD_IMAGE_OK) return status;
  for (int c = 0; c < s->channels; c++) {
    b->image[c] = (bd_problem_t){.pixels = image + (size_t)c * s->area,
                                 .image = index,
                                 .offset = (index * (size_t)s->channels + (size_t)c) * s->area};
    weigh(s, &b->image[c]);
  }
  if (s->options.mass == BD_MASS_JOINT) join_masses(s, b->image);
  for (int c = 0; c < s->channels; c++)
    for (int k = 0; k < s->marginals; k++)
      if (b->image[c].mass > 0 && b->image[c].marginal_mass[k] < BD_LEAST_MASS)
        return BD_IMAGE_LOST_MARGINAL;
  return BD_IMAGE_OK;
}

int BD_X(batch_add)(bd_batch_t *b, int channel) {
  b->queue[b->queued++] = b->image[channel];
  return b->queued * b->setup->shape.strips >= BD_LANES;
}

/* ---- problems to planes ----------------------------------------------------------- */

/* Scale row by row, which rounds less than pixel by pixel does.  *mass is that of the result. */
static void scale_plane(const bd_setup_t *s, bd_lanes_t *plane, const bd_lanes_t *factor,
                        bd_lanes_t *mass) {
  const bd_lanes_t scale = *factor;
  bd_lanes_t sum = lanes_all(0);
  for (int y = 0; y < s->shape.height; y++) {
    bd_lanes_t row = lanes_all(0);
    for (int x = 0; x < s->shape.width; x++, plane++) {
      *plane *= scale;
      row += *plane;
    }
    sum += row;
  }
  *mass = whole_sum(s, sum);
}

/* q_k = A_k x, not yet scaled. */
static void move_images(bd_batch_t *b, int k) {
  const bd_stencil_t *stencil = &b->setup->stencils[k];
  for (size_t i = 0; i < b->setup->area; i++) {
    const int32_t *source = stencil->source[i];
    const double *weight = stencil->weight[i];
    bd_lanes_t sum = (bd_real_t)weight[0] * b->x[source[0]];
    for (int c = 1; c < 4; c++) sum += (bd_real_t)weight[c] * b->x[source[c]];
    b->q[k][i] = sum;
  }
}

/* The same in strips, from the image, since its pixels may come from any strip. */
static void move_strips(bd_batch_t *b, int k) {
  const bd_stencil_t *stencil = &b->setup->stencils[k];
  const double *pixels = b->queue[0].pixels;
  const size_t width = (size_t)b->setup->shape.width;
  for (size_t i = 0; i < b->setup->area; i++) {
    const int32_t *source = stencil->source[i];
    const double *weight = stencil->weight[i];
    bd_real_t sum = (bd_real_t)weight[0] * (bd_real_t)pixels[source[0]];
    for (int c = 1; c < 4; c++) sum += (bd_real_t)weight[c] * (bd_real_t)pixels[source[c]];
    const size_t row = i / width, x = i % width;
    b->q[k][row / BD_LANES * width + x][row % BD_LANES] = sum;
  }
}

/* E(q_k) = -sum q log q, and the largest q. */
static void take_figures(bd_batch_t *b, int k) {
  bd_lanes_t sum = lanes_all(0), max = lanes_all(0);
  for (size_t i = 0; i < b->setup->pixels; i++) {
    sum -= b->q[k][i] * lanes_log(b->q[k][i]);
    max = lanes_max(max, b->q[k][i]);
  }
  b->q_entropy[k] = whole_sum(b->setup, sum);
  b->q_max[k] = whole_max(b->setup, max);
}

/* Would 1/mass leave the range of float32? */
static int beyond_single(const bd_problem_t *problem, int marginals) {
  double least = problem->mass;
  for (int k = 0; k < marginals; k++) least = fmin(least, problem->marginal_mass[k]);
  return problem->mass > 0 && least < BD_LEAST_MASS_SINGLE;
}

/* What lane l is multiplied by so that its `mass` becomes 1: 0 where it has none, or one that
   cannot be divided by. */
static bd_real_t inverse_of(const bd_batch_t *b, int l, double mass) {
  return b->queue[l].mass > 0 && !b->unusable[l] ? (bd_real_t)(1 / mass) : 0;
}

/* Scale a plane by the inverse of mass[l] in lane l. */
static void scale_to_one(const bd_batch_t *b, bd_lanes_t *plane, const double *mass,
                         bd_lanes_t *mass_after) {
  bd_lanes_t inverse = lanes_all(0);
  for (int l = 0; l < b->queued; l++) inverse[l] = inverse_of(b, l, mass[l]);
  if (b->setup->shape.strips > 1) inverse = lanes_all(0) + inverse[0];
  scale_plane(b->setup, plane, &inverse, mass_after);
}

/* The queued problems into the planes x and q_k, scaled to mass 1. */
static void write_planes(bd_batch_t *b) {
  const bd_setup_t *s = b->setup;
  double mass[BD_LANES];
  bd_lanes_t ignored;
  memset(b->x, 0, s->pixels * sizeof *b->x);
  for (int l = 0; l < b->queued; l++)
    lanes_put(&s->shape, b->x, l, b->queue[l].pixels, (size_t)shape_columns(&s->shape));
  for (int k = 0; k < s->marginals; k++) {
    if (s->shape.strips > 1) move_strips(b, k);
    else move_images(b, k);
    for (int l = 0; l < b->queued; l++) mass[l] = b->queue[l].marginal_mass[k];
    scale_to_one(b, b->q[k], mass, &b->q_mass[k]);
    take_figures(b, k);
  }
  for (int l = 0; l < b->queued; l++) mass[l] = b->queue[l].mass;
  scale_to_one(b, b->x, mass, &ignored);
}

void BD_X(batch_load)(bd_batch_t *b) {
  const bd_setup_t *s = b->setup;
  int is_there = 0;
  bd_lanes_t *kept = b->moved ? moved_batch(b->moved, b->index, &is_there) : NULL;
  b->x = kept ? kept : b->own;
  for (int k = 0; k < s->marginals; k++) b->q[k] = b->x + (size_t)(1 + k) * s->pixels;
  b->q_mass = b->x + (size_t)(1 + s->marginals) * s->pixels;
  b->q_entropy = b->q_mass + s->marginals;
  b->q_max = b->q_entropy + s->marginals;
  b->unusable = (bd_mask_t)lanes_all(0);
  for (int l = 0; BD_IS_SINGLE && l < b->queued; l++)
    if (beyond_single(&b->queue[l], s->marginals)) b->unusable[l] = -1;
  if (!is_there) write_planes(b);
  b->index++;
}

/* ---- planes to images ------------------------------------------------------------- */

void BD_X(batch_read)(const bd_batch_t *b, const bd_lanes_t *plane, int l, double *out) {
  const bd_setup_t *s = b->setup;
  lanes_get(&s->shape, plane, l, out, (size_t)shape_columns(&s->shape));
  for (size_t i = 0; i < s->area; i++) out[i] = fmin(fmax(out[i] * b->queue[l].mass, 0), 1);
}

/* ---- creation --------------------------------------------------------------------- */

/* Its address tells the batches of one path from those of another. */
static const char this_path;

/* Bytes of x and q_k, then of mass, entropy and maximum of each q_k. */
static size_t planes_size(const bd_setup_t *s) {
  const size_t n = (size_t)s->marginals;
  return ((n + 1) * s->pixels + 3 * n) * sizeof(bd_lanes_t);
}

void BD_X(batch_begin)(bd_batch_t *b, size_t count) {
  const bd_setup_t *s = b->setup;
  const size_t problems = count * (size_t)s->channels * (size_t)s->shape.strips;
  b->index = 0;
  if (b->moved)
    moved_begin(b->moved, &this_path, s->shape.strips, planes_size(s),
                (int)((problems + BD_LANES - 1) / BD_LANES));
}

bd_status_t BD_X(batch_create)(const bd_setup_t *setup, const bd_engine_plan_t *plan, bd_batch_t *b,
                               bd_error_t *error) {
  *b = (bd_batch_t){.setup = setup, .moved = plan->role == ENGINE_FIRST ? plan->moved : NULL};
  b->image = malloc((size_t)setup->channels * sizeof *b->image);
  b->own = lanes_allocate(planes_size(setup));
  if (b->image && b->own) return BD_OK;
  return bd_fail(error, BD_FAILED, "no memory for a batch of %d x %d pixels", setup->shape.height,
                 shape_columns(&setup->shape));
}

void BD_X(batch_free)(bd_batch_t *b) {
  free(b->image);
  free(b->own);
}
