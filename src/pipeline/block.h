/* The result of one item of work in one piece of memory, which can be sent as it stands. */
#ifndef BD_BLOCK_H
#define BD_BLOCK_H

#include "pipeline/plan.h"
#include "pipeline/seen.h"

#include <barydef/images.h>
#include <barydef/statistics.h>

/* Time spent on an item, in seconds. */
typedef struct bd_timings {
  double read;     /* the pixels */
  double solve;    /* the barycenters */
  double baseline; /* rounding, blurring and the like */
  double victim;   /* predictions */
  double attack;   /* making attacked images */
  double write;    /* writing images, if this rank does so itself */
} bd_timings_t;

/* The contents begin with the marks of the `count` images' pixels.  For each snapshot of the point
   there follow `count` records, their marks and, if rank 0 writes the images, `count` images. */
typedef struct bd_block {
  bd_item_t item;
  int64_t status;     /* bd_status_t; BD_STOPPED: not begun.  Contents are valid only with BD_OK */
  char message[1024]; /* says why, if the status is any other */
  bd_timings_t seconds;
  seen_counts_t shown; /* to the victim */
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

/* Find the parts of a block, which have shape [count], or [count][C][H][W] for images.  Records
   are packed for the views of the plan (bd_record_pack). */
uint64_t *block_input_marks(bd_block_t *block);
char *block_records(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                    int snapshot);
uint64_t *block_marks(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                      int snapshot);
float *block_images(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                    int snapshot);

#endif
