/* What a Gibbs kernel is, and how one is best applied: scalars, for everybody. */
#ifndef BD_KERNEL_H
#define BD_KERNEL_H

#include <barydef/solver.h>

typedef enum bd_way { BD_WAY_DIRECT, BD_WAY_RECURSION, BD_WAY_FOURIER } bd_way_t;

/* The way `options->kernel` asks for; for auto, the fastest on this size that is exact over
   the whole trajectory (README, "Which kernel when"). */
bd_way_t kernel_choice(const bd_solver_options_t *options, int height, int width);

/* Cost of the offset (dy, dx); half-width of the window in a direction of `size` pixels. */
double kernel_cost(bd_cost_t cost, int dy, int dx);
int kernel_radius(int window, int size);

/* exp(-cost/gamma), 0 where it is subnormal: such a tap is beyond what the guards let
   matter, and slow. */
double kernel_tap(double cost, double gamma);

/* Half-width, at most `radius`, beyond which taps are 0 (dy and dx alike). */
int kernel_support(const bd_solver_options_t *options, int radius);

#endif
