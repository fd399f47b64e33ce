#include "pipeline/sample.h"
#include "pipeline/block.h"

#include <barydef/limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* So many images at most, and so many bytes of them. */
enum { IMAGES = 64, BYTES = 16 << 20 };

/* Round an image to float32.  Returns 0 for one that can be no input of a classifier. */
static int take(size_t size, const double *pixels, float *image) {
  for (size_t j = 0; j < size; j++) {
    if (!(pixels[j] >= -BD_ABOVE_ONE_MAX && pixels[j] <= 1 + BD_ABOVE_ONE_MAX)) return 0;
    image[j] = (float)fmin(fmax(pixels[j], 0), 1);
  }
  return 1;
}

bd_status_t sample_read(const bd_plan_t *plan, bd_images_t *images, sample_t *sample,
                        bd_error_t *error) {
  const size_t size = block_image_size(bd_images_info(images));
  const int64_t fit = BYTES / (int64_t)(size * sizeof *sample->images),
                wanted = fit < 2        ? 2
                         : fit < IMAGES ? fit
                                        : IMAGES,
                most = wanted < plan->count ? wanted : plan->count;
  const int is_clean = plan->clean >= 0, group = is_clean ? plan->clean : plan->attacks[0];
  double *pixels = malloc(size * sizeof *pixels);
  bd_status_t status = BD_OK;
  sample->count = 0;
  sample->images = malloc((size_t)most * size * sizeof *sample->images);
  sample->labels = is_clean ? malloc((size_t)most * sizeof *sample->labels) : NULL;
  if (!pixels || !sample->images || (is_clean && !sample->labels))
    status = bd_fail(error, BD_FAILED, "no memory for images to try the victim on");
  for (int64_t i = 0; status == BD_OK && i < most; i++) {
    const int64_t number = i * plan->count / most;
    status = bd_images_read(images, group, number, 1, pixels, error);
    if (status != BD_OK || !take(size, pixels, sample->images + (size_t)sample->count * size))
      continue;
    if (is_clean) sample->labels[sample->count] = bd_images_labels(images)[number];
    sample->count++;
  }
  free(pixels);
  return status;
}

void sample_free(sample_t *sample) {
  free(sample->images);
  free(sample->labels);
  memset(sample, 0, sizeof *sample);
}
