#include "storage/hdf5/file.h"
#include "storage/hdf5/isolate.h"
#include "storage/limits.h"
#include "storage/result/merge_child.h"
#include "storage/result/new_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Open the parts and sort them by their first run. */
static bd_status_t open_parts(merge_t *merge, const char *const *paths, bd_error_t *error) {
  bd_status_t status = BD_OK;
  for (int i = 0; status == BD_OK && i < merge->count; i++) {
    status = bd_result_open(paths[i], &merge->parts[i], error);
    if (status == BD_OK && !merge->parts[i]->shape.complete)
      status = bd_fail(error, BD_BAD_INPUT, "%s: not complete; --resume of its job goes on with it",
                       paths[i]);
    for (int j = i; status == BD_OK && j > 0 &&
                    merge->parts[j]->shape.first_run < merge->parts[j - 1]->shape.first_run;
         j--) {
      bd_result_t *earlier = merge->parts[j];
      merge->parts[j] = merge->parts[j - 1];
      merge->parts[j - 1] = earlier;
    }
  }
  return status;
}

/* Report parts that different revisions of one version have computed.  They are joined, but not
   silently. */
static void compare_revisions(const merge_t *merge, bd_error_t *note) {
  char first[64] = "", other[64] = "";
  bd_result_text(merge->parts[0], -1, "git_revision", first, sizeof first);
  for (int i = 1; i < merge->count; i++) {
    bd_result_text(merge->parts[i], -1, "git_revision", other, sizeof other);
    if (strcmp(first, other) == 0) continue;
    bd_fail(note, BD_OK, "%s: computed by revision %s of the program, %s by %s",
            merge->parts[i]->path, other, merge->parts[0]->path, first);
    return;
  }
}

/* Refuse to replace a part. */
static bd_status_t check_path(int part_count, const char *const *parts, const char *path,
                              bd_error_t *error) {
  struct stat part, there;
  if (stat(path, &there) != 0) return BD_OK;
  for (int i = 0; i < part_count; i++)
    if (stat(parts[i], &part) == 0 && file_is_same(&part, &there))
      return bd_fail(error, BD_BAD_INPUT, "%s: is one of the parts that it would replace", path);
  return BD_OK;
}

/* Add what the child has to say.  A part that was made to harm may have written it. */
static void add_note(merge_news_t *news, bd_error_t *note) {
  const bd_error_t before = *note;
  news->note.message[sizeof news->note.message - 1] = 0;
  if (*news->note.message)
    bd_fail(note, BD_OK, "%s%s%s", before.message, *before.message ? "; " : "", news->note.message);
}

/* Have a child join the parts. */
static bd_status_t join(const merge_t *merge, const char *path, bd_existing_t existing,
                        bd_error_t *note, bd_error_t *error) {
  merge_request_t request = {merge, path, existing, NULL};
  struct stat file;
  parcel_t nothing;
  int64_t bytes = 0;
  for (int i = 0; i < merge->count; i++)
    bytes += fstat(merge->parts[i]->descriptor, &file) == 0 ? isolate_size(&file) : 0;
  void *shared =
      mmap(NULL, sizeof *request.news, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return bd_fail(error, BD_FAILED, "%s: no memory", path);
  request.news = shared;
  const isolation_t isolation = {merge_child, &request, path, bytes,
                                 2 * (int64_t)CHILD_RESULT_MEMORY};
  bd_status_t status = isolate(&isolation, &nothing, error);
  if (request.news->is_writing)
    status = bd_fail(error, BD_FAILED,
                     "%s: cannot be written: HDF5 crashed while copying the parts", path);
  if (status != BD_OK) new_file_remove_leftovers(path);
  parcel_free(&nothing);
  add_note(shared, note);
  munmap(shared, sizeof *request.news);
  return status;
}

bd_status_t bd_result_merge(int part_count, const char *const *parts, const char *path,
                            bd_existing_t existing, bd_error_t *note, bd_error_t *error) {
  bd_fail(note, BD_OK, "%s", "");
  if (part_count < 1) return bd_fail(error, BD_BAD_INPUT, "%s: there are no parts to join", path);
  bd_status_t status = check_path(part_count, parts, path, error);
  if (status != BD_OK) return status;
  merge_t merge = {part_count, calloc((size_t)part_count, sizeof(bd_result_t *))};
  if (!merge.parts) return bd_fail(error, BD_FAILED, "no memory for %d parts", part_count);
  status = open_parts(&merge, parts, error);
  if (status == BD_OK) status = merge_check(&merge, path, error);
  if (status == BD_OK) compare_revisions(&merge, note);
  if (status == BD_OK && existing == BD_EXISTING_KEPT && access(path, F_OK) == 0)
    status = merge_check_existing(&merge, path, error);
  else if (status == BD_OK) status = join(&merge, path, existing, note, error);
  for (int i = 0; i < merge.count; i++) bd_result_close(merge.parts[i]);
  free(merge.parts);
  return status;
}
