#include "transport/engine/engine.h"

#include <math.h>
#include <stdlib.h>

static void set_weights(bd_engine_t *s) {
  double total = 0;
  for (int k = 0; k < s->marginals; k++)
    total += s->beta[k] = s->options.weights.count ? s->options.weights.values[k] : 1;
  for (int k = 0; k < s->marginals; k++) s->weight[k] = (bd_real_t)(s->beta[k] /= total);
}

static bd_status_t create_planes(bd_engine_t *s, bd_error_t *error) {
  const int points = s->options.method == BD_METHOD_FISTA ? 3 : 1;
  size_t count = (size_t)s->marginals * (size_t)(1 + points) + 2 + (size_t)points;
  s->planes = lanes_allocate(count * s->pixels * sizeof *s->planes + batch_size(s));
  if (!s->planes)
    return bd_fail(error, BD_FAILED, "no memory for %zu planes of %d x %d pixels", count, s->height,
                   s->width);
  bd_lanes_t *next = s->planes;
  s->a = next, next += s->pixels;
  s->b = next, next += s->pixels;
  for (int k = 0; k < s->marginals; k++, next += s->pixels) s->p[k] = next;
  potentials_t *point[3] = {&s->at, &s->z, &s->z_next};
  for (int i = 0; i < points; i++) {
    for (int k = 0; k < s->marginals; k++, next += s->pixels) point[i]->u[k] = next;
    point[i]->v = next;
    next += s->pixels;
  }
  s->own = next;
  return BD_OK;
}

/* ---- the kernel ---------------------------------------------------------------- */

/* The way kernel_choice names.  There is no FFT in float32. */
static bd_status_t gibbs_create(const bd_solver_options_t *o, int height, int width, int strips,
                                bd_gibbs_t **gibbs, bd_error_t *error) {
  switch (kernel_choice(o, height, width)) {
    case BD_WAY_DIRECT: return BD_X(gibbs_direct)(o, height, width, strips, gibbs, error);
    case BD_WAY_RECURSION: return BD_X(gibbs_recursion)(o, height, width, strips, gibbs, error);
#ifndef BD_SINGLE
    case BD_WAY_FOURIER: return BD_X(gibbs_fourier)(o, height, width, strips, gibbs, error);
#endif
    default: return bd_fail(error, BD_FAILED, "no FFT in float32");
  }
}

static void destroy(void *engine) {
  bd_engine_t *s = engine;
  if (s->gibbs) s->gibbs->destroy(s->gibbs);
#ifndef BD_SINGLE
  BD_X(wide_free)(&s->wide);
#endif
  free(s->planes);
  free(s->image);
  free(s);
}

/* Planes of a register's images that no longer fit into a second-level cache of 1 MiB with all
   their like; measured with 8 images: from 8,000 pixels strips are faster. */
enum { STRIPS_FROM = 8000 };

static int can_strip(const bd_solver_options_t *o, int height, int width) {
  if (width % BD_LANES != 0 || (int64_t)height * width < STRIPS_FROM) return 0;
  /* Taps reach into the next strip, not beyond. */
  return kernel_choice(o, height, width) != BD_WAY_DIRECT ||
         kernel_usual(o, kernel_radius(o->window, width)) <= width / BD_LANES;
}

static bd_status_t create(const bd_solver_options_t *options, int channels, int height, int width,
                          int in_strips, bd_moved_t *moved, int is_first, void **engine,
                          bd_error_t *error) {
  /* The struct holds vectors: it needs their alignment. */
  bd_engine_t *s = lanes_allocate(sizeof *s);
  if (!s) return bd_fail(error, BD_FAILED, "no memory for a solver");
  memset(s, 0, sizeof *s);
  s->options = *options;
  s->channels = channels;
  s->height = height;
  s->strips = in_strips ? BD_LANES : 1;
  s->width = width / s->strips;
  s->pixels = (size_t)height * (size_t)s->width;
  s->area = (size_t)height * (size_t)width;
  s->moved = moved;
  s->is_first = is_first;
  s->marginals = options->marginals.count;
  s->unit = options->gamma * 0.693147180559945309417;
  s->longest_cost = kernel_cost(options->cost, kernel_radius(options->window, height),
                                kernel_radius(options->window, width));
  s->image = malloc((size_t)channels * sizeof *s->image);
  bd_status_t status =
      s->image ? create_planes(s, error) : bd_fail(error, BD_FAILED, "no memory for a solver");
  set_weights(s);
  if (status == BD_OK) status = gibbs_create(options, height, width, s->strips, &s->gibbs, error);
#ifndef BD_SINGLE
  if (status == BD_OK && s->strips == 1)
    status = BD_X(wide_create)(options, height, width, &s->wide, error);
#endif
  if (status != BD_OK) {
    destroy(s);
    return status;
  }
  *engine = s;
  return BD_OK;
}

const bd_path_t BD_X(path) = {can_strip, create, BD_X(engine_run), destroy};
