#include "transport/kernel.h"
#include "transport/moved.h"
#include "transport/paths.h"

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

/* ---- instruction sets ---------------------------------------------------------- */

static const struct {
  const char *name;
  const bd_path_t *paths[2]; /* float64, float32 */
} instructions[BD_INSTRUCTION_SETS] = {
    {"auto", {NULL, NULL}},
    {"baseline", {&bd_path_baseline, &bd_path_baseline_single}},
#ifdef BD_HAS_X86_PATHS
    {"avx2", {&bd_path_avx2, &bd_path_avx2_single}},
    {"avx512", {&bd_path_avx512, &bd_path_avx512_single}},
#endif
};

const char *bd_instructions_name(int set) {
  return set >= 0 && set < BD_INSTRUCTION_SETS ? instructions[set].name : NULL;
}

bd_instructions_t bd_instructions_best(void) {
#ifdef BD_HAS_X86_PATHS
  __builtin_cpu_init();
  /* What -march=x86-64-v4 and -v3 let the compiler use. */
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

/* ---- creation ------------------------------------------------------------------ */

static bd_status_t check_options(const bd_solver_options_t *o, int channels, int height, int width,
                                 bd_error_t *error) {
  if (channels < 1 || height < 1 || width < 1 || (int64_t)height * width > INT32_MAX)
    return bd_fail(error, BD_BAD_INPUT, "an image of %d x %d x %d is no image", channels, height,
                   width);
  if (!(o->gamma > 0) || !(o->theta > 0) || !(o->tau > 0))
    return bd_fail(error, BD_BAD_INPUT, "gamma %g, theta %g and tau %g must be positive", o->gamma,
                   o->theta, o->tau);
  if (!bd_cost_name((int)o->cost))
    return bd_fail(error, BD_BAD_INPUT, "there is no cost number %d", (int)o->cost);
  if (o->window != BD_WINDOW_FULL && (o->window < 1 || o->window % 2 == 0))
    return bd_fail(error, BD_BAD_INPUT, "a window of %d is neither full nor odd and positive",
                   o->window);
  if (o->marginals.count < 1 || o->marginals.count > BD_MARGINALS_MAX)
    return bd_fail(error, BD_BAD_INPUT, "%d marginals; allowed are 1 to %d", o->marginals.count,
                   BD_MARGINALS_MAX);
  if (o->weights.count != 0 && o->weights.count != o->marginals.count)
    return bd_fail(error, BD_BAD_INPUT, "%d weights for %d marginals", o->weights.count,
                   o->marginals.count);
  for (int k = 0; k < o->weights.count; k++)
    if (!(o->weights.values[k] > 0))
      return bd_fail(error, BD_BAD_INPUT, "weight %g is not positive", o->weights.values[k]);
  if (o->iterations.count < 1 || o->iterations.count > BD_SNAPSHOTS_MAX)
    return bd_fail(error, BD_BAD_INPUT, "%d snapshots; allowed are 1 to %d", o->iterations.count,
                   BD_SNAPSHOTS_MAX);
  for (int s = 0; s < o->iterations.count; s++)
    if (o->iterations.values[s] < 0 || o->iterations.values[s] >= 1 << BD_LOG_ITERATIONS_MAX ||
        (s > 0 && o->iterations.values[s] <= o->iterations.values[s - 1]))
      return bd_fail(error, BD_BAD_INPUT,
                     "the list of iterations must ascend, from 0 or more to less than %d",
                     1 << BD_LOG_ITERATIONS_MAX);
  if (o->instructions > bd_instructions_best())
    return bd_fail(error, BD_BAD_INPUT,
                   "solver.instructions: this processor, or this build, has none better than %s",
                   bd_instructions_name((int)bd_instructions_best()));
  return BD_OK;
}

double bd_solver_bytes(const bd_solver_options_t *o, int height, int width) {
  /* Planes as in create_planes of engine.c; the wide path's three of double width; stencils. */
  const double pixels = (double)height * width, plane = pixels * 64, n = o->marginals.count;
  double bytes = plane * (n * (o->method == BD_METHOD_FISTA ? 5 : 3) + 6 + 6) + pixels * n * 56;
  /* FFTs, of one image: up to 2 size + 1/7 in each direction, four arrays.  Sweeps: three rings of
   * rows; recursion: planes. */
  if (kernel_choice(o, height, width) == BD_WAY_FOURIER) bytes += 2 * 4 * 5.5 * pixels * 8;
  else
    bytes += 4 * plane + 64 * (6 * fmin(kernel_radius(o->window, height), SWEEP_RADIUS_MAX) + 30) *
                             (width + 2 * fmin(kernel_radius(o->window, width), SWEEP_RADIUS_MAX));
  bytes += plane * (n * (o->method == BD_METHOD_FISTA ? 5 : 3) + 10) / 8; /* one image in strips */
  return o->precision == BD_PRECISION_DOUBLE ? bytes : 2 * bytes;
}

/* Engines in the order in which an image is given to them: each takes on what the one before it was
   not right for; the last, float64 with lanes of images, is right for all. */
enum { ENGINES_MAX = 3 };
struct bd_solver {
  int count;
  bd_moved_t *own; /* where the caller shares none */
  const bd_path_t *paths[ENGINES_MAX];
  void *engines[ENGINES_MAX];
};

/* Where float32 can agree with float64 to 1e-6 of a pixel's range.  Its error grows with the
   iterations and with the range of the potentials, and the mean over N marginals makes it less:
   within these bounds and the guard of gradient.c (4 bits) the largest seen was 6e-7.  At
   smaller gamma potentials soon span more, and long recursions lose more; a weight much above the
   others', a handful of pixels, and steps too long (purify.c) let rounding grow. */
static int single_may_serve(const bd_solver_options_t *o, int height, int width) {
  const int last = o->iterations.values[o->iterations.count - 1];
  if (o->method != BD_METHOD_FB || o->gamma < 0.5 || last > 256 || last > 50 * o->marginals.count)
    return 0;
  if (o->weights.count > 0 || height * width < 64) return 0;
  return kernel_choice(o, height, width) != BD_WAY_FOURIER &&
         (o->window != BD_WINDOW_FULL || height * width <= 4096);
}

bd_status_t bd_solver_create(const bd_solver_options_t *options, int channels, int height,
                             int width, bd_moved_t *moved, bd_solver_t **solver,
                             bd_error_t *error) {
  *solver = NULL;
  bd_status_t status = check_options(options, channels, height, width, error);
  if (status != BD_OK) return status;
  bd_solver_t *s = calloc(1, sizeof *s);
  if (s && !moved) moved = s->own = bd_moved_create(0);
  if (!s || !moved) {
    free(s);
    return bd_fail(error, BD_FAILED, "no memory for a solver");
  }
  bd_instructions_t set = options->instructions == BD_INSTRUCTIONS_AUTO ? bd_instructions_best()
                                                                        : options->instructions;
  const bd_path_t *path = instructions[set].paths[0], *single = instructions[set].paths[1];
  const int in_strips = path->can_strip(options, height, width),
            single_strips = single->can_strip(options, height, width);
  /* Of large images float64 in strips is faster than float32 without. */
  const int has_single = options->precision == BD_PRECISION_AUTO &&
                         single_may_serve(options, height, width) && single_strips >= in_strips;
  s->count = 1 + has_single + in_strips;
  status = moved_fit(moved, options, channels, height, width, error);
  for (int i = 0; status == BD_OK && i < s->count; i++) {
    const int is_single = has_single && i == 0,
              strips = is_single ? single_strips : i < s->count - 1;
    s->paths[i] = is_single ? single : path;
    status = s->paths[i]->create(options, channels, height, width, strips, moved, i == 0,
                                 &s->engines[i], error);
  }
  if (status != BD_OK) {
    bd_solver_destroy(s);
    return status;
  }
  *solver = s;
  return BD_OK;
}

void bd_solver_run(bd_solver_t *s, int count, const double *images, double *purified, double *mean,
                   bd_image_report_t *reports, bd_poll_t *poll, void *context) {
  for (int i = 0; i < count; i++) reports[i].status = BD_IMAGE_PENDING;
  for (int i = 0; i < s->count; i++)
    s->paths[i]->run(s->engines[i], count, images, purified, mean, reports, poll, context);
}

void bd_solver_destroy(bd_solver_t *s) {
  if (!s) return;
  for (int i = 0; i < s->count; i++)
    if (s->engines[i]) s->paths[i]->destroy(s->engines[i]);
  bd_moved_free(s->own);
  free(s);
}
