/* What a file of attacked images holds and where: all that HDF5 is needed for, as plain numbers.
   Made in a child process (isolate.h), checked here before anything uses it, and then read
   without HDF5 (images.c). */
#ifndef BD_SURVEY_H
#define BD_SURVEY_H

#include <barydef/images.h>
#include <stdio.h>

/* SURVEY_COMPRESSION_MOST: no compression known makes more of a byte. */
enum { SURVEY_ATTACKS_MAX = 1000, SURVEY_FILTERS_MAX = 4, SURVEY_COMPRESSION_MOST = 1100 };

typedef enum element { ELEMENT_FLOAT32, ELEMENT_FLOAT64, ELEMENT_UINT8, ELEMENT_OTHER } element_t;
typedef enum filter { FILTER_DEFLATE, FILTER_SHUFFLE, FILTER_FLETCHER32 } filter_t;

typedef struct chunk {
  uint64_t address;
  uint32_t size, skipped; /* stored bytes; bit i: filter i was not used */
} chunk_t;

/* The images of one group: contiguous at an address, or chunks in row-major order of their
   grid, from first_chunk of the survey's list. */
typedef struct place {
  int64_t shape[4], chunk[4]; /* chunk[0] = 0: contiguous */
  uint64_t address;
  int64_t first_chunk;
  element_t element;
  int is_swapped; /* of the other byte order */
  int filter_count;
  filter_t filters[SURVEY_FILTERS_MAX]; /* as applied when writing */
} place_t;

/* One block of memory, as it comes out of the child: header, attacks, places, labels, chunks. */
typedef struct survey {
  int64_t count, chunk_count;
  int attack_count, has_clean; /* the clean images count as the last attack */
  char dataset[64];
  int64_t file_size;
  uint64_t ends_digest; /* of the first and the last 64 KiB of the file; the parent's */
} survey_t;

bd_attack_t *survey_attacks(const survey_t *survey);
place_t *survey_places(const survey_t *survey);
int64_t *survey_labels(const survey_t *survey);
chunk_t *survey_chunks(const survey_t *survey);

static inline size_t element_size(element_t element) {
  return element == ELEMENT_FLOAT64 ? 8 : element == ELEMENT_UINT8 ? 1 : 4;
}

/* Of a place whose shape has been checked: bytes of a chunk; chunks along a dimension; all chunks,
 * or INT64_MAX. */
int64_t chunk_bytes(const place_t *place);
int64_t chunks_along(const place_t *place, int dimension);
int64_t chunks_of(const place_t *place);

typedef struct survey_request {
  const char *path;
  int descriptor;                         /* of the same file, open */
  int64_t file_size, on_disk, most_bytes; /* on_disk: without holes (file.h) */
} survey_request_t;

/* The child's part: an isolated_t whose context is a survey_request_t; writes a survey.
   Errors: BD_BAD_INPUT, naming the file and the object in it. */
bd_status_t survey_take(void *request, FILE *out, bd_error_t *error);

/* Can attacks[index] be named as it is, beside those before it?  In the child, which looks it up,
 * and again in the parent. */
bd_status_t survey_check_name(const survey_request_t *request, const bd_attack_t *attacks,
                              int index, bd_error_t *error);

/* Shapes, chunks and filters of all groups against each other, the labels and the memory; first in
   the child, for what it lists, and again in the parent. */
bd_status_t survey_check_shapes(const survey_request_t *request, const survey_t *head,
                                const bd_attack_t *attacks, const place_t *places,
                                bd_error_t *error);

/* The parent's part: do the bytes make sense, lie inside the file, and stay below most_bytes
   (labels and chunks listed take a sixteenth of it each, a chunk and the images it belongs to an
   eighth each)? Believes nothing.  Errors: BD_BAD_INPUT. */
bd_status_t survey_check(const survey_request_t *request, const survey_t *survey, size_t size,
                         bd_error_t *error);

#endif
