/** @file
   Writing, continuing, checking, merging and reading a result.

   docs/formats.md describes the format (HDF5).  No call is collective.  One thread at a time may
   use an object.

   A result is created under a temporary name, with every dataset contiguous and allocated, and is
   then renamed.  The path asked for therefore always names a whole file.  Its attribute `complete`
   is 0 until bd_result_finish.  After the creation no metadata changes its size or place.  Blocks
   are written without HDF5, at the places that H5Dget_offset told: first their data, and once these
   are on the disk, a mark for each image, which is a checksum.  A row whose mark is 0 is not done.
   A writer that is killed loses the rows that it has not marked, and never the file.

   A file that others may have made is opened by HDF5 in a child process only (docs/security.md).
   Such a call forks, and must not be made while another thread holds a lock that HDF5 needs. */
#ifndef BARYDEF_RESULT_H
#define BARYDEF_RESULT_H

#include <barydef/api.h>
#include <barydef/attribute.h>
#include <barydef/error.h>
#include <barydef/images.h>
#include <barydef/job.h>
#include <barydef/limits.h>
#include <barydef/statistics.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a result will hold.  bd_result_create keeps nothing of it. */
typedef struct bd_result_layout {
  const bd_images_info_t *info; /**< gives the shape of an image and the name of the data set */
  int64_t count;                /**< images of each attack: the first of the input */
  const int64_t *labels;        /**< [count] */
  int attack_count;             /**< attacks, with the clean images where they are processed */
  const bd_attack_t *attacks;   /**< [attack_count], in the order of the statistics */
  /** What run `run` says of attack `attack`; the name must be that of attacks[attack].  NULL: every
     run says what `attacks` does. */
  void (*attack)(void *context, int run, int attack, bd_attack_t *about);
  int first_run;                    /**< number of the first run, which is not 0 in a later part */
  int run_count;                    /**< runs in this file */
  int store_images;                 /**< 1: purified images are stored; 0: records alone */
  bd_views_t views;                 /**< what the victim is shown, which decides on columns */
  int attribute_count;              /**< attributes of the root */
  const bd_attribute_t *attributes; /**< [attribute_count] */
  /** The attributes of run `run`.  Writes at most BD_RUN_ATTRIBUTES_MAX into `attributes` and
     returns their number.  The texts stay valid until the next call. */
  int (*run_attributes)(void *context, int run, bd_attribute_t *attributes);
  void *context; /**< handed to run_attributes and attack */
} bd_result_layout_t;

/** An open result. */
typedef struct bd_result bd_result_t;

/** What becomes of a file that stands where a result is to be created. */
typedef enum bd_existing {
  BD_EXISTING_REFUSED,  /**< it stays, and the call fails with BD_BAD_INPUT */
  BD_EXISTING_REPLACED, /**< the new result replaces it once it is whole */
  BD_EXISTING_KEPT /**< bd_run goes on with it; bd_result_merge leaves it where it is what would be
                        written.  Not for bd_result_create */
} bd_existing_t;

/** Create a result and open it.  Its space on the disk is reserved where the file system can do so.
   The caller closes *result.
   Errors: BD_BAD_INPUT where the file exists and must stay, or where its folder does not exist;
   BD_FAILED where there is no right to write or no space, or where another process has created the
   file meanwhile.  After an error there is no new file. */
BD_API bd_status_t bd_result_create(const char *path, bd_existing_t existing,
                                    const bd_result_layout_t *layout, bd_result_t **result,
                                    bd_error_t *error);

/* ---- an open result ------------------------------------------------------------ */

/** What a result holds.  With the places of its datasets this is all that another process needs to
   read and write blocks (bd_result_join).  It is plain data without pointers. */
typedef struct bd_result_shape {
  int first_run;        /**< number of the first run */
  int run_count;        /**< runs */
  int attack_count;     /**< attacks, with the clean images */
  int store_images;     /**< 1: there are purified images; else channels to width are 0 */
  int channels;         /**< channels of an image */
  int height;           /**< rows of an image, in pixels */
  int width;            /**< columns of an image, in pixels */
  int complete;         /**< 1: bd_result_finish was called, and nothing reopened it */
  int64_t count;        /**< images of each attack */
  bd_views_t views;     /**< what the victim was asked for */
  int64_t record_bytes; /**< bytes of a record of per_image: bd_record_bytes(views) */
  int64_t file_size;    /**< bytes of the file, by which another process knows it */
  int64_t head_digest;  /**< XXH3-64 of its first 4 KiB, by which another process knows it */
} bd_result_shape_t;

/** Images of one attack in one run. */
typedef struct bd_rows {
  int run;       /**< number of the run */
  int attack;    /**< index of the attack */
  int64_t first; /**< index of the first image */
  int64_t count; /**< images */
} bd_rows_t;

/** Open a result that exists.  Its structure is checked, and every dataset lies inside the file.
   The caller closes *result.  Forks.
   Errors: BD_BAD_INPUT, naming the file and what is wrong with it; BD_FAILED without memory. */
BD_API bd_status_t bd_result_open(const char *path, bd_result_t **result, bd_error_t *error);

/** Open a result that another process has opened, from its shape and its places, of which there are
   bd_result_place_count(shape).  Does not fork.  The caller closes *result.
   Errors: BD_BAD_INPUT where the path leads to another file here; BD_FAILED without memory. */
BD_API bd_status_t bd_result_join(const char *path, const bd_result_shape_t *shape,
                                  const int64_t *places, bd_result_t **result, bd_error_t *error);

/** The shape of an open result, valid until it is closed. */
BD_API const bd_result_shape_t *bd_result_shape(const bd_result_t *result);

/** The number of places in a result of this shape. */
BD_API size_t bd_result_place_count(const bd_result_shape_t *shape);

/** Offsets in the file, [bd_result_place_count], valid until the result is closed. */
BD_API const int64_t *bd_result_places(const bd_result_t *result);

/** The path that the result was opened under, valid until it is closed. */
BD_API const char *bd_result_path(const bd_result_t *result);

/** The name of an attack, valid until the result is closed.  Not after bd_result_join. */
BD_API const char *bd_result_attack(const bd_result_t *result, int attack);

/** Copy a text attribute of the root (run = -1) or of a run into `text`, which has `size` bytes.  A
   longer one is cut.  Returns 1; returns 0 and leaves `text` alone where there is none.  Known are
   the attributes that a resume and a merge compare.  After bd_result_join there are none. */
BD_API int bd_result_text(const bd_result_t *result, int run, const char *name, char *text,
                          size_t size);

/** Close a result without finishing it.  NULL is allowed. */
BD_API void bd_result_close(bd_result_t *result);

/* ---- writing ------------------------------------------------------------------- */

/** Who else may write a result at the same time. */
typedef enum bd_writer {
  BD_WRITER_ALONE, /**< nobody who asks for this too: rank 0 of a run */
  BD_WRITER_JOINED /**< the one writer that is alone has asked for help: another rank of its run */
} bd_writer_t;

/** Allow writing until the result is closed.  BD_WRITER_ALONE waits at most `seconds` for another
   process that writes alone.  Where the file system has no locks it waits for nobody, and
   bd_result_unlocked says so.  Errors: BD_FAILED, also where the file was replaced since it was
   opened. */
BD_API bd_status_t bd_result_begin_writing(bd_result_t *result, bd_writer_t writer, double seconds,
                                           bd_error_t *error);

/** NULL, or one line that says that the file system has no locks, so that nothing keeps two
   processes that write alone apart.  Known after bd_result_begin_writing; valid until the result is
   closed. */
BD_API const char *bd_result_unlocked(const bd_result_t *result);

/** Set the marks of these images to 0: they are not done, whatever becomes of this run.  The next
   bd_result_flush brings this to the disk.  Errors: BD_FAILED. */
BD_API bd_status_t bd_result_unmark(bd_result_t *result, bd_rows_t rows, bd_error_t *error);

/** The mark of an image that is done.  It is a checksum (XXH3-64, never 0) over the mark of the
   pixels that the image was made from, its record, and its `pixels` float32 values.  `image` is
   NULL where images are not stored.  The bytes between the fields of a record must be 0. */
BD_API uint64_t bd_result_mark(uint64_t input_mark, const void *record, size_t record_bytes,
                               const float *image, size_t pixels);

/** Write purified images, [rows.count][C][H][W].  Errors: BD_FAILED. */
BD_API bd_status_t bd_result_write_images(bd_result_t *result, bd_rows_t rows, const float *images,
                                          bd_error_t *error);

/** Read images of a result that stores them, [rows.count][C][H][W].  Errors: BD_FAILED. */
BD_API bd_status_t bd_result_read_images(const bd_result_t *result, bd_rows_t rows, float *images,
                                         bd_error_t *error);

/** Return once everything that was written is on the disk.  Errors: BD_FAILED, from then on at
   every call, since the system reports a failed write only once. */
BD_API bd_status_t bd_result_flush(bd_result_t *result, bd_error_t *error);

/** Write records, [rows.count] as bd_record_pack makes them, and the marks of the pixels that the
   images were made from.  The marks of the images reach the file at a later bd_result_sync, or
   earlier where many wait. Errors: BD_FAILED. */
BD_API bd_status_t bd_result_write_records(bd_result_t *result, bd_rows_t rows, const void *records,
                                           const uint64_t *marks, const uint64_t *input_marks,
                                           bd_error_t *error);

/** When bd_result_sync acts. */
typedef enum bd_sync {
  BD_SYNC_WHEN_DUE, /**< where the last sync took less than a hundredth of the time since it, or
                       two seconds have passed */
  BD_SYNC_NOW       /**< at once, and it returns when the marks are on the disk too */
} bd_sync_t;

/** Bring the data to the disk, and then write the marks that wait.  After an error nothing is
   marked any more.  Errors: BD_FAILED. */
BD_API bd_status_t bd_result_sync(bd_result_t *result, bd_sync_t when, bd_error_t *error);

/** Write the labels, [count], which may be damaged.  Errors: BD_FAILED. */
BD_API bd_status_t bd_result_write_labels(bd_result_t *result, const int64_t *labels,
                                          bd_error_t *error);

/** Make a complete result incomplete, so that it can be mended.  Forks.  Errors: BD_FAILED. */
BD_API bd_status_t bd_result_reopen(bd_result_t *result, bd_error_t *error);

/** Whether the records of a result hold predictions. */
typedef enum bd_predictions {
  BD_PREDICTIONS_ABSENT, /**< there was no victim: accuracies become NaN */
  BD_PREDICTIONS_PRESENT /**< a victim has predicted: accuracies are counted */
} bd_predictions_t;

/** Compute /statistics from the records, write these attributes of the root, which must exist and
   have room enough, and mark the result as complete.  by_status[s], of BD_STATUSES_MAX, becomes the
   number of images with status s.  Closes the result, also after an error.  Forks.
   Errors: BD_FAILED; the blocks that were written stay, and the result is not complete. */
BD_API bd_status_t bd_result_finish(bd_result_t *result, bd_predictions_t predictions,
                                    int attribute_count, const bd_attribute_t *attributes,
                                    int64_t *by_status, bd_error_t *error);

/* ---- checking ------------------------------------------------------------------ */

/** What bd_result_verify finds out about an image. */
typedef enum bd_row_state {
  BD_ROW_MISSING, /**< not done */
  BD_ROW_DONE,    /**< done, and what was checked agrees with its mark */
  BD_ROW_DAMAGED  /**< marked as done, but the mark is not that of what is stored */
} bd_row_state_t;

/** Find out which images are done.  states[i], of rows.count, becomes a bd_row_state_t, and
   input_marks[i] the mark of the pixels that image i was made from.
   Errors: BD_FAILED where the file cannot be read or memory is short. */
BD_API bd_status_t bd_result_verify(bd_result_t *result, bd_rows_t rows, bd_verify_t how,
                                    uint8_t *states, uint64_t *input_marks, bd_error_t *error);

/** Check the labels, the attributes below /runs and, in a complete result, /statistics.  *wrong
   becomes NULL, or the names of what is damaged, one a line, which the result keeps until the next
   call.  Forks.  Errors: BD_FAILED; BD_BAD_INPUT where HDF5 fails on the file. */
BD_API bd_status_t bd_result_verify_tables(bd_result_t *result, const char **wrong,
                                           bd_error_t *error);

/** What bd_result_compare_attributes does with an attribute that differs. */
typedef enum bd_attributes_how {
  BD_ATTRIBUTES_COMPARED, /**< counts it */
  BD_ATTRIBUTES_MENDED    /**< counts it and writes it again; writing must have begun */
} bd_attributes_how_t;

/** What bd_result_compare_attributes has found. */
typedef struct bd_attributes_differing {
  int count;       /**< attributes that differ */
  char first[256]; /**< the name of one of them */
} bd_attributes_differing_t;

/** Compare the attributes that follow from job and input with those in the file.  These are the
   ones below /runs and the name of the data set.  Forks. Errors: BD_BAD_INPUT, naming an attribute
   that cannot be mended in its place; BD_FAILED. */
BD_API bd_status_t bd_result_compare_attributes(bd_result_t *result,
                                                const bd_result_layout_t *layout,
                                                bd_attributes_how_t how,
                                                bd_attributes_differing_t *differing,
                                                bd_error_t *error);

/* ---- a sweep in parts ---------------------------------------------------------- */

/** Join the complete results of the parts of one job into the result that a single run would have
   written.  BD_EXISTING_KEPT leaves a result that exists as it is where it is whole and made of
   these parts.  The message of `note` becomes empty, or says that other revisions of the program
   computed some part, and that the file system has no locks to keep a writer of the replaced file
   away.  Forks.
   Errors: BD_BAD_INPUT, naming a part that is damaged, incomplete, missing or of another job than
   the first, or where `path` is a part or exists and must stay; BD_FAILED otherwise. */
BD_API bd_status_t bd_result_merge(int part_count, const char *const *parts, const char *path,
                                   bd_existing_t existing, bd_error_t *note, bd_error_t *error);

/* ---- reading ------------------------------------------------------------------- */

/** An attribute as text. */
typedef struct bd_attribute_text {
  char name[64];   /**< cut at 63 bytes */
  char value[256]; /**< cut at 255 bytes */
} bd_attribute_text_t;

/** What a result says, without its images and records. */
typedef struct bd_result_summary {
  int complete;        /**< 1: the result is complete */
  int64_t count;       /**< images of each attack */
  int run_count;       /**< runs */
  int attack_count;    /**< attacks, with the clean images */
  bd_views_t views;    /**< what the victim was asked for */
  char *job;           /**< the job as INI text, in which control characters have become '?' */
  int attribute_count; /**< of `attributes` */
  bd_attribute_text_t *attributes; /**< those of the root except the job, and kernel_used and
                                      instructions_used of the runs */
  int64_t row_count;               /**< run_count * attack_count */
  bd_statistics_t *rows;           /**< [row_count], in run then attack order */
} bd_result_summary_t;

/** Read what a result says.  bd_result_summary_free frees what *summary holds.  Forks.
   Errors: BD_BAD_INPUT, naming the file and what is wrong with it; BD_FAILED. */
BD_API bd_status_t bd_result_read_summary(const char *path, bd_result_summary_t *summary,
                                          bd_error_t *error);

/** Free what bd_result_read_summary has allocated. */
BD_API void bd_result_summary_free(bd_result_summary_t *summary);

/** The kinds of files that the program knows. */
typedef enum bd_file_kind {
  BD_FILE_OTHER,  /**< HDF5, but neither of those below */
  BD_FILE_IMAGES, /**< attacked images (images.h) */
  BD_FILE_RESULT  /**< a result */
} bd_file_kind_t;

/** Find out what kind of file `path` is.  Forks.
   Errors: BD_BAD_INPUT where HDF5 cannot open the file. */
BD_API bd_status_t bd_file_kind(const char *path, bd_file_kind_t *kind, bd_error_t *error);

#ifdef __cplusplus
}
#endif
#endif
