#include "attack/attack.h"
#include "pipeline/chain.h"
#include "pipeline/plan.h"

#include <barydef/version.h>

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

/* Add the attacks that the job has made. */
static bd_status_t add_made(bd_plan_t *plan, const bd_images_info_t *info, const bd_parameters_t *p,
                            bd_error_t *error) {
  const int count = bd_job_made_count(plan->job);
  if (count && !info->has_clean)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: no /clean/images, from which the [attack] sections of the job are made",
                   p->input_file);
  if (count && !*p->victim_file)
    return bd_fail(error, BD_BAD_INPUT,
                   "victim.file is not given; the [attack] sections of the job attack it");
  for (int i = 0; i < count; i++) {
    const bd_made_attack_t *made = bd_job_made(plan->job, i);
    for (int a = 0; a < plan->attack_count; a++)
      if (!plan->made[a] && !strcmp(info->attacks[plan->attacks[a]].name, made->name))
        return bd_fail(error, BD_BAD_INPUT,
                       "%s has an attack \"%s\" already; the section [attack %s] needs another "
                       "name, or input.attacks must leave it out (input.attacks = clean leaves out "
                       "all)",
                       p->input_file, made->name, made->name);
    plan->attacks[plan->attack_count] = plan->clean;
    plan->made[plan->attack_count++] = made;
  }
  return BD_OK;
}

/* The attacks of the job alone, at its one point. */
static bd_status_t choose_made(bd_plan_t *plan, const bd_images_info_t *info,
                               const bd_parameters_t *p, bd_error_t *error) {
  if (!bd_job_made_count(plan->job))
    return bd_fail(error, BD_BAD_INPUT, "%s: no section [attack NAME], so there is nothing to make",
                   bd_job_name(plan->job));
  if (bd_job_run_count(plan->job) > 1)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: [sweep] and a list in solver.iterations are for barydef run; a set has one "
                   "group for each attack",
                   bd_job_name(plan->job));
  plan->clean = info->has_clean ? info->attack_count - 1 : -1;
  return add_made(plan, info, p, error);
}

/* Choose the attacks that the job asks for, in its order, and put the clean images last. */
static bd_status_t choose_attacks(bd_plan_t *plan, const bd_images_info_t *info,
                                  const bd_parameters_t *p, bd_error_t *error) {
  const size_t most = (size_t)(info->attack_count + bd_job_made_count(plan->job));
  plan->attacks = calloc(most, sizeof *plan->attacks);
  // An array of pointers.  NOLINTNEXTLINE(bugprone-sizeof-expression)
  plan->made = calloc(most, sizeof *plan->made);
  if (!plan->attacks || !plan->made)
    return bd_fail(error, BD_FAILED, "no memory for the list of attacks");
  if (plan->kind == PLAN_ATTACKS) return choose_made(plan, info, p, error);
  const int all = !strcmp(p->attacks, "all");
  for (int a = 0; all && a < info->attack_count - info->has_clean; a++)
    plan->attacks[plan->attack_count++] = a;
  bd_status_t status = all ? BD_OK : add_listed(plan, info, p, error);
  if (status != BD_OK) return status;
  int is_listed = 0;
  plan->clean = info->has_clean ? info->attack_count - 1 : -1;
  for (int a = 0; a < plan->attack_count; a++) is_listed |= plan->attacks[a] == plan->clean;
  status = add_made(plan, info, p, error);
  if (status != BD_OK) return status;
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
                      plan_kind_t kind, bd_plan_t *plan, bd_error_t *error) {
  const bd_parameters_t *p = bd_job_point(job, 0);
  const int64_t count = p->limit && p->limit < info->count ? p->limit : info->count;
  *plan = (bd_plan_t){.job = job,
                      .kind = kind,
                      .count = count,
                      .block = p->block < count ? p->block : (int)count,
                      .store_images = p->images,
                      .views = bd_views_asked(p) | (bd_job_made_count(job) ? BD_VIEWS_MADE : 0),
                      .writers = p->images ? p->writers : BD_WRITERS_ROOT};
  bd_status_t status = bd_views_check(plan->views, error);
  if (status == BD_OK) status = choose_attacks(plan, info, p, error);
  if (status == BD_OK) status = choose_points(plan, part, error);
  return status == BD_OK ? plan_order(plan, error) : status;
}

void plan_free(bd_plan_t *plan) {
  free(plan->attacks);
  free(plan->made);
  free(plan->order);
}

/* ---- what they are ------------------------------------------------------------- */

#define WORD(NAME, name, meaning) #name,
static const char *const types[] = {BD_ATTACK_TYPE_TABLE(WORD)};
static const char *const norms[] = {BD_ATTACK_NORM_TABLE(WORD)};
static const char *const losses[] = {BD_ATTACK_LOSS_TABLE(WORD)};
static const char *const throughs[] = {BD_ATTACK_THROUGH_TABLE(WORD)};
static const char *const gradients[] = {BD_ATTACK_GRADIENT_TABLE(WORD)};

bd_attack_t plan_attack(const bd_plan_t *plan, const bd_images_info_t *info, int point,
                        int attack) {
  if (!plan->made[attack]) return info->attacks[plan->attacks[attack]];
  const bd_made_attack_t *made = &plan->made[attack][point];
  bd_attack_t found = {.epsilon = made->epsilon, .type = "float32"};
  snprintf(found.name, sizeof found.name, "%s", made->name);
  snprintf(found.norm, sizeof found.norm, "%s", norms[made->norm]);
  snprintf(found.through, sizeof found.through, "%s", throughs[made->through]);
  if (made->through == BD_ATTACK_THROUGH_PURIFIED || made->gradient == BD_ATTACK_GRADIENT_IDENTITY)
    snprintf(found.gradient, sizeof found.gradient, "%s", gradients[made->gradient]);
  snprintf(found.source, sizeof found.source,
           "barydef %s: %s, loss %s, steps %d, step_size %g, restarts %d, seed %d", bd_version(),
           types[made->type], losses[made->loss], attack_steps(made), attack_step_size(made),
           made->restarts, made->seed);
  return found;
}

/* What an attack through a view comes to stands in the view's own column. */
static bd_status_t check_view(const bd_plan_t *plan, const bd_made_attack_t *made,
                              bd_error_t *error) {
  const bd_views_t view = BD_VIEW_BIT(chain_view(made));
  if (plan->kind == PLAN_PURIFIES && (view & bd_views_added() & ~plan->views))
    return bd_fail(error, BD_BAD_INPUT,
                   "[attack %s] goes through %s, which baseline.views does not name; add it there",
                   made->name, throughs[made->through]);
  return bd_views_check(view, error);
}

bd_status_t plan_check_victim(const bd_plan_t *plan, int classes, bd_error_t *error) {
  bd_status_t status = BD_OK;
  for (int a = 0; status == BD_OK && a < plan->attack_count; a++) {
    if (!plan->made[a]) continue;
    if (!classes)
      return bd_fail(error, BD_BAD_INPUT,
                     "[attack %s] needs a victim, and this barydef was built without libtorch",
                     plan->made[a]->name);
    for (int i = 0; status == BD_OK && i < plan->point_count; i++) {
      const bd_made_attack_t *made = &plan->made[a][plan->first_point + i];
      status = attack_check(made, classes, error);
      if (status == BD_OK) status = check_view(plan, made, error);
    }
  }
  return status;
}
