#include "program/arguments.h"
#include "program/program.h"

#include <errno.h>
#include <stdlib.h>

enum { KEY_USAGE = 0x1000 };

const struct argp_option common_options[] = {
    {"help", 'h', NULL, 0, "Print this help", -1},
    {NULL, '?', NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, -1},
    {"usage", KEY_USAGE, NULL, 0, "Print a short form of it", -1},
    {0}};

/* What the parser of the common options works on. */
typedef struct common {
  unsigned help; /* what argp_help() is to print, or 0 */
  void *input;   /* of the command's own parser */
} common_t;

static error_t parse_common(int key, char *value, struct argp_state *state) {
  common_t *common = state->input;
  (void)value;
  switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = common->input; return 0;
    case 'h':
    case '?':
      common->help = ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC;
      return ECANCELED;
    case KEY_USAGE: common->help = ARGP_HELP_USAGE; return ECANCELED;
    default: return ARGP_ERR_UNKNOWN;
  }
}

/* What help says before and after the options, with a \v between as argp wants it.  The caller
   frees it.  NULL without memory. */
static char *help_text(const manual_t *manual) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out) return NULL;
  fprintf(out, "%s\v", manual->description);
  print_endings(out, manual->endings);
  fprintf(out, "\nExamples:\n");
  for (const topic_t *example = manual->examples; example->term; example++) {
    fprintf(out, "  %s\n", example->term);
    print_wrapped(out, 6, 0, example->meaning);
  }
  if (fclose(out) == 0) return text;
  free(text);
  return NULL;
}

parsed_t arguments_parse(int argc, char **argv, refusal_t refusal, void *input) {
  const command_t *command = find_command(argv[0]);
  const manual_t *manual = command->manual;
  common_t common = {0, input};
  const struct argp own = {manual->options, manual->parse, NULL, NULL, NULL, NULL, NULL};
  const struct argp_child children[] = {{&own, 0, NULL, 0}, {0}};
  char *text = help_text(manual), name[64], *given = argv[0];
  const char *arguments = *command->arguments ? command->arguments : NULL;
  const struct argp all = {common_options, parse_common, arguments, text, children, NULL, NULL};
  snprintf(name, sizeof name, "barydef %s", command->name);
  argv[0] = name;
  const unsigned how = refusal == REFUSE_ALOUD ? ARGP_NO_EXIT | ARGP_NO_HELP : ARGP_SILENT;
  const error_t wrong = argp_parse(&all, argc, argv, how, NULL, &common);
  if (common.help) argp_help(&all, stdout, common.help, name);
  argv[0] = given;
  free(text);
  return common.help ? PARSED_HELP : wrong ? PARSED_NOTHING : PARSED;
}

int arguments_take(int argc, char **argv, void *input, int *status) {
  const parsed_t parsed = arguments_parse(argc, argv, REFUSE_ALOUD, input);
  *status = parsed == PARSED_NOTHING ? BD_BAD_INPUT : BD_OK;
  return parsed == PARSED;
}

error_t parse_one_file(int key, char *value, struct argp_state *state) {
  if (key == ARGP_KEY_ARG && state->arg_num == 0) {
    *(const char **)state->input = value;
    return 0;
  }
  if (key != ARGP_KEY_ARG && key != ARGP_KEY_NO_ARGS) return ARGP_ERR_UNKNOWN;
  argp_error(state, "give one file");
  return EINVAL;
}
