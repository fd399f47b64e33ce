/* What an attack raises, and its derivative by the logits.

   ce      cross-entropy, log sum exp(z) - z_y, in float32 as PyTorch computes it
   dlr     - (z_y - max_{j != y} z_j) / (z_(1) - z_(3)), by descending logits: Croce and Hein,
           "Reliable evaluation of adversarial robustness with an ensemble of diverse
           parameter-free attacks", ICML 2020; three classes are needed
   margin  max_{j != y} z_j - z_y: Carlini and Wagner 2017, without its bound */
#ifndef BD_ATTACK_LOSSES_H
#define BD_ATTACK_LOSSES_H

#include <barydef/attack.h>

/* The loss of one image, with its derivative in weights[classes] unless that is NULL. */
double attack_loss(int loss, int classes, const float *logits, int label, float *weights);

/* - (z_y - z_t) / (z_(1) - (z_(3) + z_(4)) / 2), the targeted DLR of the same paper, for target t.
   Four classes are needed. */
double attack_loss_targeted_dlr(int classes, const float *logits, int label, int target,
                                float *weights);

/* Classes that a loss needs at least. */
int attack_loss_classes(int loss);

#endif
