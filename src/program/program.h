/* What the commands of the program share.  A command receives its own arguments, with its name as
   argv[0], and returns the exit status. */
#ifndef BD_PROGRAM_H
#define BD_PROGRAM_H

#include "program/arguments.h"

#include <barydef/barydef.h>
#include <barydef/run.h>
#include <signal.h>
#include <stdio.h>

#define BD_COMMAND(name, function, arguments, help)                                                \
  int command_##function(int argc, char **argv);                                                   \
  extern const manual_t manual_##function;
#include "program/commands.def"

/* A row of commands.def. */
typedef struct command {
  const char *name, *arguments, *help;
  int (*run)(int argc, char **argv);
  const manual_t *manual;
} command_t;

/* main.c: all commands, [*count], and the one of this name, or NULL. */
const command_t *all_commands(int *count);
const command_t *find_command(const char *name);

/* main.c: the name of the command that somebody may have meant, or NULL. */
const char *closest_command(const char *name);

/* main.c: what barydef does, in a sentence without its full stop. */
extern const char barydef_summary[];

/* help.c: the commands, and what a status means to one. */
void print_usage(FILE *out);
void print_endings(FILE *out, const ending_t *endings);
const char *meaning_of(const ending_t *ending);

/* help.c: what each row of BD_STATUS_TABLE means. */
extern const ending_t every_ending[];

/* help.c: print words with a blank between them, and a newline.  The first word comes after
   `column` characters of a line; lines begin at `margin` and have at most 79 columns. */
void print_wrapped(FILE *out, int margin, int column, const char *text);

/* json.c: all of this, and the parameters, for programs. */
void print_json(FILE *out);

/* params.c: what a job file is, in paragraphs with an empty line between, and examples. */
extern const char job_description[];
extern const topic_t job_examples[];

/* params.c: what a line of [sweep] does. */
void sweep_description(char *text, size_t size);

/* Print "barydef: message" to stderr.  Returns the status of the error. */
int complain(const bd_error_t *error);

/* Returns "s" unless there is exactly one. */
const char *plural(int64_t count);

/* What to do with a result that exists.  The caller has already refused both options together. */
bd_existing_t existing_of(int overwrite, int resume);

/* table.c: print the statistics of a result, in one table for each run. */
void print_statistics(FILE *out, const bd_result_summary_t *summary);

/* report.c: print what a dry run has found.  `in_the_way` is a file that must be replaced or
   resumed, or NULL. */
void report_plan(const bd_job_t *job, const bd_run_summary_t *summary, int first_run,
                 const char *in_the_way);

/* report.c: print what a run has done. */
void report_result(const char *path);
void report_summary(const bd_run_summary_t *summary);
void report_path(const char *path);

/* report.c: print to stderr what else a user must know. */
void report_victim(const bd_run_summary_t *summary, const char *victim_file);
void report_notes(const bd_run_summary_t *summary, const char *input);
void report_mended(const bd_run_summary_t *summary, const char *path);

/* signals.c: from this call on, SIGTERM, SIGINT and SIGUSR1 ask to stop, and set *signals_stop() to
   the number of the signal.  A second signal ends the process at once with status 75. */
void signals_catch(void);
volatile const sig_atomic_t *signals_stop(void);

/* progress.c: show progress on stderr, as a bar on a terminal, and elsewhere as a line every
   `interval` seconds.  Where it is quiet, only a file system without locks is told of. */
typedef struct progress {
  int is_quiet;
  int is_terminal;
  int is_shown;     /* the line shows a bar */
  int shown;        /* its characters */
  int is_announced; /* the user has been told what goes before the work */
  double interval;  /* seconds */
  double last;      /* when the last line was printed, in seconds of the run's clock */
} progress_t;
void progress_start(progress_t *progress, double interval, int is_quiet);
void progress_show(void *progress, const bd_progress_t *state);
void progress_end(progress_t *progress);

#endif
