#include "job/entries.h"
#include <barydef/job.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The caller frees *text, also after an error. */
static bd_status_t read_file(const char *path, char **text, bd_error_t *error) {
  enum { LARGEST = 1 << 20 };
  FILE *file = fopen(path, "rb");
  *text = calloc(LARGEST + 2, 1);
  if (!file || !*text) {
    if (file) fclose(file);
    return bd_fail(error, BD_BAD_INPUT, "%s: cannot be opened: %m", path);
  }
  size_t size = fread(*text, 1, LARGEST + 1, file);
  int failed = ferror(file);
  fclose(file);
  if (failed) return bd_fail(error, BD_BAD_INPUT, "%s: cannot be read: %m", path);
  if (size > LARGEST)
    return bd_fail(error, BD_BAD_INPUT, "%s: more than a mebibyte is no job file", path);
  if (strlen(*text) != size)
    return bd_fail(error, BD_BAD_INPUT, "%s: a NUL byte is in it: this is no job file", path);
  return BD_OK;
}

/* The folder of a job file as an absolute path, so that every rank resolves the same paths. */
static bd_status_t find_directory(const char *path, char *directory, size_t size,
                                  bd_error_t *error) {
  const char *slash = strrchr(path, '/');
  char here[BD_TEXT_MAX] = "";
  if (*path != '/' && !getcwd(here, sizeof here - 1))
    return bd_fail(
        error, BD_FAILED,
        "%s: the working directory, which its paths would be relative to, has no path: %m", path);
  if (*path != '/' && slash) strcat(here, "/");
  snprintf(directory, size, "%s%.*s", here, slash ? (int)(slash - path) : 0, path);
  if (!*directory) snprintf(directory, size, "/");
  return BD_OK;
}

/* A file that is read, but is not there, may have " ;" in its name, where the line was cut. */
static bd_status_t check_cut(const bd_job_t *job, int index, bd_error_t *error) {
  if (!job->has_comment[index] || !*job->values[index] || !table_is_read(index) ||
      access(job->paths[index], F_OK) == 0)
    return BD_OK;
  return bd_fail(
      error, BD_BAD_INPUT,
      "%s: there is no file %s; \" ;\" begins a comment, also in a path: give such a file "
      "another name, or a link of another name",
      job->where[index], job->paths[index]);
}

bd_status_t bd_job_load(const char *path, int override_count, const char *const *overrides,
                        bd_job_t **job, bd_error_t *error) {
  char *text = NULL, directory[2 * BD_TEXT_MAX];
  *job = NULL;
  bd_status_t status = read_file(path, &text, error);
  if (status == BD_OK) status = find_directory(path, directory, sizeof directory, error);
  if (status == BD_OK)
    status = bd_job_parse(text, path, directory, override_count, overrides, job, error);
  free(text);
  for (int i = 0; status == BD_OK && i < TABLE_ROWS; i++) status = check_cut(*job, i, error);
  if (status == BD_OK || !*job) return status;
  bd_job_free(*job);
  *job = NULL;
  return status;
}
