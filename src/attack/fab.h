/* FAB, targeted: Croce and Hein, "Minimally distorted adversarial examples with a fast adaptive
   boundary attack", ICML 2020; defaults of AutoAttack standard, its FAB-T.

   It looks for the smallest perturbation that makes a class of the label.  The border to the target
   is taken for a plane.  In each of 100 steps the iterate and the clean image are projected onto
   the plane inside [0,1], overshooting by 1.05, and the new iterate is a mean of the two, at most
   0.1 of it from the clean image.  Where it is misclassified it is kept if it is the nearest so
   far, and the search goes on at 0.9 of the way to it.  The targets are the nine classes that
   follow the label by the logits of the clean image.

   epsilon > 0: an image that was misclassified within epsilon is stored, and not attacked for
   further targets; all others are stored clean.  epsilon = 0: all targets are tried, and the
   nearest of all is stored.  Restarts after the first begin at random, half of epsilon away; of 0.3
   (linf) or 1 (l2), where epsilon is 0.  step_size and loss mean nothing here. */
#ifndef BD_ATTACK_FAB_H
#define BD_ATTACK_FAB_H

/* The defaults. */
enum { fab_steps = 100, fab_targets = 9 };

#endif
