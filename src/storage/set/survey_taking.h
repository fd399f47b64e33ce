/* What the files share in which the child makes a survey. */
#ifndef BD_SURVEY_TAKING_H
#define BD_SURVEY_TAKING_H

#include "storage/hdf5/h5.h"
#include "storage/set/survey.h"

#include <stdio.h>

/* A survey under way. */
typedef struct taking {
  const survey_request_t *request;
  hid_t file;
  uint64_t user_block; /* bytes before HDF5's part of the file */
  uint64_t chunk_base; /* what is added to the address of a chunk, if is_base_known */
  int is_base_known;
  survey_head_t head;
  survey_t survey; /* the set whose head this is */
  FILE *out;
} taking_t;

/* Room for the path of a dataset in the file. */
enum { OBJECT_PATH = BD_ATTACK_NAME + 32 };

/* Refuse the file for an object in it. */
bd_status_t taking_refuse(const taking_t *taking, const char *object, const char *why,
                          bd_error_t *error);

/* Note what is not read, a line that bd_fail has made.  What no longer fits is left out. */
void taking_note(taking_t *taking, const bd_error_t *note);

/* ---- attributes (survey_attributes_child.c) ------------------------------------ */

/* Read the attributes of the root.  Errors: BD_BAD_INPUT where the file is no set. */
bd_status_t taking_read_root(taking_t *taking, bd_error_t *error);

/* Read those of an attack's group, an open object.  One that cannot be read becomes a note. */
void taking_read_attack(taking_t *taking, hid_t group, const char *path, bd_attack_t *attack);

/* ---- datasets (survey_dataset_child.c) ----------------------------------------- */

/* Check that every part of a path is a hard link. */
bd_status_t taking_check_links(const taking_t *taking, const char *path, bd_error_t *error);

/* Open a dataset whose data lies in the file itself, behind known filters.  The caller closes
 *dataset, also after an error. */
bd_status_t taking_open_dataset(const taking_t *taking, const char *path, hid_t *dataset,
                                bd_error_t *error);

/* Read the labels, and count them. */
bd_status_t taking_read_labels(taking_t *taking, bd_error_t *error);

/* Read type, shape and layout of images.  The list of chunks follows later. */
bd_status_t taking_read_place(taking_t *taking, const char *path, place_t *place,
                              bd_error_t *error);

/* ---- chunks (survey_chunks_child.c) --------------------------------------------- */

/* Number the chunks of all groups, and refuse too many. */
bd_status_t taking_count_chunks(taking_t *taking, bd_error_t *error);

/* Put the list of the chunks of every group. */
bd_status_t taking_put_chunks(taking_t *taking, bd_error_t *error);

/* ---- what lies elsewhere (survey_strays_child.c) -------------------------------- */

/* Say in `text` where a group keeps its images, if it has none in `images`: "" where nothing below
   it looks like them. */
void taking_find_images(const taking_t *taking, const char *group, char *text, size_t size);

/* Refuse images in an unexpected place, and note objects that are not read. */
bd_status_t taking_check_strays(taking_t *taking, bd_error_t *error);

#endif
