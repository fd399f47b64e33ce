/* Each pixel rounded to the nearest of 256 grey levels: floor(255 x + 1/2) / 255. */
#include "views/views.h"

#include <math.h>

static bd_status_t make(const bd_view_source_t *source, double *room, const double **pixels,
                        bd_error_t *error) {
  (void)error;
  const size_t count = view_planes(source) * view_plane_size(source);
  for (size_t i = 0; i < count; i++) room[i] = floor(source->attacked[i] * 255 + 0.5) / 255;
  *pixels = room;
  return BD_OK;
}

const view_maker_t view_rounded = {.make = make};
