#include "transport/moved.h"

#include <stdlib.h>

bd_moved_t *bd_moved_create(double most) {
  bd_moved_t *m = calloc(1, sizeof *m);
  if (m) m->most = most;
  return m;
}

void bd_moved_forget(bd_moved_t *m) { m->filled = 0; }

static int same_motions(const bd_marginal_set_t *a, const bd_marginal_set_t *b) {
  if (a->count != b->count) return 0;
  for (int k = 0; k < a->count; k++) {
    const bd_motion_t *m = &a->motions[k], *n = &b->motions[k];
    if (m->kind != n->kind || m->degrees != n->degrees || m->dx != n->dx || m->dy != n->dy)
      return 0;
  }
  return 1;
}

int bd_solvers_move_alike(const bd_solver_options_t *a, const bd_solver_options_t *b) {
  return a->mass == b->mass && a->interpolation == b->interpolation &&
         same_motions(&a->marginals, &b->marginals);
}

/* The lanes of the widest register: float32 with AVX-512. */
enum { LANES_MAX = 16 };

double bd_moved_bytes(const bd_solver_options_t *o, int channels, int height, int width,
                      int count) {
  /* Batches of planes x and q_k, with two figures of each q_k (planes_size, engine/batch.c).  The
     last one may hold a single problem, or each problem be one in strips. */
  const double lanes = LANES_MAX, problems = (double)count * channels + lanes - 1;
  return sizeof(double) * problems *
         ((o->marginals.count + 1.0) * height * width + 2 * lanes * o->marginals.count);
}

static void free_motions(bd_moved_t *m) {
  for (int k = 0; k < m->options.marginals.count; k++) stencil_free(&m->stencils[k]);
  free(m->column_mass);
  m->column_mass = NULL;
  m->options.marginals.count = 0;
}

void bd_moved_free(bd_moved_t *m) {
  if (!m) return;
  free_motions(m);
  free(m->batches);
  free(m);
}

static bd_status_t build_motions(bd_moved_t *m, bd_error_t *error) {
  const bd_marginal_set_t *marginals = &m->options.marginals;
  const size_t area = (size_t)m->height * (size_t)m->width;
  m->column_mass = calloc((size_t)marginals->count * area, sizeof *m->column_mass);
  if (!m->column_mass) return bd_fail(error, BD_FAILED, "no memory for the marginals");
  for (int k = 0; k < marginals->count; k++) {
    bd_stencil_t *stencil = &m->stencils[k];
    bd_status_t status = stencil_build(&marginals->motions[k], m->options.interpolation, m->height,
                                       m->width, stencil, error);
    if (status != BD_OK) return status;
    double *column = m->column_mass + (size_t)k * area;
    for (size_t i = 0; i < area; i++)
      for (int c = 0; c < 4; c++) column[stencil->source[i][c]] += stencil->weight[i][c];
  }
  return BD_OK;
}

bd_status_t moved_fit(bd_moved_t *m, const bd_solver_options_t *o, int channels, int height,
                      int width, bd_error_t *error) {
  if (m->channels == channels && m->height == height && m->width == width &&
      bd_solvers_move_alike(&m->options, o))
    return BD_OK;
  bd_moved_forget(m);
  free_motions(m);
  m->channels = channels;
  m->height = height;
  m->width = width;
  m->options = *o;
  bd_status_t status = build_motions(m, error);
  if (status != BD_OK) free_motions(m);
  return status;
}

void moved_begin(bd_moved_t *m, const void *path, int strips, size_t size, int count) {
  if (m->filled > 0 && m->path == path && m->strips == strips && m->size == size) return;
  m->path = path;
  m->strips = strips;
  m->size = size;
  m->filled = 0;
  const int room = (double)count * (double)size < m->most ? count : (int)(m->most / (double)size);
  const size_t bytes = ((size_t)room * size + 63) / 64 * 64;
  if (bytes > m->capacity) {
    free(m->batches);
    m->batches = aligned_alloc(64, bytes);
    m->capacity = m->batches ? bytes : 0;
  }
  m->room =
      bytes <= m->capacity ? room : 0; /* without memory nothing is kept, nor is anything lost */
}

void *moved_batch(bd_moved_t *m, int batch, int *is_there) {
  *is_there = batch < m->filled;
  if (batch >= m->room) return NULL;
  if (!*is_there) m->filled = batch + 1;
  return m->batches + (size_t)batch * m->size;
}
