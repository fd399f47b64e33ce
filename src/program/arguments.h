/* Parsing arguments, and what a command says of itself. */
#ifndef BD_ARGUMENTS_H
#define BD_ARGUMENTS_H

#include <argp.h>
#include <barydef/barydef.h>

/* A term and what it means.  Lists of them end with {0}. */
typedef struct topic {
  const char *term, *meaning;
} topic_t;

/* An exit status and what it means to a command.  Lists of them end with {0}. */
typedef struct ending {
  bd_status_t status;
  const char *meaning; /* "" for the meaning that BD_STATUS_TABLE gives */
} ending_t;

/* What a command takes and says of itself.  Parsing, -h, its manual page and the completion of a
   shell all come from here, and from its row in commands.def. */
typedef struct manual {
  const char *description;
  const struct argp_option *options; /* NULL for none */
  argp_parser_t parse;               /* NULL where there are neither options nor arguments */
  const ending_t *endings;
  const topic_t *examples;    /* a command line, and what it is for */
  const topic_t *files;       /* may be NULL, as may the next */
  const topic_t *environment; /* variables */
} manual_t;

/* The options of every command. */
extern const struct argp_option common_options[];

/* What to do where arguments are wrong. */
typedef enum refusal {
  REFUSE_SILENTLY, /* another rank says it, or a second call */
  REFUSE_ALOUD     /* print to stderr what is wrong */
} refusal_t;

/* What became of the arguments. */
typedef enum parsed {
  PARSED,         /* *input has them */
  PARSED_HELP,    /* help was asked for, and has been printed */
  PARSED_NOTHING, /* they are wrong */
} parsed_t;

/* Parse the arguments of the command argv[0] into *input, as its manual says.  Prints the help that
   is asked for. */
parsed_t arguments_parse(int argc, char **argv, refusal_t refusal, void *input);

/* The same, aloud, for commands of one process.  Returns 1 if the command is to go on.  Otherwise
 *status is the exit status. */
int arguments_take(int argc, char **argv, void *input, int *status);

/* A parser for commands that take one file and no options.  Stores the path in *(const char
 **)input. */
error_t parse_one_file(int key, char *value, struct argp_state *state);

#endif
