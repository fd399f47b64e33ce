/* Parsing arguments. */
#ifndef BD_ARGUMENTS_H
#define BD_ARGUMENTS_H

#include <argp.h>

/* A parser for commands that take one file and no options.  Stores the path in *(const char
 **)input. */
error_t parse_one_file(int key, char *value, struct argp_state *state);

#endif
