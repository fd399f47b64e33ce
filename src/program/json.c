/* What the program knows of itself, as JSON.  The manual pages and the completion of shells are
   made of it when barydef is built (cmake/manual). */
#include "program/arguments.h"
#include "program/program.h"

#include <ctype.h>
#include <string.h>

static void print_text(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++)
    if (*text == '"' || *text == '\\') fprintf(out, "\\%c", *text);
    else if ((unsigned char)*text < ' ') fprintf(out, "\\u%04x", (unsigned)*text);
    else fputc(*text, out);
  fputc('"', out);
}

/* Print a member of an object, after a comma unless it is the first. */
static void print_member(FILE *out, const char *before, const char *name, const char *text) {
  fprintf(out, "%s\"%s\": ", before, name);
  print_text(out, text);
}

static void print_topics(FILE *out, const char *name, const topic_t *topics) {
  fprintf(out, ", \"%s\": [", name);
  for (const topic_t *topic = topics; topic && topic->term; topic++) {
    fputs(topic == topics ? "[" : ", [", out);
    print_text(out, topic->term);
    fputs(", ", out);
    print_text(out, topic->meaning);
    fputc(']', out);
  }
  fputc(']', out);
}

static void print_statuses(FILE *out, const ending_t *endings) {
  fputs(", \"statuses\": [", out);
  for (const ending_t *ending = endings; ending->meaning; ending++) {
    fprintf(out, "%s[%d, ", ending == endings ? "" : ", ", (int)ending->status);
    print_text(out, meaning_of(ending));
    fputc(']', out);
  }
  fputc(']', out);
}

static int is_last(const struct argp_option *option) {
  return !option->name && !option->key && !option->doc;
}

static void print_options(FILE *out, const struct argp_option *options, const char **between) {
  for (const struct argp_option *option = options; option && !is_last(option); option++) {
    if (option->flags & OPTION_HIDDEN) continue;
    const char letter[] = {(char)(option->key < 128 && isalnum(option->key) ? option->key : 0), 0};
    print_member(out, *between, "long", option->name);
    print_member(out, ", ", "short", letter);
    print_member(out, ", ", "value", option->arg ? option->arg : "");
    print_member(out, ", ", "meaning", option->doc);
    fputs("}", out);
    *between = ",\n    {";
  }
}

static void print_command(FILE *out, const command_t *command) {
  const manual_t *manual = command->manual;
  const char *between = "\n    {";
  print_member(out, "\n  {", "name", command->name);
  print_member(out, ", ", "arguments", command->arguments);
  print_member(out, ", ", "help", command->help);
  print_member(out, ",\n   ", "description", manual->description);
  print_statuses(out, manual->endings);
  print_topics(out, "files", manual->files);
  print_topics(out, "environment", manual->environment);
  print_topics(out, "examples", manual->examples);
  fprintf(out, ",\n   \"options\": [");
  print_options(out, manual->options, &between);
  print_options(out, common_options, &between);
  fprintf(out, "]}");
}

/* ---- parameters ---------------------------------------------------------------- */

/* The named values of parameters, with their meanings: the rows of the tables that parameters.def
   names.  A meaning is the last member of a row, of which there are three to five. */
#define LAST_OF_3(a, b, meaning, ...) meaning
#define LAST_OF_4(a, b, c, meaning, ...) meaning
#define LAST_OF_5(a, b, c, d, meaning, ...) meaning
#define CHOSEN(a, b, c, d, e, LAST, ...) LAST
#define LAST(...) CHOSEN(__VA_ARGS__, LAST_OF_5, LAST_OF_4, LAST_OF_3, )(__VA_ARGS__, )
#define VALUE(NAME, name, ...) {#name, LAST(NAME, name, __VA_ARGS__)},
#define CHOICES(TABLE) ((const topic_t[]){BD_##TABLE##_TABLE(VALUE){0}})

/* parameters.def takes them from the second on. */
static const topic_t view_choices[] = {{0},
#define VIEW_ALWAYS(name, meaning)
#define VIEW_BY_DEFAULT(name, meaning) {#name, meaning},
#define VIEW_WHEN_NAMED(name, meaning) {#name, meaning},
#define BD_VIEW(NAME, name, label, accuracy, asked, on, meaning) VIEW_##asked(name, meaning)
#include <barydef/views.def>
                                       {0}};

/* In the order of bd_attack_parameter_table(). */
static const topic_t *const attack_values[] = {
#define BD_ATTACK_PARAMETER(key, kind, member, fallback, low, high, choices, ...)                  \
  _Generic((choices), const topic_t * : (choices), default : NULL),
#include <barydef/attack_parameters.def>
};

/* In the order of bd_parameter_table().  NULL where choices are mere words, or there are none. */
static const topic_t *const values[] = {
#define BD_PARAMETER(section, key, role, kind, member, fallback, low, high, choices, ...)          \
  _Generic((choices), const topic_t * : (choices), default : NULL),
#include <barydef/parameters.def>
};

/* The words that a value may be, or be made of: "a|b". */
static const char *words_of(const bd_parameter_t *parameter) {
  switch (parameter->kind) {
    case BD_KIND_CHOICE:
    case BD_KIND_NAMES: return parameter->choices;
    case BD_KIND_WINDOW: return "full";
    case BD_KIND_MARGINALS: return "B4|B6";
    default: return "";
  }
}

static void print_parameter(FILE *out, const bd_parameter_t *parameter, const topic_t *named) {
  static const char *const kinds[] = {
      [BD_KIND_REAL] = "number",         [BD_KIND_RATIO] = "number",
      [BD_KIND_INTEGER] = "integer",     [BD_KIND_WINDOW] = "window",
      [BD_KIND_CHOICE] = "choice",       [BD_KIND_NAMES] = "names",
      [BD_KIND_TEXT] = "text",           [BD_KIND_PATH] = "path",
      [BD_KIND_MARGINALS] = "marginals", [BD_KIND_ITERATIONS] = "integers",
      [BD_KIND_WEIGHTS] = "numbers"};
  char allowed[256];
  bd_parameter_allowed(parameter, allowed, sizeof allowed);
  print_member(out, "\n  {", "section", parameter->section);
  print_member(out, ", ", "key", parameter->key);
  print_member(out, ", ", "kind", kinds[parameter->kind]);
  print_member(out, ", ", "default", parameter->fallback);
  print_member(out, ", ", "allowed", allowed);
  print_member(out, ", ", "words", words_of(parameter));
  print_member(out, ", ", "unit", parameter->unit);
  print_member(out, ", ", "help", parameter->help);
  print_topics(out, "values", named);
  fprintf(out, ", \"swept\": %s}", bd_parameter_is_swept(parameter) ? "true" : "false");
}

void print_json(FILE *out) {
  int commands, parameters, attack_keys;
  char sweep[512];
  sweep_description(sweep, sizeof sweep);
  const command_t *command = all_commands(&commands);
  const bd_parameter_t *parameter = bd_parameter_table(&parameters);
  print_member(out, "{", "version", bd_version());
  print_member(out, ", ", "summary", barydef_summary);
  print_member(out, ", ", "job", job_description);
  print_member(out, ", ", "sweep", sweep);
  print_topics(out, "job_examples", job_examples);
  print_statuses(out, every_ending);
  fprintf(out, ",\n \"commands\": [");
  for (int i = 0; i < commands; i++) {
    if (i) fputc(',', out);
    print_command(out, &command[i]);
  }
  fprintf(out, "],\n \"parameters\": [");
  for (int i = 0; i < parameters; i++) {
    if (i) fputc(',', out);
    print_parameter(out, &parameter[i], values[i]);
  }
  const bd_parameter_t *attack_key = bd_attack_parameter_table(&attack_keys);
  for (int i = 0; i < attack_keys; i++) {
    fputc(',', out);
    print_parameter(out, &attack_key[i], attack_values[i]);
  }
  fprintf(out, "]}\n");
}
