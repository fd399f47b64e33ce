/* The child's part of reading what a file says. */
#ifndef BD_STORAGE_SUMMARY_CHILD_H
#define BD_STORAGE_SUMMARY_CHILD_H

#include <barydef/result.h>

#include <stdio.h>

/* What to read. */
typedef struct summary_source {
  const char *path;
  int descriptor; /* of the file, open */
} summary_source_t;

/* An isolated_t whose context is a summary_source_t.  Puts the attribute `schema` as a text, or
   nothing where there is none. */
bd_status_t summary_child_kind(void *source, FILE *out, bd_error_t *error);

/* An isolated_t whose context is a summary_source_t.  Puts a bd_result_summary_t, whose pointers
   mean nothing, its rows, its attributes, and the job as a text. */
bd_status_t summary_child(void *source, FILE *out, bd_error_t *error);

#endif
