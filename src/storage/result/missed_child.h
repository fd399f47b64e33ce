/* What an attack that the job makes has missed, and whether it may be believed. */
#ifndef BD_STORAGE_MISSED_CHILD_H
#define BD_STORAGE_MISSED_CHILD_H

#include "storage/result/statistics_child.h"

/* Fill square_missed, others_missed and trust of a row whose other columns are known.  Errors:
   BD_FAILED. */
bd_status_t missed_child(const statistics_of_t *of, bd_statistics_t *row, bd_error_t *error);

#endif
