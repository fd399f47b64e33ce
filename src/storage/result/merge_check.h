/* Check that the parts of a sweep belong together.  This runs in the parent, on plain bytes. */
#ifndef BD_STORAGE_MERGE_CHECK_H
#define BD_STORAGE_MERGE_CHECK_H

#include "storage/result/result.h"

/* The open parts, sorted by their first run. */
typedef struct merge {
  int count;
  bd_result_t **parts;
} merge_t;

/* Check that all parts of the sweep are there and whole, and that they have one job and the same
   pixels.  Errors: BD_BAD_INPUT, naming the part, or `path` if some are missing; BD_FAILED. */
bd_status_t merge_check(const merge_t *merge, const char *path, bd_error_t *error);

/* Check that the result under the path is what joining the parts would give.  Errors:
   BD_BAD_INPUT, naming it, if it is not. */
bd_status_t merge_check_existing(const merge_t *merge, const char *path, bd_error_t *error);

#endif
