#include "transport/engine/engine.h"

#include <math.h>
#include <string.h>

/* ---- images to lanes and back -------------------------------------------------- */

/* What has less mass than this counts as black: 1/mass would overflow. */
static const double least_mass = 1e-290;

static bd_image_status_t check_pixels(size_t n, const double *pixels) {
  double max = 0;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(pixels[i])) return BD_IMAGE_NOT_FINITE;
    if (pixels[i] < 0) return BD_IMAGE_NEGATIVE;
    if (pixels[i] > max) max = pixels[i];
  }
  return max > 1 + 1e-6 ? BD_IMAGE_ABOVE_ONE : max < least_mass ? BD_IMAGE_EMPTY : BD_IMAGE_OK;
}

/* The channels of one image as problems in s->image, with the masses they are scaled by. */
static bd_image_status_t prepare_image(bd_engine_t *s, const double *image, size_t index) {
  bd_image_status_t status = check_pixels((size_t)s->channels * s->area, image);
  if (status != BD_IMAGE_OK) return status;
  problem_t joint = {0};
  for (int c = 0; c < s->channels; c++) {
    problem_t *problem = &s->image[c];
    *problem = (problem_t){.pixels = image + (size_t)c * s->area,
                           .image = index,
                           .offset = (index * (size_t)s->channels + (size_t)c) * s->area};
    for (size_t i = 0; i < s->area; i++) problem->mass += problem->pixels[i];
    if (problem->mass < least_mass) problem->mass = 0;
    joint.mass += problem->mass;
    for (int k = 0; k < s->marginals; k++) {
      const double *column = s->moved->column_mass + (size_t)k * s->area;
      for (size_t i = 0; i < s->area; i++)
        problem->marginal_mass[k] += column[i] * problem->pixels[i];
      joint.marginal_mass[k] += problem->marginal_mass[k];
    }
  }
  for (int c = 0; c < s->channels; c++) {
    problem_t *problem = &s->image[c];
    if (s->options.mass == BD_MASS_JOINT) {
      problem->mass = joint.mass;
      memcpy(problem->marginal_mass, joint.marginal_mass, sizeof joint.marginal_mass);
    }
    for (int k = 0; k < s->marginals; k++)
      if (problem->mass > 0 && problem->marginal_mass[k] < least_mass)
        return BD_IMAGE_LOST_MARGINAL;
  }
  return BD_IMAGE_OK;
}

/* Row by row: fewer roundings than pixel by pixel. */
static void scale_plane(const bd_engine_t *s, bd_lanes_t *plane, const bd_lanes_t *factor,
                        bd_lanes_t *mass) {
  const bd_lanes_t scale = *factor;
  bd_lanes_t sum = lanes_all(0);
  for (int y = 0; y < s->height; y++) {
    bd_lanes_t row = lanes_all(0);
    for (int x = 0; x < s->width; x++, plane++) {
      *plane *= scale;
      row += *plane;
    }
    sum += row;
  }
  *mass = whole_sum(s, sum);
}

/* q_k = A_k x, not yet scaled; of strips from the image, whose pixels may come from any of them. */
static void move(bd_engine_t *s, int k) {
  const bd_stencil_t *stencil = &s->moved->stencils[k];
  for (size_t i = 0; i < s->area; i++) {
    const int32_t *source = stencil->source[i];
    const double *weight = stencil->weight[i];
    if (s->strips == 1) {
      bd_lanes_t sum = (bd_real_t)weight[0] * s->x[source[0]];
      for (int c = 1; c < 4; c++) sum += (bd_real_t)weight[c] * s->x[source[c]];
      s->q[k][i] = sum;
    } else {
      const double *pixels = s->queue[0].pixels;
      bd_real_t sum = (bd_real_t)weight[0] * (bd_real_t)pixels[source[0]];
      for (int c = 1; c < 4; c++) sum += (bd_real_t)weight[c] * (bd_real_t)pixels[source[c]];
      const size_t row = i / (size_t)s->width, x = i % (size_t)s->width;
      s->q[k][row / BD_LANES * (size_t)s->width + x][row % BD_LANES] = sum;
    }
  }
}

/* E(q_k) = -sum q log q. */
static void entropy(bd_engine_t *s, int k) {
  bd_lanes_t sum = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) sum -= s->q[k][i] * lanes_log(s->q[k][i]);
  s->q_entropy[k] = whole_sum(s, sum);
}

static void clear(const bd_engine_t *s, potentials_t *at) {
  for (int k = 0; k < s->marginals; k++) {
    memset(at->u[k], 0, s->pixels * sizeof *at->u[k]);
    at->max[k] = at->min[k] = lanes_all(0);
  }
  memset(at->v, 0, s->pixels * sizeof *at->v);
}

/* 1/mass would leave the range of float32. */
static int beyond_single(const problem_t *problem, int marginals) {
  double least = problem->mass;
  for (int k = 0; k < marginals; k++) least = fmin(least, problem->marginal_mass[k]);
  return problem->mass > 0 && least < 1e-30;
}

/* What a problem is multiplied by to have mass 1; 0 for what has none, or one that float32
   cannot divide by. */
static bd_real_t inverse_of(const bd_engine_t *s, const problem_t *problem, double mass) {
  int usable =
      problem->mass > 0 && !(sizeof(bd_real_t) == 4 && beyond_single(problem, s->marginals));
  return usable ? (bd_real_t)(1 / mass) : 0;
}

/* The queued problems into the planes x and q_k, scaled to mass 1. */
static void write_batch(bd_engine_t *s) {
  bd_lanes_t mass, inverse = lanes_all(0);
  memset(s->x, 0, s->pixels * sizeof *s->x);
  for (int l = 0; l < s->queued; l++)
    lanes_put(s->x, s->height, s->width, s->strips, l, s->queue[l].pixels,
              (size_t)(s->width * s->strips));
  for (int k = 0; k < s->marginals; k++) {
    move(s, k);
    for (int l = 0; l < s->queued; l++)
      inverse[l] = inverse_of(s, &s->queue[l], s->queue[l].marginal_mass[k]);
    if (s->strips > 1) inverse = lanes_all(0) + inverse[0];
    scale_plane(s, s->q[k], &inverse, &s->q_mass[k]);
    entropy(s, k);
  }
  for (int l = 0; l < s->queued; l++) inverse[l] = inverse_of(s, &s->queue[l], s->queue[l].mass);
  if (s->strips > 1) inverse = lanes_all(0) + inverse[0];
  scale_plane(s, s->x, &inverse, &mass);
}

/* The planes of the batch in place: of these very images another solver may have left them. */
static void place_batch(bd_engine_t *s) {
  int is_there = 0;
  bd_lanes_t *kept = s->is_first ? moved_batch(s->moved, s->batch, &is_there) : NULL;
  s->x = kept ? kept : s->own;
  for (int k = 0; k < s->marginals; k++) s->q[k] = s->x + (size_t)(1 + k) * s->pixels;
  s->q_mass = s->x + (size_t)(1 + s->marginals) * s->pixels;
  s->q_entropy = s->q_mass + s->marginals;
  if (!is_there) write_batch(s);
  s->batch++;
}

/* The queued problems, potentials zero. */
static void load(bd_engine_t *s) {
  place_batch(s);
  clear(s, &s->at);
  if (s->options.method == BD_METHOD_FISTA) {
    clear(s, &s->z);
    clear(s, &s->z_next);
  }
  s->mass_defect = s->p_max = lanes_all(0);
  s->fallback = s->done = (bd_mask_t)lanes_all(0);
  s->snapshot = 0;
  for (int l = 0; sizeof(bd_real_t) == 4 && l < s->queued; l++)
    if (beyond_single(&s->queue[l], s->marginals)) s->fallback[l] = -1;
}

void BD_X(store_lane)(const bd_engine_t *s, const bd_lanes_t *plane, int l, double *out) {
  lanes_get(plane, s->height, s->width, s->strips, l, out, (size_t)(s->width * s->strips));
  for (size_t i = 0; i < s->area; i++) out[i] = fmin(fmax(out[i] * s->queue[l].mass, 0), 1);
}

/* ---- a whole set --------------------------------------------------------------- */

/* Solve the queued problems, all lanes in step, and empty the queue. */
static void solve_queue(bd_engine_t *s, bd_poll_t *poll, void *context) {
  const output_t *out = s->out;
  if (s->queued == 0) return;
  load(s);
  if (out->mean) {
    for (int k = 0; k < s->marginals; k++) memcpy(s->p[k], s->q[k], s->pixels * sizeof *s->p[k]);
    bd_lanes_t ignored;
    BD_X(consensus)(s, &ignored);
    for (int l = 0; l < s->queued; l++)
      BD_X(store_lane)(s, s->a, l, out->mean + s->queue[l].offset);
  }
  if (s->options.method == BD_METHOD_FISTA) BD_X(fista)(s, poll, context);
  else BD_X(forward_backward)(s, poll, context);
  /* Channel by channel, whichever ended first: the order makes the last bit. */
  for (int snapshot = 0; snapshot < s->options.iterations.count; snapshot++)
    for (int l = 0; l < s->queued; l++)
      out->reports[(size_t)snapshot * out->count + s->queue[l].image].objective +=
          s->queue[l].objective[snapshot];
  s->queued = 0;
}

/* A failed image is NaN, never a copy of its input. */
static void blank_failures(const bd_engine_t *s, const output_t *out) {
  for (int snapshot = 0; snapshot < s->options.iterations.count; snapshot++)
    for (size_t i = 0; i < out->count; i++) {
      bd_image_report_t *report = &out->reports[(size_t)snapshot * out->count + i];
      if (report->status == BD_IMAGE_OK || out->reports[i].status == BD_IMAGE_PENDING) continue;
      report->residual = report->mass_defect = report->objective = report->safe_tau = NAN;
      report->convergence = BD_NOT_ITERATED;
      report->bits = 0;
      double *image = out->purified + ((size_t)snapshot * out->count + i) * out->image_size;
      for (size_t j = 0; j < out->image_size; j++) image[j] = NAN;
    }
}

/* In float32 rounding is not kept small where steps are longer than is stable. */
static int is_single_right(const bd_engine_t *s, const bd_image_report_t *report) {
  return !report->fallback && report->status != BD_IMAGE_DIVERGED &&
         s->options.tau <= report->safe_tau;
}

/* In float32 and in strips: what is not right there.  Else everything is, if by the wide-range way.
 */
static void leave_pending(const bd_engine_t *s, const output_t *out) {
  for (int snapshot = 0; snapshot < s->options.iterations.count; snapshot++)
    for (size_t i = 0; i < out->count; i++) {
      const bd_image_report_t *report = &out->reports[(size_t)snapshot * out->count + i];
      if (sizeof(bd_real_t) == 4 ? !is_single_right(s, report) : s->strips > 1 && report->fallback)
        out->reports[i].status = BD_IMAGE_PENDING;
    }
}

void BD_X(engine_run)(void *engine, int count, const double *images, double *purified, double *mean,
                      bd_image_report_t *reports, bd_poll_t *poll, void *context) {
  bd_engine_t *s = engine;
  const output_t out = {(size_t)count, (size_t)s->channels * s->area, purified, mean, reports};
  s->out = &out;
  s->batch = 0;
  if (s->is_first)
    moved_begin(s->moved, &BD_X(path), s->strips, batch_size(s),
                (count * s->channels * s->strips + BD_LANES - 1) / BD_LANES);
  for (size_t i = 0; i < out.count; i++) {
    if (reports[i].status != BD_IMAGE_PENDING) continue;
    bd_image_status_t status = prepare_image(s, images + i * out.image_size, i);
    for (int snapshot = 0; snapshot < s->options.iterations.count; snapshot++)
      reports[(size_t)snapshot * out.count + i] = (bd_image_report_t){
          .status = status, .bits = 8 * (int)sizeof(bd_real_t), .safe_tau = INFINITY};
    if (status != BD_IMAGE_OK) {
      for (size_t j = 0; mean && j < out.image_size; j++) mean[i * out.image_size + j] = NAN;
      continue;
    }
    for (int c = 0; c < s->channels; c++) {
      s->queue[s->queued++] = s->image[c];
      if (s->queued * s->strips >= BD_LANES) solve_queue(s, poll, context);
    }
  }
  solve_queue(s, poll, context);
  leave_pending(s, &out);
  blank_failures(s, &out);
  s->out = NULL;
}
