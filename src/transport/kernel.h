/* What a Gibbs kernel is, and how one is best applied: scalars, for everybody. */
#ifndef BD_KERNEL_H
#define BD_KERNEL_H

#include <barydef/solver.h>

typedef enum bd_way { BD_WAY_DIRECT, BD_WAY_RECURSION, BD_WAY_FOURIER } bd_way_t;

/* The way `options->kernel` asks for; for auto, the fastest on this size that is exact over
   the whole trajectory (README, "Which kernel when"). */
bd_way_t kernel_choice(const bd_solver_options_t *options, int height, int width);

/* Cost of the offset (dy, dx). */
double kernel_cost(bd_cost_t cost, int dy, int dx);

/* Is the kernel a pass along rows followed by the same pass down columns? */
int kernel_separates(bd_cost_t cost);

/* Are those passes, for these options, first-order recursions? */
int kernel_recurs(const bd_solver_options_t *options);

/* Half-width of the window in a direction of `size` pixels. */
int kernel_radius(int window, int size);

/* exp(-cost/gamma), 0 where it is subnormal: such a tap is beyond what the guards let
   matter, and slow. */
double kernel_tap(double cost, double gamma);

/* Half-width, at most `radius`, beyond which taps are 0 (dy and dx alike). */
int kernel_support(const bd_solver_options_t *options, int radius);

/* What the support comes to in practice: offsets that matter (KERNEL_MARGIN) while the potentials
   span 60 gamma, which they seldom do.  Ways are chosen by it. */
int kernel_usual(const bd_solver_options_t *options, int radius);

/* Sweeps (sweep.h): half-widths they are made for, and the largest they can take. */
enum { SWEEP_RADIUS_USUAL = 63, SWEEP_RADIUS_MAX = 95 };

/* An offset whose cost exceeds the range of the potentials by this many gamma contributes less than
 * e^-60 of a result. */
enum { KERNEL_MARGIN = 60 };

#endif
