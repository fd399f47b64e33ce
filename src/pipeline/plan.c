#include "pipeline/plan.h"

#include <stdlib.h>

int plan_snapshots_most(const bd_plan_t *plan) {
  int most = 1;
  for (int point = plan->first_point; point < plan->first_point + plan->point_count; point++)
    if (plan_snapshots(plan, point) > most) most = plan_snapshots(plan, point);
  return most;
}

/* Put points that move their images alike side by side, so that each can reuse what the one before
   has moved.  Otherwise points keep their order. */
bd_status_t plan_order(bd_plan_t *plan, bd_error_t *error) {
  const size_t count = (size_t)plan->point_count;
  bd_solver_options_t *kinds = NULL, *grown; /* of the solvers, one of each */
  int *kind_of = malloc(count * sizeof *kind_of), kind_count = 0, done = 0;
  plan->order = malloc(count * sizeof *plan->order);
  int ready = kind_of && plan->order;
  for (int i = 0; ready && i < plan->point_count; i++) {
    const bd_parameters_t *p = bd_job_point(plan->job, plan->first_point + i);
    int kind = 0;
    while (kind < kind_count && !bd_solvers_move_alike(&kinds[kind], &p->solver)) kind++;
    kind_of[i] = kind;
    if (kind < kind_count) continue;
    ready = (grown = realloc(kinds, (size_t)(kind_count + 1) * sizeof *kinds)) != NULL;
    if (ready) kinds = grown, kinds[kind_count++] = p->solver;
  }
  for (int kind = 0; ready && kind < kind_count; kind++)
    for (int i = 0; i < plan->point_count; i++)
      if (kind_of[i] == kind) plan->order[done++] = plan->first_point + i;
  plan->shares = kind_count < plan->point_count;
  free(kinds);
  free(kind_of);
  return ready
             ? BD_OK
             : bd_fail(error, BD_FAILED, "no memory for the list of %d points", plan->point_count);
}
