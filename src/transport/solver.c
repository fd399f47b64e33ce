#include "transport/kernel.h"
#include "transport/mean.h"
#include "transport/moved.h"
#include "transport/paths.h"

#include <barydef/limits.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ------------------------------------------------------------------------ */

#define NAME(NAME, name, meaning) name,

const char *bd_image_status_name(int status) {
  static const char *const names[] = {BD_IMAGE_STATUS_TABLE(NAME)};
  return status >= 0 && status < BD_IMAGE_STATUSES ? names[status] : NULL;
}

const char *bd_convergence_name(int convergence) {
  static const char *const names[] = {BD_CONVERGENCE_TABLE(NAME)};
  return convergence >= 0 && convergence < BD_CONVERGENCES ? names[convergence] : NULL;
}

size_t bd_image_report_size(void) { return sizeof(bd_image_report_t); }

void bd_image_report_growths(size_t count, const bd_image_report_t *reports, double *growths) {
  for (size_t i = 0; i < count; i++) growths[i] = reports[i].adjoint_growth;
}

/* ---- instruction sets ---------------------------------------------------------- */

#define SET_CHOSEN(name) {#name, {NULL, NULL}},
#define SET_EVERYWHERE(name) {#name, {&bd_path_##name, &bd_path_##name##_single}},
#ifdef BD_HAS_X86_PATHS
#define SET_X86(name) SET_EVERYWHERE(name)
#else
#define SET_X86(name) {NULL, {NULL, NULL}},
#endif
#define SET(NAME, name, where, meaning) SET_##where(name)

static const struct {
  const char *name;
  const bd_path_t *paths[2]; /* float64, float32 */
} instructions[BD_INSTRUCTION_SETS] = {BD_INSTRUCTIONS_TABLE(SET)};

const char *bd_instructions_name(int set) {
  return set >= 0 && set < BD_INSTRUCTION_SETS ? instructions[set].name : NULL;
}

bd_instructions_t bd_instructions_best(void) {
#ifdef BD_HAS_X86_PATHS
  __builtin_cpu_init();
  /* What -march=x86-64-v3 and -v4 let the compiler use. */
  int v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  int v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
  return v4 ? BD_INSTRUCTIONS_AVX512 : v3 ? BD_INSTRUCTIONS_AVX2 : BD_INSTRUCTIONS_BASELINE;
#else
  return BD_INSTRUCTIONS_BASELINE;
#endif
}

/* ---- options ---------------------------------------------------------------------- */

static bd_status_t check_image(int channels, int height, int width, bd_error_t *error) {
  if (channels >= 1 && height >= 1 && width >= 1 && (int64_t)height * width <= INT32_MAX)
    return BD_OK;
  return bd_fail(error, BD_BAD_INPUT, "an image of %d x %d x %d is no image", channels, height,
                 width);
}

static bd_status_t check_numbers(const bd_solver_options_t *o, bd_error_t *error) {
  if (!(o->gamma > 0) || !(o->theta > 0) || !(o->tau > 0))
    return bd_fail(error, BD_BAD_INPUT, "gamma %g, theta %g and tau %g must be positive", o->gamma,
                   o->theta, o->tau);
  if (!bd_cost_name((int)o->cost))
    return bd_fail(error, BD_BAD_INPUT, "there is no cost number %d", (int)o->cost);
  if (o->window != BD_WINDOW_FULL && (o->window < 1 || o->window % 2 == 0))
    return bd_fail(error, BD_BAD_INPUT, "a window of %d is neither full nor odd and positive",
                   o->window);
  if (o->instructions > bd_instructions_best())
    return bd_fail(error, BD_BAD_INPUT,
                   "solver.instructions: this processor, or this build, has none better than %s",
                   bd_instructions_name((int)bd_instructions_best()));
  return BD_OK;
}

static bd_status_t check_marginals(const bd_solver_options_t *o, bd_error_t *error) {
  const int count = o->marginals.count;
  if (count < 1 || count > BD_MARGINALS_MAX)
    return bd_fail(error, BD_BAD_INPUT, "%d marginals; allowed are 1 to %d", count,
                   BD_MARGINALS_MAX);
  if (o->weights.count != 0 && o->weights.count != count)
    return bd_fail(error, BD_BAD_INPUT, "%d weights for %d marginals", o->weights.count, count);
  for (int k = 0; k < o->weights.count; k++)
    if (!(o->weights.values[k] > 0))
      return bd_fail(error, BD_BAD_INPUT, "weight %g is not positive", o->weights.values[k]);
  return BD_OK;
}

static bd_status_t check_iterations(const bd_iterations_t *list, bd_error_t *error) {
  const int end = 1 << BD_LOG_ITERATIONS_MAX;
  if (list->count < 1 || list->count > BD_SNAPSHOTS_MAX)
    return bd_fail(error, BD_BAD_INPUT, "%d snapshots; allowed are 1 to %d", list->count,
                   BD_SNAPSHOTS_MAX);
  for (int s = 0; s < list->count; s++)
    if (list->values[s] < 0 || list->values[s] >= end ||
        (s > 0 && list->values[s] <= list->values[s - 1]))
      return bd_fail(error, BD_BAD_INPUT,
                     "the list of iterations must ascend, from 0 or more to less than %d", end);
  return BD_OK;
}

static bd_status_t check_options(const bd_solver_options_t *o, int channels, int height, int width,
                                 bd_error_t *error) {
  bd_status_t status = check_image(channels, height, width, error);
  if (status == BD_OK) status = check_numbers(o, error);
  if (status == BD_OK) status = check_marginals(o, error);
  if (status == BD_OK) status = check_iterations(&o->iterations, error);
  return status;
}

/* ---- memory ----------------------------------------------------------------------- */

/* Planes of a pixel of each lane in all that is not per marginal: x, v of each point, two to work
   in, two of implied potentials and what rounds up, and the three of the wide way, which are of
   double width. */
enum { REGISTER_BYTES = 64, SHARED_PLANES = 8, WIDE_PLANES = 6, STRIPS_PLANES = 12 };

/* Bytes of a stencil and the column masses, a pixel and marginal. */
enum { MOTION_BYTES = 56 };

/* FFTs take four arrays of an image, padded to at most 2 size + 1/7 in each direction; twice, as
   spectra are complex. */
static const double padded_area = 5.5;
enum { FOURIER_ARRAYS = 2 * 4 };

static double fourier_bytes(double pixels) {
  return FOURIER_ARRAYS * padded_area * pixels * (double)sizeof(double);
}

/* Recursions take planes; sweeps three rings of rows, and some rows more. */
static double taps_bytes(const bd_solver_options_t *o, int height, int width, double plane) {
  const double radius_y = fmin(kernel_radius(o->window, height), SWEEP_RADIUS_MAX),
               radius_x = fmin(kernel_radius(o->window, width), SWEEP_RADIUS_MAX);
  return 4 * plane + REGISTER_BYTES * (6 * radius_y + 30) * (width + 2 * radius_x);
}

double bd_solver_bytes(const bd_solver_options_t *o, int height, int width) {
  const double pixels = (double)height * width, plane = pixels * REGISTER_BYTES;
  /* Of each marginal: q, p and the potential; fista keeps three potentials. */
  const double n = o->marginals.count, of_marginals = n * (o->method == BD_METHOD_FISTA ? 5 : 3);
  double bytes = plane * (of_marginals + SHARED_PLANES + WIDE_PLANES) + pixels * n * MOTION_BYTES;
  bytes += kernel_choice(o, height, width) == BD_WAY_FOURIER ? fourier_bytes(pixels)
                                                             : taps_bytes(o, height, width, plane);
  bytes += plane * (of_marginals + STRIPS_PLANES) / 8; /* one image in strips */
  return o->precision == BD_PRECISION_DOUBLE ? bytes : 2 * bytes;
}

/* ---- work ------------------------------------------------------------------------- */

/* The potentials of real images span s, in units of the cost, after about span_fista s^2 iterations
   of fista, or span_fb s^2 N / tau of fb.  Measured on MNIST, Fashion-MNIST and CIFAR-10 with B4
   and B6 at gamma 0.01 to 0.0245.  Single data sets are off by up to a factor of three. */
static const double span_fista = 600, span_fb = 330;

double bd_solver_evaluated(const bd_solver_options_t *o, int height, int width) {
  const double span = kernel_identity_range(o, height, width, DBL_MANT_DIG - 1) * o->gamma * M_LN2,
               n = o->marginals.count, last = o->iterations.values[o->iterations.count - 1];
  if (!o->shortcuts || span <= 0) return n;
  if (!isfinite(span)) return 0;
  const double known =
      span * span *
      (o->method == BD_METHOD_FISTA ? span_fista : span_fb * n / fmax(o->tau, 1e-300));
  return 1 + (n - 1) * fmax(0, 1 - known / fmax(last, 1));
}

/* ---- creation --------------------------------------------------------------------- */

/* The engines in the order in which they are given an image.  Each takes on what the one before it
   was not right for.  The last, float64 with lanes of images, is right for all. */
enum { ENGINES_MAX = 3 };
struct bd_solver {
  bd_moved_t *own;         /* where the caller shares none */
  const bd_moved_t *moved; /* the motions: its own, or those of the caller */
  bd_method_t method;
  double tolerance;
  int count;
  struct {
    const bd_path_t *path;
    bd_layout_t layout;
    void *engine; /* of that path; NULL: not created */
  } engines[ENGINES_MAX];
};

/* Where float32 can agree with float64 to 1e-6 of a pixel's range.  Its error grows with the
   iterations and with the range of the potentials, and falls with the number of marginals that are
   averaged.  Within these bounds and BD_RANGE_MAX (engine/precision.h) the largest error seen was
   6e-7.  At smaller gamma potentials soon span more, and long recursions lose more.  A weight much
   above the others, a handful of pixels, and steps that are too long (engine.c) let rounding
   grow. */
static const double single_least_gamma = 0.5;
enum {
  SINGLE_ITERATIONS_MAX = 256,
  SINGLE_ITERATIONS_PER_MARGINAL = 50,
  SINGLE_PIXELS_MIN = 64,
  SINGLE_FULL_PIXELS_MAX = 4096 /* on the full window */
};

static int single_may_serve(const bd_solver_options_t *o, int height, int width) {
  const int last = o->iterations.values[o->iterations.count - 1], pixels = height * width;
  return o->method == BD_METHOD_FB && o->gamma >= single_least_gamma &&
         last <= SINGLE_ITERATIONS_MAX &&
         last <= SINGLE_ITERATIONS_PER_MARGINAL * o->marginals.count && o->weights.count == 0 &&
         pixels >= SINGLE_PIXELS_MIN && kernel_choice(o, height, width) != BD_WAY_FOURIER &&
         (o->window != BD_WINDOW_FULL || pixels <= SINGLE_FULL_PIXELS_MAX);
}

static void add_engine(bd_solver_t *s, const bd_path_t *path, bd_layout_t layout) {
  s->engines[s->count].path = path;
  s->engines[s->count++].layout = layout;
}

static void choose_engines(bd_solver_t *s, const bd_engine_plan_t *plan) {
  const bd_solver_options_t *o = plan->options;
  const bd_instructions_t set =
      o->instructions == BD_INSTRUCTIONS_AUTO ? bd_instructions_best() : o->instructions;
  const bd_path_t *path = instructions[set].paths[0], *single = instructions[set].paths[1];
  const int strips = path->can_strip(o, plan->height, plan->width),
            single_strips = single->can_strip(o, plan->height, plan->width);
  /* Of large images float64 in strips is faster than float32 without. */
  if (o->precision == BD_PRECISION_AUTO && single_may_serve(o, plan->height, plan->width) &&
      single_strips >= strips)
    add_engine(s, single, single_strips ? BD_LAYOUT_STRIPS : BD_LAYOUT_IMAGES);
  if (strips) add_engine(s, path, BD_LAYOUT_STRIPS);
  add_engine(s, path, BD_LAYOUT_IMAGES);
}

static bd_status_t create_engines(bd_solver_t *s, bd_engine_plan_t *plan, bd_error_t *error) {
  bd_status_t status =
      moved_fit(plan->moved, plan->options, plan->channels, plan->height, plan->width, error);
  choose_engines(s, plan);
  for (int i = 0; status == BD_OK && i < s->count; i++) {
    plan->layout = s->engines[i].layout;
    plan->role = i == 0 ? ENGINE_FIRST : ENGINE_FOLLOWER;
    status = s->engines[i].path->create(plan, &s->engines[i].engine, error);
  }
  return status;
}

bd_status_t bd_solver_create(const bd_solver_options_t *options, int channels, int height,
                             int width, bd_moved_t *moved, bd_solver_t **solver,
                             bd_error_t *error) {
  *solver = NULL;
  bd_status_t status = check_options(options, channels, height, width, error);
  if (status != BD_OK) return status;
  bd_solver_t *s = calloc(1, sizeof *s);
  if (s) s->method = options->method, s->tolerance = options->tolerance;
  if (s && !moved) moved = s->own = bd_moved_create(0);
  if (!s || !moved) {
    free(s);
    return bd_fail(error, BD_FAILED, "no memory for a solver");
  }
  s->moved = moved;
  bd_engine_plan_t plan = {
      .options = options, .channels = channels, .height = height, .width = width, .moved = moved};
  status = create_engines(s, &plan, error);
  if (status != BD_OK) {
    bd_solver_destroy(s);
    return status;
  }
  *solver = s;
  return BD_OK;
}

void bd_solver_run(bd_solver_t *s, int count, const double *images, double *purified, double *mean,
                   bd_image_report_t *reports, bd_poll_t *poll, void *context) {
  const bd_solver_call_t call = {.count = (size_t)count,
                                 .images = images,
                                 .purified = purified,
                                 .mean = mean,
                                 .reports = reports,
                                 .poll = poll,
                                 .context = context};
  for (int i = 0; i < count; i++) reports[i].status = BD_IMAGE_PENDING;
  for (int i = 0; i < s->count; i++) s->engines[i].path->run(s->engines[i].engine, &call);
}

static int has_pending(const bd_solver_call_t *call) {
  for (size_t i = 0; i < call->count; i++)
    if (call->reports[i].status == BD_IMAGE_PENDING) return 1;
  return 0;
}

static bd_status_t check_gradient(const bd_solver_t *s, bd_error_t *error) {
  if (s->method != BD_METHOD_FB)
    return bd_fail(error, BD_BAD_INPUT,
                   "solver.method = fista has no gradient, since its steps are decided by "
                   "comparisons; use fb");
  if (s->tolerance > 0)
    return bd_fail(error, BD_BAD_INPUT,
                   "solver.tolerance = %g has no gradient, since a comparison ends the iterations; "
                   "use 0",
                   s->tolerance);
  return BD_OK;
}

bd_status_t bd_solver_vjp(bd_solver_t *s, const bd_vjp_t *vjp, bd_error_t *error) {
  const bd_solver_call_t call = {.count = (size_t)vjp->count,
                                 .images = vjp->images,
                                 .purified = vjp->purified,
                                 .reports = vjp->reports,
                                 .adjoints = vjp->adjoints,
                                 .gradients = vjp->gradients,
                                 .memory = vjp->memory > 0 ? vjp->memory : 0};
  bd_status_t status = check_gradient(s, error);
  for (int i = 0; i < vjp->count; i++) vjp->reports[i].status = BD_IMAGE_PENDING;
  for (int i = 0; status == BD_OK && i < s->count; i++)
    if (s->engines[i].path->run_with_gradients && has_pending(&call))
      status = s->engines[i].path->run_with_gradients(s->engines[i].engine, &call, error);
  return status;
}

bd_status_t bd_solver_vjp_of(bd_solver_t *s, int count, const double *images,
                             const double *adjoints, double *purified, double *gradients,
                             bd_image_report_t *reports, double memory, bd_error_t *error) {
  const bd_vjp_t vjp = {.count = count,
                        .images = images,
                        .adjoints = adjoints,
                        .purified = purified,
                        .gradients = gradients,
                        .reports = reports,
                        .memory = memory};
  return bd_solver_vjp(s, &vjp, error);
}

bd_status_t bd_solver_mean_vjp(bd_solver_t *s, int count, const double *images,
                               const double *adjoints, double *gradients, bd_error_t *error) {
  const size_t size =
      (size_t)s->moved->channels * (size_t)s->moved->height * (size_t)s->moved->width;
  double *room = malloc(size * sizeof *room);
  if (!room) return bd_fail(error, BD_FAILED, "no memory for the gradient of an image");
  for (size_t at = 0; at < (size_t)count * size; at += size)
    mean_vjp(s->moved, images + at, adjoints + at, room, gradients + at);
  free(room);
  return BD_OK;
}

void bd_solver_destroy(bd_solver_t *s) {
  if (!s) return;
  for (int i = 0; i < s->count; i++)
    if (s->engines[i].engine) s->engines[i].path->destroy(s->engines[i].engine);
  bd_moved_free(s->own);
  free(s);
}

int bd_pixels_clip(size_t count, double *pixels) {
  int clipped = 0;
  for (size_t i = 0; i < count; i++)
    if (pixels[i] < 0 && pixels[i] >= -BD_ABOVE_ONE_MAX) {
      pixels[i] = 0;
      clipped = 1;
    } else if (pixels[i] > 1 && pixels[i] <= 1 + BD_ABOVE_ONE_MAX) {
      pixels[i] = 1;
      clipped = 1;
    }
  return clipped;
}
