/* The child's part of merging, in which HDF5 copies parts that others may have made to a new
   file. */
#ifndef BD_STORAGE_MERGE_CHILD_H
#define BD_STORAGE_MERGE_CHILD_H

#include "storage/result/merge_check.h"

#include <stdio.h>

/* What the parent learns of the child, in memory that both share. */
typedef struct merge_news {
  volatile int is_writing; /* 1 while HDF5 copies: a crash then is not one while reading */
  bd_error_t note;         /* as new_file_t has it */
} merge_news_t;

typedef struct merge_request {
  const merge_t *merge;
  const char *path;
  bd_existing_t existing;
  merge_news_t *news;
} merge_request_t;

/* An isolated_t whose context is a merge_request_t.  Puts nothing. */
bd_status_t merge_child(void *request, FILE *out, bd_error_t *error);

#endif
