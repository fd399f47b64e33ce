#include "attack/passes.h"
#include "attack/apgd.h"
#include "attack/attack.h"
#include "attack/carlini_wagner.h"
#include "attack/deepfool.h"
#include "attack/examine.h"
#include "attack/fab.h"
#include "attack/losses.h"

#include <math.h>

static attack_passes_t sum(attack_passes_t a, attack_passes_t b) {
  return (attack_passes_t){a.forward + b.forward, a.gradient + b.gradient};
}

static double targets(int classes, int most) { return fmin(classes - 1, most); }

/* What a round or a step of an attack takes, and how many an image makes at least and at most.  The
   clean images are judged first, and in the end those that were fooled. */
static attack_range_t repeat(attack_passes_t once, double least, double most) {
  return (attack_range_t){{1 + least * once.forward, least * once.gradient},
                          {2 + most * once.forward, most * once.gradient}};
}

/* Each restart makes all steps, and is judged in the end. */
static attack_range_t passes_pgd(double steps, double restarts) {
  return (attack_range_t){{1, steps}, {restarts, restarts * steps}};
}

static attack_range_t passes_apgd(const bd_made_attack_t *o, int classes, double steps) {
  const double rounds = o->loss == BD_ATTACK_LOSS_DLR_TARGETED ? targets(classes, apgd_targets) : 1;
  return repeat((attack_passes_t){1, steps}, 1, rounds * o->restarts);
}

static attack_range_t passes_fab(const bd_made_attack_t *o, int classes, double steps) {
  const double rounds = targets(classes, fab_targets) * o->restarts;
  return repeat((attack_passes_t){steps, steps}, o->epsilon > 0 ? 1 : rounds, rounds);
}

static attack_range_t passes_square(const bd_made_attack_t *o, double queries) {
  return repeat((attack_passes_t){1, 0}, 1, o->restarts * (queries + 1));
}

/* A step takes a pass for each candidate, and the first of the next tells whether it was enough. */
static attack_range_t passes_deepfool(int classes, double steps) {
  const double candidates = targets(classes, deepfool_candidates - 1);
  return repeat((attack_passes_t){0, 1}, candidates + 1, candidates * steps);
}

/* A search is given up no sooner than after two tenths of its steps. */
static attack_range_t passes_wagner(double steps) {
  return repeat((attack_passes_t){0, 1},
                carlini_wagner_searches * fmin(2 * ceil(steps / 10), steps),
                carlini_wagner_searches * steps);
}

/* The four in their order, each on what the ones before left. */
static attack_range_t passes_autoattack(const bd_made_attack_t *o, int classes, double steps) {
  bd_made_attack_t targeted = *o;
  targeted.loss = classes < attack_loss_classes(BD_ATTACK_LOSS_DLR_TARGETED)
                      ? BD_ATTACK_LOSS_MARGIN
                      : BD_ATTACK_LOSS_DLR_TARGETED;
  bd_made_attack_t plain = *o;
  plain.loss = BD_ATTACK_LOSS_CE;
  const attack_range_t parts[] = {passes_apgd(&plain, classes, steps),
                                  passes_apgd(&targeted, classes, steps),
                                  passes_fab(o, classes, steps), passes_square(o, 50 * steps)};
  attack_range_t all = {parts[0].least, {0, 0}};
  for (int i = 0; i < 4; i++) all.most = sum(all.most, parts[i].most);
  return all;
}

attack_range_t attack_passes(const bd_made_attack_t *o, int classes) {
  const double steps = attack_steps(o);
  switch ((bd_attack_type_t)o->type) {
    case BD_ATTACK_FGSM: return passes_pgd(steps, 1);
    case BD_ATTACK_PGD: return passes_pgd(steps, o->restarts);
    case BD_ATTACK_DEEPFOOL: return passes_deepfool(classes, steps);
    case BD_ATTACK_CARLINI_WAGNER: return passes_wagner(steps);
    case BD_ATTACK_APGD: return passes_apgd(o, classes, steps);
    case BD_ATTACK_FAB: return passes_fab(o, classes, steps);
    case BD_ATTACK_SQUARE: return passes_square(o, steps);
    case BD_ATTACK_AUTOATTACK: return passes_autoattack(o, classes, steps);
    case BD_ATTACK_GROWING: return repeat((attack_passes_t){0, 1}, fmin(2, steps), steps);
  }
  return (attack_range_t){{0, 0}, {0, 0}};
}

attack_range_t attack_examine_passes(const bd_made_attack_t *o, int classes) {
  attack_range_t all = {{0, 1}, {0, 1}};
  if (o->epsilon > 0) all.most.forward += o->noise;
  if (!attack_is_made_longer(o)) return all;
  bd_made_attack_t longer = *o;
  longer.steps = 2 * attack_steps(o);
  all.most = sum(all.most, attack_passes(&longer, classes).most);
  return all;
}
