#include "moved.h"

#include <stdlib.h>

bd_moved_t *bd_moved_create(double most) {
  bd_moved_t *m = calloc(1, sizeof *m);
  if (m) m->most = most;
  return m;
}

void bd_moved_forget(bd_moved_t *m) { m->filled = 0; }

static void free_motions(bd_moved_t *m) {
  for (int k = 0; k < m->marginals.count; k++) stencil_free(&m->stencils[k]);
  free(m->column_mass);
  m->column_mass = NULL;
  m->marginals.count = 0;
}

void bd_moved_free(bd_moved_t *m) {
  if (!m) return;
  free_motions(m);
  free(m->batches);
  free(m);
}

static bd_status_t build(bd_moved_t *m, bd_error_t *error) {
  const size_t area = (size_t)m->height * (size_t)m->width;
  m->column_mass = calloc((size_t)m->marginals.count * area, sizeof *m->column_mass);
  if (!m->column_mass) return bd_fail(error, BD_FAILED, "no memory for the marginals");
  for (int k = 0; k < m->marginals.count; k++) {
    bd_stencil_t *stencil = &m->stencils[k];
    bd_status_t status = stencil_build(&m->marginals.motions[k], m->interpolation, m->height, m->width, stencil, error);
    if (status != BD_OK) return status;
    double *column = m->column_mass + (size_t)k * area;
    for (size_t i = 0; i < area; i++)
      for (int c = 0; c < 4; c++) column[stencil->source[i][c]] += stencil->weight[i][c];
  }
  return BD_OK;
}

bd_status_t moved_fit(bd_moved_t *m, const bd_solver_options_t *o, int channels, int height, int width, bd_error_t *error) {
  const int same_motions = m->height == height && m->width == width && m->interpolation == o->interpolation &&
                           bd_marginal_sets_equal(&m->marginals, &o->marginals);
  if (!same_motions || m->channels != channels || m->mass != o->mass) bd_moved_forget(m);
  m->channels = channels;
  m->mass = o->mass;
  if (same_motions) return BD_OK;
  free_motions(m);
  m->height = height;
  m->width = width;
  m->interpolation = o->interpolation;
  m->marginals = o->marginals;
  bd_status_t status = build(m, error);
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
  m->room = bytes <= m->capacity ? room : 0; /* without memory nothing is kept, and nothing lost */
}

void *moved_batch(bd_moved_t *m, int batch, int *is_there) {
  *is_there = batch < m->filled;
  if (batch >= m->room) return NULL;
  if (!*is_there) m->filled = batch + 1;
  return m->batches + (size_t)batch * m->size;
}
