/* Do the parts of a sweep belong together?  On plain bytes, in the parent. */
#ifndef BD_STORAGE_MERGE_CHECK_H
#define BD_STORAGE_MERGE_CHECK_H

#include "storage/result/result.h"

/* The parts, open, by their first run. */
typedef struct merge {
  int count;
  bd_result_t **parts;
} merge_t;

/* Are there as many parts as the sweep was cut into, are all of one job, made from the same pixels,
   and whole?  Errors: BD_BAD_INPUT, naming the part, or `path` where some are missing; BD_FAILED.
 */
bd_status_t merge_check(const merge_t *merge, const char *path, bd_error_t *error);

/* Is the result under the path what joining the parts would give?  Errors: BD_BAD_INPUT, naming it,
   where it is not. */
bd_status_t merge_check_existing(const merge_t *merge, const char *path, bd_error_t *error);

#endif
