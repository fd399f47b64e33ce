#include "job/table.h"

#include "number.h"

#include <barydef/closest.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What each cost is. */
#define COST_FORMULA(NAME, name, traits, formula, meaning) "; " #name ": " formula

/* The views that a job may name: "|rounded|blurred" and so on. */
#define VIEW_CHOICE_ALWAYS(name) ""
#define VIEW_CHOICE_BY_DEFAULT(name) "|" #name
#define VIEW_CHOICE_WHEN_NAMED(name) "|" #name
static const char view_choices[] =
#define BD_VIEW(NAME, name, label, accuracy, asked, on, meaning) VIEW_CHOICE_##asked(name)
#include <barydef/views.def>
    ;

/* The views that a job shows the victim where it says nothing: ", rounded, blurred" and so on. */
#define VIEW_DEFAULT_ALWAYS(name) ""
#define VIEW_DEFAULT_BY_DEFAULT(name) ", " #name
#define VIEW_DEFAULT_WHEN_NAMED(name) ""
static const char view_default[] =
#define BD_VIEW(NAME, name, label, accuracy, asked, on, meaning) VIEW_DEFAULT_##asked(name)
#include <barydef/views.def>
    ;

static const bd_parameter_t table[] = {
#define BD_PARAMETER(section, key, role, kind, member, ...)                                        \
  TABLE_ROW(section, key, role, kind, offsetof(bd_parameters_t, member), __VA_ARGS__),
#include <barydef/parameters.def>
};

const bd_parameter_t *bd_parameter_table(int *count) {
  *count = TABLE_ROWS;
  return table;
}

int table_find(const char *section, const char *key) {
  for (int i = 0; i < TABLE_ROWS; i++)
    if (!strcmp(table[i].section, section) && !strcmp(table[i].key, key)) return i;
  return -1;
}

int table_has_section(const char *section) {
  for (int i = 0; i < TABLE_ROWS; i++)
    if (!strcmp(table[i].section, section)) return 1;
  return 0;
}

/* ---- names --------------------------------------------------------------------- */

/* "; did you mean solver.gamma?" or "". */
static void suggest_key(const char *section, const char *key, char text[160]) {
  const char *keys[TABLE_ROWS];
  int count = 0;
  *text = 0;
  for (int i = 0; i < TABLE_ROWS; i++)
    if (!strcmp(table[i].section, section)) keys[count++] = table[i].key;
  const char *closest = bd_closest(key, keys, count);
  /* A key that is right may stand in the wrong section. */
  for (int i = 0; i < TABLE_ROWS; i++)
    if (!strcmp(table[i].key, key)) section = table[i].section, closest = key;
  if (closest) snprintf(text, 160, "; did you mean %.60s.%.60s?", section, closest);
}

static void suggest_section(const char *section, char text[160]) {
  const char *sections[TABLE_ROWS + 1];
  int count = 0;
  for (int i = 0; i < TABLE_ROWS; i++)
    if (i == 0 || strcmp(table[i - 1].section, table[i].section) != 0)
      sections[count++] = table[i].section;
  sections[count++] = "sweep";
  const char *closest = bd_closest(section, sections, count);
  *text = 0;
  if (closest) snprintf(text, 160, "; did you mean [%s]?", closest);
}

/* The message lists the keys of a section that exists, and else the sections. */
bd_status_t table_unknown(const char *where, const char *section, const char *key,
                          bd_error_t *error) {
  char list[600] = "", meant[160];
  int known = 0;
  for (int i = 0; i < TABLE_ROWS; i++) known |= !strcmp(table[i].section, section);
  for (int i = 0; i < TABLE_ROWS; i++) {
    size_t used = strlen(list);
    if (known && !strcmp(table[i].section, section))
      snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", table[i].key);
    if (!known && (i == 0 || strcmp(table[i - 1].section, table[i].section)))
      snprintf(list + used, sizeof list - used, "[%s] ", table[i].section);
  }
  if (known) suggest_key(section, key, meant);
  else suggest_section(section, meant);
  if (known)
    return bd_fail(error, BD_BAD_INPUT, "%s: %s.%.60s: unknown key; allowed in [%s]: %s%s", where,
                   section, key, section, list, meant);
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: [%.60s]: unknown section; allowed: %s[sweep] [attack NAME]%s", where, section,
                 list, meant);
}

bd_status_t table_split_key(const char *where, const char *name, char section[INI_SECTION],
                            const char **key, bd_error_t *error) {
  const char *dot = strchr(name, '.');
  if (!dot || dot == name || dot - name >= INI_SECTION || !dot[1])
    return bd_fail(error, BD_BAD_INPUT, "%s: \"%.80s\" is not of the form section.key", where,
                   name);
  snprintf(section, INI_SECTION, "%.*s", (int)(dot - name), name);
  *key = dot + 1;
  return BD_OK;
}

/* ---- roles --------------------------------------------------------------------- */

int bd_parameter_is_recorded(const bd_parameter_t *parameter) {
  return parameter->role == BD_ROLE_READS || parameter->role == BD_ROLE_SELECTS ||
         parameter->role == BD_ROLE_NUMERIC;
}

int bd_parameter_is_compared(const bd_parameter_t *parameter) {
  return parameter->role == BD_ROLE_STORES || parameter->role == BD_ROLE_SELECTS ||
         parameter->role == BD_ROLE_NUMERIC;
}

int bd_parameter_is_swept(const bd_parameter_t *parameter) {
  return parameter->role == BD_ROLE_NUMERIC;
}

int table_is_path(int index) {
  return table[index].role == BD_ROLE_READS || table[index].role == BD_ROLE_WRITES;
}

int table_is_read(int index) { return table[index].role == BD_ROLE_READS; }

int table_is_of_solver(int index) {
  return table[index].offset < offsetof(bd_parameters_t, solver) + sizeof(bd_solver_options_t);
}

void bd_swept_sections(char *text, size_t size) {
  const char *sections[TABLE_ROWS];
  int count = 0;
  for (int i = 0; i < TABLE_ROWS; i++)
    if (bd_parameter_is_swept(&table[i]) &&
        (count == 0 || strcmp(sections[count - 1], table[i].section) != 0))
      sections[count++] = table[i].section;
  snprintf(text, size, "%s", "");
  for (int i = 0; i < count; i++) {
    const size_t used = strlen(text);
    snprintf(text + used, size - used, "%s[%s]", i ? ", " : "", sections[i]);
  }
  const size_t used = strlen(text);
  snprintf(text + used, size - used, " and [attack NAME]");
}

/* ---- values -------------------------------------------------------------------- */

void bd_parameter_allowed(const bd_parameter_t *p, char *text, size_t size) {
  switch (p->kind) {
    case BD_KIND_REAL: snprintf(text, size, "a number from %g to %g", p->low, p->high); break;
    case BD_KIND_RATIO:
      snprintf(text, size, "a number from %g to %g, or a ratio such as 8/255", p->low, p->high);
      break;
    case BD_KIND_INTEGER:
      snprintf(text, size, "an integer from %.0f to %.0f", p->low, p->high);
      break;
    case BD_KIND_WINDOW:
      snprintf(text, size, "full, or an odd integer from %.0f to %.0f", p->low, p->high);
      break;
    case BD_KIND_CHOICE: snprintf(text, size, "%s", p->choices); break;
    case BD_KIND_NAMES:
      snprintf(text, size, "nothing, or names separated by commas: %s", p->choices);
      break;
    case BD_KIND_TEXT: snprintf(text, size, "all, or names separated by commas"); break;
    case BD_KIND_PATH: snprintf(text, size, "a path of at most %d bytes", BD_TEXT_MAX - 1); break;
    case BD_KIND_MARGINALS:
      snprintf(text, size, "B4, B6, or a list such as identity + rotate 2 + translate 3 0");
      break;
    case BD_KIND_ITERATIONS:
      snprintf(text, size, "an ascending list of at most %d integers from %.0f to %.0f",
               BD_SNAPSHOTS_MAX, p->low, p->high);
      break;
    case BD_KIND_WEIGHTS:
      snprintf(text, size, "empty, or a positive number for each marginal");
      break;
  }
}

static int parse_single(const bd_parameter_t *p, const char *text, double *number) {
  const char *end;
  return number_parse(text, &end, number) && *end == 0 && *number >= p->low && *number <= p->high;
}

/* A number, or two with a slash between them. */
static int parse_ratio(const bd_parameter_t *p, const char *text, double *number) {
  const char *end;
  double below = 1;
  if (!number_parse(text, &end, number)) return 0;
  end += strspn(end, " \t");
  if (*end == '/') {
    const char *rest = end + 1 + strspn(end + 1, " \t");
    if (!number_parse(rest, &end, &below) || !(below > 0)) return 0;
  }
  *number /= below;
  return *end == 0 && *number >= p->low && *number <= p->high;
}

static int is_whole(double number) {
  return number == floor(number) && fabs(number) < 2147483648.0;
}

/* Parse numbers separated by commas or blanks.  Returns their count, or -1. */
static int parse_list(const bd_parameter_t *p, const char *text, double *numbers, int most) {
  int count = 0;
  for (;;) {
    while (isspace((unsigned char)*text) || (count && *text == ',')) text++;
    if (*text == 0) return count;
    if (count == most || !number_parse(text, &text, &numbers[count])) return -1;
    if (*text && *text != ',' && !isspace((unsigned char)*text)) return -1;
    if (numbers[count] < p->low || numbers[count] > p->high) return -1;
    count++;
  }
}

/* Find a word of `length` bytes among "a|b|c".  Returns its number, or -1. */
static int parse_choice(const char *choices, const char *word, size_t length) {
  for (int index = 0; choices; index++) {
    const size_t width = strcspn(choices, "|");
    if (width == length && !strncmp(choices, word, length)) return index;
    choices = choices[width] ? choices + width + 1 : NULL;
  }
  return -1;
}

/* Parse names, each of which may come once, in any order. */
static int parse_names(const char *choices, const char *text, unsigned *names) {
  static const char separators[] = ", \t";
  *names = 0;
  for (;;) {
    text += strspn(text, separators);
    if (*text == 0) return 1;
    const size_t length = strcspn(text, separators);
    const int name = parse_choice(choices, text, length);
    if (name < 0 || *names & 1u << name) return 0;
    *names |= 1u << name;
    text += length;
  }
}

static int parse_iterations(const bd_parameter_t *p, const char *text,
                            bd_iterations_t *iterations) {
  double numbers[BD_SNAPSHOTS_MAX];
  iterations->count = parse_list(p, text, numbers, BD_SNAPSHOTS_MAX);
  for (int i = 0; i < iterations->count; i++) {
    if (!is_whole(numbers[i]) || (i && numbers[i] <= numbers[i - 1])) return 0;
    iterations->values[i] = (int)numbers[i];
  }
  return iterations->count > 0;
}

static int parse_weights(const bd_parameter_t *p, const char *text, bd_weights_t *weights) {
  weights->count = parse_list(p, text, weights->values, BD_MARGINALS_MAX);
  for (int i = 0; i < weights->count; i++)
    if (!(weights->values[i] > 0)) return 0;
  return weights->count >= 0;
}

static int parse_value(const bd_parameter_t *p, const char *text, void *field) {
  double number;
  int choice;
  switch (p->kind) {
    case BD_KIND_REAL:
      if (!parse_single(p, text, &number)) return 0;
      *(double *)field = number;
      return 1;
    case BD_KIND_RATIO: return parse_ratio(p, text, field);
    case BD_KIND_INTEGER:
    case BD_KIND_WINDOW:
      if (p->kind == BD_KIND_WINDOW && !strcmp(text, "full")) {
        *(int *)field = BD_WINDOW_FULL;
        return 1;
      }
      if (!parse_single(p, text, &number) || !is_whole(number)) return 0;
      if (p->kind == BD_KIND_WINDOW && fmod(number, 2) == 0) return 0;
      *(int *)field = (int)number;
      return 1;
    case BD_KIND_CHOICE:
      choice = parse_choice(p->choices, text, strlen(text));
      if (choice < 0) return 0;
      *(int *)field = choice;
      return 1;
    case BD_KIND_NAMES: return parse_names(p->choices, text, field);
    case BD_KIND_TEXT:
    case BD_KIND_PATH:
      if (strlen(text) >= BD_TEXT_MAX || (p->kind == BD_KIND_TEXT && !*text)) return 0;
      *(const char **)field = text;
      return 1;
    case BD_KIND_MARGINALS: return bd_marginal_set_parse(text, field, NULL) == BD_OK;
    case BD_KIND_ITERATIONS: return parse_iterations(p, text, field);
    case BD_KIND_WEIGHTS: return parse_weights(p, text, field);
  }
  return 0;
}

/* What somebody who wrote such a value must know of job files. */
static const char *rule_for(const char *text) {
  if (strpbrk(text, "#"))
    return "; behind a value a comment begins with a blank and \";\", and \"#\" is part of the "
           "value";
  if (strpbrk(text, "\"'")) return "; values are written without quotes";
  return "";
}

bd_status_t table_parse_row(const bd_parameter_t *p, const char *text, const char *where,
                            void *fields, bd_error_t *error) {
  if (parse_value(p, text, (char *)fields + p->offset)) return BD_OK;
  char allowed[256];
  bd_parameter_allowed(p, allowed, sizeof allowed);
  return bd_fail(error, BD_BAD_INPUT, "%s: %s.%s = %.200s is not allowed; allowed: %s%s", where,
                 p->section, p->key, text, allowed, rule_for(text));
}

bd_status_t table_parse(int index, const char *text, const char *where, bd_parameters_t *parameters,
                        bd_error_t *error) {
  return table_parse_row(&table[index], text, where, parameters, error);
}

bd_status_t table_check_solver(const bd_solver_options_t *options, const char *where,
                               bd_error_t *error) {
  if (!options->weights.count || options->weights.count == options->marginals.count) return BD_OK;
  return bd_fail(error, BD_BAD_INPUT, "%s: solver.weights: %d weights for %d marginals", where,
                 options->weights.count, options->marginals.count);
}

int table_is_same(int index, const char *one, const char *other) {
  return table_is_same_row(&table[index], one, other);
}

int table_is_same_row(const bd_parameter_t *p, const char *one, const char *other) {
  unsigned names, other_names;
  double number, other_number;
  if (p->kind == BD_KIND_RATIO && parse_ratio(p, one, &number) &&
      parse_ratio(p, other, &other_number))
    return number == other_number;
  if (p->kind == BD_KIND_NAMES)
    return parse_names(p->choices, one, &names) && parse_names(p->choices, other, &other_names) &&
           names == other_names;
  return !strcmp(one, other) || number_is_same(one, other);
}
