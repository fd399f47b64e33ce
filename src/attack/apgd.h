/* Auto-PGD: Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of
   diverse parameter-free attacks", ICML 2020; defaults of AutoAttack standard.

   100 steps, the first of length 2 epsilon, from a random point on the surface of the ball.  A step
   is followed by a part of the move before it.  At checkpoints, after 22 steps and then at
   intervals that shrink from 19 to 6, the step is halved and the search goes back to its best
   point, where less than three quarters of the steps raised the loss, or where the best point is
   still that of the checkpoint before.  There is no early stop.  An image that was misclassified at
   some iterate is stored as the last such; all others are stored clean.

   loss = ce, dlr and margin are raised as they are.  loss = dlr_targeted is raised for each of the
   nine classes that follow the label by the logits of the clean image, each from a start of its
   own, until one succeeds: AutoAttack's APGD-T.

   At the first checkpoint AutoAttack compares the loss after the first step with 0.  Here it is
   compared with the loss of the start, as in the paper.  After the last step no gradient is
   taken. */
#ifndef BD_ATTACK_APGD_H
#define BD_ATTACK_APGD_H

/* The defaults. */
enum { apgd_steps = 100, apgd_targets = 9 };
static const double apgd_step_size = 2;

#endif
