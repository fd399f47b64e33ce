/* What images.c and survey.c do with an open set of images. */
#ifndef BD_FUZZ_READ_H
#define BD_FUZZ_READ_H

#include <barydef/images.h>
#include <stdlib.h>

/* Reads the first and the last images of some attacks. */
static inline void read_some(bd_images_t *images) {
  enum { VALUES_MAX = 1 << 22 };
  const bd_images_info_t *info = bd_images_info(images);
  const double size = (double)info->channels * info->height * info->width;
  const int64_t count = info->count < 3 ? info->count : 3;
  if (size * (double)count > VALUES_MAX) return; /* a block is as large as run.block says */
  double *pixels = malloc((size_t)size * (size_t)count * sizeof *pixels);
  bd_error_t error;
  for (int a = 0; pixels && a < info->attack_count && a < 8; a++) {
    if (bd_images_find(images, info->attacks[a].name) < 0) abort();
    bd_images_expect(images, a, info->count - count, count);
    for (int64_t first = 0; first <= info->count - count;
         first += info->count - count > 0 ? info->count - count : 1)
      if (bd_images_read(images, a, first, count, pixels, &error) != BD_OK) break;
  }
  free(pixels);
}

#endif
