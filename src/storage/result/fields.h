/* The fields of a record of per_image and of a row of /statistics, as HDF5 knows them. */
#ifndef BD_STORAGE_FIELDS_H
#define BD_STORAGE_FIELDS_H

#include <barydef/statistics.h>

#include <hdf5.h>
#include <stddef.h>

/* Compound types are laid out as the structs in memory, or packed without gaps as in the file. */
typedef enum fields_layout { FIELDS_AS_IN_MEMORY, FIELDS_PACKED } fields_layout_t;

/* The type of per_image, which is stored as it lies in memory.  The caller closes it. */
hid_t fields_per_image_type(void);

/* The type of /statistics.  The caller closes it. */
hid_t fields_statistics_type(fields_layout_t layout);

/* The record of an image that has not been computed. */
bd_per_image_t fields_pending(void);

#endif
