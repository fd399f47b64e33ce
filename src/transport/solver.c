#include "state.h"

#include <barydef/solver.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const status_names[BD_IMAGE_STATUSES] = {
    "ok", "pending", "not-finite", "negative", "above-one", "empty", "lost-marginal", "diverged"};

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
  if (o->window != BD_WINDOW_FULL && (o->window < 1 || o->window % 2 == 0))
    return bd_fail(error, BD_BAD_INPUT, "a window of %d is neither full nor odd and positive", o->window);
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
    if (o->iterations.values[s] < 0 || o->iterations.values[s] >= 1 << HISTORY || (s > 0 && o->iterations.values[s] <= o->iterations.values[s - 1]))
      return bd_fail(error, BD_BAD_INPUT, "the list of iterations must ascend, from 0 or more to less than %d", 1 << HISTORY);
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

double bd_solver_bytes(const bd_solver_options_t *o, int height, int width) {
  const double pixels = (double)height * width, plane = pixels * sizeof(bd_lanes_t), n = o->marginals.count;
  /* Planes as in create_planes; the wide path's three of double width; stencils. */
  double bytes = plane * (n * (o->method == BD_METHOD_FISTA ? 5 : 3) + 6 + 6) + pixels * n * 56;
  /* FFTs: up to 2 size + 1/6 in each direction, three arrays. */
  if (!strcmp(bd_kernel_choice(o, height, width), "fftw")) return bytes + 3 * 5.5 * plane;
  return bytes + 2 * plane;
}

static bd_status_t create_planes(bd_solver_t *s, bd_error_t *error) {
  const int points = s->options.method == BD_METHOD_FISTA ? 3 : 1;
  size_t count = (size_t)s->marginals * (size_t)(2 + points) + 3 + (size_t)points;
  s->planes = aligned_alloc(64, count * s->pixels * sizeof *s->planes);
  if (!s->planes)
    return bd_fail(error, BD_FAILED, "no memory for %zu planes of %d x %d pixels", count, s->height, s->width);
  bd_lanes_t *next = s->planes, **single[3] = {&s->x, &s->a, &s->b};
  for (int i = 0; i < 3; i++, next += s->pixels) *single[i] = next;
  for (int k = 0; k < s->marginals; k++) {
    s->q[k] = next;
    s->p[k] = next + s->pixels;
    next += 2 * s->pixels;
  }
  potentials_t *point[3] = {&s->at, &s->z, &s->z_next};
  for (int i = 0; i < points; i++) {
    for (int k = 0; k < s->marginals; k++, next += s->pixels) point[i]->u[k] = next;
    point[i]->v = next;
    next += s->pixels;
  }
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
  s->longest_cost = gibbs_cost(options->cost, gibbs_radius(options->window, height), gibbs_radius(options->window, width));
  s->image = malloc((size_t)channels * sizeof *s->image);
  status = s->image ? create_planes(s, error) : bd_fail(error, BD_FAILED, "no memory for a solver");
  if (status == BD_OK) status = create_marginals(s, error);
  if (status == BD_OK) status = gibbs_create(options, height, width, &s->gibbs, error);
  if (status == BD_OK) status = wide_create(options, height, width, &s->wide, error);
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
  if (s->gibbs) s->gibbs->destroy(s->gibbs);
  wide_free(&s->wide);
  free(s->column_mass);
  free(s->planes);
  free(s->image);
  free(s);
}
