/* Estimate what a plan will take before any of it is computed.  Knows no MPI. */
#ifndef BD_ESTIMATE_H
#define BD_ESTIMATE_H

#include "pipeline/plan.h"

#include <barydef/images.h>

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
