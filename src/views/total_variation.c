/* Total variation denoising of each channel, as Guo et al., "Countering adversarial images using
   input transformations", ICLR 2018, purify, without their dropout of pixels, which is random.

   The image minimises |u - x|^2 / 2 + weight |grad u|_1, with forward differences and the Euclidean
   length of the gradient: Rudin, Osher, Fatemi 1992.  The dual field is found by the projection of
   Chambolle, "An algorithm for total variation minimization and applications", 2004, with its step
   of 1/4 and a fixed number of iterations, so that no image depends on how fast it converges.

   The gradient is the exact one of these iterations.  It keeps the dual field of every LEG-th
   iteration, and computes those between them again. */
#include "views/views.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ITERATIONS = 200, LEG = 10, LEGS = ITERATIONS / LEG };
static const double step = 0.25;

/* One channel, all arrays [height][width].  The last row of `down` and the last column of `across`
   are zero. */
typedef struct field {
  double *down, *across;
} field_t;

typedef struct shape {
  int height, width;
} shape_t;

static size_t bytes_of(shape_t s) { return (size_t)s.height * (size_t)s.width * sizeof(double); }

/* The forward differences of u, which are zero across the edges. */
static void differ(shape_t s, const double *u, field_t slope) {
  for (int i = 0; i < s.height; i++)
    for (int j = 0; j < s.width; j++) {
      const ptrdiff_t at = (ptrdiff_t)i * s.width + j;
      slope.down[at] = i + 1 < s.height ? u[at + s.width] - u[at] : 0;
      slope.across[at] = j + 1 < s.width ? u[at + 1] - u[at] : 0;
    }
}

/* u = x + the divergence of the field, which is less the transpose of the differences. */
static void add_divergence(shape_t s, const double *x, field_t field, double *u) {
  for (int i = 0; i < s.height; i++)
    for (int j = 0; j < s.width; j++) {
      const ptrdiff_t at = (ptrdiff_t)i * s.width + j;
      double divergence = field.down[at] + field.across[at];
      if (i) divergence -= field.down[at - s.width];
      if (j) divergence -= field.across[at - 1];
      u[at] = x[at] + divergence;
    }
}

static double length_of(field_t slope, ptrdiff_t at) {
  return sqrt(slope.down[at] * slope.down[at] + slope.across[at] * slope.across[at]);
}

/* By how much a step along the slope is divided, to stay in the ball of radius `weight`. */
static double shrinkage(field_t slope, ptrdiff_t at, double weight) {
  return 1 + step / weight * length_of(slope, at);
}

/* One iteration, from one field to the next, which may be the same.  u and slope are room. */
static void iterate(shape_t s, const double *x, double weight, field_t from, field_t to, double *u,
                    field_t slope) {
  add_divergence(s, x, from, u);
  differ(s, u, slope);
  for (ptrdiff_t at = 0; at < (ptrdiff_t)s.height * s.width; at++) {
    const double shrink = shrinkage(slope, at, weight);
    to.down[at] = (from.down[at] + step * slope.down[at]) / shrink;
    to.across[at] = (from.across[at] + step * slope.across[at]) / shrink;
  }
}

/* ---- the room of one channel ------------------------------------------------------- */

typedef struct room {
  double *memory, *u;
  field_t field, slope, kept[LEGS], leg[LEG + 1];
} room_t;

static field_t take(double **memory, size_t plane) {
  const field_t field = {*memory, *memory + plane};
  *memory += 2 * plane;
  return field;
}

/* Room for the iterations and, with `is_back`, for the way back. */
static bd_status_t make_room(const bd_view_source_t *source, int is_back, room_t *room,
                             bd_error_t *error) {
  const size_t plane = view_plane_size(source), planes = 5 + (is_back ? 2 * (LEGS + LEG + 1) : 0);
  double *memory = room->memory = calloc(planes * plane, sizeof *memory);
  if (!memory) return bd_fail(error, BD_FAILED, "no memory to denoise by total variation");
  room->u = memory;
  memory += plane;
  room->field = take(&memory, plane);
  room->slope = take(&memory, plane);
  for (int i = 0; is_back && i < LEGS; i++) room->kept[i] = take(&memory, plane);
  for (int i = 0; is_back && i <= LEG; i++) room->leg[i] = take(&memory, plane);
  return BD_OK;
}

static void copy(shape_t s, field_t to, field_t from) {
  memcpy(to.down, from.down, bytes_of(s));
  memcpy(to.across, from.across, bytes_of(s));
}

/* ---- forward ----------------------------------------------------------------------- */

static void denoise(shape_t s, const double *x, double weight, room_t *room, int is_kept) {
  memset(room->field.down, 0, bytes_of(s));
  memset(room->field.across, 0, bytes_of(s));
  for (int n = 0; n < ITERATIONS; n++) {
    if (is_kept && n % LEG == 0) copy(s, room->kept[n / LEG], room->field);
    iterate(s, x, weight, room->field, room->field, room->u, room->slope);
  }
}

static bd_status_t make(const bd_view_source_t *source, double *room_of_images,
                        const double **pixels, bd_error_t *error) {
  const shape_t s = {source->height, source->width};
  const size_t plane = view_plane_size(source);
  room_t room;
  const bd_status_t status = make_room(source, 0, &room, error);
  for (size_t p = 0; status == BD_OK && p < view_planes(source); p++) {
    const double *x = source->attacked + p * plane;
    denoise(s, x, source->parameters->tv_weight, &room, 0);
    add_divergence(s, x, room.field, room_of_images + p * plane);
  }
  free(room.memory);
  *pixels = room_of_images;
  return status;
}

/* ---- backward ---------------------------------------------------------------------- */

/* The derivative by the slope at one iteration, from that by the field after it in `adjoint`, which
   becomes the part of that by the field before it that does not pass through the slope. */
static void pull_step(ptrdiff_t at, double weight, field_t after, const field_t *slope,
                      const field_t *adjoint) {
  const double shrink = shrinkage(*slope, at, weight), length = length_of(*slope, at),
               along = adjoint->down[at] * after.down[at] + adjoint->across[at] * after.across[at],
               turn = length > 0 ? step / weight * along / shrink / length : 0;
  adjoint->down[at] /= shrink;
  adjoint->across[at] /= shrink;
  slope->down[at] = step * adjoint->down[at] - turn * slope->down[at];
  slope->across[at] = step * adjoint->across[at] - turn * slope->across[at];
}

/* Add what the derivative by an image u = x + divergence of a field gives to those by both. */
static void pull_divergence(shape_t s, const double *by_u, double *gradient,
                            const field_t *adjoint) {
  for (int i = 0; i < s.height; i++)
    for (int j = 0; j < s.width; j++) {
      const ptrdiff_t at = (ptrdiff_t)i * s.width + j;
      gradient[at] += by_u[at];
      if (i + 1 < s.height) adjoint->down[at] -= by_u[at + s.width] - by_u[at];
      if (j + 1 < s.width) adjoint->across[at] -= by_u[at + 1] - by_u[at];
    }
}

/* Back over the iterations of a leg, whose fields are in room->leg.  room->field is the adjoint. */
static void pull_leg(shape_t s, const double *x, double weight, room_t *room, double *gradient) {
  for (int n = LEG - 1; n >= 0; n--) {
    add_divergence(s, x, room->leg[n], room->u);
    differ(s, room->u, room->slope);
    for (ptrdiff_t at = 0; at < (ptrdiff_t)s.height * s.width; at++)
      pull_step(at, weight, room->leg[n + 1], &room->slope, &room->field);
    memset(room->u, 0, bytes_of(s));
    add_divergence(s, room->u, room->slope, room->u);
    for (ptrdiff_t at = 0; at < (ptrdiff_t)s.height * s.width; at++) room->u[at] = -room->u[at];
    pull_divergence(s, room->u, gradient, &room->field);
  }
}

static void pull_channel(shape_t s, const double *x, double weight, room_t *room,
                         const double *adjoint, double *gradient) {
  denoise(s, x, weight, room, 1);
  memset(room->field.down, 0, bytes_of(s));
  memset(room->field.across, 0, bytes_of(s));
  memcpy(room->u, adjoint, bytes_of(s));
  memset(gradient, 0, bytes_of(s));
  pull_divergence(s, room->u, gradient, &room->field);
  for (int leg = LEGS - 1; leg >= 0; leg--) {
    copy(s, room->leg[0], room->kept[leg]);
    for (int n = 0; n < LEG; n++)
      iterate(s, x, weight, room->leg[n], room->leg[n + 1], room->u, room->slope);
    pull_leg(s, x, weight, room, gradient);
  }
}

static bd_status_t pull(const bd_view_source_t *source, const double *adjoints, double *gradients,
                        bd_error_t *error) {
  const size_t plane = view_plane_size(source);
  room_t room;
  const bd_status_t status = make_room(source, 1, &room, error);
  for (size_t p = 0; status == BD_OK && p < view_planes(source); p++)
    pull_channel((shape_t){source->height, source->width}, source->attacked + p * plane,
                 source->parameters->tv_weight, &room, adjoints + p * plane, gradients + p * plane);
  free(room.memory);
  return status;
}

const view_maker_t view_total_variation = {.make = make, .pull = pull};
