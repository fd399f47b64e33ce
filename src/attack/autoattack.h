/* AutoAttack: Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of
   diverse parameter-free attacks", ICML 2020; the standard version of fra31/auto-attack.

   APGD on cross-entropy, APGD on the targeted DLR, FAB, and the square attack, in this order.  Each
   is given what the ones before it left right.  An image that none of them fools is stored clean.

   steps: of APGD and FAB, 100 by default; the square attack makes 50 queries for each.  restarts:
   of each of the four.  step_size: of APGD.  loss means nothing here.  With fewer than four classes
   the targeted DLR is not defined, and APGD raises the margin in its place. */
#ifndef BD_ATTACK_AUTOATTACK_H
#define BD_ATTACK_AUTOATTACK_H

/* The default. */
enum { autoattack_steps = 100 };

#endif
