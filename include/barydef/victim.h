/** @file
   The classifier under attack.

   A victim is a TorchScript module that takes float32 [n,C,H,W] in [0,1] and gives logits
   [n,classes].  A TorchScript file is a program, which runs with the rights of the process: load
   only what you trust.  A victim has one thread, full batches of a fixed size, and a time limit.
   One that does not answer within it is ended, with its process, by SIGALRM; a program installs a
   handler that says so (bd_victim_watched).

   A victim runs as it is written, whatever the process has set: neither the profiling executor of
   libtorch nor its fusers recompile it after the first calls, which would take minutes and change
   digits.  Their settings for other TorchScript of the process stay as they are.

   libtorch is in a module of its own, which is loaded at the first call of this header.  Loading it
   sets OPENBLAS_CORETYPE where the environment does not, and has malloc keep what is freed
   (mallopt), and bd_victim_load gives libtorch one thread, all for the whole process.  Where the
   module was not built or not installed, bd_victim_load says so.  No call is collective, and one
   thread at a time may use this header. */
#ifndef BARYDEF_VICTIM_H
#define BARYDEF_VICTIM_H

#include <barydef/api.h>
#include <barydef/error.h>
#include <barydef/tables.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A classifier that has been loaded. */
typedef struct bd_victim bd_victim_t;

/** Which classifier, and what it will be shown. */
typedef struct bd_victim_options {
  const char *path;    /**< of the TorchScript file */
  int batch;           /**< images it is shown at once, > 0 */
  double max_seconds;  /**< time for loading, and for each batch; 0: any */
  int channels;        /**< of an image */
  int height;          /**< of an image, in pixels */
  int width;           /**< of an image, in pixels */
  const float *images; /**< [image_count][C][H][W], to try it on; may be NULL */
  int image_count;     /**< 0: it is tried on zeros, which some classifiers fail on */
} bd_victim_options_t;

/** Version of libtorch, or NULL where there is no victim module. */
BD_API const char *bd_victim_library(void);

/** Why a victim module that is installed cannot be used, or NULL. */
BD_API const char *bd_victim_problem(void);

/** Load a classifier, and try it once.  *classes becomes the number of its logits.  The caller
   frees *victim.  Weights in float16, bfloat16 or float64 become float32 where it fails with them.
   Of an answer of several values the one tensor [batch][classes] is taken.  Errors: BD_BAD_INPUT,
   naming the file and what to do, where it does not load, throws, or gives another shape; BD_FAILED
   without memory. */
BD_API bd_status_t bd_victim_load(const bd_victim_options_t *options, bd_victim_t **victim,
                                  int *classes, bd_error_t *error);

/** The value of a row of BD_VICTIM_CHECK_TABLE. */
#define BD_VICTIM_CHECK_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_VICTIM_CHECK_##NAME, meaning)
/** How strictly a victim is examined: BD_VICTIM_CHECK_STRICT or BD_VICTIM_CHECK_WARN. */
typedef enum bd_victim_check { BD_VICTIM_CHECK_TABLE(BD_VICTIM_CHECK_VALUE) } bd_victim_check_t;

/** What a victim is examined on. */
typedef struct bd_victim_trial {
  int count;               /**< images; 0: nothing is examined */
  const float *images;     /**< [count][C][H][W] of the set */
  const int64_t *labels;   /**< [count], of clean images, which it should know; else NULL */
  bd_victim_check_t check; /**< what becomes of one that fails */
} bd_victim_trial_t;

/** Examine whether a victim is a function of one image with finite logits: it is shown the same
   batch twice, an image among others, at another row, and alone.  What is only odd is said: outputs
   of a softmax, clean images judged at random, values that were cast or chosen.  Lines are added to
   `notes`, a text in `room` bytes, each with the file, a newline between two.  Errors:
   BD_BAD_INPUT, with the reason and the cure, where it fails and `check` is strict; BD_FAILED
   without memory. */
BD_API bd_status_t bd_victim_examine(bd_victim_t *victim, const bd_victim_trial_t *trial,
                                     char *notes, size_t room, bd_error_t *error);

/** The class of an image for which a logit is NaN. */
enum { BD_VICTIM_NAN = -4 };

/** Class of each of `count` images [count][C][H][W]; BD_VICTIM_NAN where a logit is NaN.
   first_index is the number of the first image in its set.  Image i is evaluated at row i mod batch
   of a batch that is always full, so that its logits depend on nothing but the image, however the
   set is cut into blocks.  The other rows are copies of an image that is asked about, since a
   classifier may fail on what is no image.  Errors: BD_FAILED where the victim throws. */
BD_API bd_status_t bd_victim_predict(bd_victim_t *victim, int64_t first_index, int count,
                                     const float *images, int32_t *classes, bd_error_t *error);

/** Logits of an image. */
BD_API int bd_victim_classes(const bd_victim_t *victim);

/** Set weights[count][classes], the derivative of a loss by the logits, from
   logits[count][classes]. which[i] says which image of the request row i belongs to. */
typedef void bd_victim_weigh_t(void *context, int count, const int *which, const float *logits,
                               float *weights);

/** What is asked of bd_victim_ask.  All arrays are the caller's. */
typedef struct bd_victim_request {
  int count;                /**< images */
  const int64_t *numbers;   /**< [count], the numbers of the images in their set */
  const float *images;      /**< [count][C][H][W] in [0,1] */
  bd_victim_weigh_t *weigh; /**< called once for each batch, between its forward and its backward
                               pass; NULL: no gradient is asked for */
  void *context;            /**< of `weigh` */
  float *logits;            /**< [count][classes]; may be NULL */
  float *gradients;         /**< [count][C][H][W]: derivative of the weighted sum of an image's
                               logits by its pixels; not looked at without `weigh` */
  char *failed;             /**< [count], set to 1 for an image for which a logit, or the gradient,
                               is NaN, else left alone.  Its logits are then 0, -1, -2 ..., and its
                               gradient is 0.  NULL: NaN is an error. */
} bd_victim_request_t;

/** Logits of images, and the gradient of any weighting of them.  Image i is evaluated at row
   numbers[i] mod batch of a batch that is always full, so that its answer depends on its pixels
   alone; images whose numbers leave different rests share a batch.  The module that gives gradients
   is not the one that bd_victim_predict asks, which is made for inference: their logits differ by
   rounding.  Errors: BD_FAILED where the victim throws or has no gradient. */
BD_API bd_status_t bd_victim_ask(bd_victim_t *victim, const bd_victim_request_t *request,
                                 bd_error_t *error);

/** For a handler of SIGALRM: "FILE: no answer within N s (run.victim_seconds)", or NULL where no
   victim is at work, or where it has time left. */
BD_API const char *bd_victim_watched(void);

/** For a handler of SIGCONT: begin the time of the victim again.  A process that a batch system had
   suspended gave its victim no time. */
BD_API void bd_victim_continue(void);

/** XXH3-128 of the file, hexadecimal.  Errors: BD_BAD_INPUT where it cannot be read. */
BD_API bd_status_t bd_victim_digest(const char *path, char digest[33], bd_error_t *error);

/** Free a classifier.  NULL is allowed. */
BD_API void bd_victim_free(bd_victim_t *victim);

#ifdef __cplusplus
}
#endif
#endif
