#include "job/compare.h"
#include "pipeline/output.h"

#include <barydef/version.h>

#include <stdlib.h>
#include <string.h>

static bd_status_t differs(const bd_output_t *output, const char *what, const char *there,
                           const char *here, bd_error_t *error) {
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: cannot be resumed: %s is \"%.200s\" there, \"%.200s\" now",
                 output->parameters->output_file, what, there, here);
}

static bd_status_t compare_text(const bd_output_t *output, const char *attribute, const char *here,
                                bd_error_t *error) {
  char there[256] = "";
  bd_result_text(output->result, -1, attribute, there, sizeof there);
  return strcmp(there, here) ? differs(output, attribute, there, here, error) : BD_OK;
}

static bd_status_t compare_job(bd_output_t *output, bd_error_t *error) {
  enum { LARGEST = 1 << 20 };
  const char *path = output->parameters->output_file;
  char *text = malloc(LARGEST);
  job_difference_t found;
  bd_error_t why;
  bd_status_t status = BD_OK;
  if (!text) return bd_fail(error, BD_FAILED, "no memory for the job");
  if (!bd_result_text(output->result, -1, "job", text, LARGEST))
    status = bd_fail(error, BD_BAD_INPUT, "%s: cannot be resumed: there is no job in it", path);
  else if (bd_job_parse(text, "its job", "", 0, NULL, &output->job_there, &why) != BD_OK)
    status = bd_fail(error, BD_BAD_INPUT, "%s: cannot be resumed: %.900s", path, why.message);
  free(text);
  if (status == BD_OK && job_find_difference(output->job_there, output->plan->job, &found))
    status = differs(output, found.name, found.one, found.other, error);
  return status;
}

/* The shape of a result can disagree with its job only if the file was forged or is another
   part. */
static bd_status_t compare_shape(const bd_output_t *output, bd_error_t *error) {
  const bd_result_shape_t *shape = bd_result_shape(output->result);
  const bd_images_info_t *info = bd_images_info(output->images);
  const bd_plan_t *plan = output->plan;
  int same = shape->first_run == plan_first_run(plan) && shape->run_count == plan_runs(plan) &&
             shape->attack_count == plan->attack_count && shape->count == plan->count &&
             shape->store_images == plan->store_images;
  if (shape->store_images)
    same = same && shape->channels == info->channels && shape->height == info->height &&
           shape->width == info->width;
  for (int a = 0; same && a < plan->attack_count; a++)
    same = !strcmp(bd_result_attack(output->result, a),
                   plan_attack(plan, info, plan->first_point, a).name);
  if (same) return BD_OK;
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: cannot be resumed: its runs, attacks or images are not those of the job",
                 output->parameters->output_file);
}

/* Find the instruction set used by all runs whose job left the choice open.  The name is "" if
   there is no such run. */
static bd_status_t find_instructions(const bd_output_t *output, char there[32], bd_error_t *error) {
  const bd_plan_t *plan = output->plan;
  *there = 0;
  for (int run = plan_first_run(plan); run < plan_first_run(plan) + plan_runs(plan); run++) {
    char one[32] = "";
    int point, snapshot;
    bd_job_run(plan->job, run, &point, &snapshot);
    if (bd_job_point(plan->job, point)->solver.instructions != BD_INSTRUCTIONS_AUTO) continue;
    bd_result_text(output->result, run, "instructions_used", one, sizeof one);
    if (!*there) memcpy(there, one, sizeof one);
    if (strcmp(one, there))
      return bd_fail(error, BD_BAD_INPUT,
                     "%s: cannot be resumed: damaged: instructions_used of run %03d is "
                     "\"%.30s\", that of an earlier run \"%.30s\"",
                     output->parameters->output_file, run, one, there);
  }
  return BD_OK;
}

/* Bits depend on the instructions, so every rank continues with those of the result. */
static bd_status_t keep_instructions(bd_output_t *output, bd_error_t *error) {
  bd_plan_t *plan = output->plan;
  char there[32];
  bd_status_t status = find_instructions(output, there, error);
  if (status != BD_OK || !*there) return status;
  int set = BD_INSTRUCTIONS_BASELINE;
  while (bd_instructions_name(set) && strcmp(bd_instructions_name(set), there)) set++;
  if (!bd_instructions_name(set) || set > (int)bd_instructions_best() ||
      set > (int)plan->instructions)
    return differs(output, "instructions_used", there,
                   bd_instructions_name((int)plan->instructions), error);
  plan->instructions = (bd_instructions_t)set;
  return BD_OK;
}

bd_status_t output_open(bd_output_t *output, bd_error_t *error) {
  const char *input_digest = bd_images_info(output->images)->digest;
  bd_status_t status = bd_result_open(output->parameters->output_file, &output->result, error);
  if (status == BD_OK) status = compare_text(output, "program_version", bd_version(), error);
  if (status == BD_OK) status = compare_job(output, error);
  if (status == BD_OK) status = compare_text(output, "input_digest", input_digest, error);
  if (status == BD_OK) status = compare_text(output, "victim_digest", output->victim_digest, error);
  if (status == BD_OK)
    status = compare_text(output, "victim_library", output->victim_library, error);
  if (status == BD_OK) status = compare_text(output, "part", output->part, error);
  if (status == BD_OK) status = compare_shape(output, error);
  if (status == BD_OK) status = keep_instructions(output, error);
  return status == BD_OK ? output_compare_attributes(output, BD_ATTRIBUTES_COMPARED, error)
                         : status;
}
