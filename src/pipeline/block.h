/* The result of one item of work as one piece of memory, which can be sent as it is. */
#ifndef BD_BLOCK_H
#define BD_BLOCK_H

#include "pipeline/plan.h"

#include <barydef/images.h>
#include <barydef/statistics.h>

/* What an item took, in seconds. */
typedef struct bd_timings {
  double read;     /* the pixels */
  double solve;    /* the barycenters */
  double baseline; /* rounding, blurring and the like */
  double victim;   /* its predictions */
  double write;    /* images, where this rank writes them itself */
} bd_timings_t;

/* Contents: the marks of the `count` images' pixels; then for each snapshot of the point `count`
   records, their marks and, where rank 0 is to write them, `count` images. */
typedef struct bd_block {
  bd_item_t item;
  int64_t status; /* bd_status_t; BD_STOPPED: not begun.  Contents are void unless it is BD_OK */
  char message[1024]; /* says why, where it is neither of the two */
  bd_timings_t seconds;
  char contents[];
} bd_block_t;

/* Values of one image, all channels. */
static inline size_t block_image_size(const bd_images_info_t *info) {
  return (size_t)info->channels * (size_t)info->height * (size_t)info->width;
}

/* Upper bound of the size of a block of this plan, in bytes. */
size_t block_size(const bd_plan_t *plan, const bd_images_info_t *info);

/* Size of this block, in bytes. */
size_t block_used(const bd_plan_t *plan, const bd_images_info_t *info, const bd_block_t *block);

/* Where the parts of a block are: [count], or [count][C][H][W].  Records are packed for the views
   of the plan (bd_record_pack). */
uint64_t *block_input_marks(bd_block_t *block);
char *block_records(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                    int snapshot);
uint64_t *block_marks(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                      int snapshot);
float *block_images(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                    int snapshot);

#endif
