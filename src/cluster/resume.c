#include "cluster/session.h"

#include "job/compare.h"

#include <barydef/version.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- is it this job's result? -------------------------------------------------- */

static bd_status_t differs(const session_t *session, const char *what, const char *there,
                           const char *here, bd_error_t *error) {
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: cannot be resumed: %s is \"%.200s\" there, \"%.200s\" now",
                 session->parameters->output_file, what, there, here);
}

static bd_status_t compare_text(const session_t *session, const char *attribute, const char *here,
                                bd_error_t *error) {
  char there[256] = "";
  bd_result_text(session->result, -1, attribute, there, sizeof there);
  return strcmp(there, here) ? differs(session, attribute, there, here, error) : BD_OK;
}

static bd_status_t compare_jobs(const session_t *session, bd_error_t *error) {
  job_difference_t found;
  return job_find_difference(session->job_there, session->job, &found)
             ? differs(session, found.name, found.one, found.other, error)
             : BD_OK;
}

static bd_status_t compare_job(session_t *session, bd_error_t *error) {
  enum { LARGEST = 1 << 20 };
  char *text = malloc(LARGEST);
  bd_error_t why;
  bd_status_t status = BD_OK;
  if (!text) return bd_fail(error, BD_FAILED, "no memory for the job");
  if (!bd_result_text(session->result, -1, "job", text, LARGEST))
    status = bd_fail(error, BD_BAD_INPUT, "%s: cannot be resumed: there is no job in it",
                     session->parameters->output_file);
  else if (bd_job_parse(text, "its job", "", 0, NULL, &session->job_there, &why) != BD_OK)
    status = bd_fail(error, BD_BAD_INPUT, "%s: cannot be resumed: %.900s",
                     session->parameters->output_file, why.message);
  if (status == BD_OK) status = compare_jobs(session, error);
  free(text);
  return status;
}

/* What the job says the file should look like; it can disagree only where the file was
   made up or is another part. */
static bd_status_t compare_shape(const session_t *session, bd_error_t *error) {
  const bd_result_shape_t *shape = bd_result_shape(session->result);
  const bd_images_info_t *info = bd_images_info(session->images);
  const bd_plan_t *plan = &session->plan;
  int same = shape->first_run == plan_first_run(plan) && shape->run_count == plan_runs(plan) &&
             shape->attack_count == plan->attack_count && shape->count == plan->count &&
             shape->store_images == plan->store_images;
  if (shape->store_images)
    same = same && shape->channels == info->channels && shape->height == info->height &&
           shape->width == info->width;
  for (int a = 0; same && a < plan->attack_count; a++)
    same = !strcmp(bd_result_attack(session->result, a), info->attacks[session->attacks[a]].name);
  return same ? BD_OK
              : bd_fail(
                    error, BD_BAD_INPUT,
                    "%s: cannot be resumed: its runs, attacks or images are not those of the job",
                    session->parameters->output_file);
}

/* Bits depend on the instructions: those it was begun with, on every rank. */
static bd_status_t keep_instructions(session_t *session, bd_error_t *error) {
  char there[32] = "";
  bd_status_t status = BD_OK;
  const bd_plan_t *plan = &session->plan;
  for (int run = plan_first_run(plan);
       status == BD_OK && run < plan_first_run(plan) + plan_runs(plan); run++) {
    char one[32] = "";
    int point, snapshot;
    bd_job_run(session->job, run, &point, &snapshot);
    if (bd_job_point(session->job, point)->solver.instructions != BD_INSTRUCTIONS_AUTO) continue;
    bd_result_text(session->result, run, "instructions_used", one, sizeof one);
    if (!*there) memcpy(there, one, sizeof there);
    if (strcmp(one, there))
      status = bd_fail(error, BD_BAD_INPUT,
                       "%s: cannot be resumed: damaged: instructions_used of run %03d is "
                       "\"%.30s\", of a run before it \"%.30s\"",
                       session->parameters->output_file, run, one, there);
  }
  int set = BD_INSTRUCTIONS_BASELINE;
  while (*there && bd_instructions_name(set) && strcmp(bd_instructions_name(set), there)) set++;
  if (status == BD_OK && *there) {
    if (!bd_instructions_name(set) || set > (int)bd_instructions_best() ||
        set > (int)plan->instructions)
      status = differs(session, "instructions_used", there,
                       bd_instructions_name((int)plan->instructions), error);
    else session->plan.instructions = (bd_instructions_t)set;
  }
  return status;
}

bd_status_t session_open_existing(session_t *session, bd_error_t *error) {
  bd_attributes_differing_t differing;
  bd_status_t status = bd_result_open(session->parameters->output_file, &session->result, error);
  if (status == BD_OK) status = compare_text(session, "program_version", bd_version(), error);
  if (status == BD_OK) status = compare_job(session, error);
  if (status == BD_OK)
    status = compare_text(session, "input_digest", bd_images_info(session->images)->digest, error);
  if (status == BD_OK)
    status = compare_text(session, "victim_digest", session->victim_digest, error);
  if (status == BD_OK)
    status = compare_text(session, "victim_library", session->victim ? bd_victim_library() : "none",
                          error);
  if (status == BD_OK) status = compare_text(session, "part", session->part, error);
  if (status == BD_OK) status = compare_shape(session, error);
  if (status == BD_OK) status = keep_instructions(session, error);
  if (status == BD_OK)
    status = session_compare_attributes(session, BD_ATTRIBUTES_COMPARED, &differing, error);
  if (status == BD_OK) session->differing = differing.count;
  return status;
}

/* ---- what is done -------------------------------------------------------------- */

/* A unit of checking: all points of a block of an attack. */
static bd_item_t unit_of(const bd_plan_t *plan, int64_t index) {
  int64_t first = index % plan_blocks(plan) * plan->block;
  return (bd_item_t){
      .attack = (int)(index / plan_blocks(plan)),
      .count = (int)(plan->count - first < plan->block ? plan->count - first : plan->block),
      .first = first};
}

/* Input pixels of images that are done must be what they were made from. */
static bd_status_t compare_pixels(session_t *session, const bd_item_t *unit, const uint8_t *states,
                                  const uint64_t *input_marks, bd_error_t *error) {
  bd_worker_t *w = &session->worker;
  const bd_plan_t *plan = &session->plan;
  int any = 0;
  for (int i = 0; i < plan->point_count * unit->count; i++) any |= states[i] == BD_ROW_DONE;
  if (!any) return BD_OK;
  bd_status_t status = worker_read(w, unit, error);
  for (int i = 0; status == BD_OK && i < plan->point_count * unit->count; i++) {
    const int image = i % unit->count;
    if (states[i] != BD_ROW_DONE) continue;
    if (worker_input_mark(w, image) != input_marks[image])
      return bd_fail(error, BD_BAD_INPUT,
                     "%s: cannot be resumed: the pixels of image %" PRId64
                     " of %s in %s are not those it was begun with",
                     session->parameters->output_file, unit->first + image,
                     bd_images_info(w->images)->attacks[plan->attacks[unit->attack]].name,
                     session->parameters->input_file);
  }
  return status;
}

/* states[point][image] of a unit: the worst of the point's snapshots. */
static bd_status_t verify_unit(session_t *session, const bd_item_t *unit, uint8_t *states,
                               bd_error_t *error) {
  const bd_plan_t *plan = &session->plan;
  const size_t count = (size_t)unit->count;
  uint64_t *input_marks = calloc(count, sizeof *input_marks);
  uint8_t *one = malloc(count);
  bd_status_t status =
      input_marks && one ? BD_OK : bd_fail(error, BD_FAILED, "no memory to check the result");
  for (int p = 0; status == BD_OK && p < plan->point_count; p++) {
    uint8_t *all = states + (size_t)p * count;
    const int first = bd_job_first_run(plan->job, plan->first_point + p);
    memset(all, BD_ROW_DONE, count);
    for (int s = 0; status == BD_OK && s < plan_snapshots(plan, plan->first_point + p); s++) {
      status = bd_result_verify(session->result,
                                (bd_rows_t){first + s, unit->attack, unit->first, unit->count},
                                session->parameters->trusts ? BD_VERIFY_MARKS : BD_VERIFY_CONTENTS,
                                one, input_marks, error);
      for (size_t i = 0; status == BD_OK && i < count; i++)
        if (one[i] == BD_ROW_DAMAGED || all[i] == BD_ROW_DONE) all[i] = one[i];
    }
  }
  if (status == BD_OK) status = compare_pixels(session, unit, states, input_marks, error);
  free(one);
  free(input_marks);
  return status;
}

static void keep(session_t *session, const bd_item_t *unit, const uint8_t *states) {
  const bd_plan_t *plan = &session->plan;
  for (int p = 0; p < plan->point_count; p++) {
    uint8_t *done = session->done + ((int64_t)p * plan->attack_count + unit->attack) * plan->count +
                    unit->first;
    const int snapshots = plan_snapshots(plan, plan->first_point + p);
    for (int i = 0; i < unit->count; i++) {
      done[i] = states[p * unit->count + i];
      session->done_count += (done[i] == BD_ROW_DONE) * snapshots;
      session->damaged_count += (done[i] == BD_ROW_DAMAGED) * snapshots;
    }
  }
}

/* After each round of units: has any rank been asked to stop, or is the time over? */
static int is_to_stop(const session_t *session, double deadline) {
  int stop = session->options.stop && *session->options.stop;
  stop |= session->rank == 0 && MPI_Wtime() >= deadline;
  MPI_Allreduce(MPI_IN_PLACE, &stop, 1, MPI_INT, MPI_MAX, session->communicator);
  return stop;
}

static void show(const session_t *session, double start, int64_t done, int64_t all) {
  const bd_run_options_t *options = &session->options;
  const bd_progress_t progress = {.is_checking = 1,
                                  .is_resumed = 1,
                                  .done = done,
                                  .total = all,
                                  .seconds = MPI_Wtime() - start};
  if (session->rank == 0 && options->progress) options->progress(options->context, &progress);
}

/* One unit for each rank at a time; rank 0 takes the findings. */
bd_status_t session_verify(session_t *session, double deadline, bd_error_t *error) {
  enum { TAG_STATES = 9 };
  const bd_plan_t *plan = &session->plan;
  const size_t largest = (size_t)plan->point_count * (size_t)plan->block;
  uint8_t *states = malloc(largest);
  bd_status_t status = states ? BD_OK : bd_fail(error, BD_FAILED, "no memory to check the result");
  if (session->rank == 0)
    session->done =
        calloc((size_t)plan->point_count * (size_t)plan->attack_count, (size_t)plan->count);
  if (session->rank == 0 && !session->done)
    status = bd_fail(error, BD_FAILED, "no memory for the map of what is done");
  status = agree(session->communicator, status, error);
  if (status != BD_OK) {
    free(states);
    return status;
  }
  const int64_t units = plan->attack_count * plan_blocks(plan);
  const double start = MPI_Wtime();
  for (int64_t index = 0; index < units; index++) {
    const bd_item_t unit = unit_of(plan, index);
    const int owner = (int)(index % session->size), size = plan->point_count * unit.count;
    if (owner == session->rank) {
      // agree() has seen a NULL.  NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker)
      memset(states, BD_ROW_MISSING, (size_t)size);
      if (status == BD_OK) status = verify_unit(session, &unit, states, error);
    }
    if (owner == session->rank && owner != 0)
      MPI_Send(states, size, MPI_BYTE, 0, TAG_STATES, session->communicator);
    if (session->rank == 0 && owner != 0)
      MPI_Recv(states, size, MPI_BYTE, owner, TAG_STATES, session->communicator, MPI_STATUS_IGNORE);
    if (session->rank == 0) keep(session, &unit, states);
    if ((index + 1) % session->size || index + 1 == units) continue;
    show(session, start, (unit.first + unit.count + unit.attack * plan->count) * plan_runs(plan),
         plan->attack_count * plan->count * plan_runs(plan));
    if (!is_to_stop(session, deadline)) continue;
    if (status == BD_OK)
      status = bd_fail(error, BD_STOPPED,
                       "%s: stopped while what is done was checked; --resume goes on (run.verify = "
                       "marks does without)",
                       session->parameters->output_file);
    break;
  }
  free(states);
  return agree(session->communicator, status, error);
}

bd_status_t session_unmark_damaged(session_t *session, bd_error_t *error) {
  const bd_plan_t *plan = &session->plan;
  bd_status_t status = BD_OK;
  if (session->damaged_count == 0) return BD_OK;
  for (int64_t row = 0;
       status == BD_OK && row < (int64_t)plan->point_count * plan->attack_count * plan->count;
       row++) {
    const int point = plan->first_point + (int)(row / plan->count / plan->attack_count),
              attack = (int)(row / plan->count % plan->attack_count);
    if (session->done[row] != BD_ROW_DAMAGED) continue;
    session->done[row] = BD_ROW_MISSING;
    for (int s = 0; status == BD_OK && s < plan_snapshots(plan, point); s++)
      status = bd_result_unmark(
          session->result,
          (bd_rows_t){bd_job_first_run(plan->job, point) + s, attack, row % plan->count, 1}, error);
  }
  return status == BD_OK ? bd_result_flush(session->result, error) : status;
}
