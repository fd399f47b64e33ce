/* What the commands of the program share.  A command receives its own arguments, with argv[0] such
   as "barydef run", and returns the exit status. */
#ifndef BD_PROGRAM_H
#define BD_PROGRAM_H

#include <barydef/barydef.h>
#include <barydef/run.h>
#include <signal.h>
#include <stdio.h>

#define BD_COMMAND(name, function, arguments, help) int command_##function(int argc, char **argv);
#include "program/commands.def"

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
void report_mended(const bd_run_summary_t *summary, const char *path);

/* signals.c: from this call on, SIGTERM, SIGINT and SIGUSR1 ask to stop, and set *signals_stop() to
   the number of the signal.  A second signal ends the process at once with status 75. */
void signals_catch(void);
volatile const sig_atomic_t *signals_stop(void);

/* progress.c: show progress on stderr, as a bar on a terminal, and elsewhere as a line every
   `interval` seconds. */
typedef struct progress {
  int is_terminal;
  int is_shown;     /* the line shows a bar */
  int is_announced; /* the user has been told that a result is resumed */
  double interval;  /* seconds */
  double last;      /* when the last line was printed, in seconds of the run's clock */
} progress_t;
void progress_start(progress_t *progress, double interval);
void progress_show(void *progress, const bd_progress_t *state);
void progress_end(progress_t *progress);

#endif
