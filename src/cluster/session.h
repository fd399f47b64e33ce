/* Everything that a rank holds for a run, and the steps that prepare it. */
#ifndef BD_SESSION_H
#define BD_SESSION_H

#include "cluster/work.h"
#include "pipeline/done.h"
#include "pipeline/output.h"
#include "pipeline/sample.h"

typedef struct session {
  MPI_Comm communicator;
  int rank, size;
  bd_run_options_t options; /* those of rank 0, except `stop`, which each rank has its own */
  bd_job_t *job;            /* a copy of rank 0's */
  bd_images_t *images;
  bd_victim_t *victim; /* NULL without */
  bd_plan_t plan;
  bd_worker_t worker;
  bd_output_t output; /* the result is open on rank 0 and on ranks that read or write it */
  bd_done_t done;     /* on rank 0, if a result is continued */
  int is_resumed;
  char victim_notes[1024]; /* on rank 0, what its trial has found */
} session_t;

/* Open the input, plan the work, find the instructions that all ranks have, and load the victim.
   All are collective.  Each may fail on some ranks only, so the caller calls world_agree. */
bd_status_t session_open_input(session_t *session, bd_error_t *error);
bd_status_t session_plan(session_t *session, bd_error_t *error);
bd_status_t session_agree_on_instructions(session_t *session, bd_error_t *error);
bd_status_t session_load_victim(session_t *session, bd_error_t *error);

/* Check the rows of a result that is continued against their marks.  Collective.  Every rank
   checks its part, and rank 0 gathers the findings.  All ranks return the same status and error.
   This is BD_STOPPED if the run is asked to stop meanwhile, or if MPI_Wtime() passes `deadline` on
   rank 0. */
bd_status_t session_verify(session_t *session, double deadline, bd_error_t *error);

#endif
