/** @file
   Reading a file of attacked images.

   docs/formats.md describes the format (HDF5).  Row i of every group is test image i.

   The file may be made to harm (docs/security.md).  A child process parses it with HDF5.  What the
   child finds is checked, and the images are then read without HDF5.  Allowed are hard links, and
   datasets of float16, float32, float64 and uint8 that are stored in the file itself, contiguous or
   in chunks, through deflate, lzf, shuffle and fletcher32, each once at most.  docs/inputs.md has
   what else is read, what is refused, and the way out.

   No call is collective: one rank opens the file and hands its survey to the others, which join.
   One thread at a time may use an object. */
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

/** One group of images: an attack, or the clean images, whose name is "clean", whose norm is "none"
   and whose epsilon is 0. */
typedef struct bd_attack {
  char name[BD_ATTACK_NAME]; /**< of the group */
  char norm[BD_NORM_NAME];   /**< in which epsilon is measured, such as "linf" */
  double epsilon;   /**< size of the attack, pixels in [0,1]; NaN where the file has none */
  char source[256]; /**< where the attack comes from, cut at 255 bytes */
  char type[16];    /**< "float16", "float32", "float64" or "uint8" */
  char through[BD_NORM_NAME];  /**< what the attacker knew, a word of BD_ATTACK_THROUGH_TABLE; ""
                                    where the file does not say */
  char gradient[BD_NORM_NAME]; /**< of the purifier, a word of BD_ATTACK_GRADIENT_TABLE, or "" */
} bd_attack_t;

/** What a file of attacked images holds. */
typedef struct bd_images_info {
  char dataset[64];           /**< name of the data set, such as "mnist" */
  int64_t count;              /**< images of each attack */
  int channels;               /**< channels of an image */
  int height;                 /**< rows of an image, in pixels */
  int width;                  /**< columns of an image, in pixels */
  int attack_count;           /**< attacks, with the clean images, which come last */
  const bd_attack_t *attacks; /**< [attack_count], by name */
  int has_clean;              /**< 1: there are clean images */
  const char *notes;          /**< what the file holds that is not read, such as an attribute of an
                                   unknown type: a line for each, with a newline between; "" */
  int64_t label_min;          /**< least label */
  int64_t label_max;          /**< greatest label */
  double bytes; /**< of memory that reading takes: labels, the list of the chunks, and some of them
                   inflated */
  char digest[33]; /**< XXH3-128, hexadecimal, of labels, shapes, types and attributes */
} bd_images_info_t;

/** An open file of attacked images. */
typedef struct bd_images bd_images_t;

/** Bytes for bd_images_open where nobody asks for another bound: the default of run.max_memory. */
#define BD_IMAGES_MEMORY (INT64_C(2048) << 20)

/** Open a file and check everything but the pixels, in at most most_bytes of memory.  The caller
   closes *images.  Forks, and must not be called while another thread holds a lock that HDF5 needs.
   Errors: BD_BAD_INPUT, naming the file and the object in it; BD_FAILED without memory or where the
   child could not work. */
BD_API bd_status_t bd_images_open(const char *path, int64_t most_bytes, bd_images_t **images,
                                  bd_error_t *error);

/** What another process of the same program needs to join: *size bytes, valid until the images are
   closed. */
BD_API const void *bd_images_survey(const bd_images_t *images, size_t *size);

/** Open a file that another process has opened and checked, from its survey.  Does not fork.  The
   caller closes *images.
   Errors: BD_BAD_INPUT where the path leads to another file here; BD_FAILED without memory. */
BD_API bd_status_t bd_images_join(const char *path, const void *survey, size_t size,
                                  bd_images_t **images, bd_error_t *error);

/** Close the images.  NULL is allowed. */
BD_API void bd_images_close(bd_images_t *images);

/** The path by which the file was opened, valid until the images are closed. */
BD_API const char *bd_images_path(const bd_images_t *images);

/** What the file holds, valid until the images are closed. */
BD_API const bd_images_info_t *bd_images_info(const bd_images_t *images);

/** The labels, [count], valid until the images are closed. */
BD_API const int64_t *bd_images_labels(const bd_images_t *images);

/** The index of an attack in info->attacks, or -1. */
BD_API int bd_images_find(const bd_images_t *images, const char *name);

/** Read images first to first + count - 1 of an attack into the caller's array, as float64
   [count][C][H][W] in [0,1].  Values of uint8 are divided by 255.
   Errors: BD_FAILED where the file cannot be read or has been changed since it was opened,
   naming file, attack and images. */
BD_API bd_status_t bd_images_read(bd_images_t *images, int attack, int64_t first, int64_t count,
                                  double *pixels, bd_error_t *error);

/** Refuse a set whose values say another scale than [0,1], such as 0 to 255 as floats, -1 to 1, or
   standardised ones, from some of the first `count` images of a group (an index of info->attacks).
   Most of them must say so.  Single images beyond [0,1] are left to the solver.  An image that
   cannot be read says nothing.
   Errors: BD_BAD_INPUT, naming what was seen and how to convert the set; BD_FAILED without
   memory. */
BD_API bd_status_t bd_images_check_scale(bd_images_t *images, int group, int64_t count,
                                         bd_error_t *error);

/** Ask the system to fetch images from the disk that will be read soon.  Returns at once.  This is
   a hint and cannot fail. */
BD_API void bd_images_expect(bd_images_t *images, int attack, int64_t first, int64_t count);

#ifdef __cplusplus
}
#endif
#endif
