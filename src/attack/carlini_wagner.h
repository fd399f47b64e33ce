/* Carlini and Wagner's attack: "Towards evaluating the robustness of neural networks", IEEE S&P
   2017, in l2; as in Foolbox 3.3.4 (L2CarliniWagnerAttack) with its defaults.

   Adam lowers |x' - x|^2 + c max(0, z_y - max_{j != y} z_j), where x' = (1 + tanh w) / 2: at most
   10,000 steps of 0.01.  A binary search of 9 steps over c begins at 0.001 and multiplies by 10
   until an adversarial image is found.  The nearest adversarial image of all steps is kept.

   After each tenth of the steps Adam stops if the loss has not fallen by 0.01 %.  Foolbox compares
   the loss of the whole batch at two steps.  Here each image is judged by its own, so that its
   result does not depend on its neighbours.  Since the loss of one image swings where it crosses
   the border, its means over two tenths are compared.

   An image that is misclassified when clean is stored as it is, and so is one for which nothing was
   found, where Foolbox goes on from a black image.  epsilon > 0: what was found is brought into
   the ball of epsilon before it is judged, as Foolbox does when it is given an epsilon.  epsilon =
   0: it is stored as found.  step_size > 0 is Adam's step, whatever epsilon is.  steps are Adam's
   for each value of c.  restarts and loss mean nothing here, and norm must be l2. */
#ifndef BD_ATTACK_CARLINI_WAGNER_H
#define BD_ATTACK_CARLINI_WAGNER_H

/* The defaults. */
enum { carlini_wagner_steps = 10000, carlini_wagner_searches = 9 };
static const double carlini_wagner_step_size = 0.01, carlini_wagner_first_constant = 0.001;

#endif
