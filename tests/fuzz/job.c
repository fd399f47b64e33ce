/* Reads a job file.  The text that the job gives must be the same job again. */
#include "fuzz.h"

#include <barydef/job.h>
#include <string.h>

static void look(const bd_job_t *job) {
  char label[256];
  int point, snapshot;
  for (int p = 0; p < bd_job_point_count(job); p += 1 + bd_job_point_count(job) / 8)
    if (!bd_job_point(job, p)->solver.iterations.count) abort();
  for (int run = 0; run < bd_job_run_count(job); run += 1 + bd_job_run_count(job) / 8) {
    bd_job_run(job, run, &point, &snapshot);
    bd_job_run_label(job, run, label, sizeof label);
  }
}

long fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const char *const overrides[] = {"run.block=7"};
  char path[64];
  bd_error_t error;
  bd_job_t *job, *again;
  memory_file(bytes, size, path);
  if (bd_job_load(path, 1, overrides, &job, &error) == BD_OK) {
    fuzz_accepted++;
    look(job);
    if (bd_job_parse(bd_job_text(job), "again", bd_job_directory(job), 0, NULL, &again, &error) !=
        BD_OK) {
      fprintf(stderr, "%s\n%s", error.message, bd_job_text(job));
      abort();
    }
    if (strcmp(bd_job_text(job), bd_job_text(again)) != 0) abort();
    bd_job_free(again);
    bd_job_free(job);
  } else if (job || strchr(error.message, '\n')) abort();
  unlink(path);
  return 0;
}
