/* barydef/images.h - reading a file of attacked images.

   The format (HDF5): attributes of / schema = "attacked-images", schema_version = 1 and
   dataset (string); /labels integer [n]; /clean/images, optional, and
   /attacks/<name>/images, float32|float64|uint8 [n,C,H,W], floats in [0,1], uint8 in
   0..255; /attacks/<name> has the attributes norm, epsilon and source.  Row i of every
   group is test image i.

   No call is collective: every rank opens the file for itself.  An object is used by one
   thread at a time. */
#ifndef BARYDEF_IMAGES_H
#define BARYDEF_IMAGES_H

#include <barydef/error.h>
#include <barydef/statistics.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One group of images: an attack, or the clean images (name "clean", norm "none",
   epsilon 0). */
typedef struct bd_attack {
  char name[BD_ATTACK_NAME], norm[BD_NORM_NAME];
  double epsilon;   /* NaN where the file does not say */
  char source[256]; /* cut at 255 bytes */
  char type[16];    /* "float32", "float64" or "uint8" */
} bd_attack_t;

typedef struct bd_images_info {
  char dataset[64];
  int64_t count; /* n */
  int channels, height, width;
  int attack_count; /* with "clean", which is the last where the file has it */
  const bd_attack_t *attacks; /* by name */
  int has_clean;
  int64_t label_min, label_max;
  double chunk_bytes; /* of the largest chunk, inflated: kept whole while an attack is read */
  char digest[33]; /* XXH3-128, hexadecimal, of labels, shapes, types and attributes */
} bd_images_info_t;

typedef struct bd_images bd_images_t;

/* Open and check everything but the pixels.  The caller closes *images.
   Errors: BD_BAD_INPUT, naming the file and the object in it. */
bd_status_t bd_images_open(const char *path, bd_images_t **images, bd_error_t *error);
void bd_images_close(bd_images_t *images); /* NULL is allowed */

/* Valid until the images are closed. */
const bd_images_info_t *bd_images_info(const bd_images_t *images);
const int64_t *bd_images_labels(const bd_images_t *images); /* [count] */

/* Index into info->attacks of `name`, or -1. */
int bd_images_find(const bd_images_t *images, const char *name);

/* Images first .. first + count - 1 of an attack as float64 [count][C][H][W] in [0,1]
   (uint8 divided by 255) into the caller's array.
   Errors: BD_FAILED where the file cannot be read, naming file, attack and images. */
bd_status_t bd_images_read(bd_images_t *images, int attack, int64_t first, int64_t count,
                           double *pixels, bd_error_t *error);

/* These images will be read soon: asks the system to fetch them from the disk, and returns at
   once.  Cannot fail: it is a hint. */
void bd_images_expect(bd_images_t *images, int attack, int64_t first, int64_t count);

#ifdef __cplusplus
}
#endif
#endif
