/* Everything a rank holds for a run, and the steps that prepare and finish it.  All of
   these calls are collective unless they say otherwise. */
#ifndef BD_SESSION_H
#define BD_SESSION_H

#include "cluster/work.h"

typedef struct session {
  MPI_Comm communicator;
  int rank, size;
  bd_run_options_t options; /* of rank 0, but `stop`, which is each rank's */
  bd_job_t *job,
      *job_there; /* of the result that is continued, on rank 0: [run] and paths may be others */
  const bd_parameters_t *parameters; /* of the first point: input, output, victim, run */
  bd_images_t *images;
  bd_victim_t *victim;
  char victim_digest[33], part[32];
  bd_plan_t plan;
  int *attacks;
  bd_worker_t worker;
  bd_result_t *result; /* on rank 0, and on ranks that read or write it */
  /* Rank 0, of a result that is continued: what is done, as in schedule_create; BD_ROW_DAMAGED
   * until it is unmarked. */
  uint8_t *done;
  int64_t done_count, damaged_count; /* counted for every run */
  int differing;                     /* attributes that are not what job and input say */
  int is_resumed;
} session_t;

/* input.c: each may fail on some ranks only; the caller agrees. */
bd_status_t session_open_input(session_t *session, bd_error_t *error);
bd_status_t session_agree_on_instructions(session_t *session, bd_error_t *error);
bd_status_t session_load_victim(session_t *session, bd_error_t *error);

/* output.c: create the result on rank 0 (not collective), finish it (rank 0). */
bd_status_t session_check_output(const session_t *session, const char *job_name, bd_error_t *error);
bd_status_t session_create_output(session_t *session, const char *hosts, bd_error_t *error);
bd_status_t session_finish_output(session_t *session, const char *hosts, bd_run_summary_t *summary,
                                  bd_error_t *error);
bd_status_t session_compare_attributes(session_t *session, bd_attributes_how_t how,
                                       bd_attributes_differing_t *differing, bd_error_t *error);
char *session_hosts(const session_t *session);

/* resume.c: open a result that is there and refuse it where it is not this job's (rank 0, not
   collective); every rank checks its part of the rows against their marks
   (BD_STOPPED where asked to stop meanwhile). */
bd_status_t session_open_existing(session_t *session, bd_error_t *error);
bd_status_t session_verify(session_t *session, double deadline, bd_error_t *error);

/* Rank 0: what has been found damaged is not done any more, also for a run that will believe the
 * marks (run.verify). */
bd_status_t session_unmark_damaged(session_t *session, bd_error_t *error);

#endif
