#include "cluster/session.h"
#include "cluster/world.h"

#include <stdlib.h>
#include <string.h>

/* Has any rank been asked to stop, or is the time over? Called after each round of units. */
static int is_to_stop(const session_t *session, double deadline) {
  int stop = session->options.stop && *session->options.stop;
  stop |= session->rank == 0 && MPI_Wtime() >= deadline;
  MPI_Allreduce(MPI_IN_PLACE, &stop, 1, MPI_INT, MPI_MAX, session->communicator);
  return stop;
}

/* Show that `done` of the images of all runs and attacks have been checked. */
static void show(const session_t *session, double start, int64_t done) {
  const bd_run_options_t *options = &session->options;
  const bd_progress_t progress = {.is_checking = 1,
                                  .is_resumed = 1,
                                  .done = done,
                                  .total = plan_images(&session->plan),
                                  .seconds = MPI_Wtime() - start};
  if (session->rank == 0 && options->progress) options->progress(options->context, &progress);
}

/* The owner of a unit checks it, unless it has failed before, and sends the states to rank 0. */
static bd_status_t verify_unit(session_t *session, const bd_item_t *unit, int owner,
                               bd_status_t status, uint8_t *states, bd_error_t *error) {
  enum { TAG_STATES = 9 };
  const int size = session->plan.point_count * unit->count;
  // world_agree() has seen a NULL.  NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker)
  if (owner == session->rank) memset(states, BD_ROW_MISSING, (size_t)size);
  if (owner == session->rank && status == BD_OK)
    status = done_verify(&session->output, &session->worker, unit, states, error);
  if (owner == session->rank && owner != 0)
    MPI_Send(states, size, MPI_BYTE, 0, TAG_STATES, session->communicator);
  if (session->rank == 0 && owner != 0)
    MPI_Recv(states, size, MPI_BYTE, owner, TAG_STATES, session->communicator, MPI_STATUS_IGNORE);
  if (session->rank == 0) done_keep(&session->done, &session->plan, unit, states);
  return status;
}

/* Check all units.  In each round every rank checks one. */
static bd_status_t verify_all(session_t *session, double deadline, uint8_t *states,
                              bd_error_t *error) {
  const bd_plan_t *plan = &session->plan;
  const int64_t units = plan->attack_count * plan_blocks(plan);
  const double start = MPI_Wtime();
  bd_status_t status = BD_OK;
  for (int64_t index = 0; index < units; index++) {
    const bd_item_t unit = done_unit(plan, index);
    status = verify_unit(session, &unit, (int)(index % session->size), status, states, error);
    if ((index + 1) % session->size || index + 1 == units) continue;
    show(session, start, (unit.first + unit.count + unit.attack * plan->count) * plan_runs(plan));
    if (!is_to_stop(session, deadline)) continue;
    if (status == BD_OK)
      status = bd_fail(error, BD_STOPPED,
                       "%s: stopped while checking what is done; --resume goes on (run.verify = "
                       "marks skips this check)",
                       session->output.parameters->output_file);
    break;
  }
  return status;
}

bd_status_t session_verify(session_t *session, double deadline, bd_error_t *error) {
  uint8_t *states = malloc((size_t)session->plan.point_count * (size_t)session->plan.block);
  bd_status_t status = states ? BD_OK : bd_fail(error, BD_FAILED, "no memory to check the result");
  if (status == BD_OK && session->rank == 0)
    status = done_create(&session->plan, &session->done, error);
  status = world_agree(session->communicator, status, error);
  if (status == BD_OK)
    status =
        world_agree(session->communicator, verify_all(session, deadline, states, error), error);
  free(states);
  return status;
}
