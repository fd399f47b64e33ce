/* The inside of a solver: BD_LANES problems in step (a problem is one channel of one image).

   engine.c creates it, purify.c brings images in and out, gradient.c evaluates the dual,
   forward_backward.c and fista.c move the potentials, trajectory.c decides what is
   recorded and when a problem stops.

   With strips = BD_LANES it is one problem in strips (lanes.h): `width` is a strip's, sums and
   extremes over a plane are the same in all lanes, and the problem's own figures are read from lane
   0. Not for every kernel (can_strip, engine.c); a problem that needs the wide way is left to an
   engine without strips, as in float32.

   Potentials are kept in units of gamma ln 2: a = exp(u/gamma) is then 2^u, whose integer and
   fraction need no rounding to tell apart.  What leaves the engine is in units of the cost. */
#ifndef BD_ENGINE_H
#define BD_ENGINE_H

#include "transport/engine/gibbs.h"
#include "transport/engine/wide.h"
#include "transport/moved.h"
#include "transport/paths.h"

/* A point of the dual, u_1 .. u_{N-1} and v; u[N-1] is the eliminated one. */
typedef struct potentials {
  bd_lanes_t *u[BD_MARGINALS_MAX], *v;
  bd_lanes_t max[BD_MARGINALS_MAX], min[BD_MARGINALS_MAX]; /* of each u */
} potentials_t;

typedef struct problem {
  const double *pixels;
  size_t image, offset;                   /* index of the image; of the channel's first pixel */
  double mass;                            /* what x is divided by; 0 only for a channel of zeros */
  double marginal_mass[BD_MARGINALS_MAX]; /* what each A_k x is divided by */
  double objective[BD_SNAPSHOTS_MAX];     /* the results */
} problem_t;

/* Iterations are fewer than 2^HISTORY. */
enum { HISTORY = BD_LOG_ITERATIONS_MAX };

/* Figures of the trajectory at an iteration. */
typedef struct record {
  bd_lanes_t residual, objective, range;
} record_t;

/* The results of one call of bd_solver_run, laid out as its header says. */
typedef struct output {
  size_t count, image_size;
  double *purified, *mean;
  bd_image_report_t *reports;
} output_t;

typedef struct bd_engine {
  bd_solver_options_t options;
  int channels, height, width, marginals, strips;
  size_t pixels, area; /* of a plane, of an image: area = strips pixels */
  double unit;         /* of the potentials: gamma ln 2 */
  double beta[BD_MARGINALS_MAX];
  bd_real_t weight[BD_MARGINALS_MAX]; /* beta, in this precision */
  bd_moved_t *moved;
  int is_first; /* of the solver's engines: its batches are those of all images */
  bd_gibbs_t *gibbs;
  bd_wide_t wide;
  double longest_cost; /* of an offset in the window */

  problem_t *image; /* [channels], the image being prepared */
  problem_t queue[BD_LANES];
  int queued, batch; /* problems; batches before these */
  const output_t *out;

  /* Planes of the queued problems. */
  bd_lanes_t *planes, *a, *b, *p[BD_MARGINALS_MAX];
  bd_lanes_t *own; /* batch_size() bytes, where `moved` has none for a batch */
  bd_lanes_t *x, *q[BD_MARGINALS_MAX], *q_mass,
      *q_entropy;         /* of the batch: place_batch, purify.c */
  potentials_t at;        /* where p is evaluated */
  potentials_t z, z_next; /* fista only */
  bd_lanes_t p_max, mass_defect;
  bd_mask_t fallback;             /* lanes that have used the wide path */
  bd_mask_t done;                 /* lanes whose result is stored */
  record_t now, history[HISTORY]; /* history[j]: at iteration 2^j */
  bd_lanes_t start_objective;
  int snapshot; /* the next one */
} bd_engine_t;

/* The batch: planes x and q_k, then mass and entropy of each q_k.  In bytes. */
BD_INLINE size_t batch_size(const bd_engine_t *s) {
  const size_t n = (size_t)s->marginals;
  return ((n + 1) * s->pixels + 2 * n) * sizeof(bd_lanes_t);
}

/* What was found over a plane, lane by lane, for all of a problem. */
BD_INLINE bd_lanes_t whole_sum(const bd_engine_t *s, bd_lanes_t a) {
  for (int l = 1; l < s->strips; l++) a[0] += a[l];
  return s->strips == 1 ? a : lanes_all(0) + a[0];
}
BD_INLINE bd_lanes_t whole_max(const bd_engine_t *s, bd_lanes_t a) {
  for (int l = 1; l < s->strips; l++) a[0] = a[l] > a[0] ? a[l] : a[0];
  return s->strips == 1 ? a : lanes_all(0) + a[0];
}
BD_INLINE bd_lanes_t whole_min(const bd_engine_t *s, bd_lanes_t a) { return -whole_max(s, -a); }

BD_INLINE bd_gradient_sums_t whole_sums(const bd_engine_t *s, const bd_gradient_sums_t *a) {
  return (bd_gradient_sums_t){whole_sum(s, a->mass), whole_max(s, a->largest),
                              whole_sum(s, a->log_ka)};
}

/* ---- gradient.c ---------------------------------------------------------------- */

/* What an offset may cost and matter in p_k, lane by lane. */
bd_lanes_t BD_X(reach_of)(const bd_engine_t *s, const potentials_t *at, int k);

/* Lanes whose exp(u_k/gamma) leaves the range of this precision, or the reach of the kernel. */
bd_mask_t BD_X(beyond_range)(const bd_engine_t *s, const potentials_t *at, int k);

/* p_k = grad H*_{q_k}(u_k) into the plane p (NULL: only log_ka) and its figures into the
   record of the trajectory.  log_ka (may be NULL): sum of q_k log(K a). */
void BD_X(evaluate_marginal)(bd_engine_t *s, const potentials_t *at, int k, bd_lanes_t *p,
                             bd_lanes_t *log_ka);

/* The wide-range part of it: the lanes of `beyond`, the other lanes of p are void. */
void BD_X(evaluate_wide)(bd_engine_t *s, const potentials_t *at, int k, const bd_mask_t *beyond,
                         bd_lanes_t *p, int wants_log, bd_gradient_sums_t *sums);

/* Sums of the lanes that went the wide way, in place of those that did not. */
BD_INLINE void merge_sums(bd_gradient_sums_t *sums, const bd_mask_t *beyond,
                          const bd_gradient_sums_t *wide) {
  sums->mass = lanes_select(*beyond, wide->mass, sums->mass);
  sums->largest = lanes_select(*beyond, wide->largest, sums->largest);
  sums->log_ka = lanes_select(*beyond, wide->log_ka, sums->log_ka);
}

/* The figures of p_k into the record: the mass defect and the largest p. */
void BD_X(account)(bd_engine_t *s, int k, const bd_gradient_sums_t *sums);

/* v + sum_{k<N} beta_k u_k at pixel i. */
BD_INLINE bd_lanes_t eliminated(const bd_engine_t *s, const potentials_t *at, size_t i) {
  bd_lanes_t sum = at->v[i];
  for (int k = 0; k < s->marginals - 1; k++) sum += s->weight[k] * at->u[k][i];
  return sum;
}

/* u_N = -(v + sum_{k<N} beta_k u_k) / beta_N. */
void BD_X(eliminate)(const bd_engine_t *s, potentials_t *at);

/* What marginal k adds to the objective, without J*. */
bd_lanes_t BD_X(objective_of)(const bd_engine_t *s, const potentials_t *at, int k,
                              const bd_lanes_t *log_ka);

/* Evaluate at a point: the eliminated potential, H* and, with `gradient`, s->p of every
   marginal.  objective (may be NULL): F + J*(v). */
void BD_X(evaluate)(bd_engine_t *s, potentials_t *at, int gradient, bd_lanes_t *objective);

/* J*(v) per lane. */
void BD_X(conjugate)(const bd_engine_t *s, const bd_lanes_t *v, bd_lanes_t *value);

/* Track max and min of a plane of potentials. */
void BD_X(extent)(const bd_engine_t *s, const bd_lanes_t *u, bd_lanes_t *max, bd_lanes_t *min);

/* ---- trajectory.c -------------------------------------------------------------- */

/* Widest range of a potential, in units of the cost: taken before the potentials move. */
void BD_X(trajectory_range)(bd_engine_t *s, const potentials_t *at);

/* Look at the point whose p has been evaluated, `iteration` steps from the start: record,
   store snapshots and converged problems.  1 when nothing is left to do. */
int BD_X(trajectory_look)(bd_engine_t *s, int iteration, const bd_lanes_t *objective);

/* 1 when nothing is left to do because all problems want another engine (solver.c): they are marked
 * as such. */
int BD_X(trajectory_given_up)(bd_engine_t *s);

/* Is the objective wanted at this iteration? */
int BD_X(trajectory_wants_objective)(const bd_engine_t *s, int iteration);

/* a = mean_k p_k, and max_k |p_k - a|_1. */
void BD_X(consensus)(bd_engine_t *s, bd_lanes_t *residual);

/* ---- the rest ------------------------------------------------------------------ */

/* This compilation. */
extern const bd_path_t BD_X(path);

/* Solve what is loaded from potentials of zero; they call trajectory_look. */
void BD_X(forward_backward)(bd_engine_t *s, bd_poll_t *poll, void *context);
void BD_X(fista)(bd_engine_t *s, bd_poll_t *poll, void *context);

/* bd_solver_run of this engine (paths.h). */
void BD_X(engine_run)(void *engine, int count, const double *images, double *purified, double *mean,
                      bd_image_report_t *reports, bd_poll_t *poll, void *context);

/* Problem l of a plane into image pixels: on the mass of the image and clipped. */
void BD_X(store_lane)(const bd_engine_t *s, const bd_lanes_t *plane, int l, double *out);

#endif
