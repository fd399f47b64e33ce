#include "program/arguments.h"

#include <errno.h>

error_t parse_one_file(int key, char *value, struct argp_state *state) {
  if (key == ARGP_KEY_ARG && state->arg_num == 0) {
    *(const char **)state->input = value;
    return 0;
  }
  if (key != ARGP_KEY_ARG && key != ARGP_KEY_NO_ARGS) return ARGP_ERR_UNKNOWN;
  argp_error(state, "give one file");
  return EINVAL;
}
