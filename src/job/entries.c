#include "job/entries.h"
#include "job/ini.h"
#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *trimmed(const char *text, size_t length) {
  text = text_trim(text, &length);
  return strndup(text, length);
}

static bd_status_t find(const char *where, const char *section, const char *key, int *index,
                        bd_error_t *error) {
  *index = table_find(section, key);
  return *index < 0 ? table_unknown(where, section, key, error) : BD_OK;
}

static bd_status_t check_swept(const char *where, const char *name, int parameter,
                               bd_error_t *error) {
  int count;
  char sections[256];
  if (bd_parameter_is_swept(&bd_parameter_table(&count)[parameter])) return BD_OK;
  bd_swept_sections(sections, sizeof sections);
  return bd_fail(error, BD_BAD_INPUT, "%s: %s cannot be swept; allowed: keys of %s", where, name,
                 sections);
}

int entries_sweeps_attack(const sweep_t *sweep, const char *attack, int key) {
  return sweep->parameter == SWEEP_OF_ATTACKS && sweep->key == key &&
         (!*sweep->attack || !strcmp(sweep->attack, attack));
}

/* The sweep of what `target` varies; NULL where there is none yet. */
static sweep_t *find_sweep(const bd_job_t *job, const sweep_t *target) {
  for (int i = 0; i < job->sweep_count; i++)
    if (!strcmp(job->sweeps[i]->name, target->name)) return job->sweeps[i];
  return NULL;
}

static bd_status_t add_sweep(bd_job_t *job, const char *where, const sweep_t *target,
                             sweep_t **sweep, bd_error_t *error) {
  if (job->sweep_count == SWEEPS_MAX)
    return bd_fail(error, BD_BAD_INPUT, "%s: more than %d swept keys", where, SWEEPS_MAX);
  *sweep = malloc(sizeof **sweep);
  if (!*sweep) return bd_fail(error, BD_FAILED, "no memory for the job");
  **sweep = *target;
  job->sweeps[job->sweep_count++] = *sweep;
  return BD_OK;
}

/* What a line of [sweep] varies. */
static bd_status_t find_target(const char *where, const char *name, sweep_t *target,
                               bd_error_t *error) {
  char section[INI_SECTION];
  const char *key = NULL;
  int count;
  bd_status_t status = table_split_key(where, name, section, &key, error);
  if (status != BD_OK) return status;
  if (attacks_owns(section)) return attacks_find_target(where, section, key, target, error);
  status = find(where, section, key, &target->parameter, error);
  if (status == BD_OK) status = check_swept(where, name, target->parameter, error);
  if (status == BD_OK)
    snprintf(target->name, sizeof target->name, "%s",
             bd_parameter_table(&count)[target->parameter].name);
  return status;
}

/* Replace the values by those of a list separated by commas. */
static bd_status_t set_values(sweep_t *sweep, const char *where, const char *name, const char *list,
                              bd_error_t *error) {
  for (int i = 0; i < sweep->count; i++) free(sweep->values[i]);
  sweep->count = 0;
  snprintf(sweep->where, sizeof sweep->where, "%s", where);
  for (const char *rest = list;; rest++) {
    const size_t length = strcspn(rest, ",");
    if (sweep->count == VALUES_MAX)
      return bd_fail(error, BD_BAD_INPUT, "%s: sweep of %s: more than %d values", where, name,
                     VALUES_MAX);
    char *value = trimmed(rest, length);
    if (!value) return bd_fail(error, BD_FAILED, "no memory for the job");
    sweep->values[sweep->count++] = value;
    rest += length;
    if (!*rest) return BD_OK;
  }
}

/* An entry of [sweep].  An override may replace what the file says. */
static bd_status_t set_sweep(bd_job_t *job, const entry_t *entry, bd_error_t *error) {
  const char *where = entry->where, *name = entry->key;
  sweep_t target = {.parameter = SWEEP_OF_ATTACKS};
  bd_status_t status = find_target(where, name, &target, error);
  if (status != BD_OK) return status;
  sweep_t *sweep = find_sweep(job, &target);
  if (sweep && entry->line)
    return bd_fail(error, BD_BAD_INPUT, "%s: sweep of %s: given before, at %s", where, name,
                   sweep->where);
  if (!sweep) status = add_sweep(job, where, &target, &sweep, error);
  return status == BD_OK ? set_values(sweep, where, name, entry->value, error) : status;
}

void entries_free_sweep(sweep_t *sweep) {
  for (int v = 0; v < sweep->count; v++) free(sweep->values[v]);
  free(sweep);
}

void entries_end_sweep(bd_job_t *job, const char *name) {
  for (int i = 0; i < job->sweep_count; i++) {
    if (strcmp(job->sweeps[i]->name, name)) continue;
    entries_free_sweep(job->sweeps[i]);
    for (job->sweep_count--; i < job->sweep_count; i++) job->sweeps[i] = job->sweeps[i + 1];
    return;
  }
}

/* A value must be readable from the job's text again.  Quotes around it would be part of it. */
static bd_status_t check_characters(const entry_t *entry, bd_error_t *error) {
  size_t length = strlen(entry->value);
  const char *value = text_trim(entry->value, &length);
  if (length > 1 && strchr("\"'", *value) && value[length - 1] == *value)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: %.60s.%.60s: quotes around the value; values are written without, also "
                   "paths with blanks",
                   entry->where, entry->section, entry->key);
  for (const char *c = entry->value; *c; c++)
    if (iscntrl((unsigned char)*c) && *c != '\t')
      return bd_fail(error, BD_BAD_INPUT, "%s: %.60s.%.60s: a control character in the value",
                     entry->where, entry->section, entry->key);
    else if (*c == ';' && (c == entry->value || isspace((unsigned char)c[-1])))
      return bd_fail(error, BD_BAD_INPUT,
                     "%s: %.60s.%.60s: \" ;\" in the value, which begins a comment in a job file; "
                     "give a file another name, or a link of another name",
                     entry->where, entry->section, entry->key);
  return BD_OK;
}

static bd_status_t set_value(bd_job_t *job, const entry_t *entry, bd_error_t *error) {
  int index = -1, count;
  const bd_parameter_t *table = bd_parameter_table(&count);
  bd_status_t status = check_characters(entry, error);
  if (status != BD_OK) return status;
  if (!strcmp(entry->section, "sweep")) return set_sweep(job, entry, error);
  if (attacks_owns(entry->section)) return attacks_set(job, entry, error);
  status = find(entry->where, entry->section, entry->key, &index, error);
  if (status != BD_OK) return status;
  if (entry->line && job->line[index])
    return bd_fail(error, BD_BAD_INPUT, "%s: %s.%s: given before, in line %d", entry->where,
                   entry->section, entry->key, job->line[index]);
  job->has_comment[index] = entry->line && ini_has_comment(job->read, entry->line);
  if (entry->line) job->line[index] = entry->line;
  else entries_end_sweep(job, table[index].name);
  free(job->values[index]);
  job->values[index] = trimmed(entry->value, strlen(entry->value));
  snprintf(job->where[index], sizeof job->where[index], "%s", entry->where);
  return job->values[index] ? BD_OK : bd_fail(error, BD_FAILED, "no memory for the job");
}

/* A section without a key begins an attack with its defaults, and else says nothing. */
static bd_status_t begin_section(bd_job_t *job, const char *where, const char *section,
                                 bd_error_t *error) {
  int at;
  if (attacks_owns(section)) return attacks_begin(job, where, section, &at, error);
  if (!strcmp(section, "sweep") || table_has_section(section)) return BD_OK;
  return table_unknown(where, section, "", error);
}

static bd_status_t take_entry(void *context, int line, const char *section, const char *key,
                              const char *value, bd_error_t *error) {
  bd_job_t *job = context;
  char where[WHERE_SIZE];
  snprintf(where, sizeof where, "%s:%d", job->name, line);
  if (!key) return begin_section(job, where, section, error);
  if (!*section)
    return bd_fail(error, BD_BAD_INPUT, "%s: %.60s stands before the first [section]", where, key);
  return set_value(job, &(entry_t){where, line, section, key, value}, error);
}

bd_status_t entries_override(bd_job_t *job, const char *text, bd_error_t *error) {
  char name[256], section[INI_SECTION];
  const char *key = NULL, *equals = strchr(text, '=');
  size_t length = equals ? (size_t)(equals - text) : 0;
  while (length && isspace((unsigned char)text[length - 1])) length--;
  if (!equals || length >= sizeof name)
    return bd_fail(error, BD_BAD_INPUT, "--set %.200s: not of the form section.key=value", text);
  snprintf(name, sizeof name, "%.*s", (int)length, text);
  bd_status_t status = table_split_key("--set", name, section, &key, error);
  if (status != BD_OK) return status;
  return set_value(job, &(entry_t){"--set", 0, section, key, equals + 1}, error);
}

bd_status_t entries_read(bd_job_t *job, const char *text, bd_error_t *error) {
  job->read = text;
  bd_status_t status = ini_read(text, job->name, take_entry, job, error);
  job->read = NULL;
  return status;
}
