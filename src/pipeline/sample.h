/* The images of a set that a victim is tried on before the work begins. */
#ifndef BD_SAMPLE_H
#define BD_SAMPLE_H

#include "pipeline/plan.h"

/* Images that can be shown, spread over those of the plan: the clean ones where there are some,
   else those of the first attack. */
typedef struct sample {
  float *images;   /* [count][C][H][W]; NULL where count is 0 */
  int64_t *labels; /* [count]; NULL where the images are not clean */
  int count;
} sample_t;

/* Freed by sample_free, also after an error.  Errors: BD_FAILED without memory, and those of
   bd_images_read. */
bd_status_t sample_read(const bd_plan_t *plan, bd_images_t *images, sample_t *sample,
                        bd_error_t *error);
void sample_free(sample_t *sample);

#endif
