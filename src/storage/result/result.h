/* An open result, as the files of this room see it.

   Who runs what:
     *_child.c   the child process alone (isolate.h): HDF5 on a file that others may have made
     attributes.c, fields.c, new_file.c
                 whoever writes by HDF5: the parent where it creates a result, else the child
     result.c, checksums.c
                 both, on plain bytes
     the others  the parent alone, without HDF5 */
#ifndef BD_STORAGE_RESULT_H
#define BD_STORAGE_RESULT_H

#include "storage/hdf5/parcel.h"

#include <barydef/result.h>

/* A mark that waits for its data to reach the disk. */
typedef struct waiting {
  int64_t place; /* of the mark, in the file */
  uint64_t mark;
} waiting_t;

struct bd_result {
  char *path;
  int descriptor;
  bd_result_shape_t shape;
  char (*names)[BD_ATTACK_NAME]; /* of the attacks; NULL after bd_result_join */
  int64_t *places;
  parcel_t texts; /* for bd_result_text: run, name and value, one after the other */
  int64_t waiting_count;
  waiting_t *waiting;
  double synced;       /* when the last sync ended (clock_seconds) */
  double sync_seconds; /* how long it took */
  char *wrong;         /* what bd_result_verify_tables has named */
  bd_error_t unlocked; /* for bd_result_unlocked */
  int is_broken; /* a flush failed, which the system reports only once, so nothing is marked any
                    more */
};

/* Places of the labels, of the input marks of each attack, and of the images, records and marks of
   each group, in run then attack order.  The place of images that are not stored is -1. */
typedef enum dataset { DATASET_IMAGES, DATASET_RECORDS, DATASET_MARKS, DATASETS } dataset_t;
int64_t result_labels_place(const bd_result_t *result);
int64_t result_input_place(const bd_result_t *result, int attack);
int64_t result_group_place(const bd_result_t *result, int run, int attack, dataset_t dataset);

/* Values of an image. */
size_t result_image_values(const bd_result_shape_t *shape);

/* Make an empty result, with a descriptor of -1. bd_result_close frees it. */
bd_status_t result_allocate(const char *path, bd_result_t **result, bd_error_t *error);

/* Set what identifies the file to other processes (bd_result_shape_t). */
void result_identify(bd_result_t *result);

/* Read all of `size` bytes at `place`.  Errors: BD_FAILED, naming the file. */
bd_status_t result_read(const bd_result_t *result, int64_t place, void *bytes, size_t size,
                        bd_error_t *error);

/* Read all labels, [count], which the caller frees.  Errors: BD_FAILED. */
bd_status_t result_read_labels(const bd_result_t *result, int64_t **labels, bd_error_t *error);

/* Check that the path still leads to the file that the blocks go to.  Errors: BD_FAILED. */
bd_status_t result_check_in_place(const bd_result_t *result, bd_error_t *error);

#endif
