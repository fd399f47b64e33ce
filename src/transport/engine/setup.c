#include "transport/engine/setup.h"

#include "transport/moved.h"

#include <stdlib.h>

/* Planes of a register's images that do not fit into a second-level cache of 1 MiB with all their
   like.  Measured with 8 images: from 8,000 pixels on, strips are faster. */
enum { STRIPS_FROM = 8000 };

int BD_X(setup_can_strip)(const bd_solver_options_t *o, int height, int width) {
  if (width % BD_LANES != 0 || (int64_t)height * width < STRIPS_FROM) return 0;
  /* Taps reach into the next strip, but not beyond it. */
  return kernel_choice(o, height, width) != BD_WAY_DIRECT ||
         kernel_usual(o, kernel_radius(o->window, width)) <= width / BD_LANES;
}

static void set_weights(bd_setup_t *s) {
  double total = 0;
  for (int k = 0; k < s->marginals; k++)
    total += s->beta[k] = s->options.weights.count ? s->options.weights.values[k] : 1;
  for (int k = 0; k < s->marginals; k++) s->weight[k] = (bd_real_t)(s->beta[k] /= total);
}

/* The range of a potential, in bits, up to which its marginal is known (identity.h). */
static bd_real_t identity_range(const bd_solver_options_t *o, int height, int width) {
  if (!o->shortcuts) return -1;
  const double range = kernel_identity_range(o, height, width, BD_FRACTION);
  return range < 0 ? -1 : (bd_real_t)range;
}

static bd_status_t create_kernel(bd_setup_t *s, bd_error_t *error) {
  const bd_solver_options_t *o = &s->options;
  switch (kernel_choice(o, s->shape.height, shape_columns(&s->shape))) {
    case BD_WAY_DIRECT: return BD_X(gibbs_direct)(o, &s->shape, &s->gibbs, error);
    case BD_WAY_RECURSION: return BD_X(gibbs_recursion)(o, &s->shape, &s->gibbs, error);
#ifndef BD_SINGLE
    case BD_WAY_FOURIER: return BD_X(gibbs_fourier)(o, &s->shape, &s->gibbs, error);
#endif
    default: return bd_fail(error, BD_FAILED, "no FFT in float32");
  }
}

bd_status_t BD_X(setup_create)(const bd_engine_plan_t *plan, bd_setup_t *s, bd_error_t *error) {
  const bd_solver_options_t *o = plan->options;
  const int strips = plan->layout == BD_LAYOUT_STRIPS ? BD_LANES : 1;
  *s = (bd_setup_t){.options = *o,
                    .channels = plan->channels,
                    .marginals = o->marginals.count,
                    .shape = {plan->height, plan->width / strips, strips},
                    .area = (size_t)plan->height * (size_t)plan->width,
                    .unit = o->gamma * BD_LN2,
                    .longest_cost = kernel_cost(o->cost, kernel_radius(o->window, plan->height),
                                                kernel_radius(o->window, plan->width)),
                    .identity_range = identity_range(o, plan->height, plan->width),
                    .stencils = plan->moved->stencils,
                    .column_mass = plan->moved->column_mass};
  s->pixels = (size_t)s->shape.height * (size_t)s->shape.width;
  set_weights(s);
  bd_status_t status = create_kernel(s, error);
#ifndef BD_SINGLE
  if (status == BD_OK && setup_has_wide(s))
    status = BD_X(wide_create)(o, plan->height, plan->width, &s->wide, error);
#endif
  return status;
}

void BD_X(setup_free)(bd_setup_t *s) {
  if (s->gibbs) s->gibbs->destroy(s->gibbs);
#ifndef BD_SINGLE
  BD_X(wide_free)(&s->wide);
#endif
}
