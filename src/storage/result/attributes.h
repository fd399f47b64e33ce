/* The attributes below /runs that record what job and input say of runs and attacks, and the name
   of the data set.  They are created, compared and mended from one table.  A checksum of the
   attributes of each run, and of each attack of a run, stands below /checksums for readers who have
   neither job nor input. */
#ifndef BD_STORAGE_ATTRIBUTES_H
#define BD_STORAGE_ATTRIBUTES_H

#include "storage/hdf5/h5.h"
#include "storage/result/result.h"

#include <stdio.h>

/* How the file compares with the table.  This is plain data, which a child hands over. */
typedef struct attributes_found {
  int differing;                   /* attributes that differ */
  int is_hopeless;                 /* one is missing or has another type, so it cannot be mended */
  char name[BD_ATTACK_NAME + 160]; /* that one, or the first that differs */
} attributes_found_t;

/* Go through the table.  Returns 0 if an attribute could not be created, or is hopeless. */
int attributes_put(hid_t file, const bd_result_layout_t *layout, h5_how_t how,
                   attributes_found_t *found);

/* Print a line for each run, and each attack of a run, whose attributes do not match their
   checksum. */
void attributes_verify(hid_t file, const bd_result_t *result, FILE *out);

#endif
