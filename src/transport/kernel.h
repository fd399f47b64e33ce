/* What a Gibbs kernel is and how one is best applied, in scalars: for the engine and for whoever
   asks what it will do. */
#ifndef BD_KERNEL_H
#define BD_KERNEL_H

#include <barydef/solver.h>

/* How a kernel is applied (engine/gibbs.h). */
typedef enum bd_way { BD_WAY_DIRECT, BD_WAY_RECURSION, BD_WAY_FOURIER } bd_way_t;

/* The way that options->kernel asks for; for auto, the fastest on this size that is exact over the
   whole trajectory. */
bd_way_t kernel_choice(const bd_solver_options_t *options, int height, int width);

/* Cost of the offset (dy, dx). */
double kernel_cost(bd_cost_t cost, int dy, int dx);

/* Is the kernel a pass along rows followed by the same pass down columns? */
int kernel_separates(bd_cost_t cost);

/* Are those passes, for these options, first-order recursions? */
int kernel_recurs(const bd_solver_options_t *options);

/* Half-width of the window in a direction of `size` pixels. */
int kernel_radius(int window, int size);

/* exp(-cost/gamma), but 0 where it is subnormal.  Such a tap is slow, and beyond what the guards
   let matter. */
double kernel_tap(double cost, double gamma);

/* The range of a potential, in bits, up to which K moves less than half an ulp of the mass in a
   precision of so many bits after the point (engine/identity.h).  INFINITY where the window is one
   pixel; negative where K always moves more. */
double kernel_identity_range(const bd_solver_options_t *options, int height, int width,
                             int fraction);

/* Half-width, at most `radius`, beyond which taps are 0, along dy and dx alike. */
int kernel_support(const bd_solver_options_t *options, int radius);

/* The same for offsets that matter in practice, while the potentials span at most 60 gamma.  They
   seldom span more.  Ways are chosen by it. */
int kernel_usual(const bd_solver_options_t *options, int radius);

/* Half-widths that sweeps (engine/sweep.h) are made for, and the largest that they can take. */
enum { SWEEP_RADIUS_USUAL = 63, SWEEP_RADIUS_MAX = 95 };

/* An offset whose cost exceeds the range of the potentials by this many gamma contributes less than
   e^-60 of a result. */
enum { KERNEL_MARGIN = 60 };

/* The same for odd windows at a small gamma, where the tails are short.  Of a cost that separates,
   the offsets that are left out make at most 4 e^-38.2 of K a, since each of two passes has two
   ends.  Of another they may number 20 at about the same cost, and make 20 e^-40.  Either is less
   than half an ulp of the mass, and so is what it makes of the next product. */
#define KERNEL_SHORT_MARGIN(separates) ((separates) ? 38.2 : 40)
#define KERNEL_SHORT_GAMMA 0.1

#endif
