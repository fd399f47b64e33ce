/* What a file of attacked images holds and where, as plain numbers.  Only making a survey takes
   HDF5 (survey_child.h).  The survey is checked before use (survey_check.h), and then the images
   are read without HDF5 (images.c). */
#ifndef BD_SURVEY_H
#define BD_SURVEY_H

#include "storage/limits.h"

#include <barydef/images.h>

typedef enum element {
  ELEMENT_FLOAT32,
  ELEMENT_FLOAT64,
  ELEMENT_UINT8,
  ELEMENT_FLOAT16,
  ELEMENT_OTHER
} element_t;
typedef enum filter {
  FILTER_DEFLATE,
  FILTER_SHUFFLE,
  FILTER_FLETCHER32,
  FILTER_LZF,
  FILTER_KINDS
} filter_t;

/* Bytes of the notes of a survey. */
enum { SURVEY_NOTES = 1024 };

typedef struct chunk {
  uint64_t address;
  uint32_t size;    /* stored bytes */
  uint32_t skipped; /* bit i: filter i was not used */
} chunk_t;

/* The images of one group.  They are contiguous at an address, or lie in chunks, which the survey
   lists from first_chunk on in row-major order of their grid. */
typedef struct place {
  int64_t shape[4]; /* images, channels, height, width */
  int axes;         /* of the dataset: 4, or 3 where it has none for the channels */
  int64_t chunk[4]; /* shape of a chunk; chunk[0] = 0: contiguous */
  uint64_t address; /* if they are contiguous */
  int64_t first_chunk;
  element_t element;
  int is_swapped; /* in the byte order that is not this machine's */
  int filter_count;
  filter_t filters[FILTERS_MAX]; /* in the order of writing */
} place_t;

typedef struct survey_head {
  int64_t count, chunk_count;
  int attack_count, has_clean; /* the clean images count as the last attack */
  int is_settled;              /* 1: attribute `layout` says that the axes are as they should be */
  char dataset[64];
  char notes[SURVEY_NOTES]; /* what is not read, a line each (bd_images_info_t) */
  int64_t file_size;
  uint64_t ends_digest; /* of the first and the last 64 KiB of the file; set by the parent */
} survey_head_t;

/* The parts of a survey.  They lie in one block of memory in this order (parcel.h), except in the
   child, which has no list of chunks. */
typedef struct survey {
  survey_head_t *head;
  bd_attack_t *attacks; /* [attack_count] */
  place_t *places;      /* [attack_count] */
  int64_t *labels;      /* [count] */
  chunk_t *chunks;      /* [chunk_count] */
} survey_t;

/* What to survey. */
typedef struct survey_request {
  const char *path;
  int descriptor;     /* of the file, open */
  int64_t file_size;  /* bytes */
  int64_t on_disk;    /* bytes without holes (file.h) */
  int64_t most_bytes; /* of memory */
} survey_request_t;

/* Find the parts of a survey in `size` bytes, and point to them there.  Returns 0 unless these are
   exactly the parts that the head counts. */
int survey_take_apart(void *bytes, size_t size, survey_t *survey);

size_t element_size(element_t element);

/* Sizes of a place whose shape has been checked: bytes of an image, bytes of a chunk, chunks along
   a dimension, and all chunks.  The last is 0 if the place is contiguous, and INT64_MAX if there
   are too many to count. */
int64_t image_bytes(const place_t *place);
int64_t chunk_bytes(const place_t *place);
int64_t chunks_along(const place_t *place, int dimension);
int64_t chunks_of(const place_t *place);

#endif
