/* Holds the adjoint of one marginal to what it is: with the plan P_ij = a_i K_ij r_j, whose rows
   sum to p and whose columns sum to q,

       z_j is a mean of pb,   g_i = (1/gamma) sum_j P_ij (pb_i - z_j).

   Four things follow, whatever u, q and pb are.  They are held absolutely, since both cancel.  This
   file is compiled for each instruction set. */
#include "transport/engine/adjoint.h"
#include "transport/moved.h"

#include <criterion/criterion.h>
#include <fenv.h>
#include <math.h>
#include <stdio.h>

#if defined __AVX512F__
static const bd_instructions_t instructions = BD_INSTRUCTIONS_AVX512;
#elif defined __AVX2__
static const bd_instructions_t instructions = BD_INSTRUCTIONS_AVX2;
#else
static const bd_instructions_t instructions = BD_INSTRUCTIONS_BASELINE;
#endif

enum { H = 13, W = 32 };

/* What the four may miss, relative to the largest pb, and for g to p as well: a few ulp of sums
   over a window or an image, or of an FFT what its guard leaves (dual.h).  What is below `nothing`
   may be held up by the exponents of wide-range arithmetic, which end at -1000 (lanes_scale). */
static const double rounding = 1e-14, fourier_rounding = 2e-11, nothing = 1e-290;

typedef struct bench {
  bd_setup_t setup;
  bd_batch_t batch;
  bd_iterate_t iterate;
  bd_adjoint_t adjoint;
  bd_moved_t *moved;
  bd_lanes_t *planes, *q, *pb, *z, *g;
  bd_lanes_t mass;
} bench_t;

static void open_bench(bench_t *b, const bd_solver_options_t *options, bd_layout_t layout) {
  memset(b, 0, sizeof *b);
  b->moved = bd_moved_create(0);
  const bd_engine_plan_t plan = {.options = options,
                                 .channels = 1,
                                 .height = H,
                                 .width = W,
                                 .layout = layout,
                                 .moved = b->moved};
  bd_error_t e = {0};
  cr_assert_eq(BD_X(setup_create)(&plan, &b->setup, &e), BD_OK, "%s", e.message);
  cr_assert_eq(BD_X(iterate_create)(&b->setup, &b->batch, &b->iterate, &e), BD_OK, "%s", e.message);
  cr_assert_eq(BD_X(adjoint_create)(&b->iterate, &b->adjoint, &e), BD_OK, "%s", e.message);
  const size_t pixels = b->setup.pixels;
  b->planes = lanes_allocate(4 * pixels * sizeof *b->planes);
  cr_assert_not_null(b->planes);
  bd_lanes_t **plane[] = {&b->q, &b->pb, &b->z, &b->g};
  for (size_t i = 0; i < 4; i++) *plane[i] = b->planes + i * pixels;
  b->batch = (bd_batch_t){.setup = &b->setup, .q = {b->q}, .q_mass = &b->mass};
}

static void close_bench(bench_t *b) {
  free(b->planes);
  BD_X(adjoint_free)(&b->adjoint);
  BD_X(iterate_free)(&b->iterate);
  BD_X(setup_free)(&b->setup);
  bd_moved_free(b->moved);
}

/* Between 0 and 1. */
static double any_number(void) {
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return ldexp((double)(state >> 12), -52);
}

/* q of mass 1 with zeros, potentials that span `range` bits, and an adjoint of either sign or,
   where `constant` is not 0, of that value. */
static void fill(bench_t *b, double range, double constant) {
  const size_t pixels = b->setup.pixels;
  b->mass = lanes_all(0);
  for (size_t i = 0; i < pixels; i++)
    for (int l = 0; l < BD_LANES; l++) {
      b->q[i][l] = any_number() < 0.4 ? 0 : any_number();
      b->iterate.at.u[0][i][l] = range * (any_number() - 0.5);
      b->pb[i][l] = constant != 0 ? constant : 2 * any_number() - 1;
      b->mass[l] += b->q[i][l];
    }
  const bd_lanes_t mass = b->mass = whole_sum(&b->setup, b->mass);
  for (size_t i = 0; i < pixels; i++) b->q[i] /= mass;
  b->mass = lanes_all(1);
  BD_X(extent)(&b->setup, b->iterate.at.u[0], &b->iterate.at.max[0], &b->iterate.at.min[0]);
  memset(b->z, 0, 2 * pixels * sizeof *b->z);
}

/* p by the forward pass, z and g, with traps for what is neither rounding nor underflow. */
static void run(bench_t *b) {
  bd_iterate_t *it = &b->iterate;
  bd_evaluation_t e = {.at = &it->at, .k = 0, .p = it->p[0]};
  const bd_taped_t entry = {it->at.u[0], it->at.max[0], it->at.min[0], (bd_mask_t)lanes_all(0)};
  feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
  BD_X(evaluate_marginal)(it, &e);
  BD_X(adjoint_marginal)
  (&b->adjoint, &(bd_adjoint_task_t){.entry = &entry, .k = 0, .pb = b->pb, .qb = b->z, .g = b->g});
  fedisableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
}

/* Lane l, or all of them where they are one image.  g is in units of the engine's potentials. */
static void check_lanes(const bench_t *b, int l, int lanes, double error, const char *name) {
  const bd_lanes_t *p = b->iterate.p[0];
  double least = INFINITY, most = -INFINITY, sum = 0, scale = 0;
  for (size_t i = 0; i < b->setup.pixels; i++)
    for (int j = l; j < l + lanes; j++) {
      least = fmin(least, b->pb[i][j]);
      most = fmax(most, b->pb[i][j]);
      sum += b->g[i][j];
      scale += BD_LN2 * p[i][j] * fabs(b->pb[i][j]);
    }
  const double largest = fmax(fabs(least), fabs(most)),
               floor = error > rounding ? error * largest : nothing;
  for (size_t i = 0; i < b->setup.pixels; i++)
    for (int j = l; j < l + lanes; j++) {
      const double z = b->z[i][j], g = b->g[i][j];
      cr_assert(z >= least - error * largest && z <= most + error * largest,
                "%s: z = %g is not between %g and %g", name, z, least, most);
      const double bound = p[i][j] * (most - least + error * largest);
      cr_assert(fabs(g) <= BD_LN2 * bound + floor, "%s: g = %g, but p = %g and pb is from %g to %g",
                name, g, p[i][j], least, most);
    }
  cr_assert(fabs(sum) <= error * scale + floor, "%s: the sum of g is %g of %g", name, sum / scale,
            scale);
}

static void check(const bd_solver_options_t *options, bd_layout_t layout, const char *name) {
  static bench_t b;
  const double ranges[] = {0, 1, 40, 500, 860, 3000};
  open_bench(&b, options, layout);
  const double error = b.setup.gibbs->noise > 0 ? fourier_rounding : rounding;
  for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++)
    for (int constant = -1; constant <= 1; constant++) {
      char text[200];
      snprintf(text, sizeof text, "%s, gamma %g, %g bits, pb %s", name, options->gamma, ranges[r],
               constant ? "constant" : "random");
      fill(&b, ranges[r], 0.7 * constant);
      if (layout == BD_LAYOUT_STRIPS && lanes_any(BD_X(beyond_range)(&b.setup, &b.iterate.at, 0)))
        continue; /* left to another engine */
      run(&b);
      const int lanes = b.setup.shape.strips;
      for (int l = 0; l < BD_LANES; l += lanes) check_lanes(&b, l, lanes, error, text);
    }
  close_bench(&b);
}

Test(adjoint, z_is_a_mean_of_pb_and_g_sums_to_nothing) {
  const struct {
    const char *name;
    bd_cost_t cost;
    int window;
    bd_kernel_t kernel;
  } ways[] = {{"a sweep", BD_COST_L1, 7, BD_KERNEL_AUTO},
              {"a wide sweep", BD_COST_SQL2, 11, BD_KERNEL_AUTO},
              {"taps", BD_COST_L2, 5, BD_KERNEL_AUTO},
              {"a recursion", BD_COST_L1, BD_WINDOW_FULL, BD_KERNEL_AUTO},
              {"all taps", BD_COST_L2, BD_WINDOW_FULL, BD_KERNEL_DIRECT},
              {"FFTs", BD_COST_L2, 7, BD_KERNEL_FFTW}};
  const double gammas[] = {1e-3, 0.02, 1, 50};
  if (bd_instructions_best() < instructions) cr_skip_test("SKIPPED: not on this processor");
  for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
    for (size_t g = 0; g < sizeof gammas / sizeof *gammas; g++) {
      const bd_solver_options_t options = {.gamma = gammas[g],
                                           .theta = 1e5,
                                           .tau = 0.2,
                                           .iterations = {1, {1}},
                                           .cost = ways[w].cost,
                                           .window = ways[w].window,
                                           .kernel = ways[w].kernel,
                                           .marginals = {.count = 1}};
      check(&options, BD_LAYOUT_IMAGES, ways[w].name);
      if (w == 0) check(&options, BD_LAYOUT_STRIPS, "strips");
    }
}
