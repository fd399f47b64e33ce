#include "transport/engine/reverse.h"
#include "transport/engine/adjoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the adjoint of a channel leaves for the end: constants of its mass and of each q_k. */
typedef struct constants {
  double mass, marginal[BD_MARGINALS_MAX];
} constants_t;

struct bd_reverse {
  const bd_setup_t *setup;
  bd_iterate_t *iterate;
  bd_tape_t tape;
  bd_adjoint_t adjoint;
  bd_lanes_t *planes; /* the memory of all planes below */
  bd_lanes_t *h[BD_MARGINALS_MAX], *qb[BD_MARGINALS_MAX];
  bd_lanes_t *g, *sum;               /* G, and its sum over the iterations */
  bd_lanes_t *nu, *xb;               /* the adjoints of v and of x scaled to mass 1 */
  bd_lanes_t *pb, *pb_last;          /* of p_k, and of p_N */
  bd_mask_t known[BD_MARGINALS_MAX]; /* lanes of h_k that are at rest */
  int touched[BD_MARGINALS_MAX];     /* 1: h_k is not zero everywhere */
  bd_lanes_t mass;                   /* <yb, p> */
  bd_lanes_t last_norm, norm;        /* |(mu, nu)|^2 at the last iteration, and the largest */
  double *pixels;                    /* a channel */
  constants_t *constants;            /* [count][channels] */
};

/* ---- creation --------------------------------------------------------------------- */

/* Bytes of h and qb of the marginals, the eliminated one without h, and of the six single planes.
 */
static size_t planes_size(const bd_setup_t *s) {
  return (2 * (size_t)s->marginals + 5) * s->pixels * sizeof(bd_lanes_t);
}

static bd_status_t allocate(bd_reverse_t *r, size_t count, bd_error_t *error) {
  const bd_setup_t *s = r->setup;
  const int n = s->marginals;
  r->planes = lanes_allocate(planes_size(s));
  r->pixels = malloc(s->area * sizeof *r->pixels);
  r->constants = calloc(count * (size_t)s->channels, sizeof *r->constants);
  if (!r->planes || !r->pixels || !r->constants)
    return bd_fail(error, BD_FAILED, "no memory for the gradients of %zu images", count);
  bd_lanes_t *next = r->planes;
  bd_lanes_t **single[] = {&r->g, &r->sum, &r->nu, &r->xb, &r->pb, &r->pb_last};
  for (int k = 0; k < n - 1; k++, next += s->pixels) r->h[k] = next;
  for (int k = 0; k < n; k++, next += s->pixels) r->qb[k] = next;
  for (size_t i = 0; i < sizeof single / sizeof *single; i++, next += s->pixels) *single[i] = next;
  return BD_OK;
}

bd_status_t BD_X(reverse_create)(bd_iterate_t *it, double memory, size_t count,
                                 bd_reverse_t **reverse, bd_error_t *error) {
  bd_reverse_t *r = *reverse = lanes_allocate(sizeof *r);
  if (!r) return bd_fail(error, BD_FAILED, "no memory for gradients");
  memset(r, 0, sizeof *r);
  r->setup = it->setup;
  r->iterate = it;
  bd_status_t status = allocate(r, count, error);
  if (status == BD_OK) status = BD_X(tape_create)(it, memory, &r->tape, error);
  if (status == BD_OK) status = BD_X(adjoint_create)(it, &r->adjoint, error);
  if (status == BD_OK) it->tape = &r->tape;
  return status;
}

void BD_X(reverse_free)(bd_reverse_t *r) {
  if (!r) return;
  r->iterate->tape = NULL;
  BD_X(tape_free)(&r->tape);
  BD_X(adjoint_free)(&r->adjoint);
  free(r->planes);
  free(r->pixels);
  free(r->constants);
  free(r);
}

/* ---- the last iteration ------------------------------------------------------------ */

/* pb_last = the adjoint of every p_k at the end.  Where y was clipped at 1 it does not follow p.
   Black pixels are at the other end, and their derivative is the one from above. */
static void start(bd_reverse_t *r, const bd_trajectory_t *t) {
  const bd_setup_t *s = r->setup;
  const bd_batch_t *b = t->batch;
  const bd_lanes_t *p = r->iterate->a;
  bd_lanes_t mass = lanes_all(0), sum = lanes_all(0);
  memset(r->planes, 0, planes_size(s));
  for (int l = 0; l < b->queued; l++) {
    lanes_put(&s->shape, r->pb_last, l, t->call->adjoints + b->queue[l].offset,
              (size_t)shape_columns(&s->shape));
    mass[l] = b->queue[l].mass;
  }
  if (s->shape.strips > 1) mass = lanes_all(mass[0]);
  for (size_t i = 0; i < s->pixels; i++) {
    const bd_lanes_t yb = lanes_select(mass * p[i] <= 1, r->pb_last[i], lanes_all(0));
    sum += yb * p[i];
    r->pb_last[i] = yb * mass * (bd_real_t)(1.0 / s->marginals);
  }
  r->mass = whole_sum(s, sum);
  r->last_norm = lanes_all(-1);
  r->norm = lanes_all(0);
  memset(r->touched, 0, sizeof r->touched);
  for (int k = 0; k < s->marginals; k++) r->known[k] = (bd_mask_t)lanes_all(0);
}

/* ---- a step back ------------------------------------------------------------------- */

/* What a G adds to the adjoint of p_k. */
static bd_real_t share_of(const bd_setup_t *s, int k) {
  const double beta = s->beta[k];
  return (bd_real_t)(step_length(s) * beta * beta / s->beta[s->marginals - 1]);
}

/* Lanes of q_k that are known from here on backwards.  Their part of the sum begins now, and
   h_k, which is at rest, adds the same at each of the iterations left. */
static void come_to_rest(bd_reverse_t *r, int k, int iteration) {
  const bd_setup_t *s = r->setup;
  const bd_mask_t now = taped(&r->tape, iteration, k)->known & ~r->known[k];
  if (!lanes_any(now)) return;
  const bd_real_t share = share_of(s, k),
                  rest = (bd_real_t)(step_length(s) * s->beta[k] * (iteration + 1));
  for (size_t i = 0; i < s->pixels; i++)
    r->qb[k][i] -= lanes_select(now, share * r->sum[i] + rest * r->h[k][i], lanes_all(0));
  r->known[k] |= now;
}

/* The step of v back, the adjoint of p_N, the sum of G, and the norm of all adjoints. */
static void step_back(bd_reverse_t *r) {
  const bd_setup_t *s = r->setup;
  const int last = s->marginals - 1;
  const double tau = step_length(s);
  const bd_last_step_t step = last_step(s);
  bd_real_t shares = 0, squares = 0, ratio[BD_MARGINALS_MAX];
  int touched[BD_MARGINALS_MAX], count = 0;
  for (int k = 0; k < last; k++) {
    ratio[k] = (bd_real_t)(s->beta[k] / s->beta[last]);
    shares += share_of(s, k);
    squares += ratio[k] * ratio[k];
    if (r->touched[k]) touched[count++] = k;
  }
  bd_lanes_t norm = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) {
    const bd_lanes_t g = r->g[i], eta = step.shrink * r->nu[i];
    bd_lanes_t sum = lanes_all(0);
    norm += squares * g * g + r->nu[i] * r->nu[i];
    for (int j = 0; j < count; j++) {
      const int k = touched[j];
      const bd_lanes_t h = r->h[k][i];
      sum += (bd_real_t)(tau * s->beta[k]) * h;
      norm += h * (h - 2 * ratio[k] * g);
    }
    r->xb[i] -= step.pull * eta;
    r->pb_last[i] = sum - shares * g + step.push * eta;
    r->sum[i] += g;
    r->nu[i] = eta;
  }
  norm = whole_sum(s, norm);
  norm = lanes_select(norm < INFINITY, norm, lanes_all(INFINITY)); /* once beyond, it stays there */
  r->last_norm = lanes_select(r->last_norm < 0, norm, r->last_norm);
  r->norm = lanes_max(r->norm, norm);
}

/* pb = the adjoint of p_k, k < N. */
static void spread(bd_reverse_t *r, int k) {
  const bd_setup_t *s = r->setup;
  const bd_real_t share = share_of(s, k), own = (bd_real_t)(step_length(s) * s->beta[k]);
  for (size_t i = 0; i < s->pixels; i++) r->pb[i] = share * r->g[i] - own * r->h[k][i];
}

/* One marginal, k < N, at an iteration before the last. */
static void go_back(bd_reverse_t *r, int k, int iteration) {
  const bd_taped_t *entry = taped(&r->tape, iteration, k);
  if (!entry->u) return;
  spread(r, k);
  r->touched[k] = 1;
  BD_X(adjoint_marginal)
  (&r->adjoint, &(bd_adjoint_task_t){
                    .entry = entry, .k = k, .pb = r->pb, .qb = r->qb[k], .g = r->h[k], .rests = 1});
}

/* The same at the last iteration. */
static void go_back_first(bd_reverse_t *r, int k) {
  const bd_taped_t *entry = taped(&r->tape, r->tape.iterations - 1, k);
  if (entry->u) r->touched[k] = 1;
  BD_X(adjoint_marginal)
  (&r->adjoint,
   &(bd_adjoint_task_t){.entry = entry, .k = k, .pb = r->pb_last, .qb = r->qb[k], .g = r->h[k]});
}

/* The eliminated marginal, last since the others need the G before it. */
static void go_back_last(bd_reverse_t *r, int iteration) {
  const bd_setup_t *s = r->setup;
  const int last = s->marginals - 1;
  BD_X(adjoint_marginal)
  (&r->adjoint, &(bd_adjoint_task_t){.entry = taped(&r->tape, iteration, last),
                                     .k = last,
                                     .pb = r->pb_last,
                                     .qb = r->qb[last],
                                     .g = r->g,
                                     .nu = r->nu,
                                     .nu_scale = (bd_real_t)(1 / s->beta[last])});
}

/* Repeat the segment before the one at hand. */
static void repeat(bd_reverse_t *r) {
  const int end = BD_X(tape_rewind)(&r->tape, r->iterate);
  for (; r->tape.next < end; r->tape.next++) BD_X(forward_backward_step)(r->iterate);
}

/* ---- to the image ------------------------------------------------------------------ */

/* Lane l of plane a times lane l of plane b, summed. */
static bd_lanes_t product(const bd_setup_t *s, const bd_lanes_t *a, const bd_lanes_t *b) {
  bd_lanes_t sum = lanes_all(0);
  for (size_t i = 0; i < s->pixels; i++) sum += a[i] * b[i];
  return whole_sum(s, sum);
}

/* What known lanes have summed since they came to rest. */
static void end_rest(bd_reverse_t *r) {
  const bd_setup_t *s = r->setup;
  for (int k = 0; k < s->marginals - 1; k++) {
    const bd_lanes_t share = lanes_select(r->known[k], lanes_all(share_of(s, k)), lanes_all(0));
    if (!lanes_any(r->known[k])) continue;
    for (size_t i = 0; i < s->pixels; i++) r->qb[k][i] += share * r->sum[i];
  }
}

/* Lane l of a plane into r->pixels. */
static void take_lane(bd_reverse_t *r, const bd_lanes_t *plane, int l) {
  lanes_get(&r->setup->shape, plane, l, r->pixels, (size_t)shape_columns(&r->setup->shape));
}

/* Problem l into the gradient of its channel.  A channel of zeros has no derivative, and gets 0. */
static void store(bd_reverse_t *r, const bd_solver_call_t *call, const bd_problem_t *problem,
                  int l) {
  const bd_setup_t *s = r->setup;
  double *gradient = call->gradients + problem->offset;
  for (size_t i = 0; i < s->area; i++) gradient[i] = 0;
  if (problem->mass == 0) return;
  take_lane(r, r->xb, l);
  for (size_t i = 0; i < s->area; i++) gradient[i] = r->pixels[i] / problem->mass;
  for (int k = 0; k < s->marginals; k++) {
    take_lane(r, r->qb[k], l);
    stencil_scatter(&s->stencils[k], 1 / problem->marginal_mass[k], r->pixels, gradient);
  }
}

static void store_all(bd_reverse_t *r, const bd_trajectory_t *t) {
  const bd_setup_t *s = r->setup;
  const bd_batch_t *b = t->batch;
  const size_t snapshot = (size_t)s->options.iterations.count - 1;
  const bd_lanes_t of_x = product(s, r->xb, b->x);
  for (int l = 0; l < b->queued; l++) {
    const bd_problem_t *problem = &b->queue[l];
    constants_t *constants = &r->constants[problem->offset / s->area];
    store(r, t->call, problem, l);
    if (problem->mass > 0) constants->mass = r->mass[l] - of_x[l] / problem->mass;
    bd_image_report_t *report = &t->call->reports[snapshot * t->call->count + problem->image];
    const double growth = r->last_norm[l] > 0 ? sqrt(r->norm[l] / r->last_norm[l]) : 1;
    report->adjoint_growth = fmax(report->adjoint_growth, growth);
  }
  for (int k = 0; k < s->marginals; k++) {
    const bd_lanes_t of_q = product(s, r->qb[k], b->q[k]);
    for (int l = 0; l < b->queued; l++)
      if (b->queue[l].mass > 0)
        r->constants[b->queue[l].offset / s->area].marginal[k] =
            of_q[l] / b->queue[l].marginal_mass[k];
  }
}

void BD_X(reverse_run)(bd_reverse_t *r, const bd_trajectory_t *t) {
  const int last = r->tape.iterations - 1;
  if (r->tape.next != last) return; /* given up */
  start(r, t);
  for (int k = 0; k < r->setup->marginals - 1; k++) go_back_first(r, k);
  go_back_last(r, last);
  for (int iteration = last - 1; iteration >= 0; iteration--) {
    if (iteration < r->tape.first) repeat(r);
    for (int k = 0; k < r->setup->marginals - 1; k++) come_to_rest(r, k, iteration);
    step_back(r);
    for (int k = 0; k < r->setup->marginals - 1; k++) go_back(r, k, iteration);
    go_back_last(r, iteration);
    poll_caller(t);
  }
  end_rest(r);
  store_all(r, t);
}

void BD_X(reverse_finish)(const bd_reverse_t *r, const bd_solver_call_t *call) {
  const bd_setup_t *s = r->setup;
  const size_t channels = (size_t)s->channels;
  for (size_t image = 0; image < call->count; image++) {
    constants_t *constants = &r->constants[image * channels];
    constants_t joint = {0};
    for (size_t c = 0; c < channels; c++) {
      joint.mass += constants[c].mass;
      for (int k = 0; k < s->marginals; k++) joint.marginal[k] += constants[c].marginal[k];
    }
    for (size_t c = 0; c < channels; c++) {
      const constants_t *own = s->options.mass == BD_MASS_JOINT ? &joint : &constants[c];
      double *gradient = call->gradients + (image * channels + c) * s->area;
      for (size_t i = 0; i < s->area; i++) {
        double constant = own->mass;
        for (int k = 0; k < s->marginals; k++)
          constant -= s->column_mass[(size_t)k * s->area + i] * own->marginal[k];
        gradient[i] += constant;
      }
    }
  }
}
