/* The table /worst_case, which a result has where its job makes attacks. */
#ifndef BD_STORAGE_WORST_CHILD_H
#define BD_STORAGE_WORST_CHILD_H

#include "storage/result/result.h"

#include <hdf5.h>

/* The type of a row as in memory, without gaps.  The caller closes it. */
hid_t worst_type(void);

/* Does a result of these views have the table? */
static inline int worst_is_there(bd_views_t views) { return (views & BD_VIEWS_MADE) != 0; }

/* Compute the rows of all runs, [shape.run_count].  Errors: BD_FAILED. */
bd_status_t worst_child_rows(const bd_result_t *result, bd_predictions_t predictions,
                             bd_worst_case_t *rows, bd_error_t *error);

/* Compute the rows and write them into the file.  Errors: BD_FAILED. */
bd_status_t worst_child_write(const bd_result_t *result, hid_t file, bd_predictions_t predictions,
                              bd_error_t *error);

/* Name the table on `out` where it is not what the records say.  Errors: BD_FAILED. */
bd_status_t worst_child_verify(const bd_result_t *result, hid_t file, bd_predictions_t predictions,
                               FILE *out, bd_error_t *error);

#endif
