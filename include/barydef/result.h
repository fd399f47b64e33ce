/* barydef/result.h - writing and reading a result file.

   The format (HDF5): see docs/formats.md.  One rank writes; no call is collective.

   A result is created under a temporary name with every dataset allocated and all
   metadata on disk, and then renamed: what stands under the path asked for is always a
   whole file, with attribute complete = 0 until bd_result_finish.  Rows not yet computed
   carry the status "pending". */
#ifndef BARYDEF_RESULT_H
#define BARYDEF_RESULT_H

#include <barydef/error.h>
#include <barydef/images.h>
#include <barydef/statistics.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An attribute of the root or of a run. */
typedef struct bd_attribute {
  const char *name;
  enum { BD_ATTRIBUTE_TEXT, BD_ATTRIBUTE_INTEGER, BD_ATTRIBUTE_REAL } kind;
  const char *text;
  int64_t integer;
  double real;
} bd_attribute_t;

/* What a result will hold; nothing of it is needed after bd_result_create. */
typedef struct bd_result_layout {
  const bd_images_info_t *info; /* image shape */
  int64_t count;                /* images of each attack, the first of the input */
  const int64_t *labels;        /* [count] */
  int attack_count;
  const bd_attack_t *attacks; /* [attack_count], in the order of the statistics */
  int run_count;
  int store_images;
  int attribute_count; /* of the root */
  const bd_attribute_t *attributes;
  /* Attributes of run r: writes at most 64 into `attributes` and returns their number.
     The texts stay valid until the next call. */
  int (*run_attributes)(void *context, int run, bd_attribute_t *attributes);
  void *context;
} bd_result_layout_t;

typedef struct bd_result bd_result_t;

/* Create the file and open it for writing.  The caller closes *result.
   Errors: BD_BAD_INPUT where the file exists and `overwrite` is 0, or its directory does
   not take it; BD_FAILED otherwise.  After an error there is no new file. */
bd_status_t bd_result_create(const char *path, int overwrite, const bd_result_layout_t *layout,
                             bd_result_t **result, bd_error_t *error);

/* Write one block: images first .. first + count - 1 of a run and attack.  `images` is
   [count][C][H][W] and ignored where the layout stores none.  Errors: BD_FAILED. */
bd_status_t bd_result_write(bd_result_t *result, int run, int attack, int64_t first, int64_t count,
                            const float *images, const bd_per_image_t *records, bd_error_t *error);

/* Compute /statistics from the records, write the attributes given (replacing those of
   the same name) and mark the file complete.  by_status[s], of BD_STATUSES_MAX, becomes the number of images
   with status s. */
bd_status_t bd_result_finish(bd_result_t *result, int has_victim, int attribute_count,
                             const bd_attribute_t *attributes, int64_t *by_status, bd_error_t *error);

/* Close the file; errors of the last flush come here.  NULL is allowed. */
bd_status_t bd_result_close(bd_result_t *result, bd_error_t *error);

/* ---- reading ------------------------------------------------------------------- */

typedef struct bd_result_summary {
  int complete;
  int64_t count;
  int run_count, attack_count;
  char *job; /* INI text */
  int attribute_count;
  struct {
    char name[64], value[256];
  } *attributes; /* the root's, as text, but the job */
  int64_t row_count;
  bd_statistics_t *rows;
} bd_result_summary_t;

/* Read all but images and records.  bd_result_summary_free() frees what *summary holds.
   Errors: BD_BAD_INPUT, naming the file and what is wrong with it. */
bd_status_t bd_result_read_summary(const char *path, bd_result_summary_t *summary, bd_error_t *error);
void bd_result_summary_free(bd_result_summary_t *summary);

/* What kind of file is it?  0 neither, 1 attacked images, 2 a result.
   Errors: BD_BAD_INPUT where the file cannot be opened as HDF5. */
bd_status_t bd_file_kind(const char *path, int *kind, bd_error_t *error);

#ifdef __cplusplus
}
#endif
#endif
