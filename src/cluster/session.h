/* Everything that a rank holds for a run, and the steps that prepare it. */
#ifndef BD_SESSION_H
#define BD_SESSION_H

#include "cluster/work.h"
#include "pipeline/done.h"
#include "pipeline/output.h"

typedef struct session {
  MPI_Comm communicator;
  int rank, size;
  bd_run_options_t options; /* rank 0's, but `stop`, which is each rank's own */
  bd_job_t *job;            /* a copy of rank 0's */
  bd_images_t *images;
  bd_victim_t *victim; /* NULL without */
  bd_plan_t plan;
  bd_worker_t worker;
  bd_output_t output; /* its result is open on rank 0, and on ranks that read or write it */
  bd_done_t done;     /* on rank 0, of a result that is continued */
  int is_resumed;
} session_t;

/* Open the input, plan the work, find the instructions that all ranks have, load the victim.  All
   are collective, and each may fail on some ranks only: the caller calls world_agree. */
bd_status_t session_open_input(session_t *session, bd_error_t *error);
bd_status_t session_plan(session_t *session, bd_error_t *error);
bd_status_t session_agree_on_instructions(session_t *session, bd_error_t *error);
bd_status_t session_load_victim(session_t *session, bd_error_t *error);

/* Collective: every rank checks its part of the rows of a result that is continued against their
   marks, and rank 0 gathers the findings.  All ranks return the same status and error; BD_STOPPED
   where the run is asked to stop meanwhile, or MPI_Wtime() passes `deadline` on rank 0. */
bd_status_t session_verify(session_t *session, double deadline, bd_error_t *error);

#endif
