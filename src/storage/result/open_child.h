/* The child's part of opening a result, in which HDF5 tells what is in it. */
#ifndef BD_STORAGE_OPEN_CHILD_H
#define BD_STORAGE_OPEN_CHILD_H

#include "storage/result/result.h"

#include <hdf5.h>
#include <stdio.h>

/* A result that HDF5 has opened. */
typedef struct open_child {
  hid_t file;
  bd_result_t *result; /* shape, names and places, as HDF5 tells them */
} open_child_t;

/* Open the file of the parent's descriptor, and check its structure. open_child_close closes it,
   also after an error.  Errors: BD_BAD_INPUT, naming the file and what is wrong with it;
   BD_FAILED. */
bd_status_t open_child(const bd_result_t *opened, open_child_t *open, bd_error_t *error);
void open_child_close(open_child_t *open);

/* Open the group of a run, or the root if `run` is -1.  Negative if it does not exist. */
hid_t open_child_run(hid_t file, int run);

/* An isolated_t whose context is the parent's result.  Puts shape, names, places, and texts: the
   number of a run or -1, a name, and a value. */
bd_status_t open_child_hand_over(void *opened, FILE *out, bd_error_t *error);

#endif
