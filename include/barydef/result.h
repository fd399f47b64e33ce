/** @file
   Writing, continuing and checking a result file.

   The format (HDF5): see docs/formats.md.  No call is collective, and an object is used by
   one thread at a time.

   A result is created under a temporary name with every dataset contiguous and allocated,
   and then renamed: what stands under the path asked for is always a whole file, with
   attribute complete = 0 until bd_result_finish.  From then on no metadata changes its size
   or place.  Blocks are written at their known places (H5Dget_offset) without HDF5, first
   the data; once they are on the disk, their marks: the checksum of each image.  A row
   whose mark is 0 is not done.  So a writer that is killed at any moment loses what it has
   not marked, and never the file. */
#ifndef BARYDEF_RESULT_H
#define BARYDEF_RESULT_H

#include <barydef/api.h>
#include <barydef/error.h>
#include <barydef/images.h>
#include <barydef/statistics.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An attribute of the root or of a run.  A text keeps room for `room` bytes (0: as long as
   it is), so that it can be replaced where it stands. */
typedef struct bd_attribute {
  const char *name;
  enum { BD_ATTRIBUTE_TEXT, BD_ATTRIBUTE_INTEGER, BD_ATTRIBUTE_REAL } kind;
  const char *text;
  int64_t integer;
  double real;
  size_t room;
} bd_attribute_t;

/** What a result will hold; nothing of it is needed after bd_result_create. */
typedef struct bd_result_layout {
  const bd_images_info_t *info; /**< image shape */
  int64_t count;                /**< images of each attack, the first of the input */
  const int64_t *labels;        /**< [count] */
  int attack_count;
  const bd_attack_t *attacks; /**< [attack_count], in the order of the statistics */
  int first_run, run_count;   /**< a part of a sweep begins with another run than 0 */
  int store_images;
  int attribute_count; /**< of the root */
  const bd_attribute_t *attributes;
  /** Attributes of run r: writes at most 64 into `attributes` and returns their number.
     The texts stay valid until the next call. */
  int (*run_attributes)(void *context, int run, bd_attribute_t *attributes);
  void *context;
} bd_result_layout_t;

typedef struct bd_result bd_result_t;

/** Create the file, allocated on the disk where the file system can promise space, and open it; the
   caller closes *result. Errors: BD_BAD_INPUT where the file exists and `overwrite` is 0, or its
   directory does not exist; BD_FAILED otherwise (no right to write, no space, another process has
   created it meanwhile).  After an error there is no new file. */
BD_API bd_status_t bd_result_create(const char *path, int overwrite,
                                    const bd_result_layout_t *layout, bd_result_t **result,
                                    bd_error_t *error);

/* ---- an open result ------------------------------------------------------------ */

/** What is where, plain data: enough to read and write blocks on any rank, and all that
   bd_result_join needs.  Group g = (run - first_run) * attack_count + attack. */
typedef struct bd_result_shape {
  int first_run, run_count, attack_count, store_images;
  int channels, height, width, complete;
  int64_t count;
  int64_t record_bytes;           /**< of a record of per_image, in the file and in memory */
  int64_t file_size, head_digest; /**< by which another rank knows the file */
} bd_result_shape_t;

/** Open a result that is there: its structure is checked, every place lies inside the file.
   The caller closes *result.  Errors: BD_BAD_INPUT, naming the file and what is wrong with
   it; BD_FAILED without memory. */
BD_API bd_status_t bd_result_open(const char *path, bd_result_t **result, bd_error_t *error);

/** The same from what another rank has found: shape, and places of bd_result_place_count(shape)
   numbers.  Errors: BD_BAD_INPUT where another file stands here under this path; BD_FAILED. */
BD_API bd_status_t bd_result_join(const char *path, const bd_result_shape_t *shape,
                                  const int64_t *places, bd_result_t **result, bd_error_t *error);

BD_API const bd_result_shape_t *bd_result_shape(const bd_result_t *result);
BD_API size_t bd_result_place_count(const bd_result_shape_t *shape);
BD_API const int64_t *bd_result_places(const bd_result_t *result);
BD_API const char *bd_result_path(const bd_result_t *result);

/** Of a result from bd_result_open: the name of attack a, and a text attribute of the root
   (run = -1) or of a run; NULL, or 0, where there is none. */
BD_API const char *bd_result_attack(const bd_result_t *result, int attack);
BD_API int bd_result_text(const bd_result_t *result, int run, const char *name, char *text,
                          size_t size);

BD_API void bd_result_close(bd_result_t *result); /**< NULL is allowed */

/* ---- writing ------------------------------------------------------------------- */

/** Allow writing.  `alone` refuses where another process writes alone and goes on doing so for so
   many seconds, until it is closed. Errors: BD_FAILED. */
BD_API bd_status_t bd_result_begin_writing(bd_result_t *result, int alone, double seconds,
                                           bd_error_t *error);

/** An image is no longer done, whatever becomes of this run: its mark is 0.  bd_result_flush brings
   it to the disk. Errors: BD_FAILED. */
BD_API bd_status_t bd_result_unmark(bd_result_t *result, int run, int attack, int64_t image,
                                    bd_error_t *error);

/** What marks an image as done: the checksum (XXH3-64, never 0) of the mark of the pixels it was
   made from, its record and, where images are stored (NULL: not), of its `pixels` float32 values.
   Records have zeros between their fields. */
BD_API uint64_t bd_result_mark(uint64_t input_mark, const void *record, size_t record_bytes,
                               const float *image, size_t pixels);

/** Bytes of a record of per_image in a result that this program creates. */
BD_API size_t bd_result_record_bytes(void);

/** Images first .. first + count - 1 of a run and attack: [count][C][H][W].
   Errors of these four: BD_FAILED. */
BD_API bd_status_t bd_result_write_images(bd_result_t *result, int run, int attack, int64_t first,
                                          int64_t count, const float *images, bd_error_t *error);

/** What was written is on the disk after this. */
BD_API bd_status_t bd_result_flush(bd_result_t *result, bd_error_t *error);

/** Their records, with the marks of the images and of the pixels they were made from, which reach
   the file later: with the bd_result_sync after, or an earlier one should there be many. */
BD_API bd_status_t bd_result_write_records(bd_result_t *result, int run, int attack, int64_t first,
                                           int64_t count, const bd_per_image_t *records,
                                           const uint64_t *marks, const uint64_t *input_marks,
                                           bd_error_t *error);

/** Data to the disk, then the marks, and with `now` these too.  Without, only where the last sync
   took less than a hundredth of the time since, or two seconds have passed.  After a failure
   nothing is marked any more. */
BD_API bd_status_t bd_result_sync(bd_result_t *result, int now, bd_error_t *error);

/** Write the labels anew (they may be damaged). */
BD_API bd_status_t bd_result_write_labels(bd_result_t *result, const int64_t *labels,
                                          bd_error_t *error);

/** A complete result that is to be mended is no longer complete. */
BD_API bd_status_t bd_result_reopen(bd_result_t *result, bd_error_t *error);

/** Compute /statistics from the records, write the attributes given (which must exist with
   room enough) and mark the file complete.  by_status[s], of BD_STATUSES_MAX, becomes the
   number of images with status s.  Closes the result.  Forks, as bd_images_open does; where HDF5
   fails on the file, what was written before is kept and it is not complete.  Errors: BD_FAILED. */
BD_API bd_status_t bd_result_finish(bd_result_t *result, int has_victim, int attribute_count,
                                    const bd_attribute_t *attributes, int64_t *by_status,
                                    bd_error_t *error);

/* ---- checking ------------------------------------------------------------------ */

enum { BD_ROW_MISSING, BD_ROW_DONE, BD_ROW_DAMAGED };

/** states[i], of `count`: is image first + i of a run and attack done, and what its mark
   says?  input_marks[i]: the mark of the pixels it was made from.  `trusting` believes the
   marks and reads nothing that they cover.
   Errors: BD_FAILED where the file cannot be read. */
BD_API bd_status_t bd_result_verify(bd_result_t *result, int run, int attack, int64_t first,
                                    int64_t count, int trusting, uint8_t *states,
                                    uint64_t *input_marks, bd_error_t *error);

/** Do labels, the attributes below /runs and, in a complete result, /statistics say what they
   should?  *wrong becomes NULL or the names of what is damaged, a line each: the result's, until
   the next call.  Errors: BD_FAILED. */
BD_API bd_status_t bd_result_verify_tables(bd_result_t *result, const char **wrong,
                                           bd_error_t *error);

/** How many attributes that follow from job and input (of `layout`: below /runs, and the data set's
   name) are others in the file?  `first` becomes the name of one.  With `mend` they are written
   anew; writing must have begun.  Forks, as bd_images_open does. Errors: BD_BAD_INPUT, naming one
   that cannot be mended in its place; BD_FAILED. */
BD_API bd_status_t bd_result_compare_attributes(bd_result_t *result,
                                                const bd_result_layout_t *layout, int mend,
                                                int *differing, char first[256], bd_error_t *error);

/* ---- a sweep in parts ---------------------------------------------------------- */

/** Join complete results of the parts of one job into one, which is what one run would have
   written.  `resume`: a result that is there already, whole and of these very parts, is left as it
   is.  The message of `note`: empty, or that other revisions of the program computed them.  Errors:
   BD_BAD_INPUT where a part is damaged, incomplete, missing or disagrees with the first, naming it,
   where `path` is one of them or exists (not with `overwrite`); BD_FAILED otherwise. */
BD_API bd_status_t bd_result_merge(int part_count, const char *const *parts, const char *path,
                                   int overwrite, int resume, bd_error_t *note, bd_error_t *error);

/* ---- reading ------------------------------------------------------------------- */

typedef struct bd_result_summary {
  int complete;
  int64_t count;
  int run_count, attack_count;
  char *job; /**< INI text */
  int attribute_count;
  struct {
    char name[64], value[256];
  } * attributes; /**< the root's but the job, and kernel_used and instructions_used of the runs, as
                     text */
  int64_t row_count;
  bd_statistics_t *rows;
} bd_result_summary_t;

/** Read all but images and records.  bd_result_summary_free() frees what *summary holds.
   Errors: BD_BAD_INPUT, naming the file and what is wrong with it. */
BD_API bd_status_t bd_result_read_summary(const char *path, bd_result_summary_t *summary,
                                          bd_error_t *error);
BD_API void bd_result_summary_free(bd_result_summary_t *summary);

/** What kind of file is it?  0 neither, 1 attacked images, 2 a result.
   Errors: BD_BAD_INPUT where the file cannot be opened as HDF5. */
BD_API bd_status_t bd_file_kind(const char *path, int *kind, bd_error_t *error);

#ifdef __cplusplus
}
#endif
#endif
