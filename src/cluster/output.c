#include "cluster/session.h"

#include <barydef/version.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Refuse an output that exists, and never replace what the run reads. */
bd_status_t session_check_output(const session_t *session, const char *job_name,
                                 bd_error_t *error) {
  const char *read[3] = {session->parameters->input_file, session->parameters->victim_file,
                         job_name};
  const char *output = session->parameters->output_file;
  const bd_run_options_t *options = &session->options;
  struct stat there, other;
  const char *slash = strrchr(output, '/');
  char folder[BD_TEXT_MAX];
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - output) + 1 : 1,
           slash ? output : ".");
  int exists = stat(output, &there) == 0;
  if (!exists && access(folder, W_OK) != 0)
    return bd_fail(error, errno == EACCES || errno == EROFS ? BD_FAILED : BD_BAD_INPUT,
                   "%s: cannot be created: %m", output);
  if (!exists) return BD_OK;
  if (!S_ISREG(there.st_mode))
    return bd_fail(error, BD_BAD_INPUT, "%s: is no file that could be replaced (output.file)",
                   output);
  for (int i = 0; i < 3; i++)
    if (stat(read[i], &other) == 0 && other.st_dev == there.st_dev && other.st_ino == there.st_ino)
      return bd_fail(error, BD_BAD_INPUT, "%s: output.file is a file that the run reads", output);
  if (!options->overwrite && !options->resume && !options->dry_run)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: exists; --resume goes on with it, --overwrite replaces it", output);
  return BD_OK;
}

static void date(char text[32]) {
  time_t seconds = time(NULL);
  struct tm broken;
  strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &broken));
}

static bd_attribute_t text_attribute(const char *name, const char *text) {
  return (bd_attribute_t){.name = name, .kind = BD_ATTRIBUTE_TEXT, .text = text};
}

/* Every parameter that can change a number, under its job-file name. */
static int run_attributes(void *context, int index, bd_attribute_t *attributes) {
  static char names[64][64];
  const session_t *session = context;
  const bd_job_t *job = session->job_there ? session->job_there : session->job;
  int point, snapshot, table_size, count = 0;
  const bd_parameter_t *table = bd_parameter_table(&table_size);
  bd_job_run(job, index, &point, &snapshot);
  const bd_parameters_t *parameters = bd_job_point(job, point);
  for (int i = 0; i < table_size; i++) {
    const bd_parameter_t *p = &table[i];
    if (!bd_parameter_is_recorded(p) || !bd_views_use(session->plan.views, p)) continue;
    const char *field = (const char *)parameters + p->offset;
    bd_attribute_t *attribute = &attributes[count];
    snprintf(names[count], sizeof names[count], "%s.%s", p->section, p->key);
    *attribute = text_attribute(names[count++], bd_job_value(job, point, i));
    if (p->kind == BD_KIND_REAL) {
      attribute->kind = BD_ATTRIBUTE_REAL;
      memcpy(&attribute->real, field, sizeof attribute->real);
    }
    int value = 0;
    if (p->kind == BD_KIND_INTEGER || p->kind == BD_KIND_ITERATIONS || p->kind == BD_KIND_WINDOW)
      memcpy(&value, field, sizeof value);
    /* A full window stays the word. */
    if (p->kind == BD_KIND_INTEGER || p->kind == BD_KIND_ITERATIONS ||
        (p->kind == BD_KIND_WINDOW && value != BD_WINDOW_FULL)) {
      attribute->kind = BD_ATTRIBUTE_INTEGER;
      attribute->integer =
          p->kind == BD_KIND_ITERATIONS ? parameters->solver.iterations.values[snapshot] : value;
    }
  }
  const bd_images_info_t *info = bd_images_info(session->images);
  attributes[count++] = text_attribute(
      "kernel_used", bd_kernel_choice(&parameters->solver, info->height, info->width));
  bd_instructions_t set = parameters->solver.instructions;
  if (set == BD_INSTRUCTIONS_AUTO) set = session->plan.instructions;
  attributes[count++] = text_attribute("instructions_used", bd_instructions_name((int)set));
  return count;
}

/* What the result holds, but for the root's attributes; the list of attacks is the caller's. */
static bd_status_t lay_out(session_t *session, bd_attack_t **attacks, bd_result_layout_t *layout,
                           bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(session->images);
  const bd_plan_t *plan = &session->plan;
  *attacks = malloc((size_t)plan->attack_count * sizeof **attacks);
  if (!*attacks) return bd_fail(error, BD_FAILED, "no memory for the list of attacks");
  for (int a = 0; a < plan->attack_count; a++) (*attacks)[a] = info->attacks[session->attacks[a]];
  *layout = (bd_result_layout_t){.info = info,
                                 .count = plan->count,
                                 .labels = bd_images_labels(session->images),
                                 .attack_count = plan->attack_count,
                                 .attacks = *attacks,
                                 .first_run = plan_first_run(plan),
                                 .run_count = plan_runs(plan),
                                 .store_images = plan->store_images,
                                 .views = plan->views,
                                 .run_attributes = run_attributes,
                                 .context = session};
  return BD_OK;
}

bd_status_t session_compare_attributes(session_t *session, bd_attributes_how_t how,
                                       bd_attributes_differing_t *differing, bd_error_t *error) {
  bd_attack_t *attacks;
  bd_result_layout_t layout;
  bd_status_t status = lay_out(session, &attacks, &layout, error);
  if (status == BD_OK)
    status = bd_result_compare_attributes(session->result, &layout, how, differing, error);
  free(attacks);
  return status;
}

/* The names of the hosts, each once, on rank 0. */
char *session_hosts(const session_t *session) {
  char name[MPI_MAX_PROCESSOR_NAME] = "";
  int length;
  MPI_Get_processor_name(name, &length);
  char *all = session->rank == 0 ? malloc((size_t)session->size * sizeof name) : NULL;
  char *list = session->rank == 0 ? calloc((size_t)session->size + 1, sizeof name) : NULL;
  MPI_Gather(name, sizeof name, MPI_CHAR, all, sizeof name, MPI_CHAR, 0, session->communicator);
  for (int r = 0; all && list && r < session->size; r++) {
    const char *host = all + (size_t)r * sizeof name;
    int seen = 0;
    for (int before = 0; before < r; before++)
      seen |= !strcmp(host, all + (size_t)before * sizeof name);
    if (!seen) strcat(strcat(list, *list ? "," : ""), host);
  }
  free(all);
  return list;
}

bd_status_t session_create_output(session_t *session, const char *hosts, bd_error_t *error) {
  enum { HOSTS_ROOM = 1024 }; /* of the next session, which may have more */
  const bd_images_info_t *info = bd_images_info(session->images);
  const bd_run_options_t *options = &session->options;
  char started[32];
  date(started);
  bd_attribute_t root[] = {
      text_attribute("program_version", bd_version()),
      text_attribute("git_revision", bd_revision()),
      text_attribute("command_line", options->command_line ? options->command_line : ""),
      text_attribute("job", bd_job_text(session->job)),
      text_attribute("part", session->part),
      text_attribute("input_file", session->parameters->input_file),
      text_attribute("input_digest", info->digest),
      text_attribute("victim_digest", session->victim_digest),
      text_attribute("victim_library", session->victim ? bd_victim_library() : "none"),
      text_attribute("started", started),
      {.name = "finished", .kind = BD_ATTRIBUTE_TEXT, .text = "", .room = sizeof started},
      {.name = "seconds", .kind = BD_ATTRIBUTE_REAL},
      {.name = "computed", .kind = BD_ATTRIBUTE_INTEGER},
      {.name = "hosts", .kind = BD_ATTRIBUTE_TEXT, .text = hosts ? hosts : "", .room = HOSTS_ROOM},
      {.name = "ranks", .kind = BD_ATTRIBUTE_INTEGER, .integer = session->size},
      text_attribute("slurm_job_id", getenv("SLURM_JOB_ID"))};
  int attribute_count = (int)(sizeof root / sizeof *root) - (getenv("SLURM_JOB_ID") == NULL);
  bd_attack_t *attacks;
  bd_result_layout_t layout;
  bd_status_t status = lay_out(session, &attacks, &layout, error);
  layout.attribute_count = attribute_count;
  layout.attributes = root;
  if (status == BD_OK)
    status = bd_result_create(session->parameters->output_file,
                              options->overwrite ? BD_EXISTING_REPLACED : BD_EXISTING_REFUSED,
                              &layout, &session->result, error);
  free(attacks);
  return status;
}

bd_status_t session_finish_output(session_t *session, const char *hosts, bd_run_summary_t *summary,
                                  bd_error_t *error) {
  char finished[32];
  date(finished);
  bd_attribute_t attributes[] = {
      text_attribute("finished", finished),
      {.name = "seconds", .kind = BD_ATTRIBUTE_REAL, .real = summary->seconds},
      {.name = "computed", .kind = BD_ATTRIBUTE_INTEGER, .integer = summary->computed},
      text_attribute("hosts", hosts ? hosts : ""),
      {.name = "ranks", .kind = BD_ATTRIBUTE_INTEGER, .integer = session->size}};
  int64_t by_status[BD_STATUSES_MAX];
  char why[256] = "";
  /* Their checksum is made of what stands there: what has become of them meanwhile would be taken
   * for right. */
  bd_status_t status =
      bd_result_write_labels(session->result, bd_images_labels(session->images), error);
  if (status != BD_OK) return status;
  status = bd_result_finish(session->result, session->victim != NULL,
                            sizeof attributes / sizeof *attributes, attributes, by_status, error);
  session->result = NULL;
  if (status != BD_OK) return status;
  for (int s = 1; s < BD_IMAGE_STATUSES; s++) {
    size_t used = strlen(why);
    if (by_status[s])
      snprintf(why + used, sizeof why - used, "%s%" PRId64 " %s", used ? ", " : "", by_status[s],
               bd_image_status_name(s));
    summary->failed += by_status[s];
  }
  if (summary->failed == 0) return BD_OK;
  return bd_fail(error, BD_SOME_FAILED,
                 "%s: done, but %" PRId64 " of %" PRId64 " images failed: %s",
                 session->parameters->output_file, summary->failed, summary->images, why);
}
