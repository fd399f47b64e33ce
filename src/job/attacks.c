#include "job/attacks.h"
#include "job/entries.h"
#include "text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const bd_parameter_t keys[] = {
#define BD_ATTACK_PARAMETER(key, kind, member, ...)                                                \
  TABLE_ROW("attack NAME", key, SELECTS, kind, offsetof(bd_made_attack_t, member), __VA_ARGS__),
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
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: [attack %.60s] needs a name of letters, digits, - and _, other than clean",
                 where, name);
}

bd_status_t attacks_find(bd_job_t *job, const char *where, const char *name, int *at,
                         bd_error_t *error) {
  for (*at = 0; *at < job->made_count; ++*at)
    if (!strcmp(job->made[*at]->parsed.name, name)) return BD_OK;
  bd_status_t status = check_name(where, name, error);
  if (status != BD_OK) return status;
  if (job->made_count == BD_MADE_MAX)
    return bd_fail(error, BD_BAD_INPUT, "%s: more than %d sections [attack NAME]", where,
                   BD_MADE_MAX);
  made_t *made = calloc(1, sizeof *made);
  if (!made) return bd_fail(error, BD_FAILED, "no memory for the job");
  strcpy(made->parsed.name, name);
  job->made[job->made_count++] = made;
  return BD_OK;
}

/* The NAME of "attack NAME". */
static const char *name_of(const char *section) {
  section += strlen("attack");
  while (isspace((unsigned char)*section)) section++;
  return section;
}

static bd_status_t unknown_key(const entry_t *entry, bd_error_t *error) {
  char list[256] = "";
  for (int i = 0; i < ATTACK_KEYS; i++) {
    const size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", keys[i].key);
  }
  return bd_fail(error, BD_BAD_INPUT, "%s: %.80s.%.60s: unknown key; allowed: %s", entry->where,
                 entry->section, entry->key, list);
}

bd_status_t attacks_set(bd_job_t *job, const entry_t *entry, bd_error_t *error) {
  int key = 0, at = 0;
  size_t length = strlen(entry->value);
  bd_status_t status = attacks_find(job, entry->where, name_of(entry->section), &at, error);
  if (status != BD_OK) return status;
  made_t *made = job->made[at];
  while (key < ATTACK_KEYS && strcmp(keys[key].key, entry->key)) key++;
  if (key == ATTACK_KEYS) return unknown_key(entry, error);
  if (entry->line && made->line[key])
    return bd_fail(error, BD_BAD_INPUT, "%s: %s.%s: given before, in line %d", entry->where,
                   entry->section, entry->key, made->line[key]);
  if (entry->line) made->line[key] = entry->line;
  free(made->values[key]);
  const char *value = text_trim(entry->value, &length);
  made->values[key] = strndup(value, length);
  snprintf(made->where[key], sizeof made->where[key], "%s", entry->where);
  return made->values[key] ? BD_OK : bd_fail(error, BD_FAILED, "no memory for the job");
}

static const char *value_of(const made_t *made, int key) {
  return made->values[key] ? made->values[key] : keys[key].fallback;
}

/* One error for whatever an attack through a purifier cannot do. */
static bd_status_t check_purifier(const bd_job_t *job, const made_t *made, bd_error_t *error) {
  for (int point = 0; point < bd_job_point_count(job); point++) {
    const bd_solver_options_t *o = &bd_job_point(job, point)->solver;
    const char *why = o->iterations.count > 1     ? "a list in solver.iterations"
                      : o->method != BD_METHOD_FB ? "a solver.method other than fb"
                      : o->tolerance > 0          ? "solver.tolerance"
                                                  : NULL;
    if (why)
      return bd_fail(error, BD_BAD_INPUT,
                     "%s: [attack %s] goes through the purifier, which has no gradient with %s",
                     job->name, made->parsed.name, why);
  }
  return BD_OK;
}

bd_status_t attacks_parse(bd_job_t *job, bd_error_t *error) {
  bd_status_t status = BD_OK;
  for (int i = 0; i < job->made_count; i++) {
    made_t *made = job->made[i];
    for (int key = 0; status == BD_OK && key < ATTACK_KEYS; key++)
      status =
          table_parse_row(&keys[key], value_of(made, key),
                          made->values[key] ? made->where[key] : job->name, &made->parsed, error);
    if (status == BD_OK && made->parsed.through == BD_ATTACK_THROUGH_PURIFIED)
      status = check_purifier(job, made, error);
  }
  return status;
}

void attacks_write(const bd_job_t *job, FILE *out) {
  for (int i = 0; i < job->made_count; i++) {
    fprintf(out, "\n[attack %s]\n", job->made[i]->parsed.name);
    for (int key = 0; key < ATTACK_KEYS; key++)
      fprintf(out, "%s = %s\n", keys[key].key, value_of(job->made[i], key));
  }
}

int attacks_are_same(const made_t *one, const made_t *other) {
#define BD_ATTACK_PARAMETER(key, kind, member, ...)                                                \
  if (one->parsed.member != other->parsed.member) return 0;
#include <barydef/attack_parameters.def>
  return !strcmp(one->parsed.name, other->parsed.name);
}

void attacks_free(made_t *made) {
  for (int key = 0; key < ATTACK_KEYS; key++) free(made->values[key]);
  free(made);
}

int bd_job_made_count(const bd_job_t *job) { return job->made_count; }
const bd_made_attack_t *bd_job_made(const bd_job_t *job, int attack) {
  return &job->made[attack]->parsed;
}
