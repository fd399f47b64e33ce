/* A row of /statistics, computed from the records. */
#ifndef BD_STORAGE_STATISTICS_CHILD_H
#define BD_STORAGE_STATISTICS_CHILD_H

#include "storage/result/result.h"

#include <hdf5.h>

/* Which row to compute, and of which file: a result with its names, the same file opened by HDF5,
   and its job, or NULL where the file holds none that can be read. */
typedef struct statistics_of {
  const bd_result_t *result;
  hid_t file;
  const bd_job_t *job;
  int run, attack;
  bd_predictions_t predictions;
} statistics_of_t;

/* Compute the row.  by_status[s], of BD_STATUSES_MAX, grows by the number of images with status s.
   Errors: BD_FAILED. */
bd_status_t statistics_child_row(const statistics_of_t *of, bd_statistics_t *row,
                                 int64_t *by_status, bd_error_t *error);

#endif
