#include "transport/engine/adjoint.h"

#include <math.h>
#include <stdlib.h>

/* ---- creation --------------------------------------------------------------------- */

bd_status_t BD_X(adjoint_create)(bd_iterate_t *it, bd_adjoint_t *w, bd_error_t *error) {
  const bd_setup_t *s = it->setup;
  *w = (bd_adjoint_t){.iterate = it};
  w->planes = lanes_allocate(ADJOINT_PLANES * s->pixels * sizeof *w->planes);
  if (setup_has_wide(s)) w->wide = lanes_allocate(2 * s->pixels * sizeof *w->wide);
  if (!w->planes || (setup_has_wide(s) && !w->wide))
    return bd_fail(error, BD_FAILED, "no memory for gradients of %d x %d pixels", s->shape.height,
                   shape_columns(&s->shape));
  bd_lanes_t **plane[ADJOINT_PLANES] = {&w->a, &w->ka, &w->c, &w->kc, &w->z, &w->g};
  for (size_t i = 0; i < ADJOINT_PLANES; i++) *plane[i] = w->planes + i * s->pixels;
  return s->gibbs->prepare_back ? s->gibbs->prepare_back(s->gibbs, error) : BD_OK;
}

void BD_X(adjoint_free)(bd_adjoint_t *w) {
  free(w->planes);
  free(w->wide);
  *w = (bd_adjoint_t){0};
}

/* ---- the narrow way, plane by plane ------------------------------------------------ */

/* Lanes whose smallest K a is not far above the error of an FFT.  z is wanted where q is 0, too. */
static bd_mask_t noisy(const bd_adjoint_t *w) {
  const bd_setup_t *s = w->iterate->setup;
  const bd_real_t noise = (bd_real_t)s->gibbs->noise;
  if (noise == 0) return (bd_mask_t)lanes_all(0);
  bd_lanes_t largest = lanes_all(0), smallest = lanes_all(INFINITY);
  for (size_t i = 0; i < s->pixels; i++) {
    largest = lanes_max(largest, w->ka[i]);
    smallest = lanes_min(smallest, w->ka[i]);
  }
  return (bd_mask_t)(noise * whole_max(s, largest) > guarded_noise * whole_min(s, smallest));
}

/* z and g into the planes of that name.  Lanes beyond the guard get a = 1, so that nothing traps.
   The lanes that an FFT is not right for are added to them. */
static void go_narrow(bd_adjoint_t *w, const bd_adjoint_task_t *t, const bd_lanes_t *reach,
                      bd_mask_t *beyond) {
  const bd_setup_t *s = w->iterate->setup;
  const bd_lanes_t *u = t->entry->u, *q = w->iterate->batch->q[t->k], *pb = t->pb;
  for (size_t i = 0; i < s->pixels; i++) {
    w->a[i] = lanes_exp2(lanes_select(*beyond, lanes_all(0), u[i] - t->entry->max));
    w->c[i] = w->a[i] * pb[i];
  }
  s->gibbs->apply(s->gibbs, w->a, w->ka, reach);
  *beyond |= noisy(w);
  s->gibbs->apply(s->gibbs, w->c, w->kc, reach);
  for (size_t i = 0; i < s->pixels; i++) {
    const bd_lanes_t ka = lanes_select(*beyond, lanes_all(1), w->ka[i]);
    w->z[i] = w->kc[i] / ka;
    w->c[i] = q[i] / ka;
    w->ka[i] = w->c[i] * w->z[i];
  }
  s->gibbs->apply(s->gibbs, w->c, w->kc, reach);
  s->gibbs->apply(s->gibbs, w->ka, w->c, reach);
  for (size_t i = 0; i < s->pixels; i++)
    w->g[i] = (bd_real_t)BD_LN2 * w->a[i] * (pb[i] * w->kc[i] - w->c[i]);
}

/* ---- both ways ---------------------------------------------------------------------- */

static void go_wide(bd_adjoint_t *w, const bd_adjoint_task_t *t, const bd_lanes_t *reach) {
  const bd_setup_t *s = w->iterate->setup;
  BD_X(wide_adjoint)
  (&s->wide, &(bd_wide_adjoint_t){.u = t->entry->u,
                                  .q = w->iterate->batch->q[t->k],
                                  .max = t->entry->max,
                                  .reach = *reach,
                                  .pb = t->pb,
                                  .ka = w->wide,
                                  .r = w->wide + s->pixels,
                                  .z = w->z,
                                  .g = w->g});
}

/* Add the planes z and g in some lanes. */
static void add(const bd_adjoint_t *w, const bd_adjoint_task_t *t, bd_mask_t lanes) {
  for (size_t i = 0; i < w->iterate->setup->pixels; i++) {
    const bd_lanes_t g = lanes_select(lanes, w->g[i], lanes_all(0));
    t->qb[i] += lanes_select(lanes, w->z[i], lanes_all(0));
    t->g[i] += g;
    if (t->nu) t->nu[i] -= t->nu_scale * g;
  }
}

/* All that the kernel does in one sweep. */
static void go_by_sweep(const bd_adjoint_t *w, const bd_adjoint_task_t *t, const bd_lanes_t *reach,
                        bd_mask_t left) {
  bd_gibbs_t *gibbs = w->iterate->setup->gibbs;
  gibbs->sweep_back(gibbs, &(bd_sweep_back_t){.u = t->entry->u,
                                              .q = w->iterate->batch->q[t->k],
                                              .pb = t->pb,
                                              .max = t->entry->max,
                                              .reach = *reach,
                                              .left = left,
                                              .qb = t->qb,
                                              .g = t->g,
                                              .nu = t->nu,
                                              .nu_scale = t->nu_scale});
}

/* The lanes that are not known, each by the way that it needs whatever its neighbours are. */
static void go_dense(bd_adjoint_t *w, const bd_adjoint_task_t *t) {
  bd_iterate_t *it = w->iterate;
  const bd_setup_t *s = it->setup;
  it->at.max[t->k] = t->entry->max;
  it->at.min[t->k] = t->entry->min;
  const bd_lanes_t reach = BD_X(reach_of)(s, &it->at, t->k);
  const bd_mask_t known = t->entry->known;
  bd_mask_t beyond = BD_X(beyond_range)(s, &it->at, t->k) & ~known;
  if (lanes_any(~(beyond | known))) {
    if (s->gibbs->sweep_back) go_by_sweep(w, t, &reach, beyond | known);
    else {
      go_narrow(w, t, &reach, &beyond);
      add(w, t, ~(beyond | known));
    }
  }
  beyond &= ~known;
  if (!lanes_any(beyond) || !setup_has_wide(s)) return;
  go_wide(w, t, &reach);
  add(w, t, beyond);
}

void BD_X(adjoint_marginal)(bd_adjoint_t *w, const bd_adjoint_task_t *t) {
  const size_t pixels = w->iterate->setup->pixels;
  const bd_mask_t known = t->entry->known;
  if (t->entry->u) go_dense(w, t);
  for (size_t i = 0; !t->rests && lanes_any(known) && i < pixels; i++)
    t->qb[i] += lanes_select(known, t->pb[i], lanes_all(0));
}
