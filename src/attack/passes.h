/* How many passes through the model an attack makes, before it is made. */
#ifndef BD_ATTACK_PASSES_H
#define BD_ATTACK_PASSES_H

#include <barydef/attack.h>

/* Passes of one image: forward alone, and forward with backward after it. */
typedef struct attack_passes {
  double forward, gradient;
} attack_passes_t;

/* Between these is what an image takes that the model has right when clean.  Where it has it wrong,
   attacks other than fgsm and pgd stop at once. */
typedef struct attack_range {
  attack_passes_t least; /* where it is fooled as early as can be */
  attack_passes_t most;  /* where nothing ends it before its last step */
} attack_range_t;

/* The passes of an attack on a model of `classes` classes. */
attack_range_t attack_passes(const bd_made_attack_t *options, int classes);

/* The passes of attack_examine: `least` for any image, `most` for one among the first
   options->sample that the attack cannot fool. */
attack_range_t attack_examine_passes(const bd_made_attack_t *options, int classes);

#endif
