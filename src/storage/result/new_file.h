/* A new file that appears under its name only once it is whole. */
#ifndef BD_STORAGE_NEW_FILE_H
#define BD_STORAGE_NEW_FILE_H

#include <barydef/result.h>

#include <hdf5.h>
#include <sys/stat.h>

/* Write the contents of `file`, which will have this path. */
typedef bd_status_t new_file_fill_t(hid_t file, const char *path, void *context, bd_error_t *error);

/* What to create: the path, what to do with an existing file, and the function that fills the new
   one. */
typedef struct new_file {
  const char *path;
  bd_existing_t existing; /* BD_EXISTING_KEPT counts as BD_EXISTING_REFUSED */
  new_file_fill_t *fill;
  void *context;
  bd_error_t *note; /* as lock_take fills it for the file that is replaced; may be NULL */
} new_file_t;

/* Create the file under a temporary name, fill it, reserve its space, and rename it.  *made becomes
   its identity.  Errors: as bd_result_create. */
bd_status_t new_file_create(const new_file_t *new_file, struct stat *made, bd_error_t *error);

/* Remove what a killed or crashed creation has left beside the path. */
void new_file_remove_leftovers(const char *path);

#endif
