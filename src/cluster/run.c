#include "cluster/session.h"
#include "cluster/world.h"
#include "pipeline/estimate.h"
#include "pipeline/export.h"
#include "pipeline/trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the same job and options on every rank ------------------------------------ */

static char *share_text(MPI_Comm communicator, const char *mine) {
  size_t size = mine ? strlen(mine) + 1 : 0;
  return world_share(communicator, mine, &size);
}

/* `job` is rank 0's; every rank parses its text. */
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
  if (status == BD_OK) session->output.parameters = bd_job_point(session->job, 0);
  return status;
}

static void share_options(session_t *session, const bd_run_options_t *options) {
  bd_run_options_t *own = &session->options;
  if (session->rank == 0) *own = *options;
  MPI_Bcast(own, sizeof *own, MPI_BYTE, 0, session->communicator);
  /* Pointers from another process mean nothing here. */
  if (session->rank != 0) own->command_line = NULL, own->progress = NULL, own->context = NULL;
  own->stop = options->stop;
}

/* ---- steps --------------------------------------------------------------------- */

static void summarise(const session_t *session, bd_run_summary_t *summary) {
  const bd_images_info_t *info = bd_images_info(session->images);
  const bd_plan_t *plan = &session->plan;
  *summary =
      (bd_run_summary_t){.ranks = session->size,
                         .runs = plan_runs(plan),
                         .attacks = plan->attack_count,
                         .images_per_attack = plan->count,
                         .blocks = plan->attack_count * plan_blocks(plan) * plan->point_count,
                         .steps = estimate_steps(plan, info),
                         .pixels = (int64_t)info->channels * info->height * info->width,
                         .file_bytes = estimate_file_bytes(plan, info),
                         .rank_bytes = worker_bytes(plan, info, NULL),
                         .images = plan_images(plan),
                         .has_victim = session->output.has_victim};
  snprintf(summary->notes, sizeof summary->notes, "%s", info->notes);
  memcpy(summary->victim_notes, session->victim_notes, sizeof summary->victim_notes);
}

static bd_status_t check_output(const session_t *session, const bd_job_t *job, bd_error_t *error) {
  const bd_run_options_t *options = &session->options;
  return output_check(&session->output, session->rank == 0 ? bd_job_name(job) : "",
                      options->dry_run ? BD_EXISTING_KEPT : options->existing, error);
}

/* All ranks agree on the errors of each step before the next. */
static bd_status_t prepare(session_t *session, const bd_job_t *job, bd_error_t *error) {
  MPI_Comm all = session->communicator;
  bd_status_t status = world_agree(all, share_job(session, job, error), error);
  if (status == BD_OK) status = world_agree(all, session_open_input(session, error), error);
  if (status == BD_OK) status = world_agree(all, session_plan(session, error), error);
  if (status == BD_OK) status = world_agree(all, check_output(session, job, error), error);
  if (status == BD_OK)
    status = world_agree(all, session_agree_on_instructions(session, error), error);
  if (status == BD_OK) status = world_agree(all, session_load_victim(session, error), error);
  if (status == BD_OK)
    status = world_agree(
        all,
        worker_create(&session->plan, session->images, session->victim, &session->worker, error),
        error);
  return status;
}

/* Share shape and places with the ranks that check or write blocks themselves. */
static bd_status_t share_result(session_t *session, bd_error_t *error) {
  bd_result_shape_t shape;
  bd_status_t status = BD_OK;
  if (session->rank == 0) shape = *bd_result_shape(session->output.result);
  MPI_Bcast(&shape, sizeof shape, MPI_BYTE, 0, session->communicator);
  size_t size = bd_result_place_count(&shape) * sizeof(int64_t);
  int64_t *places =
      world_share(session->communicator,
                  session->rank == 0 ? bd_result_places(session->output.result) : NULL, &size);
  if (session->rank != 0)
    status = bd_result_join(session->output.parameters->output_file, &shape, places,
                            &session->output.result, error);
  free(places);
  return world_agree(session->communicator, status, error);
}

/* Rank 0 creates the result or opens the one that is there. */
static bd_status_t open_first(session_t *session, const bd_launch_t *launch, bd_error_t *error) {
  bd_output_t *output = &session->output;
  bd_status_t status = session->is_resumed
                           ? output_open(output, error)
                           : output_create(output, launch, session->options.existing, error);
  /* Another run may still be writing its last blocks, so wait for it before looking at what is
     done. */
  if (status == BD_OK && !session->options.dry_run && !bd_result_shape(output->result)->complete)
    status =
        bd_result_begin_writing(output->result, BD_WRITER_ALONE, output->parameters->wait, error);
  return status;
}

/* Create the result, or open the one that is there and find out how much of it is done. */
static bd_status_t open_output(session_t *session, double deadline, const bd_launch_t *launch,
                               bd_error_t *error) {
  const bd_run_options_t *options = &session->options;
  MPI_Comm all = session->communicator;
  bd_status_t status = BD_OK;
  session->is_resumed = options->existing == BD_EXISTING_KEPT &&
                        access(session->output.parameters->output_file, F_OK) == 0;
  MPI_Bcast(&session->is_resumed, 1, MPI_INT, 0, all);
  if (!session->is_resumed && options->dry_run) return BD_OK;
  if (session->rank == 0) status = open_first(session, launch, error);
  status = world_agree(all, status, error);
  int instructions = (int)session->plan.instructions; /* the result may have chosen others */
  MPI_Bcast(&instructions, 1, MPI_INT, 0, all);
  session->plan.instructions = (bd_instructions_t)instructions;
  if (status == BD_OK && (session->is_resumed || session->plan.writers == BD_WRITERS_ALL))
    status = share_result(session, error);
  return status == BD_OK && session->is_resumed ? session_verify(session, deadline, error) : status;
}

/* Rank 0 examines a result that it resumes. */
static bd_status_t look_at_resumed(session_t *session, bd_run_summary_t *summary,
                                   bd_error_t *error) {
  if (session->rank != 0 || !session->is_resumed) return BD_OK;
  bd_result_text(session->output.result, -1, "git_revision", summary->revision_there,
                 sizeof summary->revision_there);
  return output_look_at_complete(&session->output, session->done.done, &summary->was_complete,
                                 &summary->failed, error);
}

/* Before the first block rank 0 mends what is damaged, and the ranks that write get ready. */
static bd_status_t begin_writing(session_t *session, bd_run_summary_t *summary, bd_error_t *error) {
  bd_output_t *output = &session->output;
  const int leads = session->rank == 0,
            was_complete = leads && bd_result_shape(output->result)->complete;
  if (!leads && session->plan.writers == BD_WRITERS_ROOT) return BD_OK;
  bd_status_t status = BD_OK;
  /* If the result is not complete, rank 0 has already begun. */
  if (!leads || was_complete)
    status = bd_result_begin_writing(output->result, leads ? BD_WRITER_ALONE : BD_WRITER_JOINED,
                                     output->parameters->wait, error);
  if (status == BD_OK && leads) status = done_unmark_damaged(&session->done, output, error);
  if (status == BD_OK && was_complete) status = bd_result_reopen(output->result, error);
  if (status == BD_OK && leads && output->differing.count) {
    status = output_compare_attributes(output, BD_ATTRIBUTES_MENDED, error);
    summary->mended = output->differing.count;
    memcpy(summary->mended_first, output->differing.first, sizeof summary->mended_first);
  }
  if (session->plan.writers == BD_WRITERS_ALL) session->worker.result = output->result;
  return status;
}

static bd_status_t compute(session_t *session, double deadline, bd_launch_t *launch,
                           bd_run_summary_t *summary, bd_error_t *error) {
  MPI_Comm all = session->communicator;
  bd_status_t status = world_agree(all, begin_writing(session, summary, error), error);
  const bd_work_t work = {.communicator = all,
                          .plan = &session->plan,
                          .worker = &session->worker,
                          .options = &session->options,
                          .done = &session->done,
                          .is_resumed = session->is_resumed,
                          .result = session->output.result,
                          .summary = summary,
                          .deadline = deadline};
  if (status == BD_OK) status = work_all(&work, error);
  launch->seconds = summary->seconds;
  launch->computed = summary->computed;
  if (status == BD_OK && session->rank == 0)
    status = output_finish(&session->output, launch, &summary->failed, error);
  return world_agree(all, status, error);
}

/* ---- the whole ----------------------------------------------------------------- */

static session_t *begin(MPI_Comm communicator, const bd_run_options_t *options) {
  session_t *session = calloc(1, sizeof *session);
  if (!session) MPI_Abort(communicator, BD_FAILED);
  session->communicator = communicator;
  session->output.plan = &session->plan;
  MPI_Comm_rank(communicator, &session->rank);
  MPI_Comm_size(communicator, &session->size);
  share_options(session, options);
  return session;
}

static void end(session_t *session) {
  bd_result_close(session->output.result);
  worker_free(&session->worker);
  bd_victim_free(session->victim);
  bd_images_close(session->images);
  bd_job_free(session->output.job_there);
  plan_free(&session->plan);
  bd_job_free(session->job);
  free(session->done.rows);
  free(session);
}

/* Try on all ranks at the same time how fast they are together.  A trial that fails is no failure
   of the dry run, which says why. */
static bd_status_t try_speed(session_t *session, bd_run_summary_t *summary) {
  static const double seconds = 0.8;
  MPI_Comm all = session->communicator;
  const int classes = session->victim ? bd_victim_classes(session->victim) : 0;
  trial_t trial;
  bd_error_t why = {BD_OK, ""};
  MPI_Barrier(all);
  bd_status_t status = world_agree(all, trial_run(&session->worker, seconds, &trial, &why), &why);
  if (status == BD_OK) {
    MPI_Allreduce(MPI_IN_PLACE, trial.speeds, 2 * trial.count, MPI_DOUBLE, MPI_SUM, all);
    const double left = 1 - (double)session->done.done / (double)plan_images(&session->plan);
    estimate_time(&session->plan, &trial, classes, left, session->size, &summary->time);
  } else snprintf(summary->time.problem, sizeof summary->time.problem, "%.250s", why.message);
  trial_free(&trial);
  return BD_OK;
}

/* Run the plan after all ranks are prepared. */
static bd_status_t run(session_t *session, double deadline, bd_run_summary_t *summary,
                       bd_error_t *error) {
  MPI_Comm all = session->communicator;
  char *hosts = world_hosts(all);
  bd_launch_t launch = {
      .command_line = session->options.command_line, .hosts = hosts, .ranks = session->size};
  bd_status_t status = open_output(session, deadline, &launch, error);
  summary->done_before = session->done.done;
  if (status == BD_OK) status = look_at_resumed(session, summary, error);
  status = world_agree(all, status, error);
  MPI_Bcast(&summary->was_complete, 1, MPI_INT, 0, all);
  if (status == BD_OK && !session->options.dry_run && !summary->was_complete)
    status = compute(session, deadline, &launch, summary, error);
  if (status == BD_OK && session->options.dry_run && !summary->was_complete)
    status = try_speed(session, summary);
  free(hosts);
  return status;
}

bd_status_t bd_run(MPI_Comm communicator, const bd_job_t *job, const bd_run_options_t *options,
                   bd_run_summary_t *summary, bd_error_t *error) {
  const double start = MPI_Wtime();
  session_t *session = begin(communicator, options);
  bd_status_t status = prepare(session, job, error);
  if (status == BD_OK) {
    const double minutes = session->output.parameters->max_minutes;
    summarise(session, summary);
    status = run(session, minutes > 0 ? start + 60 * minutes : INFINITY, summary, error);
  }
  end(session);
  return status;
}

bd_status_t bd_run_write_set(const bd_job_t *job, const char *path, bd_existing_t existing,
                             bd_error_t *error) {
  return export_set(job, path, existing, error);
}
