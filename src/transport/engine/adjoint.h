/* The adjoint of one marginal, p_k = a . K(q_k / K a), at potentials that were kept (tape.h). */
#ifndef BD_ADJOINT_H
#define BD_ADJOINT_H

#include "transport/engine/dual.h"
#include "transport/engine/tape.h"

enum { ADJOINT_PLANES = 6 };

/* Work space. */
typedef struct bd_adjoint {
  bd_iterate_t *iterate;
  bd_lanes_t *planes;
  bd_lanes_t *a, *ka, *c, *kc, *z, *g;
  bd_wide_number_t *wide; /* two planes of the wide way; NULL where there is none */
} bd_adjoint_t;

/* What is asked for. */
typedef struct bd_adjoint_task {
  const bd_taped_t *entry; /* the potentials */
  int k;
  const bd_lanes_t *pb; /* plane: the adjoint of p_k */
  bd_lanes_t *qb, *g;   /* planes: to them, z and g are added (reverse.h) */
  bd_lanes_t *nu;       /* plane, from which nu_scale times g is taken; NULL: none */
  bd_real_t nu_scale;
  int rests; /* 1: known lanes add nothing to qb; 0: they add pb */
} bd_adjoint_task_t;

/* Errors: BD_FAILED without memory.  Freed by adjoint_free, also after an error. */
bd_status_t BD_X(adjoint_create)(bd_iterate_t *iterate, bd_adjoint_t *adjoint, bd_error_t *error);
void BD_X(adjoint_free)(bd_adjoint_t *adjoint);

void BD_X(adjoint_marginal)(bd_adjoint_t *adjoint, const bd_adjoint_task_t *task);

#endif
