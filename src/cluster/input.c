#include "cluster/session.h"
#include "cluster/world.h"
#include "pipeline/estimate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rank 0 has the file parsed once, in a child process.  The others receive what was found, and
   check that they see the same file. */
bd_status_t session_open_input(session_t *session, bd_error_t *error) {
  const bd_parameters_t *p = session->output.parameters;
  const int leads = session->rank == 0;
  bd_status_t status = BD_OK;
  size_t size = 0;
  if (leads)
    status = bd_images_open(p->input_file, (int64_t)p->max_memory << 20, &session->images, error);
  status = world_agree(session->communicator, status, error);
  if (status != BD_OK) return status;
  void *survey = world_share(session->communicator,
                             leads ? bd_images_survey(session->images, &size) : NULL, &size);
  if (!leads) status = bd_images_join(p->input_file, survey, size, &session->images, error);
  free(survey);
  session->output.images = session->images;
  return status;
}

bd_status_t session_plan(session_t *session, bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(session->images);
  const bd_part_t *part = &session->options.part;
  bd_status_t status = plan_make(session->job, info, part,
                                 session->options.attacks_only ? PLAN_ATTACKS : PLAN_PURIFIES,
                                 &session->plan, error);
  snprintf(session->output.part, sizeof session->output.part, "%d/%d", part->parts ? part->part : 1,
           part->parts ? part->parts : 1);
  if (status == BD_OK) status = estimate_check_memory(&session->plan, info, error);
  /* One rank looks for all. */
  return status == BD_OK && session->rank == 0
             ? plan_check_scale(&session->plan, session->images, error)
             : status;
}

/* Choose one instruction set for all ranks, so that bits do not depend on the rank that computes an
   image. */
bd_status_t session_agree_on_instructions(session_t *session, bd_error_t *error) {
  int best = (int)bd_instructions_best();
  MPI_Allreduce(MPI_IN_PLACE, &best, 1, MPI_INT, MPI_MIN, session->communicator);
  session->plan.instructions = (bd_instructions_t)best;
  for (int point = 0; point < bd_job_point_count(session->job); point++) {
    const int wanted = (int)bd_job_point(session->job, point)->solver.instructions;
    if (wanted > best)
      return bd_fail(error, BD_BAD_INPUT,
                     "solver.instructions = %s: not every rank's processor has them; the best that "
                     "all have is %s",
                     bd_instructions_name(wanted), bd_instructions_name(best));
  }
  return BD_OK;
}

/* Two versions of libtorch would make accuracies depend on the rank. */
static bd_status_t compare_libraries(const session_t *session, bd_error_t *error) {
  char ours[64] = "none", first[64];
  if (bd_victim_library()) snprintf(ours, sizeof ours, "%s", bd_victim_library());
  memcpy(first, ours, sizeof first);
  MPI_Bcast(first, sizeof first, MPI_CHAR, 0, session->communicator);
  if (bd_victim_problem())
    return bd_fail(error, BD_FAILED, "rank %d cannot load the victim module: %s", session->rank,
                   bd_victim_problem());
  if (strcmp(ours, first) != 0)
    return bd_fail(error, BD_FAILED,
                   "rank %d has libtorch %s, rank 0 %s: accuracies would depend on the rank",
                   session->rank, ours, first);
  return BD_OK;
}

/* Rank 0 reads the images that the victim is tried on, for all. */
static bd_status_t share_sample(const session_t *session, sample_t *sample, bd_error_t *error) {
  const size_t image = block_image_size(bd_images_info(session->images)) * sizeof *sample->images;
  bd_status_t status = BD_OK;
  if (session->rank == 0) status = sample_read(&session->plan, session->images, sample, error);
  size_t size = status == BD_OK ? (size_t)sample->count * image : 0;
  float *images = world_share(session->communicator, sample->images, &size);
  if (session->rank != 0) *sample = (sample_t){.images = images, .count = (int)(size / image)};
  return status;
}

/* Load the victim, and let rank 0 examine it. */
static bd_status_t load_victim(session_t *session, const sample_t *sample, bd_error_t *error) {
  /* Seconds that other ranks wait longer, so that rank 0 reports a victim that hangs everywhere. */
  enum { PATIENCE = 2 };
  const bd_parameters_t *p = session->output.parameters;
  const bd_images_info_t *info = bd_images_info(session->images);
  const double limit =
      p->victim_seconds > 0 && session->rank > 0 ? p->victim_seconds + PATIENCE : p->victim_seconds;
  int classes;
  /* Without libtorch the run goes on, and says that accuracies are missing. */
  if (!bd_victim_library()) return plan_check_victim(&session->plan, 0, error);
  const bd_victim_options_t options = {.path = p->victim_file,
                                       .batch = p->victim_batch,
                                       .max_seconds = limit,
                                       .channels = info->channels,
                                       .height = info->height,
                                       .width = info->width,
                                       .images = sample->images,
                                       .image_count = sample->count};
  bd_status_t status = bd_victim_load(&options, &session->victim, &classes, error);
  if (status == BD_OK && session->rank == 0)
    status = bd_victim_digest(p->victim_file, session->output.victim_digest, error);
  if (status == BD_OK && (info->label_min < 0 || info->label_max >= classes))
    status = bd_fail(error, BD_BAD_INPUT,
                     "%s: labels from %" PRId64 " to %" PRId64 ", but %s tells %d classes apart",
                     p->input_file, info->label_min, info->label_max, p->victim_file, classes);
  if (status == BD_OK) status = plan_check_victim(&session->plan, classes, error);
  if (status == BD_OK && session->rank == 0)
    status = bd_victim_examine(session->victim,
                               &(bd_victim_trial_t){.count = sample->count,
                                                    .images = sample->images,
                                                    .labels = sample->labels,
                                                    .check = (bd_victim_check_t)p->victim_check},
                               session->victim_notes, sizeof session->victim_notes, error);
  session->output.has_victim = session->victim != NULL;
  if (session->victim) session->output.victim_library = bd_victim_library();
  return status;
}

bd_status_t session_load_victim(session_t *session, bd_error_t *error) {
  sample_t sample = {0};
  session->output.victim_library = "none";
  if (!*session->output.parameters->victim_file) return BD_OK;
  /* Both are collective, whatever they find. */
  bd_status_t status = compare_libraries(session, error),
              read = share_sample(session, &sample, error);
  if (status == BD_OK) status = read;
  if (status == BD_OK) status = load_victim(session, &sample, error);
  sample_free(&sample);
  return status;
}
