#include "gibbs.h"
#include "lanes.h"
#include "stencil.h"

#include <barydef/solver.h>

#include <math.h>
#include <stdlib.h>

/* exp(-600) leaves room for q / K a and 49 taps inside the exponents of float64, and
   what underflows below it is too small to change a sum. */
static const double guarded_range = 600;

/* One channel of one image. */
typedef struct problem {
  const double *pixels;
  size_t image, offset; /* index of the image; of the channel's first pixel */
  double mass;          /* what x is divided by; 0 only for a channel of zeros */
  double marginal_mass[BD_MARGINALS_MAX]; /* what each A_k x is divided by */
} problem_t;

struct bd_solver {
  bd_solver_options_t options;
  int channels, height, width, marginals;
  size_t pixels;
  double beta[BD_MARGINALS_MAX];
  bd_stencil_t stencils[BD_MARGINALS_MAX];
  double *column_mass; /* [marginals][pixels]: mass of A_k e_j */
  bd_gibbs_t gibbs;
  problem_t *image; /* [channels], the image being prepared */
  problem_t queue[BD_LANES];
  int queued;
  /* Planes of the queued problems. */
  bd_lanes_t *planes, *x, *v, *a, *b;
  bd_lanes_t *q[BD_MARGINALS_MAX], *u[BD_MARGINALS_MAX], *p[BD_MARGINALS_MAX];
  bd_lanes_t u_max[BD_MARGINALS_MAX], u_min[BD_MARGINALS_MAX], q_mass[BD_MARGINALS_MAX];
  bd_lanes_t mass_defect, overrun;
};

static const char *const status_names[BD_IMAGE_STATUSES] = {
    "ok", "pending", "not-finite", "negative", "above-one", "empty", "lost-marginal", "out-of-range"};

const char *bd_image_status_name(int status) {
  return status >= 0 && status < BD_IMAGE_STATUSES ? status_names[status] : NULL;
}

/* ---- creation ------------------------------------------------------------------ */

static bd_status_t check_options(const bd_solver_options_t *o, int channels, int height, int width,
                                 bd_error_t *error) {
  if (channels < 1 || height < 1 || width < 1 || (int64_t)height * width > INT32_MAX)
    return bd_fail(error, BD_BAD_INPUT, "an image of %d x %d x %d is no image", channels, height, width);
  if (!(o->gamma > 0) || !(o->theta > 0) || !(o->tau > 0))
    return bd_fail(error, BD_BAD_INPUT, "gamma %g, theta %g and tau %g must be positive", o->gamma,
                   o->theta, o->tau);
  if (o->window < 1 || o->window % 2 == 0)
    return bd_fail(error, BD_BAD_INPUT, "a window of %d is not odd and positive", o->window);
  if (o->marginals.count < 1 || o->marginals.count > BD_MARGINALS_MAX)
    return bd_fail(error, BD_BAD_INPUT, "%d marginals; allowed are 1 to %d", o->marginals.count,
                   BD_MARGINALS_MAX);
  if (o->weights.count != 0 && o->weights.count != o->marginals.count)
    return bd_fail(error, BD_BAD_INPUT, "%d weights for %d marginals", o->weights.count,
                   o->marginals.count);
  for (int k = 0; k < o->weights.count; k++)
    if (!(o->weights.values[k] > 0))
      return bd_fail(error, BD_BAD_INPUT, "weight %g is not positive", o->weights.values[k]);
  if (o->iterations.count < 1 || o->iterations.count > BD_SNAPSHOTS_MAX)
    return bd_fail(error, BD_BAD_INPUT, "%d snapshots; allowed are 1 to %d", o->iterations.count,
                   BD_SNAPSHOTS_MAX);
  for (int s = 0; s < o->iterations.count; s++)
    if (o->iterations.values[s] < 0 || (s > 0 && o->iterations.values[s] <= o->iterations.values[s - 1]))
      return bd_fail(error, BD_BAD_INPUT, "the list of iterations must ascend from 0 or more");
  return BD_OK;
}

static bd_status_t create_marginals(bd_solver_t *s, bd_error_t *error) {
  s->column_mass = calloc((size_t)s->marginals * s->pixels, sizeof *s->column_mass);
  if (!s->column_mass) return bd_fail(error, BD_FAILED, "no memory for the marginals");
  double total = 0;
  for (int k = 0; k < s->marginals; k++) {
    s->beta[k] = s->options.weights.count ? s->options.weights.values[k] : 1;
    total += s->beta[k];
    bd_status_t status =
        stencil_build(&s->options.marginals.motions[k], s->options.interpolation, s->height,
                      s->width, &s->stencils[k], error);
    if (status != BD_OK) return status;
    double *column = s->column_mass + (size_t)k * s->pixels;
    for (size_t i = 0; i < s->pixels; i++)
      for (int c = 0; c < 4; c++)
        column[s->stencils[k].source[i][c]] += s->stencils[k].weight[i][c];
  }
  for (int k = 0; k < s->marginals; k++) s->beta[k] /= total;
  return BD_OK;
}

bd_status_t bd_solver_create(const bd_solver_options_t *options, int channels, int height, int width,
                             bd_solver_t **solver, bd_error_t *error) {
  *solver = NULL;
  bd_status_t status = check_options(options, channels, height, width, error);
  if (status != BD_OK) return status;
  /* The struct holds vectors: it needs their alignment. */
  bd_solver_t *s = aligned_alloc(64, sizeof *s);
  if (!s) return bd_fail(error, BD_FAILED, "no memory for a solver");
  memset(s, 0, sizeof *s);
  s->options = *options;
  s->channels = channels;
  s->height = height;
  s->width = width;
  s->pixels = (size_t)height * (size_t)width;
  s->marginals = options->marginals.count;
  size_t plane_count = 3 * (size_t)s->marginals + 4;
  s->planes = aligned_alloc(64, plane_count * s->pixels * sizeof *s->planes);
  s->image = malloc((size_t)channels * sizeof *s->image);
  if (!s->planes || !s->image) {
    bd_solver_destroy(s);
    return bd_fail(error, BD_FAILED, "no memory for %zu planes of %d x %d pixels", plane_count, height,
                   width);
  }
  bd_lanes_t *next = s->planes;
  bd_lanes_t **single[4] = {&s->x, &s->v, &s->a, &s->b};
  for (int i = 0; i < 4; i++, next += s->pixels) *single[i] = next;
  for (int k = 0; k < s->marginals; k++) {
    s->q[k] = next;
    s->u[k] = next + s->pixels;
    s->p[k] = next + 2 * s->pixels;
    next += 3 * s->pixels;
  }
  status = create_marginals(s, error);
  if (status == BD_OK) status = gibbs_create(options, height, width, &s->gibbs, error);
  if (status != BD_OK) {
    bd_solver_destroy(s);
    return status;
  }
  *solver = s;
  return BD_OK;
}

void bd_solver_destroy(bd_solver_t *s) {
  if (!s) return;
  for (int k = 0; k < s->marginals; k++) stencil_free(&s->stencils[k]);
  gibbs_free(&s->gibbs);
  free(s->column_mass);
  free(s->planes);
  free(s->image);
  free(s);
}

/* ---- one iteration ------------------------------------------------------------- */

/* u_N = -(v + sum_{k<N} beta_k u_k) / beta_N. */
BD_CLONES static void eliminate(bd_solver_t *s) {
  const int last = s->marginals - 1;
  bd_lanes_t *u = s->u[last], max = lanes_all(-INFINITY), min = lanes_all(INFINITY);
  for (size_t i = 0; i < s->pixels; i++) {
    bd_lanes_t sum = s->v[i];
    for (int k = 0; k < last; k++) sum += s->beta[k] * s->u[k][i];
    u[i] = sum * (-1 / s->beta[last]);
    max = lanes_max(max, u[i]);
    min = lanes_min(min, u[i]);
  }
  s->u_max[last] = max;
  s->u_min[last] = min;
}

/* p_k = a . K(q_k / K a) with a = exp((u_k - max u_k) / gamma): p_k does not change when a
   constant is added to u_k.  Where the range of u_k is too wide the lane is marked. */
BD_CLONES static void gradient(bd_solver_t *s, int k) {
  const double scale = 1 / s->options.gamma;
  const bd_lanes_t max = s->u_max[k], *u = s->u[k], *q = s->q[k];
  bd_lanes_t *a = s->a, *b = s->b, *p = s->p[k], sum = lanes_all(0);
  s->overrun = lanes_max(s->overrun, (max - s->u_min[k]) * scale);
  for (size_t i = 0; i < s->pixels; i++) a[i] = lanes_exp((u[i] - max) * scale);
  gibbs_apply(&s->gibbs, a, b);
  for (size_t i = 0; i < s->pixels; i++) b[i] = q[i] / b[i];
  gibbs_apply(&s->gibbs, b, p);
  for (size_t i = 0; i < s->pixels; i++) {
    p[i] *= a[i];
    sum += p[i];
  }
  s->mass_defect = lanes_max(s->mass_defect, lanes_abs(sum - s->q_mass[k]));
}

/* The forward-backward step of the potentials. */
BD_CLONES static void step(bd_solver_t *s) {
  const int last = s->marginals - 1;
  const double tau = s->options.tau, shrink = 1 / (1 + tau / s->options.theta);
  const bd_lanes_t *p_last = s->p[last];
  for (int k = 0; k < last; k++) {
    const double length = tau * s->beta[k];
    bd_lanes_t *u = s->u[k], max = lanes_all(-INFINITY), min = lanes_all(INFINITY);
    for (size_t i = 0; i < s->pixels; i++) {
      u[i] -= length * (s->p[k][i] - p_last[i]);
      max = lanes_max(max, u[i]);
      min = lanes_min(min, u[i]);
    }
    s->u_max[k] = max;
    s->u_min[k] = min;
  }
  if (s->options.regularizer == BD_REGULARIZER_NONE) return;
  const double pull = s->options.regularizer == BD_REGULARIZER_DATA ? tau : 0;
  for (size_t i = 0; i < s->pixels; i++)
    s->v[i] = (s->v[i] + tau * p_last[i] - pull * s->x[i]) * shrink;
}

/* a = mean_k p_k, and max_k |p_k - mean|_1. */
BD_CLONES static void consensus(bd_solver_t *s, bd_lanes_t *residual) {
  *residual = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) {
    bd_lanes_t sum = lanes_all(0);
    for (int k = 0; k < s->marginals; k++) sum += s->p[k][i];
    s->a[i] = sum * (1.0 / s->marginals);
  }
  for (int k = 0; k < s->marginals; k++) {
    bd_lanes_t distance = lanes_all(0);
    for (size_t i = 0; i < s->pixels; i++) distance += lanes_abs(s->p[k][i] - s->a[i]);
    *residual = lanes_max(*residual, distance);
  }
}

/* ---- images to lanes and back -------------------------------------------------- */

static bd_image_status_t check_pixels(size_t n, const double *pixels) {
  double max = 0;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(pixels[i])) return BD_IMAGE_NOT_FINITE;
    if (pixels[i] < 0) return BD_IMAGE_NEGATIVE;
    if (pixels[i] > max) max = pixels[i];
  }
  return max > 1 + 1e-6 ? BD_IMAGE_ABOVE_ONE : max == 0 ? BD_IMAGE_EMPTY : BD_IMAGE_OK;
}

/* The channels of one image as problems in s->image, with the masses they are scaled by. */
static bd_image_status_t prepare_image(bd_solver_t *s, const double *image, size_t index) {
  bd_image_status_t status = check_pixels((size_t)s->channels * s->pixels, image);
  if (status != BD_IMAGE_OK) return status;
  problem_t joint = {0};
  for (int c = 0; c < s->channels; c++) {
    problem_t *problem = &s->image[c];
    *problem = (problem_t){.pixels = image + (size_t)c * s->pixels,
                           .image = index,
                           .offset = (index * (size_t)s->channels + (size_t)c) * s->pixels};
    for (size_t i = 0; i < s->pixels; i++) problem->mass += problem->pixels[i];
    joint.mass += problem->mass;
    for (int k = 0; k < s->marginals; k++) {
      const double *column = s->column_mass + (size_t)k * s->pixels;
      for (size_t i = 0; i < s->pixels; i++)
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
      if (problem->mass > 0 && !(problem->marginal_mass[k] > 0)) return BD_IMAGE_LOST_MARGINAL;
  }
  return BD_IMAGE_OK;
}

BD_CLONES static void scale_plane(size_t pixels, bd_lanes_t *plane, const bd_lanes_t *factor,
                                  bd_lanes_t *mass) {
  const bd_lanes_t scale = *factor;
  bd_lanes_t sum = lanes_all(0);
  for (size_t i = 0; i < pixels; i++) {
    plane[i] *= scale;
    sum += plane[i];
  }
  *mass = sum;
}

/* The queued problems into the planes x and q_k, scaled to mass 1; potentials zero. */
static void load(bd_solver_t *s) {
  bd_lanes_t mass, inverse = lanes_all(0);
  memset(s->x, 0, s->pixels * sizeof *s->x);
  for (int l = 0; l < s->queued; l++)
    for (size_t i = 0; i < s->pixels; i++) s->x[i][l] = s->queue[l].pixels[i];
  for (int k = 0; k < s->marginals; k++) {
    stencil_apply(&s->stencils[k], BD_LANES, (double *)s->x, (double *)s->q[k]);
    for (int l = 0; l < s->queued; l++)
      inverse[l] = s->queue[l].mass > 0 ? 1 / s->queue[l].marginal_mass[k] : 0;
    scale_plane(s->pixels, s->q[k], &inverse, &s->q_mass[k]);
    memset(s->u[k], 0, s->pixels * sizeof *s->u[k]);
    s->u_max[k] = s->u_min[k] = lanes_all(0);
  }
  for (int l = 0; l < s->queued; l++)
    inverse[l] = s->queue[l].mass > 0 ? 1 / s->queue[l].mass : 0;
  scale_plane(s->pixels, s->x, &inverse, &mass);
  memset(s->v, 0, s->pixels * sizeof *s->v);
  s->mass_defect = s->overrun = lanes_all(0);
}

/* Lane l of a plane back to pixels: on the mass of the image and clipped. */
static void store_lane(const bd_solver_t *s, const bd_lanes_t *plane, int l, double *out) {
  for (size_t i = 0; i < s->pixels; i++)
    out[i] = fmin(fmax(plane[i][l] * s->queue[l].mass, 0), 1);
}

/* ---- a whole set --------------------------------------------------------------- */

/* The results of one call of bd_solver_run, laid out as its header says. */
typedef struct output {
  size_t count, image_size;
  double *purified, *mean;
  bd_image_report_t *reports;
} output_t;

static void take_snapshot(bd_solver_t *s, int snapshot, const output_t *out) {
  bd_lanes_t residual;
  consensus(s, &residual);
  for (int l = 0; l < s->queued; l++) {
    bd_image_report_t *report = &out->reports[(size_t)snapshot * out->count + s->queue[l].image];
    store_lane(s, s->a, l,
               out->purified + (size_t)snapshot * out->count * out->image_size + s->queue[l].offset);
    report->residual = fmax(report->residual, residual[l]);
    report->mass_defect = fmax(report->mass_defect, s->mass_defect[l]);
    if (s->overrun[l] > guarded_range || !isfinite(residual[l]))
      report->status = BD_IMAGE_OUT_OF_RANGE;
  }
}

/* Solve the queued problems, all lanes in step, and empty the queue. */
static void solve_queue(bd_solver_t *s, const output_t *out, bd_poll_t *poll, void *context) {
  if (s->queued == 0) return;
  load(s);
  if (out->mean) {
    for (int k = 0; k < s->marginals; k++)
      memcpy(s->p[k], s->q[k], s->pixels * sizeof *s->p[k]);
    bd_lanes_t ignored;
    consensus(s, &ignored);
    for (int l = 0; l < s->queued; l++) store_lane(s, s->a, l, out->mean + s->queue[l].offset);
  }
  for (int iteration = 0, snapshot = 0;; iteration++) {
    eliminate(s);
    for (int k = 0; k < s->marginals; k++) gradient(s, k);
    if (iteration == s->options.iterations.values[snapshot]) {
      take_snapshot(s, snapshot, out);
      if (++snapshot == s->options.iterations.count) break;
    }
    step(s);
    if (poll) poll(context);
  }
  s->queued = 0;
}

/* A failed image is NaN, never a copy of its input. */
static void blank_failures(const bd_solver_t *s, const output_t *out) {
  for (int snapshot = 0; snapshot < s->options.iterations.count; snapshot++)
    for (size_t i = 0; i < out->count; i++) {
      bd_image_report_t *report = &out->reports[(size_t)snapshot * out->count + i];
      if (report->status == BD_IMAGE_OK) continue;
      report->residual = report->mass_defect = NAN;
      double *image = out->purified + ((size_t)snapshot * out->count + i) * out->image_size;
      for (size_t j = 0; j < out->image_size; j++) image[j] = NAN;
    }
}

void bd_solver_run(bd_solver_t *s, int count, const double *images, double *purified, double *mean,
                   bd_image_report_t *reports, bd_poll_t *poll, void *context) {
  const output_t out = {(size_t)count, (size_t)s->channels * s->pixels, purified, mean, reports};
  for (size_t i = 0; i < out.count; i++) {
    bd_image_status_t status = prepare_image(s, images + i * out.image_size, i);
    for (int snapshot = 0; snapshot < s->options.iterations.count; snapshot++)
      reports[(size_t)snapshot * out.count + i] =
          (bd_image_report_t){status, s->options.iterations.values[snapshot], 0, 0};
    if (status != BD_IMAGE_OK) {
      for (size_t j = 0; mean && j < out.image_size; j++) mean[i * out.image_size + j] = NAN;
      continue;
    }
    for (int c = 0; c < s->channels; c++) {
      s->queue[s->queued++] = s->image[c];
      if (s->queued == BD_LANES) solve_queue(s, &out, poll, context);
    }
  }
  solve_queue(s, &out, poll, context);
  blank_failures(s, &out);
}
