#include "program/program.h"

#include <errno.h>
#include <string.h>

enum { PARTS_MAX = 1000, KEY_OVERWRITE = 1, KEY_RESUME };

typedef struct arguments {
  const char *result, *parts[PARTS_MAX];
  int part_count, overwrite, resume;
} arguments_t;

static const struct argp_option options[] = {
    {"overwrite", KEY_OVERWRITE, NULL, 0, "Replace a result that exists", 0},
    {"resume", KEY_RESUME, NULL, 0,
     "Keep an existing result if it is whole and made of exactly these parts", 0},
    {0}};

static error_t parse(int key, char *value, struct argp_state *state) {
  arguments_t *a = state->input;
  switch (key) {
    case KEY_OVERWRITE: a->overwrite = 1; return 0;
    case KEY_RESUME: a->resume = 1; return 0;
    case ARGP_KEY_ARG:
      if (a->part_count == PARTS_MAX) {
        argp_error(state, "more than %d parts", PARTS_MAX);
        return EINVAL;
      }
      if (state->arg_num == 0) a->result = value;
      else a->parts[a->part_count++] = value;
      return 0;
    case ARGP_KEY_END:
      if (a->resume && a->overwrite) {
        argp_error(state,
                   "--resume keeps the result, --overwrite replaces it; give only one of them");
        return EINVAL;
      }
      if (a->part_count) return 0;
      argp_error(state, "give a result to create and its parts");
      return EINVAL;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const manual_t manual_merge = {
    .description = "Join the results of \"barydef run --part I/N\" into the one a single run would "
                   "have written.  Refuses parts that are missing, damaged, incomplete or of "
                   "another job.",
    .options = options,
    .parse = parse,
    .endings = (const ending_t[]){{BD_OK, ""},
                                  {BD_FAILED, "the result cannot be written"},
                                  {BD_BAD_INPUT, "bad usage, or parts that do not make a result"},
                                  {0}},
    .examples =
        (const topic_t[]){
            {"barydef merge result.h5 part-*.h5", "Join the parts of a sweep, in any order."}, {0}},
};

int command_merge(int argc, char **argv) {
  arguments_t a = {0};
  bd_error_t error, note;
  int status;
  if (!arguments_take(argc, argv, &a, &status)) return status;
  const bd_existing_t existing = existing_of(a.overwrite, a.resume);
  status = (int)bd_result_merge(a.part_count, a.parts, a.result, existing, &note, &error);
  if (status != BD_OK) return complain(&error);
  if (*note.message) complain(&note);
  printf("result: %s\n", a.result);
  return BD_OK;
}
