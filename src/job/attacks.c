#include "job/attacks.h"
#include "job/entries.h"
#include "text.h"

#include <barydef/closest.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const bd_parameter_t keys[] = {
#define BD_ATTACK_PARAMETER(key, kind, member, ...)                                                \
  TABLE_ROW("attack NAME", key, NUMERIC, kind, offsetof(bd_made_attack_t, member), __VA_ARGS__),
#include <barydef/attack_parameters.def>
};

const bd_parameter_t *bd_attack_parameter_table(int *count) {
  *count = ATTACK_KEYS;
  return keys;
}

static const char prefix[] = "attack ";

int attacks_owns(const char *section) {
  return !strncmp(section, prefix, sizeof prefix - 1) || !strcmp(section, "attack");
}

static bd_status_t check_name(const char *where, const char *name, bd_error_t *error) {
  size_t length = 0;
  while (isalnum((unsigned char)name[length]) || (name[length] && strchr("_-", name[length])))
    length++;
  if (length && !name[length] && length < BD_ATTACK_NAME && strcmp(name, "clean")) return BD_OK;
  return bd_fail(
      error, BD_BAD_INPUT,
      "%s: [attack %.80s] needs a name of at most %d letters, digits, - and _, other than "
      "clean",
      where, name, BD_ATTACK_NAME - 1);
}

bd_status_t attacks_find(bd_job_t *job, const char *where, const char *name, int *at,
                         bd_error_t *error) {
  for (*at = 0; *at < job->made_count; ++*at)
    if (!strcmp(job->made[*at]->name, name)) return BD_OK;
  bd_status_t status = check_name(where, name, error);
  if (status != BD_OK) return status;
  if (job->made_count == BD_MADE_MAX)
    return bd_fail(error, BD_BAD_INPUT, "%s: more than %d sections [attack NAME]", where,
                   BD_MADE_MAX);
  made_t *made = calloc(1, sizeof *made);
  if (!made) return bd_fail(error, BD_FAILED, "no memory for the job");
  strcpy(made->name, name);
  job->made[job->made_count++] = made;
  return BD_OK;
}

/* The NAME of "attack NAME". */
static const char *name_of(const char *section) {
  section += strlen("attack");
  while (isspace((unsigned char)*section)) section++;
  return section;
}

bd_status_t attacks_begin(bd_job_t *job, const char *where, const char *section, int *at,
                          bd_error_t *error) {
  return attacks_find(job, where, name_of(section), at, error);
}

static bd_status_t unknown_key(const entry_t *entry, bd_error_t *error) {
  char list[256] = "";
  for (int i = 0; i < ATTACK_KEYS; i++) {
    const size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", keys[i].key);
  }
  const char *names[ATTACK_KEYS];
  for (int i = 0; i < ATTACK_KEYS; i++) names[i] = keys[i].key;
  const char *closest = bd_closest(entry->key, names, ATTACK_KEYS);
  return bd_fail(error, BD_BAD_INPUT, "%s: %.80s.%.60s: unknown key; allowed: %s%s%s%s",
                 entry->where, entry->section, entry->key, list, closest ? "; did you mean " : "",
                 closest ? closest : "", closest ? "?" : "");
}

/* A value that --set gives replaces a sweep of the key.  One of all attacks it cannot replace. */
static bd_status_t end_sweep(bd_job_t *job, const made_t *made, int key, bd_error_t *error) {
  char name[BD_ATTACK_NAME + 64];
  snprintf(name, sizeof name, "attack %s.%s", made->name, keys[key].key);
  entries_end_sweep(job, name);
  for (int i = 0; i < job->sweep_count; i++)
    if (entries_sweeps_attack(job->sweeps[i], made->name, key))
      return bd_fail(error, BD_BAD_INPUT,
                     "--set: %s: [sweep] %s varies it for all attacks; --set "
                     "sweep.%s=VALUE gives all of them one value",
                     name, job->sweeps[i]->name, job->sweeps[i]->name);
  return BD_OK;
}

static int find_key(const char *name) {
  int key = 0;
  while (key < ATTACK_KEYS && strcmp(keys[key].key, name)) key++;
  return key;
}

bd_status_t attacks_find_target(const char *where, const char *section, const char *key,
                                struct sweep *target, bd_error_t *error) {
  const char *name = name_of(section);
  bd_status_t status = *name ? check_name(where, name, error) : BD_OK;
  target->key = find_key(key);
  if (status == BD_OK && target->key == ATTACK_KEYS)
    status = unknown_key(&(entry_t){.where = where, .section = section, .key = key}, error);
  if (status != BD_OK) return status;
  snprintf(target->attack, sizeof target->attack, "%s", name);
  snprintf(target->name, sizeof target->name, "attack%s%s.%s", *name ? " " : "", name, key);
  return BD_OK;
}

bd_status_t attacks_set(bd_job_t *job, const entry_t *entry, bd_error_t *error) {
  int at = 0;
  size_t length = strlen(entry->value);
  bd_status_t status = attacks_begin(job, entry->where, entry->section, &at, error);
  if (status != BD_OK) return status;
  made_t *made = job->made[at];
  const int key = find_key(entry->key);
  if (key == ATTACK_KEYS) return unknown_key(entry, error);
  if (entry->line && made->line[key])
    return bd_fail(error, BD_BAD_INPUT, "%s: %s.%s: given before, in line %d", entry->where,
                   entry->section, entry->key, made->line[key]);
  if (entry->line) made->line[key] = entry->line;
  else if ((status = end_sweep(job, made, key, error)) != BD_OK) return status;
  free(made->values[key]);
  const char *value = text_trim(entry->value, &length);
  made->values[key] = strndup(value, length);
  snprintf(made->where[key], sizeof made->where[key], "%s", entry->where);
  return made->values[key] ? BD_OK : bd_fail(error, BD_FAILED, "no memory for the job");
}

/* Where [sweep] does not vary it. */
static const char *value_of(const made_t *made, int key) {
  return made->values[key] ? made->values[key] : keys[key].fallback;
}

/* The sweep of a key of an attack; NULL where there is none. */
static const sweep_t *sweep_of(const bd_job_t *job, const made_t *made, int key) {
  for (int i = 0; i < job->sweep_count; i++)
    if (entries_sweeps_attack(job->sweeps[i], made->name, key)) return job->sweeps[i];
  return NULL;
}

const char *attacks_value(const bd_job_t *job, int point, const made_t *made, int key) {
  const sweep_t *sweep = sweep_of(job, made, key);
  return sweep ? entries_value_at(job, sweep, point) : value_of(made, key);
}

static const char *where_of(const bd_job_t *job, const made_t *made, int key) {
  const sweep_t *sweep = sweep_of(job, made, key);
  return sweep ? sweep->where : made->values[key] ? made->where[key] : job->name;
}

/* Each sweep must vary an attack that the job has made, and no key is varied twice. */
static bd_status_t check_sweeps(const bd_job_t *job, bd_error_t *error) {
  for (int i = 0; i < job->sweep_count; i++) {
    const sweep_t *sweep = job->sweeps[i];
    int varies = 0;
    if (sweep->parameter != SWEEP_OF_ATTACKS) continue;
    for (int a = 0; a < job->made_count; a++) {
      const made_t *made = job->made[a];
      if (!entries_sweeps_attack(sweep, made->name, sweep->key)) continue;
      varies = 1;
      if (sweep_of(job, made, sweep->key) != sweep)
        return bd_fail(error, BD_BAD_INPUT, "%s: sweep of %s: %s varies it too; leave out one",
                       sweep->where, sweep->name, sweep_of(job, made, sweep->key)->name);
    }
    if (!varies)
      return bd_fail(error, BD_BAD_INPUT, "%s: sweep of %s: the job has no section [attack %s]",
                     sweep->where, sweep->name, *sweep->attack ? sweep->attack : "NAME");
  }
  return BD_OK;
}

/* One error for whatever an attack through a purifier cannot do. */
static bd_status_t check_purifier(const bd_job_t *job, int point, const bd_made_attack_t *made,
                                  bd_error_t *error) {
  const bd_solver_options_t *o = &bd_job_point(job, point)->solver;
  const char *why = o->iterations.count > 1     ? "a list in solver.iterations"
                    : o->method != BD_METHOD_FB ? "a solver.method other than fb"
                    : o->tolerance > 0          ? "solver.tolerance"
                                                : NULL;
  if (made->through != BD_ATTACK_THROUGH_PURIFIED || !why) return BD_OK;
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: [attack %s] goes through the purifier, which has no gradient with %s",
                 job->name, made->name, why);
}

/* The keys that mean nothing to an attack, by its type. */
static int is_used(bd_attack_type_t type, int key) {
  static const struct {
    bd_attack_type_t type;
    int key;
  } unused[] = {{BD_ATTACK_FGSM, ATTACK_KEY_steps},
                {BD_ATTACK_FGSM, ATTACK_KEY_restarts},
                {BD_ATTACK_DEEPFOOL, ATTACK_KEY_step_size},
                {BD_ATTACK_DEEPFOOL, ATTACK_KEY_restarts},
                {BD_ATTACK_DEEPFOOL, ATTACK_KEY_loss},
                {BD_ATTACK_CARLINI_WAGNER, ATTACK_KEY_restarts},
                {BD_ATTACK_CARLINI_WAGNER, ATTACK_KEY_loss},
                {BD_ATTACK_FAB, ATTACK_KEY_step_size},
                {BD_ATTACK_FAB, ATTACK_KEY_loss},
                {BD_ATTACK_SQUARE, ATTACK_KEY_step_size},
                {BD_ATTACK_SQUARE, ATTACK_KEY_loss},
                {BD_ATTACK_SQUARE, ATTACK_KEY_gradient},
                {BD_ATTACK_AUTOATTACK, ATTACK_KEY_loss},
                {BD_ATTACK_GROWING, ATTACK_KEY_restarts}};
  for (size_t i = 0; i < sizeof unused / sizeof *unused; i++)
    if (unused[i].type == type && unused[i].key == key) return 0;
  return 1;
}

/* A value that changes nothing would mislead whoever reads the job. */
static bd_status_t check_used(const bd_job_t *job, int point, const made_t *made, int key,
                              bd_error_t *error) {
  const bd_made_attack_t *at = &made->at[point];
  const char *value = attacks_value(job, point, made, key);
  if (is_used((bd_attack_type_t)at->type, key) ||
      table_is_same_row(&keys[key], value, keys[key].fallback))
    return BD_OK;
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: attack %s.%s = %.60s: means nothing with type = %s; leave it out",
                 where_of(job, made, key), made->name, keys[key].key, value,
                 attacks_value(job, point, made, ATTACK_KEY_type));
}

/* What no key alone can tell. */
static bd_status_t check_combination(const bd_job_t *job, const made_t *made,
                                     const bd_made_attack_t *at, bd_error_t *error) {
  const int bounds = at->type == BD_ATTACK_DEEPFOOL || at->type == BD_ATTACK_CARLINI_WAGNER ||
                     at->type == BD_ATTACK_FAB || at->type == BD_ATTACK_GROWING;
  const char *where = where_of(job, made, ATTACK_KEY_gradient);
  if (at->gradient != BD_ATTACK_GRADIENT_EXACT && at->through == BD_ATTACK_THROUGH_VICTIM)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: attack %s.gradient is that of a view, and through = victim has none; name "
                   "a view in through, or leave gradient out",
                   where, at->name);
  if (at->gradient == BD_ATTACK_GRADIENT_MEAN && at->through != BD_ATTACK_THROUGH_PURIFIED &&
      at->through != BD_ATTACK_THROUGH_MEAN)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: attack %s.gradient = mean is of the purifier alone, through = purified; "
                   "other views take exact or identity",
                   where, at->name);
  if (at->epsilon > 0 || bounds) return BD_OK;
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: attack %s.epsilon = 0 leaves the clean image; only deepfool, carlini_wagner, "
                 "fab and growing take it, for no bound",
                 where_of(job, made, ATTACK_KEY_epsilon), at->name);
}

static bd_status_t parse_point(const bd_job_t *job, int point, const made_t *made,
                               bd_error_t *error) {
  bd_made_attack_t *at = &made->at[point];
  bd_status_t status = BD_OK;
  char section[BD_ATTACK_NAME + 16];
  memcpy(at->name, made->name, sizeof at->name);
  snprintf(section, sizeof section, "attack %s", made->name);
  for (int key = 0; status == BD_OK && key < ATTACK_KEYS; key++) {
    bd_parameter_t row = keys[key]; /* whose section a message names */
    row.section = section;
    status = table_parse_row(&row, attacks_value(job, point, made, key), where_of(job, made, key),
                             at, error);
  }
  for (int key = 0; status == BD_OK && key < ATTACK_KEYS; key++)
    status = check_used(job, point, made, key, error);
  if (status == BD_OK) status = check_combination(job, made, at, error);
  return status == BD_OK ? check_purifier(job, point, at, error) : status;
}

bd_status_t attacks_parse(bd_job_t *job, bd_error_t *error) {
  bd_status_t status = check_sweeps(job, error);
  for (int i = 0; status == BD_OK && i < job->made_count; i++) {
    made_t *made = job->made[i];
    made->at = calloc((size_t)job->points, sizeof *made->at);
    if (!made->at) return bd_fail(error, BD_FAILED, "no memory for the job");
    for (int point = 0; status == BD_OK && point < job->points; point++)
      status = parse_point(job, point, made, error);
  }
  return status;
}

void attacks_write(const bd_job_t *job, FILE *out) {
  for (int i = 0; i < job->made_count; i++) {
    fprintf(out, "\n[attack %s]\n", job->made[i]->name);
    for (int key = 0; key < ATTACK_KEYS; key++)
      fprintf(out, "%s = %s\n", keys[key].key, value_of(job->made[i], key));
  }
}

int attacks_are_same(const bd_made_attack_t *one, const bd_made_attack_t *other) {
#define BD_ATTACK_PARAMETER(key, kind, member, ...)                                                \
  if (one->member != other->member) return 0;
#include <barydef/attack_parameters.def>
  return !strcmp(one->name, other->name);
}

void attacks_free(made_t *made) {
  for (int key = 0; key < ATTACK_KEYS; key++) free(made->values[key]);
  free(made->at);
  free(made);
}

int bd_job_made_count(const bd_job_t *job) { return job->made_count; }
const bd_made_attack_t *bd_job_made(const bd_job_t *job, int attack) {
  return job->made[attack]->at;
}

int bd_job_attack_sweep(const bd_job_t *job, int number, bd_attack_sweep_t *found) {
  for (int i = 0; i < job->sweep_count; i++) {
    const sweep_t *sweep = job->sweeps[i];
    if (sweep->parameter != SWEEP_OF_ATTACKS || number-- > 0) continue;
    int a = 0;
    while (!entries_sweeps_attack(sweep, job->made[a]->name, sweep->key)) a++;
    *found = (bd_attack_sweep_t){sweep->name, &keys[sweep->key], a};
    return 1;
  }
  return 0;
}

const char *bd_job_made_value(const bd_job_t *job, int point, int attack, const char *key) {
  return attacks_value(job, point, job->made[attack], find_key(key));
}
