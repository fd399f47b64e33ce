/* Projected gradient steps in a ball that grows, until the image is misclassified: the attack of
   Table I of Subramanyam and Raj, "Barycentric Defense", which its text calls an l_inf attack of
   epsilon 0.17.

   Steps of 0.01 along the sign of the gradient (l2: along the gradient) from the clean image, in a
   ball whose radius begins at 0.01 and grows by 1.1 every 10 steps; at most 600 steps.  An image
   stops at its first misclassification, and so sits just beyond the border.  The radius is 0.17 at
   step 300.

   epsilon > 0 is the largest radius; epsilon = 0 sets no bound.  step_size > 0 sets both the first
   radius and the length of a step to step_size * epsilon, or to step_size where epsilon is 0.
   restarts means nothing here. */
#ifndef BD_ATTACK_GROWING_H
#define BD_ATTACK_GROWING_H

/* The defaults.  The length of a step is in pixel range, not in units of epsilon. */
enum { growing_steps = 600 };
static const double growing_step_size = 0.01;

#endif
