/* DeepFool: Moosavi-Dezfooli, Fawzi and Frossard, "DeepFool: a simple and accurate method to fool
   deep neural networks", CVPR 2016; as in Foolbox 3.3.4 (LinfDeepFoolAttack, L2DeepFoolAttack) with
   its defaults: 50 steps, the ten classes of the largest logits of the clean image, overshoot 0.02,
   differences of logits for a loss.

   A step takes the borders to the other classes for planes and adds the way to the nearest of them
   to the perturbation.  The image is the clean one plus 1.02 times the perturbation, clipped to
   [0,1].  It stops as soon as the image is misclassified.  An image that is misclassified when
   clean is stored as it is.

   epsilon > 0: what was found is brought into the ball of epsilon before it is judged, as Foolbox
   does when it is given an epsilon.  epsilon = 0: it is stored as found.  step_size, restarts and
   loss mean nothing here.  A step of an image costs a forward and a backward pass for each
   candidate, as in Foolbox. */
#ifndef BD_ATTACK_DEEPFOOL_H
#define BD_ATTACK_DEEPFOOL_H

/* The defaults. */
enum { deepfool_steps = 50, deepfool_candidates = 10 };

#endif
