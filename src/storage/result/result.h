/* What the files of src/storage/ that deal with results share. */
#ifndef BD_STORAGE_RESULT_H
#define BD_STORAGE_RESULT_H

#include "storage/hdf5/h5.h"

#include <barydef/result.h>

#include <stdio.h>
#include <sys/stat.h>

/* Marks that wait for their data to reach the disk. */
enum { WAITING_MAX = 4096 };
typedef struct waiting {
  int64_t place; /* of the mark, in the file */
  uint64_t mark;
} waiting_t;

struct bd_result {
  char *path;
  hid_t file; /* in a child that reads or finishes it; else -1 */
  int descriptor;
  bd_result_shape_t shape;
  char (*names)[BD_ATTACK_NAME]; /* of the attacks; NULL after bd_result_join */
  int64_t *places;
  char *found;       /* what the child has handed over, */
  const char *texts; /* and the texts in it (open.c) */
  size_t texts_size;
  int64_t waiting_count;
  waiting_t *waiting;
  double synced, sync_seconds; /* when the last sync ended, how long it took */
  char *wrong;                 /* what bd_result_verify_tables has named */
  int is_broken; /* a flush failed: the system tells only once, and nothing may be marked any more
                  */
};

/* Places: labels; for each attack its input marks; for each group images (or -1), records
   and marks. */
static inline int64_t labels_place(const bd_result_t *r) { return r->places[0]; }
static inline int64_t input_place(const bd_result_t *r, int attack) {
  return r->places[1 + attack];
}
enum { IMAGES, RECORDS, MARKS };
static inline int64_t group_place(const bd_result_t *r, int run, int attack, int what) {
  return r->places[1 + r->shape.attack_count +
                   3 * ((run - r->shape.first_run) * r->shape.attack_count + attack) + what];
}
static inline size_t image_values(const bd_result_shape_t *shape) {
  return (size_t)shape->channels * (size_t)shape->height * (size_t)shape->width;
}

/* For what a child may use to read a result. */
enum { RESULT_MEMORY = 1 << 29 };

/* bd_result_open by HDF5 in this process, which is to be a child (isolate.h), of the very file that
   its parent has opened; to the child's end, as it takes the descriptor.  `file` is open after it.
 */
bd_status_t result_open_here(const bd_result_t *opened, bd_result_t **result, bd_error_t *error);

/* Sets by what other ranks know the file (bd_result_shape_t). */
void result_identify(bd_result_t *result);

/* All of `size` bytes at `place`, or a failure that names the file. */
bd_status_t read_at(const bd_result_t *result, int64_t place, void *bytes, size_t size,
                    bd_error_t *error);
bd_status_t write_at(const bd_result_t *result, int64_t place, const void *bytes, size_t size,
                     bd_error_t *error);

/* Is what stands under the path still the file the blocks go to? */
bd_status_t check_in_place(const bd_result_t *result, bd_error_t *error);

/* attributes.c.  What the table and the file have in common: how many differ, and the first of
   these; hopeless where one is missing or of another type, which is then the one named. */
typedef struct attributes_found {
  int differing, is_hopeless;
  char name[BD_ATTACK_NAME + 160];
} attributes_found_t;
int attributes_put(hid_t file, const bd_result_layout_t *layout, h5_how_t how,
                   attributes_found_t *found);

/* A line for each run, and attack of a run, whose attributes are not those of their checksum. */
void attributes_verify(const bd_result_t *result, FILE *out);

/* Is bd_result_mark of what is stored this?  The image is read in portions: a made-up one can be
   larger than the memory.  What cannot be read is not. */
int is_marked(const bd_result_t *result, int64_t place, size_t size, uint64_t input_mark,
              const void *record, uint64_t mark);

/* XXH3-64, hexadecimal. */
void checksum_text(uint64_t checksum, char text[17]);
void labels_checksum(int64_t count, const int64_t *labels, char text[17]);

/* The row of a run and attack, from its records. */
bd_status_t statistics_row(bd_result_t *result, int run, int attack, int has_victim,
                           bd_statistics_t *row, int64_t *by_status, bd_error_t *error);

/* Create a file under a temporary name, have it filled, reserve its space, and rename it; *made
 * becomes its identity. */
typedef bd_status_t bd_fill_t(hid_t file, const char *path, void *context, bd_error_t *error);
bd_status_t create_file(const char *path, bd_existing_t existing, bd_fill_t *fill, void *context,
                        struct stat *made, bd_error_t *error);

/* What a creation that was killed, or crashed, left beside the path. */
void create_remove_leftovers(const char *path);

#endif
