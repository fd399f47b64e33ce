/* The child's part of merging, in which HDF5 copies parts that others may have made to a new
   file. */
#ifndef BD_STORAGE_MERGE_CHILD_H
#define BD_STORAGE_MERGE_CHILD_H

#include "storage/result/merge_check.h"

#include <stdio.h>

typedef struct merge_request {
  const merge_t *merge;
  const char *path;
  bd_existing_t existing;
  /* 1 while HDF5 copies.  Shared with the parent, so that it can tell a crash while copying from
     one while reading. */
  volatile int *is_writing;
} merge_request_t;

/* An isolated_t whose context is a merge_request_t.  Puts nothing. */
bd_status_t merge_child(void *request, FILE *out, bd_error_t *error);

#endif
