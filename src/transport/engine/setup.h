/* What an engine is: everything that stays as it is from its creation on.

   The files of an engine, each of which calls only those above it:

     setup.c             options, sizes, weights, the kernel, the motions
     batch.c             problems in and out: images to planes x and q_k, planes to images
     iterate.c           potentials and the planes that are worked with
     identity.c          marginals that need no evaluation
     dual.c              p_k and the dual objective at given potentials
     trajectory.c        what is recorded on the way, and when a problem is done
     tape.c              keeps the potentials for the reverse pass
     forward_backward.c  moves the potentials; so does fista.c
     adjoint.c           the adjoint of one marginal
     reverse.c           from the adjoint of a result to that of the image
     engine.c            a whole set of images; the table that solver.c sees

   A problem is one channel of one image.  BD_LANES problems are solved in step, or with strips a
   single one (lanes.h).  With strips, sums and extremes over a plane are the same in all lanes, and
   a problem's own figures are read from lane 0.

   Potentials are kept in units of gamma ln 2.  Then a = exp(u/gamma) is 2^u, whose integer and
   fraction are told apart without rounding.  What leaves the engine is in units of the cost. */
#ifndef BD_SETUP_H
#define BD_SETUP_H

#include "transport/engine/gibbs.h"
#include "transport/engine/wide.h"
#include "transport/paths.h"
#include "transport/stencil.h"

typedef struct bd_setup {
  bd_solver_options_t options;
  int channels, marginals;
  bd_shape_t shape; /* of a plane */
  size_t pixels;    /* vectors of a plane */
  size_t area;      /* pixels of a channel: strips x pixels */

  double unit;                        /* of the potentials: gamma ln 2 */
  double beta[BD_MARGINALS_MAX];      /* weights, scaled to sum 1 */
  bd_real_t weight[BD_MARGINALS_MAX]; /* the same, in this precision */

  /* The kernel: the narrow way, and the wide one in float64 without strips.  What they work in is
     their own, so one call at a time. */
  bd_gibbs_t *gibbs;
  bd_wide_t wide;
  double longest_cost; /* of an offset in the window */

  /* Potentials that span no more than this leave p_k at q_k (identity.h); < 0: none does. */
  bd_real_t identity_range;

  /* The motions (moved.h), of `marginals` marginals. */
  const bd_stencil_t *stencils;
  const double *column_mass; /* [marginals][area] */
} bd_setup_t;

/* Has this engine a wide way of its own?  If not, problems that need it are left to the engines
   after it. */
BD_INLINE int setup_has_wide(const bd_setup_t *s) { return !BD_IS_SINGLE && s->shape.strips == 1; }

/* 1 if images of this size are best solved in strips (paths.h). */
int BD_X(setup_can_strip)(const bd_solver_options_t *options, int height, int width);

/* Errors: BD_FAILED without memory.  Freed by setup_free, also after an error. */
bd_status_t BD_X(setup_create)(const bd_engine_plan_t *plan, bd_setup_t *setup, bd_error_t *error);
void BD_X(setup_free)(bd_setup_t *setup);

/* ---- steps ------------------------------------------------------------------------ */

/* tau in units of the potentials. */
BD_INLINE double step_length(const bd_setup_t *s) { return s->options.tau / s->unit; }

/* v <- shrink (v + push p_N - pull x). */
typedef struct bd_last_step {
  bd_real_t push, pull, shrink;
} bd_last_step_t;

BD_INLINE bd_last_step_t last_step(const bd_setup_t *s) {
  const bd_regularizer_t regularizer = s->options.regularizer;
  const bd_real_t push = (bd_real_t)(regularizer == BD_REGULARIZER_NONE ? 0 : step_length(s));
  return (bd_last_step_t){push, regularizer == BD_REGULARIZER_DATA ? push : 0,
                          (bd_real_t)(1 / (1 + s->options.tau / s->options.theta))};
}

/* ---- from lanes to problems ------------------------------------------------------ */

/* What was found over a plane, lane by lane, becomes what holds for all of a problem. */
BD_INLINE bd_lanes_t whole_sum(const bd_setup_t *s, bd_lanes_t a) {
  for (int l = 1; l < s->shape.strips; l++) a[0] += a[l];
  return s->shape.strips == 1 ? a : lanes_all(0) + a[0];
}
BD_INLINE bd_lanes_t whole_max(const bd_setup_t *s, bd_lanes_t a) {
  for (int l = 1; l < s->shape.strips; l++) a[0] = a[l] > a[0] ? a[l] : a[0];
  return s->shape.strips == 1 ? a : lanes_all(0) + a[0];
}
BD_INLINE bd_lanes_t whole_min(const bd_setup_t *s, bd_lanes_t a) { return -whole_max(s, -a); }

BD_INLINE bd_dual_sums_t whole_sums(const bd_setup_t *s, const bd_dual_sums_t *a) {
  return (bd_dual_sums_t){whole_sum(s, a->mass), whole_max(s, a->largest), whole_sum(s, a->log_ka)};
}

#endif
