/* The child's part of reopening, mending and finishing a result, in which HDF5 writes to a file
   that others may have made.  Nothing written here makes the file longer. */
#ifndef BD_STORAGE_FINISH_CHILD_H
#define BD_STORAGE_FINISH_CHILD_H

#include "storage/result/attributes.h"
#include "storage/result/result.h"

#include <stdio.h>

/* An isolated_t whose context is the result.  Puts nothing. */
bd_status_t finish_child_reopen(void *result, FILE *out, bd_error_t *error);

/* What bd_result_finish was asked for. */
typedef struct finish_request {
  const bd_result_t *result;
  bd_predictions_t predictions;
  int attribute_count;
  const bd_attribute_t *attributes;
} finish_request_t;

/* An isolated_t whose context is a finish_request_t.  Puts the number of images with each status,
   [BD_STATUSES_MAX]. */
bd_status_t finish_child(void *request, FILE *out, bd_error_t *error);

/* What bd_result_compare_attributes was asked for. */
typedef struct compare_request {
  const bd_result_t *result;
  const bd_result_layout_t *layout;
  bd_attributes_how_t how;
} compare_request_t;

/* An isolated_t whose context is a compare_request_t.  Puts an attributes_found_t. */
bd_status_t finish_child_compare(void *request, FILE *out, bd_error_t *error);

#endif
