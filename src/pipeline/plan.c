#include "pipeline/plan.h"
#include "job/attacks.h"

#include <stdlib.h>

int plan_snapshots_most(const bd_plan_t *plan) {
  int most = 1;
  for (int point = plan->first_point; point < plan->first_point + plan->point_count; point++)
    if (plan_snapshots(plan, point) > most) most = plan_snapshots(plan, point);
  return most;
}

int plan_is_same_attack(const bd_plan_t *plan, int attack, int point, int other) {
  const bd_made_attack_t *made = plan->made[attack];
  return point == other || (made[point].through == BD_ATTACK_THROUGH_VICTIM &&
                            attacks_are_same(&made[point], &made[other]));
}

/* A point in the order in which an attack takes them. */
typedef struct place {
  int made; /* the first point at which the attack is the same */
  int kind; /* of those whose solvers move images alike */
  int point;
} place_t;

static int compare_places(const void *one, const void *other) {
  const place_t *a = one, *b = other;
  return a->made != b->made   ? a->made - b->made
         : a->kind != b->kind ? a->kind - b->kind
                              : a->point - b->point;
}

/* Put points at which an attack is the same side by side, so that it is made once, and among them
   points that move their images alike, so that each can reuse what the one before has moved.
   Otherwise points keep their order. */
static void order_for(const bd_plan_t *plan, int attack, const int *kind_of, place_t *places) {
  const int is_made = plan->made && plan->made[attack];
  for (int i = 0; i < plan->point_count; i++) {
    int first = 0;
    while (is_made &&
           !plan_is_same_attack(plan, attack, plan->first_point + first, plan->first_point + i))
      first++;
    places[i] = (place_t){first, kind_of[i], plan->first_point + i};
  }
  qsort(places, (size_t)plan->point_count, sizeof *places, compare_places);
  for (int i = 0; i < plan->point_count; i++)
    plan->order[attack * plan->point_count + i] = places[i].point;
}

bd_status_t plan_order(bd_plan_t *plan, bd_error_t *error) {
  const size_t count = (size_t)plan->point_count;
  bd_solver_options_t *kinds = NULL, *grown; /* of the solvers, one of each */
  int *kind_of = malloc(count * sizeof *kind_of), kind_count = 0;
  place_t *places = malloc(count * sizeof *places);
  plan->order = malloc(count * (size_t)plan->attack_count * sizeof *plan->order);
  int ready = kind_of && places && plan->order;
  for (int i = 0; ready && i < plan->point_count; i++) {
    const bd_parameters_t *p = bd_job_point(plan->job, plan->first_point + i);
    int kind = 0;
    while (kind < kind_count && !bd_solvers_move_alike(&kinds[kind], &p->solver)) kind++;
    kind_of[i] = kind;
    if (kind < kind_count) continue;
    ready = (grown = realloc(kinds, (size_t)(kind_count + 1) * sizeof *kinds)) != NULL;
    if (ready) kinds = grown, kinds[kind_count++] = p->solver;
  }
  for (int attack = 0; ready && attack < plan->attack_count; attack++)
    order_for(plan, attack, kind_of, places);
  plan->shares = kind_count < plan->point_count;
  free(kinds);
  free(places);
  free(kind_of);
  return ready
             ? BD_OK
             : bd_fail(error, BD_FAILED, "no memory for the list of %d points", plan->point_count);
}

bd_status_t plan_check_scale(const bd_plan_t *plan, bd_images_t *images, bd_error_t *error) {
  bd_status_t status = BD_OK;
  int is_checked = 0; /* the clean images, from which attacks are made too */
  for (int a = 0; status == BD_OK && a <= plan->attack_count; a++) {
    const int group = a < plan->attack_count ? plan->attacks[a] : plan->clean;
    if (group < 0 || (group == plan->clean && is_checked)) continue;
    is_checked |= group == plan->clean;
    status = bd_images_check_scale(images, group, plan->count, error);
  }
  return status;
}
