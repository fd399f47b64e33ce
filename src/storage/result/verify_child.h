/* The child's part of bd_result_verify_tables. */
#ifndef BD_STORAGE_VERIFY_CHILD_H
#define BD_STORAGE_VERIFY_CHILD_H

#include "storage/result/result.h"

#include <stdio.h>

/* An isolated_t whose context is the parent's result.  Prints a line for each thing that is
   damaged. */
bd_status_t verify_child(void *opened, FILE *out, bd_error_t *error);

#endif
