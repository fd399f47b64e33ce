#include "pipeline/output.h"

#include <barydef/version.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- before anything is written ------------------------------------------------ */

/* The run must not replace what it reads. */
static int is_read(const bd_output_t *output, const char *job_name, const struct stat *there) {
  const char *read[] = {output->parameters->input_file, output->parameters->victim_file, job_name};
  struct stat other;
  for (size_t i = 0; i < sizeof read / sizeof *read; i++)
    if (stat(read[i], &other) == 0 && other.st_dev == there->st_dev &&
        other.st_ino == there->st_ino)
      return 1;
  return 0;
}

bd_status_t output_check(const bd_output_t *output, const char *job_name, bd_existing_t existing,
                         bd_error_t *error) {
  const char *path = output->parameters->output_file, *slash = strrchr(path, '/');
  char folder[BD_TEXT_MAX];
  struct stat there;
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
  if (stat(path, &there) != 0) {
    if (access(folder, W_OK) == 0) return BD_OK;
    if (errno == ENOENT)
      return bd_fail(error, BD_BAD_INPUT,
                     "%s: cannot be created: there is no folder %s; make it first (output.file)",
                     path, folder);
    return bd_fail(error, errno == EACCES || errno == EROFS ? BD_FAILED : BD_BAD_INPUT,
                   "%s: cannot be created: %m", path);
  }
  if (!S_ISREG(there.st_mode))
    return bd_fail(error, BD_BAD_INPUT, "%s: is not a file that can be replaced (output.file)",
                   path);
  if (is_read(output, job_name, &there))
    return bd_fail(error, BD_BAD_INPUT, "%s: output.file is a file that the run reads", path);
  if (existing == BD_EXISTING_REFUSED)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: exists; --resume goes on with it, --overwrite replaces it", path);
  return BD_OK;
}

/* ---- attributes ---------------------------------------------------------------- */

static bd_attribute_t text_attribute(const char *name, const char *text) {
  return (bd_attribute_t){.name = name, .kind = BD_ATTRIBUTE_TEXT, .text = text};
}

static bd_attribute_t integer_attribute(const char *name, int64_t integer) {
  return (bd_attribute_t){.name = name, .kind = BD_ATTRIBUTE_INTEGER, .integer = integer};
}

static bd_attribute_t real_attribute(const char *name, double real) {
  return (bd_attribute_t){.name = name, .kind = BD_ATTRIBUTE_REAL, .real = real};
}

/* Store one parameter of a run, which is in `fields`.  A number is stored as a number, everything
   else as the job's text. */
static bd_attribute_t parameter_attribute(const bd_parameter_t *p, const void *fields, int snapshot,
                                          const char *text) {
  const void *field = (const char *)fields + p->offset;
  switch (p->kind) {
    case BD_KIND_RATIO:
    case BD_KIND_REAL: return real_attribute(p->name, *(const double *)field);
    case BD_KIND_INTEGER: return integer_attribute(p->name, *(const int *)field);
    case BD_KIND_WINDOW: /* a full window is stored as the word */
      if (*(const int *)field == BD_WINDOW_FULL) return text_attribute(p->name, text);
      return integer_attribute(p->name, *(const int *)field);
    case BD_KIND_ITERATIONS:
      return integer_attribute(p->name, ((const bd_iterations_t *)field)->values[snapshot]);
    default: return text_attribute(p->name, text);
  }
}

/* The keys of attacks that [sweep] varies, under their names there. */
static int swept_attributes(const bd_job_t *job, int point, bd_attribute_t *attributes) {
  bd_attack_sweep_t sweep;
  int count = 0;
  while (bd_job_attack_sweep(job, count, &sweep)) {
    attributes[count] =
        parameter_attribute(sweep.key, &bd_job_made(job, sweep.attack)[point], 0,
                            bd_job_made_value(job, point, sweep.attack, sweep.key->key));
    attributes[count++].name = sweep.name;
  }
  return count;
}

/* What a run says of an attack. */
static void attack_of_run(void *context, int run, int attack, bd_attack_t *about) {
  const bd_output_t *output = context;
  int point, snapshot;
  bd_job_run(output->plan->job, run, &point, &snapshot);
  *about = plan_attack(output->plan, bd_images_info(output->images), point, attack);
}

/* The parameters of a run that a result keeps, under their names in a job file, and what follows
   from them. */
static int run_attributes(void *context, int run, bd_attribute_t *attributes) {
  const bd_output_t *output = context;
  const bd_job_t *job = output->job_there ? output->job_there : output->plan->job;
  int point, snapshot, table_size, count = 0;
  const bd_parameter_t *table = bd_parameter_table(&table_size);
  bd_job_run(job, run, &point, &snapshot);
  const bd_parameters_t *p = bd_job_point(job, point);
  for (int i = 0; i < table_size; i++)
    if (bd_parameter_is_recorded(&table[i]) && bd_views_use(output->plan->views, &table[i]))
      attributes[count++] =
          parameter_attribute(&table[i], p, snapshot, bd_job_value(job, point, i));
  count += swept_attributes(job, point, attributes + count);
  const bd_images_info_t *info = bd_images_info(output->images);
  bd_instructions_t set = p->solver.instructions;
  if (set == BD_INSTRUCTIONS_AUTO) set = output->plan->instructions;
  attributes[count++] =
      text_attribute("kernel_used", bd_kernel_choice(&p->solver, info->height, info->width));
  attributes[count++] = text_attribute("instructions_used", bd_instructions_name((int)set));
  return count;
}

/* Describe what the result holds, except for the root's attributes.  The caller frees *attacks. */
static bd_status_t lay_out(bd_output_t *output, bd_attack_t **attacks, bd_result_layout_t *layout,
                           bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(output->images);
  const bd_plan_t *plan = output->plan;
  *attacks = malloc((size_t)plan->attack_count * sizeof **attacks);
  if (!*attacks) return bd_fail(error, BD_FAILED, "no memory for the list of attacks");
  for (int a = 0; a < plan->attack_count; a++)
    (*attacks)[a] = plan_attack(plan, info, plan->first_point, a);
  *layout = (bd_result_layout_t){.info = info,
                                 .count = plan->count,
                                 .labels = bd_images_labels(output->images),
                                 .attack_count = plan->attack_count,
                                 .attacks = *attacks,
                                 .attack = attack_of_run,
                                 .first_run = plan_first_run(plan),
                                 .run_count = plan_runs(plan),
                                 .store_images = plan->store_images,
                                 .views = plan->views,
                                 .run_attributes = run_attributes,
                                 .context = output};
  return BD_OK;
}

bd_status_t output_compare_attributes(bd_output_t *output, bd_attributes_how_t how,
                                      bd_error_t *error) {
  bd_attack_t *attacks;
  bd_result_layout_t layout;
  bd_status_t status = lay_out(output, &attacks, &layout, error);
  if (status == BD_OK)
    status = bd_result_compare_attributes(output->result, &layout, how, &output->differing, error);
  free(attacks);
  return status;
}

/* ---- the beginning and the end ------------------------------------------------- */

enum { DATE_SIZE = 32 };

static void date(char text[DATE_SIZE]) {
  const time_t seconds = time(NULL);
  struct tm broken;
  strftime(text, DATE_SIZE, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &broken));
}

bd_status_t output_create(bd_output_t *output, const bd_launch_t *launch, bd_existing_t existing,
                          bd_error_t *error) {
  enum { HOSTS_ROOM = 1024 }; /* the session that finishes the result may have more hosts */
  const char *slurm_job = getenv("SLURM_JOB_ID");
  char started[DATE_SIZE];
  date(started);
  const bd_attribute_t root[] = {
      text_attribute("program_version", bd_version()),
      text_attribute("git_revision", bd_revision()),
      text_attribute("command_line", launch->command_line ? launch->command_line : ""),
      text_attribute("job", bd_job_text(output->plan->job)),
      text_attribute("part", output->part),
      text_attribute("input_file", output->parameters->input_file),
      text_attribute("input_digest", bd_images_info(output->images)->digest),
      text_attribute("victim_digest", output->victim_digest),
      text_attribute("victim_library", output->victim_library),
      text_attribute("started", started),
      {.name = "finished", .kind = BD_ATTRIBUTE_TEXT, .text = "", .room = DATE_SIZE},
      real_attribute("seconds", 0),
      integer_attribute("computed", 0),
      {.name = "hosts",
       .kind = BD_ATTRIBUTE_TEXT,
       .text = launch->hosts ? launch->hosts : "",
       .room = HOSTS_ROOM},
      integer_attribute("ranks", launch->ranks),
      text_attribute("slurm_job_id", slurm_job)};
  bd_attack_t *attacks;
  bd_result_layout_t layout;
  bd_status_t status = lay_out(output, &attacks, &layout, error);
  layout.attribute_count = (int)(sizeof root / sizeof *root) - !slurm_job;
  layout.attributes = root;
  if (status == BD_OK)
    status = bd_result_create(output->parameters->output_file,
                              existing == BD_EXISTING_REPLACED ? existing : BD_EXISTING_REFUSED,
                              &layout, &output->result, error);
  free(attacks);
  return status;
}

/* "12 empty, 3 not-finite" */
static void list_failures(const int64_t *by_status, char *text, size_t size, int64_t *failed) {
  *failed = 0;
  snprintf(text, size, "%s", "");
  for (int s = 1; s < BD_IMAGE_STATUSES; s++) {
    const size_t used = strlen(text);
    if (by_status[s])
      snprintf(text + used, size - used, "%s%" PRId64 " %s", used ? ", " : "", by_status[s],
               bd_image_status_name(s));
    *failed += by_status[s];
  }
}

static bd_status_t some_failed(const bd_output_t *output, int64_t failed, const char *why,
                               bd_error_t *error) {
  if (failed == 0) return BD_OK;
  return bd_fail(
      error, BD_SOME_FAILED, "%s: done, but %" PRId64 " of %" PRId64 " images failed%s%s",
      output->parameters->output_file, failed, plan_images(output->plan), *why ? ": " : "", why);
}

bd_status_t output_look_at_complete(const bd_output_t *output, int64_t done, int *is_whole,
                                    int64_t *failed, bd_error_t *error) {
  const char *wrong;
  bd_result_summary_t read;
  *is_whole = 0;
  *failed = 0;
  if (!bd_result_shape(output->result)->complete || done < plan_images(output->plan) ||
      output->differing.count)
    return BD_OK;
  bd_status_t status = bd_result_verify_tables(output->result, &wrong, error);
  if (status != BD_OK || wrong) return status;
  status = bd_result_read_summary(output->parameters->output_file, &read, error);
  if (status != BD_OK) return status;
  for (int64_t i = 0; i < read.row_count; i++) *failed += read.rows[i].failed;
  bd_result_summary_free(&read);
  *is_whole = 1;
  return some_failed(output, *failed, "", error);
}

bd_status_t output_finish(bd_output_t *output, const bd_launch_t *launch, int64_t *failed,
                          bd_error_t *error) {
  char finished[DATE_SIZE], why[256];
  int64_t by_status[BD_STATUSES_MAX];
  date(finished);
  const bd_attribute_t attributes[] = {text_attribute("finished", finished),
                                       real_attribute("seconds", launch->seconds),
                                       integer_attribute("computed", launch->computed),
                                       text_attribute("hosts", launch->hosts ? launch->hosts : ""),
                                       integer_attribute("ranks", launch->ranks)};
  /* bd_result_finish computes the checksum of the labels from the file, where damage done since
     they were written would pass for right. */
  bd_status_t status =
      bd_result_write_labels(output->result, bd_images_labels(output->images), error);
  if (status != BD_OK) return status;
  status = bd_result_finish(output->result,
                            output->has_victim ? BD_PREDICTIONS_PRESENT : BD_PREDICTIONS_ABSENT,
                            sizeof attributes / sizeof *attributes, attributes, by_status, error);
  output->result = NULL;
  if (status != BD_OK) return status;
  list_failures(by_status, why, sizeof why, failed);
  return some_failed(output, *failed, why, error);
}
