#include "pipeline/export.h"
#include "pipeline/plan.h"
#include "storage/result/set_file.h"

#include <barydef/solver.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a set is written from. */
typedef struct export {
  bd_images_t *images;
  bd_result_t *result;
  bd_plan_t plan;
  double *pixels; /* [plan.block][C][H][W] */
}
export_t;

static size_t size_of(const export_t *e) {
  const bd_images_info_t *info = bd_images_info(e->images);
  return (size_t)info->channels * (size_t)info->height * (size_t)info->width;
}

/* Read images of an attack of the result, or for attack -1 the clean ones of the input. */
static bd_status_t read_images(void *context, int attack, int64_t first, int64_t count,
                               float *pixels, bd_error_t *error) {
  export_t *e = context;
  if (attack >= 0)
    return bd_result_read_images(e->result, (bd_rows_t){0, attack, first, count}, pixels, error);
  bd_status_t status = bd_images_read(e->images, e->plan.clean, first, count, e->pixels, error);
  if (status == BD_OK) bd_pixels_clip((size_t)count * size_of(e), e->pixels);
  for (size_t j = 0; status == BD_OK && j < (size_t)count * size_of(e); j++)
    pixels[j] = (float)e->pixels[j];
  return status;
}

/* The sections [marginals] and [solver] of the job's text. */
static char *purifier_of(const bd_job_t *job) {
  const char *text = bd_job_text(job), *begin = strstr(text, "[marginals]"),
             *end = begin ? strstr(begin, "[victim]") : NULL;
  const char *before = begin ? strstr(begin, "[baseline]") : NULL;
  if (before && (!end || before < end)) end = before;
  return begin ? strndup(begin, end ? (size_t)(end - begin) : strlen(begin)) : strdup("");
}

static bd_status_t write_set(export_t *e, const char *path, bd_existing_t existing,
                             bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(e->images);
  const int count = e->plan.attack_count;
  bd_attack_t *attacks = malloc((size_t)count * sizeof *attacks);
  char *purifier = purifier_of(e->plan.job);
  e->pixels = malloc((size_t)e->plan.block * size_of(e) * sizeof *e->pixels);
  bd_status_t status = attacks && purifier && e->pixels
                           ? BD_OK
                           : bd_fail(error, BD_FAILED, "%s: no memory for the set", path);
  for (int a = 0; status == BD_OK && a < count; a++) attacks[a] = plan_attack(&e->plan, info, 0, a);
  const set_file_t set = {.info = info,
                          .count = e->plan.count,
                          .labels = bd_images_labels(e->images),
                          .attack_count = count,
                          .attacks = attacks,
                          .purifier = purifier,
                          .block = e->plan.block,
                          .read = read_images,
                          .context = e};
  if (status == BD_OK) status = set_file_create(path, existing, &set, error);
  free(e->pixels);
  free(purifier);
  free(attacks);
  return status;
}

bd_status_t export_set(const bd_job_t *job, const char *path, bd_existing_t existing,
                       bd_error_t *error) {
  const bd_parameters_t *p = bd_job_point(job, 0);
  const bd_part_t all = {0};
  export_t e = {0};
  bd_status_t status =
      bd_images_open(p->input_file, (int64_t)p->max_memory << 20, &e.images, error);
  if (status == BD_OK)
    status = plan_make(job, bd_images_info(e.images), &all, PLAN_ATTACKS, &e.plan, error);
  if (status == BD_OK) status = bd_result_open(p->output_file, &e.result, error);
  if (status == BD_OK) status = write_set(&e, path, existing, error);
  bd_result_close(e.result);
  plan_free(&e.plan);
  bd_images_close(e.images);
  return status;
}
