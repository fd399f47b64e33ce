#include "cluster/session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the same job and options on every rank ------------------------------------ */

static char *share_text(MPI_Comm communicator, const char *mine) {
  size_t size = mine ? strlen(mine) + 1 : 0;
  return share_bytes(communicator, mine, &size);
}

static bd_status_t share_job(session_t *session, const bd_job_t *job, bd_error_t *error) {
  const char *text = session->rank == 0 ? bd_job_text(job) : NULL,
             *directory = session->rank == 0 ? bd_job_directory(job) : NULL;
  char *text_there = share_text(session->communicator, text),
       *directory_there = share_text(session->communicator, directory);
  bd_status_t status =
      bd_job_parse(text ? text : text_there, "job", directory ? directory : directory_there, 0,
                   NULL, &session->job, error);
  free(text_there);
  free(directory_there);
  if (status == BD_OK) session->parameters = bd_job_point(session->job, 0);
  return status;
}

static void share_options(session_t *session, const bd_run_options_t *options) {
  if (session->rank == 0) session->options = *options;
  MPI_Bcast(&session->options, sizeof session->options, MPI_BYTE, 0, session->communicator);
  /* Of another process: nothing that could be used. */
  if (session->rank != 0)
    session->options.command_line = NULL, session->options.progress = NULL,
    session->options.context = NULL;
  session->options.stop = options->stop;
}

/* ---- steps --------------------------------------------------------------------- */

/* Of an image of one attack: snapshots share their point's trajectory. */
static int64_t steps_of(const bd_plan_t *plan) {
  int64_t steps = 0;
  for (int point = plan->first_point; point < plan->first_point + plan->point_count; point++) {
    const bd_solver_options_t *solver = &bd_job_point(plan->job, point)->solver;
    steps +=
        (int64_t)solver->iterations.values[solver->iterations.count - 1] * solver->marginals.count;
  }
  return steps;
}

/* Measured with HDF5 1.10: headers, attributes and links of the file, a run, a run's attack, and
 * the images of that. */
enum { FILE_OVERHEAD = 24576, RUN_OVERHEAD = 2600, GROUP_OVERHEAD = 3600, IMAGES_OVERHEAD = 280 };

static double file_bytes(const bd_plan_t *plan, const bd_images_info_t *info) {
  const double count = (double)plan->count, runs = plan_runs(plan),
               groups = runs * plan->attack_count;
  const double images =
      plan->store_images
          ? 4.0 * info->channels * info->height * info->width * count + IMAGES_OVERHEAD
          : 0;
  return FILE_OVERHEAD + runs * RUN_OVERHEAD +
         groups * (GROUP_OVERHEAD + sizeof(bd_statistics_t) +
                   count * ((double)bd_record_bytes(plan->views) + 8) + images) +
         8 * count * (1 + plan->attack_count);
}

static void summarise(const session_t *session, bd_run_summary_t *summary) {
  const bd_images_info_t *info = bd_images_info(session->images);
  const bd_plan_t *plan = &session->plan;
  *summary =
      (bd_run_summary_t){.ranks = session->size,
                         .runs = plan_runs(plan),
                         .attacks = plan->attack_count,
                         .images_per_attack = plan->count,
                         .blocks = plan->attack_count * plan_blocks(plan) * plan->point_count,
                         .steps = steps_of(plan),
                         .pixels = (int64_t)info->channels * info->height * info->width,
                         .file_bytes = file_bytes(plan, info),
                         .rank_bytes = worker_bytes(plan, info, NULL),
                         .has_victim = session->victim != NULL};
  summary->images = (int64_t)summary->runs * summary->attacks * plan->count;
}

/* Errors agreed on by all ranks after each step. */
static bd_status_t prepare(session_t *session, const bd_job_t *job, bd_error_t *error) {
  MPI_Comm all = session->communicator;
  bd_status_t status = agree(all, share_job(session, job, error), error);
  if (status == BD_OK) status = agree(all, session_open_input(session, error), error);
  if (status == BD_OK)
    status =
        agree(all, session_check_output(session, session->rank == 0 ? bd_job_name(job) : "", error),
              error);
  if (status == BD_OK) status = agree(all, session_agree_on_instructions(session, error), error);
  if (status == BD_OK) status = agree(all, session_load_victim(session, error), error);
  if (status == BD_OK)
    status = agree(
        all,
        worker_create(&session->plan, session->images, session->victim, &session->worker, error),
        error);
  return status;
}

/* Shape and places, for the ranks that check or write blocks themselves. */
static bd_status_t share_result(session_t *session, bd_error_t *error) {
  bd_result_shape_t shape;
  bd_status_t status = BD_OK;
  if (session->rank == 0) shape = *bd_result_shape(session->result);
  MPI_Bcast(&shape, sizeof shape, MPI_BYTE, 0, session->communicator);
  size_t size = bd_result_place_count(&shape) * sizeof(int64_t);
  int64_t *places = share_bytes(
      session->communicator, session->rank == 0 ? bd_result_places(session->result) : NULL, &size);
  if (session->rank != 0)
    status =
        bd_result_join(session->parameters->output_file, &shape, places, &session->result, error);
  free(places);
  return agree(session->communicator, status, error);
}

/* Create the result, or open the one that is there and find out what of it is done. */
static bd_status_t open_output(session_t *session, double deadline, const char *hosts,
                               bd_error_t *error) {
  const bd_run_options_t *options = &session->options;
  int state[2] = {options->resume && access(session->parameters->output_file, F_OK) == 0, 0};
  bd_status_t status = BD_OK;
  MPI_Bcast(state, 1, MPI_INT, 0, session->communicator);
  session->is_resumed = state[0];
  if (!session->is_resumed && options->dry_run) return BD_OK;
  if (session->rank == 0)
    status = session->is_resumed ? session_open_existing(session, error)
                                 : session_create_output(session, hosts, error);
  /* Before it is looked at what is done: another run may still be at its last blocks. */
  if (status == BD_OK && session->rank == 0 && !options->dry_run &&
      !bd_result_shape(session->result)->complete)
    status =
        bd_result_begin_writing(session->result, BD_WRITER_ALONE, session->parameters->wait, error);
  status = agree(session->communicator, status, error);
  state[1] = (int)session->plan.instructions;
  MPI_Bcast(&state[1], 1, MPI_INT, 0, session->communicator);
  session->plan.instructions = (bd_instructions_t)state[1];
  if (status == BD_OK && (session->is_resumed || session->plan.all_write))
    status = share_result(session, error);
  return status == BD_OK && session->is_resumed ? session_verify(session, deadline, error) : status;
}

/* Is a complete result whole?  Then it is left alone. */
static bd_status_t look_at_complete(const session_t *session, bd_run_summary_t *summary,
                                    bd_error_t *error) {
  const char *wrong;
  bd_result_summary_t read;
  if (!bd_result_shape(session->result)->complete || session->done_count < summary->images ||
      session->differing)
    return BD_OK;
  bd_status_t status = bd_result_verify_tables(session->result, &wrong, error);
  if (status != BD_OK || wrong) return status;
  status = bd_result_read_summary(session->parameters->output_file, &read, error);
  if (status != BD_OK) return status;
  for (int64_t i = 0; i < read.row_count; i++) summary->failed += read.rows[i].failed;
  bd_result_summary_free(&read);
  summary->was_complete = 1;
  if (summary->failed == 0) return BD_OK;
  return bd_fail(error, BD_SOME_FAILED, "%s: done, but %lld of %lld images failed",
                 session->parameters->output_file, (long long)summary->failed,
                 (long long)summary->images);
}

static bd_status_t begin_writing(session_t *session, bd_run_summary_t *summary, bd_error_t *error) {
  const int was_complete = session->rank == 0 && bd_result_shape(session->result)->complete;
  if (session->rank != 0 && !session->plan.all_write) return BD_OK;
  bd_status_t status = BD_OK;
  /* Rank 0 has begun already, but with a complete result. */
  if (session->rank != 0 || was_complete)
    status = bd_result_begin_writing(session->result,
                                     session->rank == 0 ? BD_WRITER_ALONE : BD_WRITER_JOINED,
                                     session->parameters->wait, error);
  if (status == BD_OK && session->rank == 0) status = session_unmark_damaged(session, error);
  if (status == BD_OK && was_complete) status = bd_result_reopen(session->result, error);
  if (status == BD_OK && session->rank == 0 && session->differing) {
    bd_attributes_differing_t mended = {0};
    status = session_compare_attributes(session, BD_ATTRIBUTES_MENDED, &mended, error);
    summary->mended = session->differing;
    memcpy(summary->mended_first, mended.first, sizeof summary->mended_first);
  }
  if (session->plan.all_write) session->worker.result = session->result;
  return status;
}

static bd_status_t compute(session_t *session, double deadline, const char *hosts,
                           bd_run_summary_t *summary, bd_error_t *error) {
  MPI_Comm all = session->communicator;
  bd_status_t status = agree(all, begin_writing(session, summary, error), error);
  const bd_work_t work = {.communicator = all,
                          .plan = &session->plan,
                          .worker = &session->worker,
                          .options = &session->options,
                          .done = session->done,
                          .done_before = session->done_count,
                          .damaged = session->damaged_count,
                          .is_resumed = session->is_resumed,
                          .result = session->result,
                          .summary = summary,
                          .deadline = deadline};
  if (status == BD_OK) status = work_all(&work, error);
  if (status == BD_OK && session->rank == 0)
    status = session_finish_output(session, hosts, summary, error);
  return agree(all, status, error);
}

static void release(session_t *session) {
  bd_result_close(session->result);
  worker_free(&session->worker);
  bd_victim_free(session->victim);
  bd_images_close(session->images);
  bd_job_free(session->job);
  bd_job_free(session->job_there);
  free(session->attacks);
  free(session->plan.order);
  free(session->done);
  free(session);
}

bd_status_t bd_run(MPI_Comm communicator, const bd_job_t *job, const bd_run_options_t *options,
                   bd_run_summary_t *summary, bd_error_t *error) {
  const double start = MPI_Wtime();
  session_t *session = calloc(1, sizeof *session);
  if (!session) MPI_Abort(communicator, BD_FAILED);
  session->communicator = communicator;
  MPI_Comm_rank(communicator, &session->rank);
  MPI_Comm_size(communicator, &session->size);
  share_options(session, options);
  bd_status_t status = prepare(session, job, error);
  if (status == BD_OK) {
    summarise(session, summary);
    char *hosts = session_hosts(session);
    const double minutes = session->parameters->max_minutes,
                 deadline = minutes > 0 ? start + 60 * minutes : INFINITY;
    status = open_output(session, deadline, hosts, error);
    summary->done_before = session->done_count;
    if (status == BD_OK && session->rank == 0 && session->is_resumed)
      bd_result_text(session->result, -1, "git_revision", summary->revision_there,
                     sizeof summary->revision_there);
    if (status == BD_OK && session->rank == 0 && session->is_resumed)
      status = look_at_complete(session, summary, error);
    status = agree(communicator, status, error);
    MPI_Bcast(&summary->was_complete, 1, MPI_INT, 0, communicator);
    if (status == BD_OK && !session->options.dry_run && !summary->was_complete)
      status = compute(session, deadline, hosts, summary, error);
    free(hosts);
  }
  release(session);
  return status;
}
