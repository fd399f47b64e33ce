/* Projected gradient ascent, and its single step.

   pgd: Madry et al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018,
   with the starts and steps of Foolbox 3.3.4: linf starts uniformly in the cube and takes 40 steps
   of epsilon/30 along the sign of the gradient; l2 starts uniformly in the ball and takes 50 steps
   of epsilon/40 along the gradient.  It does not stop early.

   fgsm: Goodfellow, Shlens and Szegedy, "Explaining and harnessing adversarial examples", ICLR
   2015: one step of epsilon from the clean image; for l2 along the gradient, which Foolbox calls
   FGM. */
#ifndef BD_ATTACK_PGD_H
#define BD_ATTACK_PGD_H

#include "attack/attack.h"

/* The defaults, by norm. */
static const int pgd_steps[] = {[BD_ATTACK_NORM_LINF] = 40, [BD_ATTACK_NORM_L2] = 50};
static const double pgd_step_size[] = {
    [BD_ATTACK_NORM_LINF] = 0.01 / 0.3, [BD_ATTACK_NORM_L2] = 0.025};

#endif
