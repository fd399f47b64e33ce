#include "job/attacks.h"
#include "job/entries.h"

#include <stdlib.h>
#include <string.h>

/* What a preset says of an attack: texts of keys, NULL where the default of the key stands. */
typedef struct preset_attack {
  const char *name, *type, *norm;
  const char *epsilon[BD_ATTACK_FAMILIES], *steps[BD_ATTACK_FAMILIES],
      *step_size[BD_ATTACK_FAMILIES];
} preset_attack_t;

/* The attacks of Tables I to V of the paper, in its order.  The paper tells their names and
   epsilon. Other settings are those of the sets behind docs/reproduction.md, defaults of
   Foolbox 3.3.4 and AutoAttack but for the steps of carlini_wagner, whose default of 10,000 takes
   hours.  Grey images come first in a pair, then colour.  linf_growing stands for Table I's
   "epsilon = 0.17", which is the radius of its ball after 300 steps.  On colour it begins at 0.001,
   since 0.01 carries an image far beyond the border. */
static const preset_attack_t attacks[] = {
    {"l2_pgd", "pgd", "l2", {"1", "0.5"}, {NULL, NULL}, {NULL, NULL}},
    {"l2_carlini_wagner", "carlini_wagner", "l2", {"1", "0.5"}, {"300", "100"}, {NULL, NULL}},
    {"linf_pgd", "pgd", "linf", {"0.1", "8/255"}, {NULL, NULL}, {NULL, NULL}},
    {"fgsm", "fgsm", "linf", {"0.1", "8/255"}, {NULL, NULL}, {NULL, NULL}},
    {"linf_deepfool", "deepfool", "linf", {"0.1", "8/255"}, {NULL, NULL}, {NULL, NULL}},
    {"autoattack", "autoattack", "linf", {"0.1", "8/255"}, {NULL, NULL}, {NULL, NULL}},
    {"linf_growing", "growing", "linf", {"0", "0"}, {NULL, NULL}, {NULL, "0.001"}},
};

enum { PRESET_ATTACKS = sizeof attacks / sizeof *attacks };

/* Give a key of a section the value of the preset, unless the job gives it one. */
static bd_status_t fill(made_t *made, int key, const char *value, const char *where,
                        bd_error_t *error) {
  if (!value || made->values[key]) return BD_OK;
  made->values[key] = strdup(value);
  snprintf(made->where[key], sizeof made->where[key], "%s", where);
  return made->values[key] ? BD_OK : bd_fail(error, BD_FAILED, "no memory for the job");
}

static bd_status_t fill_all(made_t *made, const preset_attack_t *attack, int family,
                            const char *where, bd_error_t *error) {
  bd_status_t status = fill(made, ATTACK_KEY_type, attack->type, where, error);
  if (status == BD_OK) status = fill(made, ATTACK_KEY_norm, attack->norm, where, error);
  if (status == BD_OK)
    status = fill(made, ATTACK_KEY_epsilon, attack->epsilon[family], where, error);
  if (status == BD_OK) status = fill(made, ATTACK_KEY_steps, attack->steps[family], where, error);
  if (status == BD_OK)
    status = fill(made, ATTACK_KEY_step_size, attack->step_size[family], where, error);
  return status;
}

/* Bring the section at `from` to `to`, and those between one place back. */
static void move_up(bd_job_t *job, int from, int to) {
  made_t *made = job->made[from];
  // An array of pointers.  NOLINTNEXTLINE(bugprone-sizeof-expression)
  memmove(&job->made[to + 1], &job->made[to], (size_t)(from - to) * sizeof *job->made);
  job->made[to] = made;
}

bd_status_t presets_expand(bd_job_t *job, int parameter, int preset, bd_error_t *error) {
#define ROW(NAME, name, family, meaning) BD_ATTACK_FAMILY_##family,
  static const int families[] = {BD_ATTACK_PRESET_TABLE(ROW)};
#undef ROW
  const int family = families[preset];
  bd_status_t status = BD_OK;
  for (int i = 0; status == BD_OK && family < BD_ATTACK_FAMILIES && i < PRESET_ATTACKS; i++) {
    int at = 0;
    status = attacks_find(job, job->where[parameter], attacks[i].name, &at, error);
    if (status == BD_OK) move_up(job, at, i);
    if (status == BD_OK)
      status = fill_all(job->made[i], &attacks[i], family, job->where[parameter], error);
  }
  return status;
}
