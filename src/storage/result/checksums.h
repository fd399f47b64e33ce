/* The checksums of a result, which are marks and attributes. */
#ifndef BD_STORAGE_CHECKSUMS_H
#define BD_STORAGE_CHECKSUMS_H

#include "storage/result/result.h"

/* Sixteen hexadecimal digits and a zero. */
enum { CHECKSUM_TEXT = 17 };
void checksum_text(uint64_t checksum, char text[CHECKSUM_TEXT]);

/* The attribute labels_checksum for these labels. */
void checksum_labels(int64_t count, const int64_t *labels, char text[CHECKSUM_TEXT]);

/* A stored image and what its mark should cover. */
typedef struct marked {
  int64_t place; /* of the image, in the file */
  size_t size;   /* bytes of the image; 0: none is stored */
  uint64_t input_mark;
  const void *record;
  uint64_t mark;
} marked_t;

/* Is the mark right? The image is read in portions, since a forged one can be larger than the
   memory.  The mark of an image that cannot be read is not right. */
int checksum_is_right(const bd_result_t *result, const marked_t *marked);

#endif
