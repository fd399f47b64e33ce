/** @file
   Reading a file of attacked images.

   The format (HDF5): attributes of / schema = "attacked-images", schema_version = 1 and
   dataset (string); /labels integer [n]; /clean/images, optional, and
   /attacks/NAME/images, float32|float64|uint8 [n,C,H,W], floats in [0,1], uint8 in
   0..255; /attacks/NAME has the attributes norm, epsilon and source.  Row i of every
   group is test image i.

   The file may be made to harm (docs/security.md): a child process parses it, and what it found is
   checked here and then read without HDF5.  Allowed are hard links; datasets of float32, float64
   and uint8 that are contiguous or in chunks, through deflate, shuffle and fletcher32, each once
   at most; everything stored in the file itself.

   No call is collective: one rank opens the file and hands its survey to the others, which join.
   An object is used by one thread at a time. */
#ifndef BARYDEF_IMAGES_H
#define BARYDEF_IMAGES_H

#include <barydef/api.h>
#include <barydef/error.h>
#include <barydef/statistics.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One group of images: an attack, or the clean images (name "clean", norm "none",
   epsilon 0). */
typedef struct bd_attack {
  char name[BD_ATTACK_NAME]; /**< of its group in the file */
  char norm[BD_NORM_NAME];   /**< "linf", "l2", ... */
  double epsilon;            /**< in the norm, pixels in [0,1]; NaN where the file does not say */
  char source[256];          /**< how it was made; cut at 255 bytes */
  char type[16];             /**< "float32", "float64" or "uint8" */
} bd_attack_t;

/** What a file of attacked images holds. */
typedef struct bd_images_info {
  char dataset[64];           /**< its name, cut at 63 bytes */
  int64_t count;              /**< n, the images of each group */
  int channels;               /**< C */
  int height;                 /**< H, pixels */
  int width;                  /**< W, pixels */
  int attack_count;           /**< with "clean", which is the last where the file has it */
  const bd_attack_t *attacks; /**< by name */
  int has_clean;              /**< 1 where the clean images are there */
  int64_t label_min;          /**< the least label */
  int64_t label_max;          /**< the greatest label */
  double bytes;               /**< of memory that reading takes: labels, the list of the chunks, and
                                 some of them inflated */
  char digest[33];            /**< XXH3-128, hexadecimal, of labels, shapes, types and attributes */
} bd_images_info_t;

/** An open file of attacked images. */
typedef struct bd_images bd_images_t;

/** For bd_images_open, where nobody asks for another bound: the default of run.max_memory. */
#define BD_IMAGES_MEMORY (INT64_C(2048) << 20)

/** Open and check everything but the pixels, in at most most_bytes of memory.  Forks: not to be
   called while other threads of the process hold locks that HDF5 needs.  The caller closes *images.
   Errors: BD_BAD_INPUT, naming the file and the object in it. */
BD_API bd_status_t bd_images_open(const char *path, int64_t most_bytes, bd_images_t **images,
                                  bd_error_t *error);

/** What another process of the same program needs to join: *size bytes, of the images' own. */
BD_API const void *bd_images_survey(const bd_images_t *images, size_t *size);

/** Open a file that another process has opened and checked.
   Errors: BD_BAD_INPUT where it is not the same file. */
BD_API bd_status_t bd_images_join(const char *path, const void *survey, size_t size,
                                  bd_images_t **images, bd_error_t *error);
BD_API void bd_images_close(bd_images_t *images); /**< NULL is allowed */

/** Valid until the images are closed. */
BD_API const bd_images_info_t *bd_images_info(const bd_images_t *images);
BD_API const int64_t *bd_images_labels(const bd_images_t *images); /**< [count] */

/** Index into info->attacks of `name`, or -1. */
BD_API int bd_images_find(const bd_images_t *images, const char *name);

/** Images first .. first + count - 1 of an attack as float64 [count][C][H][W] in [0,1]
   (uint8 divided by 255) into the caller's array.
   Errors: BD_FAILED where the file cannot be read or has been changed since it was opened,
   naming file, attack and images. */
BD_API bd_status_t bd_images_read(bd_images_t *images, int attack, int64_t first, int64_t count,
                                  double *pixels, bd_error_t *error);

/** These images will be read soon: asks the system to fetch them from the disk, and returns at
   once.  Cannot fail: it is a hint. */
BD_API void bd_images_expect(bd_images_t *images, int attack, int64_t first, int64_t count);

#ifdef __cplusplus
}
#endif
#endif
