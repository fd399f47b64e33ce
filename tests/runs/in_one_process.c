/* Runs jobs one after the other in one process, as no program of the library's own does.

     in_one_process JOB.ini...

   Exit status: that of the last run that did not end with BD_OK, or 0. */
#include <barydef/barydef.h>
#include <barydef/run.h>
#include <stdio.h>

static bd_status_t run(const char *path, bd_error_t *error) {
  const bd_run_options_t options = {.existing = BD_EXISTING_REFUSED};
  bd_run_summary_t summary;
  bd_job_t *job;
  bd_status_t status = bd_job_load(path, 0, NULL, &job, error);
  if (status == BD_OK) status = bd_run(bd_world(), job, &options, &summary, error);
  bd_job_free(job);
  return status;
}

int main(int argc, char **argv) {
  int last = BD_OK;
  bd_world_start(&argc, &argv);
  for (int i = 1; i < argc; i++) {
    bd_error_t error = {BD_OK, ""};
    const bd_status_t status = run(argv[i], &error);
    if (status != BD_OK) {
      fprintf(stderr, "%s\n", error.message);
      last = (int)status;
    }
  }
  bd_world_stop();
  return last;
}
