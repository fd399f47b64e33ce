#include "attack/losses.h"

#include <math.h>
#include <string.h>

/* AutoAttack's, which keeps the quotient finite where logits are equal. */
static const double smallest = 1e-12;

int attack_loss_classes(int loss) {
  return loss == BD_ATTACK_LOSS_DLR_TARGETED ? 4 : loss == BD_ATTACK_LOSS_DLR ? 3 : 2;
}

/* Sum of exp(z - most) in eight lanes that are then folded in halves, which is PyTorch's order. */
static float sum_of_exponentials(int classes, const float *logits, float most) {
  float lanes[8] = {0};
  for (int c = 0; c < classes; c++) lanes[c % 8] += expf(logits[c] - most);
  for (int half = 4; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  return lanes[0];
}

/* In float32 throughout, as PyTorch computes it.  Where the label has almost all the probability,
   its weight rounds to 0 or to a few multiples of 2^-24, and the others' do not.  The sign of the
   gradient then depends on the order of a sum, and attacks of Foolbox and AutoAttack on it. */
static double cross_entropy(int classes, const float *logits, int label, float *weights) {
  float most = logits[0];
  for (int c = 1; c < classes; c++) most = fmaxf(most, logits[c]);
  /* The largest adds 1. */
  const float logarithm = logf(fmaxf(sum_of_exponentials(classes, logits, most), 1));
  for (int c = 0; weights && c < classes; c++)
    weights[c] = expf(logits[c] - most - logarithm) - (float)(c == label);
  return (double)(logarithm - (logits[label] - most));
}

/* The class of the largest logit besides that of the label. */
static int best_other(int classes, const float *logits, int label) {
  int best = label == 0;
  for (int c = 0; c < classes; c++)
    if (c != label && logits[c] > logits[best]) best = c;
  return best;
}

/* The classes of the `count` largest logits, in descending order. */
static void largest(int classes, const float *logits, int count, int *found) {
  for (int k = 0; k < count; k++) {
    int best = -1;
    for (int c = 0; c < classes; c++) {
      int is_taken = 0;
      for (int before = 0; before < k; before++) is_taken |= found[before] == c;
      if (!is_taken && (best < 0 || logits[c] > logits[best])) best = c;
    }
    found[k] = best;
  }
}

static double margin(int classes, const float *logits, int label, float *weights) {
  const int other = best_other(classes, logits, label);
  if (weights) {
    memset(weights, 0, (size_t)classes * sizeof *weights);
    weights[other] = 1;
    weights[label] -= 1;
  }
  return (double)logits[other] - (double)logits[label];
}

/* numerator / denominator, whose derivatives are given for a few classes each. */
typedef struct term {
  int class_number;
  double derivative;
} term_t;

static double quotient(int classes, double numerator, const term_t *above, int above_count,
                       double denominator, const term_t *below, int below_count, float *weights) {
  const double value = numerator / denominator;
  if (!weights) return value;
  memset(weights, 0, (size_t)classes * sizeof *weights);
  for (int i = 0; i < above_count; i++)
    weights[above[i].class_number] += (float)(above[i].derivative / denominator);
  for (int i = 0; i < below_count; i++)
    weights[below[i].class_number] -= (float)(value * below[i].derivative / denominator);
  return value;
}

static double dlr(int classes, const float *logits, int label, float *weights) {
  int first[3] = {0};
  largest(classes, logits, 3, first);
  const int other = best_other(classes, logits, label);
  const term_t above[] = {{other, 1}, {label, -1}}, below[] = {{first[0], 1}, {first[2], -1}};
  return quotient(classes, (double)logits[other] - (double)logits[label], above, 2,
                  (double)logits[first[0]] - (double)logits[first[2]] + smallest, below, 2,
                  weights);
}

double attack_loss_targeted_dlr(int classes, const float *logits, int label, int target,
                                float *weights) {
  int first[4] = {0};
  largest(classes, logits, 4, first);
  const term_t above[] = {{target, 1}, {label, -1}},
               below[] = {{first[0], 1}, {first[2], -0.5}, {first[3], -0.5}};
  const double denominator = (double)logits[first[0]] -
                             0.5 * ((double)logits[first[2]] + (double)logits[first[3]]) + smallest;
  return quotient(classes, (double)logits[target] - (double)logits[label], above, 2, denominator,
                  below, 3, weights);
}

double attack_loss(int loss, int classes, const float *logits, int label, float *weights) {
  switch ((bd_attack_loss_t)loss) {
    case BD_ATTACK_LOSS_CE: return cross_entropy(classes, logits, label, weights);
    case BD_ATTACK_LOSS_DLR: return dlr(classes, logits, label, weights);
    case BD_ATTACK_LOSS_MARGIN: return margin(classes, logits, label, weights);
    case BD_ATTACK_LOSS_DLR_TARGETED: break; /* needs a target */
  }
  return NAN;
}

void attack_weigh(void *state, int count, const int *rows, const float *logits, float *weights) {
  const attack_raised_t *r = state;
  for (int i = 0; i < count; i++) {
    const size_t at = (size_t)i * (size_t)r->classes;
    const int label = r->labels[r->which ? r->which[rows[i]] : rows[i]];
    attack_loss(r->loss, r->classes, logits + at, label, weights + at);
  }
}
