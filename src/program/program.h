/* The commands of the program.  Each takes its own arguments (argv[0] is "barydef run"
   and the like) and returns the exit status. */
#ifndef BD_PROGRAM_H
#define BD_PROGRAM_H

#include <barydef/barydef.h>
#include <barydef/run.h>
#include <signal.h>
#include <stdio.h>

int command_run(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_check(int argc, char **argv);
int command_merge(int argc, char **argv);
int command_params(int argc, char **argv);
/* attack, convert and report: starts Python, which does the work. */
int command_python(int argc, char **argv);

/* Print "barydef: message" to stderr; returns the status of the error. */
int complain(const bd_error_t *error);

/* The statistics of a result, a table for each run. */
void print_statistics(FILE *out, const bd_result_summary_t *summary);

/* From here on SIGTERM, SIGINT and SIGUSR1 ask to stop: *signals_stop() becomes the number
   of the signal.  A second one ends the process at once with status 75. */
void signals_catch(void);
volatile const sig_atomic_t *signals_stop(void);

/* Progress on stderr: a bar on a terminal, a line every `interval` seconds elsewhere. */
typedef struct progress {
  int is_terminal, shown, announced;
  double interval, last;
} progress_t;
void progress_start(progress_t *progress, double interval);
void progress_show(void *progress, const bd_progress_t *state);
void progress_end(progress_t *progress);

#endif
