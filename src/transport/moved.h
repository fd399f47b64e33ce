/* What solvers of the same marginals share: the motions as sparse matrices and, of the images at
   hand, the moved planes.  Here a batch of planes is so many bytes: the engine that made them
   (purify.c) knows their layout. */
#ifndef BD_MOVED_H
#define BD_MOVED_H

#include "transport/stencil.h"

#include <barydef/solver.h>
#include <stddef.h>

struct bd_moved {
  /* Of which solvers and images: */
  bd_solver_options_t options; /* without marginals: of none */
  int channels, height, width;
  bd_stencil_t stencils[BD_MARGINALS_MAX];
  double *column_mass; /* [marginals][height width]: mass of A_k e_j */
  /* Batches of the images at hand, the first `filled` of them there, as an engine of this path and
   * strips lays them out: */
  const void *path;
  int strips, room, filled;
  double most;           /* bytes they may take */
  size_t size, capacity; /* bytes of a batch, of all */
  char *batches;
};

/* Make it that of these options and size: what is of others is forgotten.
   Errors: BD_FAILED without memory. */
bd_status_t moved_fit(bd_moved_t *moved, const bd_solver_options_t *options, int channels,
                      int height, int width, bd_error_t *error);

/* An engine begins with the images at hand, `count` batches: what another one laid out is
 * forgotten. */
void moved_begin(bd_moved_t *moved, const void *path, int strips, size_t size, int count);

/* Where the batches' planes are kept, batch after batch, aligned to 64 bytes if `size` is a
 *multiple of that; NULL: there is no room. is_there = 0: the caller writes them now. */
void *moved_batch(bd_moved_t *moved, int batch, int *is_there);

#endif
