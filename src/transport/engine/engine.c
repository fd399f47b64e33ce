#include "transport/engine/method.h"
#include "transport/engine/reverse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct bd_engine {
  bd_setup_t setup;
  bd_batch_t batch;
  bd_iterate_t iterate;
  bd_trajectory_t trajectory;
  bd_reverse_t *reverse; /* while gradients are asked for */
} bd_engine_t;

/* ---- creation --------------------------------------------------------------------- */

static void destroy(void *engine) {
  bd_engine_t *e = engine;
  BD_X(setup_free)(&e->setup);
  BD_X(batch_free)(&e->batch);
  BD_X(iterate_free)(&e->iterate);
  free(e);
}

static bd_status_t create(const bd_engine_plan_t *plan, void **engine, bd_error_t *error) {
  /* The struct holds vectors, whose alignment it needs. */
  bd_engine_t *e = lanes_allocate(sizeof *e);
  if (!e) return bd_fail(error, BD_FAILED, "no memory for a solver");
  memset(e, 0, sizeof *e);
  bd_status_t status = BD_X(setup_create)(plan, &e->setup, error);
  if (status == BD_OK) status = BD_X(batch_create)(&e->setup, plan, &e->batch, error);
  if (status == BD_OK) status = BD_X(iterate_create)(&e->setup, &e->batch, &e->iterate, error);
  if (status != BD_OK) {
    destroy(e);
    return status;
  }
  e->trajectory.setup = &e->setup;
  e->trajectory.batch = &e->batch;
  *engine = e;
  return BD_OK;
}

/* ---- a batch ---------------------------------------------------------------------- */

/* The mean of the marginals of each problem, clipped, into the images `mean`. */
static void store_mean(bd_engine_t *e, double *mean) {
  bd_iterate_t *it = &e->iterate;
  bd_lanes_t ignored;
  for (int k = 0; k < e->setup.marginals; k++)
    memcpy(it->p[k], e->batch.q[k], e->setup.pixels * sizeof *it->p[k]);
  BD_X(consensus)(it, &ignored);
  for (int l = 0; l < e->batch.queued; l++)
    BD_X(batch_read)(&e->batch, it->a, l, mean + e->batch.queue[l].offset);
}

/* Solve the queued problems, all lanes in step, and empty the queue. */
static void solve_batch(bd_engine_t *e) {
  const bd_solver_call_t *call = e->trajectory.call;
  if (e->batch.queued == 0) return;
  BD_X(batch_load)(&e->batch);
  BD_X(iterate_start)(&e->iterate);
  BD_X(trajectory_start)(&e->trajectory);
  if (call->mean) store_mean(e, call->mean);
  if (e->setup.options.method == BD_METHOD_FISTA) BD_X(fista)(&e->iterate, &e->trajectory);
  else BD_X(forward_backward)(&e->iterate, &e->trajectory);
#ifndef BD_SINGLE
  if (e->reverse) BD_X(reverse_run)(e->reverse, &e->trajectory);
#endif
  BD_X(trajectory_finish)(&e->trajectory);
  e->batch.queued = 0;
}

/* ---- a whole set ------------------------------------------------------------------- */

static size_t image_size(const bd_engine_t *e) { return (size_t)e->setup.channels * e->setup.area; }

static void fill_with_nan(double *image, size_t size) {
  for (size_t i = 0; i < size; i++) image[i] = NAN;
}

/* Float32 does not keep rounding small where steps are longer than is stable. */
static int is_single_right(const bd_setup_t *s, const bd_image_report_t *report) {
  return !report->fallback && report->status != BD_IMAGE_DIVERGED &&
         s->options.tau <= report->safe_tau;
}

/* Is this result to be computed again by another engine? */
static int is_left(const bd_setup_t *s, const bd_image_report_t *report) {
  if (BD_IS_SINGLE) return !is_single_right(s, report);
  return !setup_has_wide(s) && report->fallback;
}

static void leave_pending(const bd_engine_t *e, const bd_solver_call_t *call) {
  for (int snapshot = 0; snapshot < e->setup.options.iterations.count; snapshot++)
    for (size_t i = 0; i < call->count; i++)
      if (is_left(&e->setup, &call->reports[(size_t)snapshot * call->count + i]))
        call->reports[i].status = BD_IMAGE_PENDING;
}

/* A failed image becomes NaN, never a copy of its input, and so does its gradient. */
static void blank_failures(const bd_engine_t *e, const bd_solver_call_t *call) {
  const size_t size = image_size(e);
  for (int snapshot = 0; snapshot < e->setup.options.iterations.count; snapshot++)
    for (size_t i = 0; i < call->count; i++) {
      const size_t at = (size_t)snapshot * call->count + i;
      bd_image_report_t *report = &call->reports[at];
      if (report->status == BD_IMAGE_OK || call->reports[i].status == BD_IMAGE_PENDING) continue;
      report->residual = report->mass_defect = report->objective = report->safe_tau = NAN;
      report->adjoint_growth = NAN;
      report->convergence = BD_NOT_ITERATED;
      report->bits = 0;
      fill_with_nan(call->purified + at * size, size);
      if (call->gradients) fill_with_nan(call->gradients + i * size, size);
    }
}

/* Queue image i; batches that are full are solved. */
static void take_image(bd_engine_t *e, const bd_solver_call_t *call, size_t i) {
  const size_t size = image_size(e);
  const bd_image_status_t status = BD_X(batch_prepare)(&e->batch, call->images + i * size, i);
  for (int snapshot = 0; snapshot < e->setup.options.iterations.count; snapshot++)
    call->reports[(size_t)snapshot * call->count + i] =
        (bd_image_report_t){.status = status,
                            .bits = 8 * (int)sizeof(bd_real_t),
                            .safe_tau = INFINITY,
                            .adjoint_growth = NAN};
  if (status != BD_IMAGE_OK) {
    if (call->mean) fill_with_nan(call->mean + i * size, size);
    return;
  }
  for (int c = 0; c < e->setup.channels; c++)
    if (BD_X(batch_add)(&e->batch, c)) solve_batch(e);
}

static void run(void *engine, const bd_solver_call_t *call) {
  bd_engine_t *e = engine;
  e->trajectory.call = call;
  BD_X(batch_begin)(&e->batch, call->count);
  for (size_t i = 0; i < call->count; i++)
    if (call->reports[i].status == BD_IMAGE_PENDING) take_image(e, call, i);
  solve_batch(e);
#ifndef BD_SINGLE
  if (e->reverse) BD_X(reverse_finish)(e->reverse, call);
#endif
  leave_pending(e, call);
  blank_failures(e, call);
  e->trajectory.call = NULL;
}

#ifdef BD_SINGLE
#define run_with_gradients NULL
#else
static bd_status_t run_with_gradients(void *engine, const bd_solver_call_t *call,
                                      bd_error_t *error) {
  bd_engine_t *e = engine;
  const bd_status_t status =
      BD_X(reverse_create)(&e->iterate, call->memory, call->count, &e->reverse, error);
  if (status == BD_OK) run(engine, call);
  BD_X(reverse_free)(e->reverse);
  e->reverse = NULL;
  return status;
}
#endif

const bd_path_t BD_X(path) = {BD_X(setup_can_strip), create, run, run_with_gradients, destroy};
