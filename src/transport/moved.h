/* What solvers of the same marginals share: the motions as sparse matrices, and the moved planes of
   the images at hand.

   Here a batch of planes is so many bytes.  The engine that wrote it (engine/batch.c) knows its
   layout. */
#ifndef BD_MOVED_H
#define BD_MOVED_H

#include "transport/stencil.h"

#include <barydef/solver.h>
#include <stddef.h>

struct bd_moved {
  /* What the share is prepared for.  No marginals mean that nothing is prepared yet. */
  bd_solver_options_t options;
  int channels, height, width;

  /* The motions. */
  bd_stencil_t stencils[BD_MARGINALS_MAX];
  double *column_mass; /* [marginals][height width]: mass of A_k e_j */

  /* Batches of the images at hand.  The first `filled` are written, in the layout of an engine with
     this path and number of strips. */
  const void *path;
  int strips, room, filled; /* room: batches that may be kept */
  double most;              /* bytes that all of them may take */
  size_t size, capacity;    /* bytes of a batch, of the memory at `batches` */
  char *batches;
};

/* Prepare for these options and size.  Discards what is kept for others.
   Errors: BD_FAILED without memory. */
bd_status_t moved_fit(bd_moved_t *moved, const bd_solver_options_t *options, int channels,
                      int height, int width, bd_error_t *error);

/* Begin with the images at hand, in `count` batches of `size` bytes.  Discards what an engine of
   another path or number of strips has laid out. */
void moved_begin(bd_moved_t *moved, const void *path, int strips, size_t size, int count);

/* Where the planes of a batch are kept, or NULL where there is no room.  Batches are asked for in
   order.  With *is_there = 0 the caller writes them now.  They are aligned to 64 bytes if `size` is
   a multiple of that. */
void *moved_batch(bd_moved_t *moved, int batch, int *is_there);

#endif
