/* From the result of a run that attacked, the set of attacked images. */
#ifndef BD_EXPORT_H
#define BD_EXPORT_H

#include <barydef/job.h>
#include <barydef/result.h>

/* As bd_run_write_set (run.h). */
bd_status_t export_set(const bd_job_t *job, const char *path, bd_existing_t existing,
                       bd_error_t *error);

#endif
