/* Parsing arguments. */
#ifndef BD_ARGUMENTS_H
#define BD_ARGUMENTS_H

#include <argp.h>

/* For a command that takes one file and no options: its path becomes *(const char **)input. */
error_t parse_one_file(int key, char *value, struct argp_state *state);

#endif
