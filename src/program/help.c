#include "program/arguments.h"
#include "program/program.h"

#include <errno.h>
#include <string.h>

enum { COLUMNS = 79, KEY_JSON = 1 };

/* ---- texts --------------------------------------------------------------------- */

void print_wrapped(FILE *out, int margin, int column, const char *text) {
  while (*text) {
    const int length = (int)strcspn(text, " ");
    if (column > margin && column + 1 + length > COLUMNS) {
      fputc('\n', out);
      column = 0;
    }
    const int blanks = column < margin ? margin - column : column > margin;
    column += fprintf(out, "%*s%.*s", blanks, "", length, text);
    text += length;
    text += strspn(text, " ");
  }
  fputc('\n', out);
}

#define BD_ENDING(NAME, number, meaning) {BD_##NAME, meaning},
const ending_t every_ending[] = {BD_STATUS_TABLE(BD_ENDING){0}};

const char *meaning_of(const ending_t *ending) {
  const ending_t *general = every_ending;
  while (general->meaning && general->status != ending->status) general++;
  return *ending->meaning || !general->meaning ? ending->meaning : general->meaning;
}

void print_endings(FILE *out, const ending_t *endings) {
  fprintf(out, "Exit status:\n");
  for (const ending_t *ending = endings; ending->meaning; ending++)
    print_wrapped(out, 6, fprintf(out, "  %d", (int)ending->status), meaning_of(ending));
}

void print_usage(FILE *out) {
  int count;
  const command_t *commands = all_commands(&count);
  fprintf(out, "Usage: barydef COMMAND [ARGUMENT...]\n%s.\n\n", barydef_summary);
  for (int i = 0; i < count; i++)
    fprintf(out, "  barydef %-8s %s\n", commands[i].name, commands[i].help);
  fprintf(out, "  barydef --version\n\n"
               "\"barydef COMMAND -h\" tells more, as do the manual pages barydef-COMMAND(1) and\n"
               "barydef-job(5).\n\n");
  print_endings(out, every_ending);
}

/* ---- the command --------------------------------------------------------------- */

typedef struct arguments {
  const char *command;
  int json;
} arguments_t;

static const struct argp_option options[] = {
    {"json", KEY_JSON, NULL, OPTION_HIDDEN, "Print all that is known of all commands", 0}, {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  arguments_t *a = state->input;
  switch (key) {
    case KEY_JSON: a->json = 1; return 0;
    case ARGP_KEY_ARG:
      if (state->arg_num == 0 && find_command(value)) {
        a->command = value;
        return 0;
      }
      if (state->arg_num) argp_error(state, "give one command; \"%s\" is a second", value);
      else if (closest_command(value))
        argp_error(state, "no command is \"%s\"; did you mean %s?", value, closest_command(value));
      else argp_error(state, "no command is \"%s\"", value);
      return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const manual_t manual_help = {
    .description = "Tell what a command does and takes, as its option -h does.  Without a command, "
                   "list the commands.",
    .options = options,
    .parse = parse,
    .endings = (const ending_t[]){{BD_OK, ""}, {BD_BAD_INPUT, "there is no such command"}, {0}},
    .examples = (const topic_t[]){{"barydef help run", "The options of a run."}, {0}},
};

int command_help(int argc, char **argv) {
  arguments_t a = {0};
  int status;
  if (!arguments_take(argc, argv, &a, &status)) return status;
  if (a.command) {
    const command_t *command = find_command(a.command);
    char name[32], option[] = "--help";
    snprintf(name, sizeof name, "%s", command->name);
    return command->run(2, (char *[]){name, option, NULL});
  }
  if (a.json) print_json(stdout);
  else print_usage(stdout);
  return BD_OK;
}
