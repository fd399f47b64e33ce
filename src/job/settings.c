/* Options of a solver from settings, without a job and without INI. */
#include "job/table.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTING_MAX = 4096 };

typedef struct reading {
  const char *name;
  bd_parameters_t parameters;
  char is_given[TABLE_ROWS];
} reading_t;

static const char *trim(char *text) {
  size_t length = strlen(text);
  const char *trimmed = text_trim(text, &length);
  text[(size_t)(trimmed - text) + length] = 0;
  return trimmed;
}

/* The sections of a solver, for a message: "[marginals] [solver] ". */
static void list_sections(char *text, size_t size) {
  int count;
  const bd_parameter_t *table = bd_parameter_table(&count);
  const char *last = "";
  *text = 0;
  for (int i = 0; i < count; i++) {
    const size_t used = strlen(text);
    if (!table_is_of_solver(i) || !strcmp(last, table[i].section)) continue;
    snprintf(text + used, size - used, "%s[%s]", used ? " " : "", last = table[i].section);
  }
}

static bd_status_t find(const reading_t *r, const char *name, int *index, bd_error_t *error) {
  char section[INI_SECTION], sections[128];
  const char *key = NULL;
  int rows;
  const bd_parameter_t *table = bd_parameter_table(&rows);
  bd_status_t status = table_split_key(r->name, name, section, &key, error);
  if (status != BD_OK) return status;
  *index = table_find(section, key);
  list_sections(sections, sizeof sections);
  if (*index >= 0 && !table_is_of_solver(*index))
    return bd_fail(error, BD_BAD_INPUT, "%s: %s changes nothing here; allowed: keys of %s", r->name,
                   name, sections);
  if (*index >= 0) return BD_OK;
  for (int i = 0; i < rows; i++)
    if (table_is_of_solver(i) && !strcmp(table[i].section, section))
      return table_unknown(r->name, section, key, error);
  return bd_fail(error, BD_BAD_INPUT, "%s: %.80s: unknown key; allowed: keys of %s", r->name, name,
                 sections);
}

static bd_status_t take(reading_t *r, const char *setting, bd_error_t *error) {
  char text[SETTING_MAX];
  int index = -1;
  char *equals;
  if (snprintf(text, sizeof text, "%s", setting) >= SETTING_MAX || !(equals = strchr(text, '=')))
    return bd_fail(error, BD_BAD_INPUT, "%s: \"%.80s\" is not of the form section.key=value",
                   r->name, setting);
  *equals = 0;
  const char *name = trim(text);
  bd_status_t status = find(r, name, &index, error);
  if (status != BD_OK) return status;
  if (r->is_given[index])
    return bd_fail(error, BD_BAD_INPUT, "%s: %s is given twice", r->name, name);
  r->is_given[index] = 1;
  return table_parse(index, trim(equals + 1), r->name, &r->parameters, error);
}

static bd_status_t read_all(reading_t *r, int count, const char *const *settings,
                            bd_error_t *error) {
  int rows;
  const bd_parameter_t *table = bd_parameter_table(&rows);
  bd_status_t status = BD_OK;
  for (int i = 0; status == BD_OK && i < rows; i++)
    if (table_is_of_solver(i))
      status = table_parse(i, table[i].fallback, r->name, &r->parameters, error);
  for (int i = 0; status == BD_OK && i < count; i++) status = take(r, settings[i], error);
  return status == BD_OK ? table_check_solver(&r->parameters.solver, r->name, error) : status;
}

bd_status_t bd_solver_options_parse(const char *name, int count, const char *const *settings,
                                    bd_solver_options_t **options, bd_error_t *error) {
  *options = NULL;
  reading_t *r = calloc(1, sizeof *r);
  bd_solver_options_t *made = malloc(sizeof *made);
  bd_status_t status =
      r && made ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory for the options", name);
  if (status == BD_OK) {
    r->name = name;
    status = read_all(r, count, settings, error);
  }
  if (status == BD_OK) {
    *made = r->parameters.solver;
    *options = made;
  } else free(made);
  free(r);
  return status;
}

int bd_solver_setting(int number, const char *texts[4], char *allowed, size_t size) {
  int rows;
  const bd_parameter_t *table = bd_parameter_table(&rows);
  int i = 0;
  for (; i < rows; i++)
    if (table_is_of_solver(i) && number-- == 0) break;
  if (i == rows) return 0;
  texts[0] = table[i].name;
  texts[1] = table[i].fallback;
  texts[2] = table[i].help;
  texts[3] = table[i].unit;
  bd_parameter_allowed(&table[i], allowed, size);
  return 1;
}

int bd_solver_options_snapshots(const bd_solver_options_t *options) {
  return options->iterations.count;
}

double bd_solver_options_tau(const bd_solver_options_t *options) { return options->tau; }

void bd_solver_options_free(bd_solver_options_t *options) { free(options); }
