#include "pipeline/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bd_status_t unknown_attack(const bd_images_info_t *info, const char *file, const char *name,
                                  bd_error_t *error) {
  char names[512] = "";
  for (int a = 0; a < info->attack_count; a++) {
    const size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s%s", a ? ", " : "", info->attacks[a].name);
  }
  return bd_fail(error, BD_BAD_INPUT, "%s: no attack \"%.80s\" (input.attacks); there are: %s",
                 file, name, names);
}

static bd_status_t add_attack(bd_plan_t *plan, const bd_images_info_t *info, const char *file,
                              const char *name, bd_error_t *error) {
  int attack = 0;
  while (attack < info->attack_count && strcmp(info->attacks[attack].name, name) != 0) attack++;
  if (attack == info->attack_count) return unknown_attack(info, file, name, error);
  for (int a = 0; a < plan->attack_count; a++)
    if (plan->attacks[a] == attack)
      return bd_fail(error, BD_BAD_INPUT, "input.attacks names \"%.80s\" twice", name);
  plan->attacks[plan->attack_count++] = attack;
  return BD_OK;
}

/* Add each name of a list separated by commas, without the blanks around it. */
static bd_status_t add_listed(bd_plan_t *plan, const bd_images_info_t *info,
                              const bd_parameters_t *p, bd_error_t *error) {
  bd_status_t status = BD_OK;
  for (const char *rest = p->attacks; status == BD_OK && rest;) {
    size_t length = strcspn(rest, ",");
    const char *next = rest[length] ? rest + length + 1 : NULL;
    while (length && strchr(" \t", *rest)) rest++, length--;
    while (length && strchr(" \t", rest[length - 1])) length--;
    char name[BD_TEXT_MAX];
    snprintf(name, sizeof name, "%.*s", (int)length, rest);
    status = add_attack(plan, info, p->input_file, name, error);
    rest = next;
  }
  return status;
}

/* Choose the attacks that the job asks for, in its order, and put the clean images last. */
static bd_status_t choose_attacks(bd_plan_t *plan, const bd_images_info_t *info,
                                  const bd_parameters_t *p, bd_error_t *error) {
  plan->attacks = calloc((size_t)info->attack_count, sizeof *plan->attacks);
  if (!plan->attacks) return bd_fail(error, BD_FAILED, "no memory for the list of attacks");
  const int all = !strcmp(p->attacks, "all");
  for (int a = 0; all && a < info->attack_count - info->has_clean; a++)
    plan->attacks[plan->attack_count++] = a;
  bd_status_t status = all ? BD_OK : add_listed(plan, info, p, error);
  if (status != BD_OK) return status;
  int is_listed = 0;
  plan->clean = info->has_clean ? info->attack_count - 1 : -1;
  for (int a = 0; a < plan->attack_count; a++) is_listed |= plan->attacks[a] == plan->clean;
  if (p->clean && info->has_clean && !is_listed) plan->attacks[plan->attack_count++] = plan->clean;
  if (plan->attack_count == 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: no attack in it, and input.clean = no", p->input_file);
  return BD_OK;
}

/* Choose all points of the sweep, or those of one part of it. */
static bd_status_t choose_points(bd_plan_t *plan, const bd_part_t *part, bd_error_t *error) {
  const int points = bd_job_point_count(plan->job);
  if (part->parts > points)
    return bd_fail(error, BD_BAD_INPUT, "--part %d/%d: the sweep has only %d point%s", part->part,
                   part->parts, points, points == 1 ? "" : "s");
  plan->first_point = bd_job_part_begin(plan->job, part);
  const bd_part_t next = {part->part + 1, part->parts};
  plan->point_count =
      (part->parts ? bd_job_part_begin(plan->job, &next) : points) - plan->first_point;
  return BD_OK;
}

bd_status_t plan_make(const bd_job_t *job, const bd_images_info_t *info, const bd_part_t *part,
                      bd_plan_t *plan, bd_error_t *error) {
  const bd_parameters_t *p = bd_job_point(job, 0);
  const int64_t count = p->limit && p->limit < info->count ? p->limit : info->count;
  *plan = (bd_plan_t){.job = job,
                      .count = count,
                      .block = p->block < count ? p->block : (int)count,
                      .store_images = p->images,
                      .views = bd_views_asked(p),
                      .writers = p->images ? p->writers : BD_WRITERS_ROOT};
  bd_status_t status = bd_views_check(plan->views, error);
  if (status == BD_OK) status = choose_attacks(plan, info, p, error);
  if (status == BD_OK) status = choose_points(plan, part, error);
  return status == BD_OK ? plan_order(plan, error) : status;
}

void plan_free(bd_plan_t *plan) {
  free(plan->attacks);
  free(plan->order);
}
