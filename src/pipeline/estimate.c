#include "pipeline/estimate.h"
#include "pipeline/worker.h"

#include <limits.h>

/* Snapshots share the trajectory of their point. */
double estimate_steps(const bd_plan_t *plan, const bd_images_info_t *info) {
  double steps = 0;
  for (int point = plan->first_point; point < plan->first_point + plan->point_count; point++) {
    const bd_solver_options_t *solver = &bd_job_point(plan->job, point)->solver;
    steps += solver->iterations.values[solver->iterations.count - 1] *
             bd_solver_evaluated(solver, info->height, info->width);
  }
  return steps;
}

/* Bytes of headers, attributes and links for the file, for each run, for each attack of a run, and
   for the images of each.  Measured with HDF5 1.10. */
enum { FILE_OVERHEAD = 24576, RUN_OVERHEAD = 2600, GROUP_OVERHEAD = 3600, IMAGES_OVERHEAD = 280 };

double estimate_file_bytes(const bd_plan_t *plan, const bd_images_info_t *info) {
  const double count = (double)plan->count, runs = plan_runs(plan),
               groups = runs * plan->attack_count;
  const double images =
      plan->store_images
          ? 4.0 * info->channels * info->height * info->width * count + IMAGES_OVERHEAD
          : 0;
  return FILE_OVERHEAD + runs * RUN_OVERHEAD +
         groups * (GROUP_OVERHEAD + sizeof(bd_statistics_t) +
                   count * ((double)bd_record_bytes(plan->views) + 8) + images) +
         8 * count * (1 + plan->attack_count);
}

bd_status_t estimate_check_memory(const bd_plan_t *plan, const bd_images_info_t *info,
                                  bd_error_t *error) {
  const bd_parameters_t *p = bd_job_point(plan->job, 0);
  const double needed = worker_bytes(plan, info, NULL) / (1 << 20);
  if (needed > p->max_memory)
    return bd_fail(error, BD_BAD_INPUT,
                   "blocks and solver need about %.0f MiB on each rank, more than run.max_memory = "
                   "%d; a smaller run.block (now %d) needs less",
                   needed, p->max_memory, plan->block);
  if (block_size(plan, info) > INT_MAX)
    return bd_fail(error, BD_BAD_INPUT,
                   "run.block = %d makes blocks of more than 2 GiB; a smaller one is needed",
                   p->block);
  return BD_OK;
}
