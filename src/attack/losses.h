/* What an attack raises, and its derivative by the logits.

   ce      cross-entropy, log sum exp(z) - z_y, in float32 as PyTorch computes it
   dlr     - (z_y - max_{j != y} z_j) / (z_(1) - z_(3)), by descending logits: Croce and Hein,
           "Reliable evaluation of adversarial robustness with an ensemble of diverse
           parameter-free attacks", ICML 2020; three classes are needed
   margin  max_{j != y} z_j - z_y: Carlini and Wagner 2017, without its bound */
#ifndef BD_ATTACK_LOSSES_H
#define BD_ATTACK_LOSSES_H

#include <barydef/attack.h>
#include <stddef.h>

/* The loss of one image, with its derivative in weights[classes] unless that is NULL. */
double attack_loss(int loss, int classes, const float *logits, int label, float *weights);

/* A loss and the images whose logits are given.  For attack_weigh. */
typedef struct attack_raised {
  int loss, classes;
  const int32_t *labels; /* of a task */
  const int *which;      /* of the images of a request, their numbers in the task; NULL: the same */
} attack_raised_t;

/* The derivative of a loss, as attack_weights_t takes it.  state: attack_raised_t */
void attack_weigh(void *state, int count, const int *rows, const float *logits, float *weights);

/* - (z_y - z_t) / (z_(1) - (z_(3) + z_(4)) / 2), the targeted DLR of the same paper, for target t.
   Four classes are needed. */
double attack_loss_targeted_dlr(int classes, const float *logits, int label, int target,
                                float *weights);

/* Classes that a loss needs at least. */
int attack_loss_classes(int loss);

#endif
