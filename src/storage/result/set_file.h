/* A new file of attacked images. */
#ifndef BD_STORAGE_SET_FILE_H
#define BD_STORAGE_SET_FILE_H

#include <barydef/images.h>
#include <barydef/result.h>

/* What it will hold, and where its images come from. */
typedef struct set_file {
  const bd_images_info_t *info; /* gives the shape of an image and the name of the data set */
  int64_t count;                /* images of each attack: the first of the input */
  const int64_t *labels;        /* [count] */
  int attack_count;
  const bd_attack_t *attacks; /* [attack_count] */
  const char *purifier;       /* an attribute of attacks that go through a view */
  int block;                  /* images that are read at once, and a chunk of the file */
  /* Read images of an attack, or for attack -1 the clean ones, as float32 [count][C][H][W]. */
  bd_status_t (*read)(void *context, int attack, int64_t first, int64_t count, float *pixels,
                      bd_error_t *error);
  void *context;
} set_file_t;

/* Create it.  Chunks carry a checksum (fletcher32).  Errors: as bd_result_create, and those of
   `read`. */
bd_status_t set_file_create(const char *path, bd_existing_t existing, const set_file_t *set,
                            bd_error_t *error);

#endif
