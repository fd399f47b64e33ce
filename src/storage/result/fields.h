/* HDF5's types of a record of per_image and of a row of /statistics, made from <barydef/fields.def>
   and <barydef/statistics.def>.  Fields of an added view are present if the view is in `views`. */
#ifndef BD_STORAGE_FIELDS_H
#define BD_STORAGE_FIELDS_H

#include <barydef/statistics.h>

#include <hdf5.h>
#include <stddef.h>

/* Compound types are laid out as the structs in memory, or packed without gaps as in the file. */
typedef enum fields_layout { FIELDS_AS_IN_MEMORY, FIELDS_PACKED } fields_layout_t;

/* The type of per_image, whose records bd_record_pack makes.  The caller closes it. */
hid_t fields_per_image_type(bd_views_t views);

/* The type of /statistics.  The caller closes it. */
hid_t fields_statistics_type(bd_views_t views, fields_layout_t layout);

/* Fill bd_record_bytes(views) bytes with the record of an image that has not been computed. */
void fields_pending(bd_views_t views, void *bytes);

/* The job that a result holds, which the caller frees; NULL where it holds none that can be
   read. */
bd_job_t *fields_job_of(hid_t file);

/* The views that the job of a result asks for, or the default ones if it names none. */
bd_views_t fields_views_of(hid_t file);

/* A column of /statistics whose sum over the attacks of a run is an attribute of the run. */
typedef struct fields_sum {
  const char *name;
  size_t at; /* in bd_statistics_t, an int64_t */
} fields_sum_t;
enum { FIELDS_SUMS = 3 };
extern const fields_sum_t fields_sums[FIELDS_SUMS];

/* Add a row to the sums. */
void fields_add(const bd_statistics_t *row, int64_t sums[FIELDS_SUMS]);

/* A row of /statistics in which no view has an accuracy. */
bd_statistics_t fields_no_accuracy(void);

#endif
