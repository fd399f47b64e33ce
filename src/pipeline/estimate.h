/* Estimate what a plan will take before any of it is computed.  Knows no MPI. */
#ifndef BD_ESTIMATE_H
#define BD_ESTIMATE_H

#include "pipeline/plan.h"

#include <barydef/images.h>
#include <barydef/run_time.h>

/* The work of an image at a point, in the unit in which ranks are measured. */
double estimate_cost(const bd_solver_options_t *solver);

struct trial;

/* The time that a plan takes by the speeds of a trial, which are those of all ranks together.
   `left` is the share of the work that is not done yet, `ranks` how many there are. */
void estimate_time(const bd_plan_t *plan, const struct trial *trial, int classes, double left,
                   int ranks, bd_run_time_t *time);

/* Steps that one image of an attack is expected to take over all points.  A step is one iteration
   of one marginal. */
double estimate_steps(const bd_plan_t *plan, const bd_images_info_t *info);

/* Bytes of the result. */
double estimate_file_bytes(const bd_plan_t *plan, const bd_images_info_t *info);

/* Check that a rank has room for the plan's blocks.  Errors: BD_BAD_INPUT, naming the parameter to
   change. */
bd_status_t estimate_check_memory(const bd_plan_t *plan, const bd_images_info_t *info,
                                  bd_error_t *error);

#endif
