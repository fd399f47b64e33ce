#include "cluster/session.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bd_status_t unknown_attack(const session_t *session, const char *name, bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(session->images);
  char names[512] = "";
  for (int a = 0; a < info->attack_count; a++) {
    size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s%s", a ? ", " : "", info->attacks[a].name);
  }
  return bd_fail(error, BD_BAD_INPUT, "%s: no attack \"%.80s\" (input.attacks); there are: %s",
                 session->parameters->input_file, name, names);
}

static bd_status_t add_attack(session_t *session, const char *name, bd_error_t *error) {
  int attack = bd_images_find(session->images, name);
  if (attack < 0) return unknown_attack(session, name, error);
  for (int a = 0; a < session->plan.attack_count; a++)
    if (session->attacks[a] == attack)
      return bd_fail(error, BD_BAD_INPUT, "input.attacks names \"%.80s\" twice", name);
  session->attacks[session->plan.attack_count++] = attack;
  return BD_OK;
}

/* The attacks asked for, in the order asked for, and the clean images last. */
static bd_status_t choose_attacks(session_t *session, bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(session->images);
  session->attacks = calloc((size_t)info->attack_count, sizeof *session->attacks);
  if (!session->attacks) return bd_fail(error, BD_FAILED, "no memory for the list of attacks");
  bd_status_t status = BD_OK;
  int all = !strcmp(session->parameters->attacks, "all");
  for (int a = 0; all && a < info->attack_count - info->has_clean; a++)
    session->attacks[session->plan.attack_count++] = a;
  for (const char *rest = session->parameters->attacks; !all && status == BD_OK && rest;) {
    size_t length = strcspn(rest, ",");
    const char *next = rest[length] ? rest + length + 1 : NULL;
    while (length && strchr(" \t", *rest)) rest++, length--;
    while (length && strchr(" \t", rest[length - 1])) length--;
    char name[BD_TEXT_MAX];
    snprintf(name, sizeof name, "%.*s", (int)length, rest);
    status = add_attack(session, name, error);
    rest = next;
  }
  if (status != BD_OK) return status;
  int has_it = 0;
  session->plan.clean = info->has_clean ? info->attack_count - 1 : -1;
  for (int a = 0; a < session->plan.attack_count; a++)
    has_it |= session->attacks[a] == session->plan.clean;
  if (session->parameters->clean && info->has_clean && !has_it)
    session->attacks[session->plan.attack_count++] = session->plan.clean;
  session->plan.attacks = session->attacks;
  if (session->plan.attack_count == 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: no attack in it, and input.clean = no",
                   session->parameters->input_file);
  return BD_OK;
}

/* All points of the sweep, or those of one part of it. */
static bd_status_t choose_points(session_t *session, bd_error_t *error) {
  const int64_t part = session->options.part, parts = session->options.parts,
                points = bd_job_point_count(session->job);
  session->plan.point_count = (int)points;
  snprintf(session->part, sizeof session->part, "%d/%d", parts ? (int)part : 1,
           parts ? (int)parts : 1);
  if (!parts) return BD_OK;
  if (parts > points)
    return bd_fail(error, BD_BAD_INPUT, "--part %d/%d: the sweep has only %d point%s", (int)part,
                   (int)parts, (int)points, points == 1 ? "" : "s");
  session->plan.first_point = (int)((part - 1) * points / parts);
  session->plan.point_count = (int)(part * points / parts) - session->plan.first_point;
  return BD_OK;
}

/* Rank 0 lets the file be parsed, once and in a child process; the others get what was found, and
   check that they see the same file. */
static bd_status_t open_images(session_t *session, bd_error_t *error) {
  const char *path = session->parameters->input_file;
  bd_status_t status = BD_OK;
  size_t size = 0;
  if (session->rank == 0)
    status = bd_images_open(path, (int64_t)session->parameters->max_memory << 20, &session->images,
                            error);
  status = agree(session->communicator, status, error);
  if (status != BD_OK) return status;
  void *survey =
      share_bytes(session->communicator,
                  session->rank == 0 ? bd_images_survey(session->images, &size) : NULL, &size);
  if (session->rank != 0) status = bd_images_join(path, survey, size, &session->images, error);
  free(survey);
  return agree(session->communicator, status, error);
}

bd_status_t session_open_input(session_t *session, bd_error_t *error) {
  bd_status_t status = open_images(session, error);
  if (status == BD_OK) status = choose_attacks(session, error);
  if (status != BD_OK) return status;
  const bd_images_info_t *info = bd_images_info(session->images);
  session->plan.job = session->job;
  status = bd_views_check(bd_views_asked(session->parameters), error);
  if (status == BD_OK) status = choose_points(session, error);
  if (status == BD_OK) status = plan_order(&session->plan, error);
  if (status != BD_OK) return status;
  session->plan.block = session->parameters->block;
  session->plan.views = bd_views_asked(session->parameters);
  session->plan.store_images = session->parameters->images;
  session->plan.all_write = session->parameters->images && session->parameters->all_write;
  session->plan.count = info->count;
  if (session->parameters->limit && session->parameters->limit < info->count)
    session->plan.count = session->parameters->limit;
  if (session->plan.block > session->plan.count) session->plan.block = (int)session->plan.count;
  const double needed = worker_bytes(&session->plan, info, NULL) / (1 << 20);
  if (needed > session->parameters->max_memory)
    return bd_fail(error, BD_BAD_INPUT,
                   "blocks and solver need about %.0f MiB on each rank, more than run.max_memory = "
                   "%d: a smaller run.block (now %d) needs less",
                   needed, session->parameters->max_memory, session->plan.block);
  if (block_size(&session->plan, info) > INT_MAX)
    return bd_fail(error, BD_BAD_INPUT,
                   "run.block = %d makes blocks of more than 2 GiB; a smaller one is needed",
                   session->parameters->block);
  return BD_OK;
}

/* One instruction set for all ranks, so that bits do not depend on which rank an image meets. */
bd_status_t session_agree_on_instructions(session_t *session, bd_error_t *error) {
  int best = bd_instructions_best();
  MPI_Allreduce(MPI_IN_PLACE, &best, 1, MPI_INT, MPI_MIN, session->communicator);
  session->plan.instructions = (bd_instructions_t)best;
  for (int point = 0; point < bd_job_point_count(session->job); point++) {
    const int wanted = (int)bd_job_point(session->job, point)->solver.instructions;
    if (wanted > best)
      return bd_fail(
          error, BD_BAD_INPUT,
          "solver.instructions = %s: not every rank's processor has them; the best of all is %s",
          bd_instructions_name(wanted), bd_instructions_name(best));
  }
  return BD_OK;
}

bd_status_t session_load_victim(session_t *session, bd_error_t *error) {
  const bd_parameters_t *p = session->parameters;
  const bd_images_info_t *info = bd_images_info(session->images);
  int classes;
  if (!*p->victim_file) return BD_OK;
  /* Where all hang, rank 0 says it. */
  const double limit =
      p->victim_seconds > 0 && session->rank > 0 ? p->victim_seconds + 2 : p->victim_seconds;
  /* Built without libtorch the run goes on, and says that accuracies are missing. */
  char ours[64] = "none", first[64];
  if (bd_victim_library()) snprintf(ours, sizeof ours, "%s", bd_victim_library());
  memcpy(first, ours, sizeof first);
  MPI_Bcast(first, sizeof first, MPI_CHAR, 0, session->communicator);
  if (bd_victim_problem())
    return bd_fail(error, BD_FAILED, "rank %d cannot load the victim module: %s", session->rank,
                   bd_victim_problem());
  if (strcmp(ours, first))
    return bd_fail(error, BD_FAILED,
                   "rank %d has libtorch %s, rank 0 %s: accuracies would depend on the rank",
                   session->rank, ours, first);
  if (!bd_victim_library()) return BD_OK;
  bd_status_t status = bd_victim_load(p->victim_file, p->victim_batch, limit, info->channels,
                                      info->height, info->width, &session->victim, &classes, error);
  if (status == BD_OK && session->rank == 0)
    status = bd_victim_digest(p->victim_file, session->victim_digest, error);
  if (status == BD_OK && (info->label_min < 0 || info->label_max >= classes))
    status = bd_fail(error, BD_BAD_INPUT,
                     "%s: labels from %" PRId64 " to %" PRId64 ", but %s tells %d classes apart",
                     p->input_file, info->label_min, info->label_max, p->victim_file, classes);
  return status;
}
