/* How the potentials move: from zero until the trajectory says that nothing is left to do. */
#ifndef BD_METHOD_H
#define BD_METHOD_H

#include "transport/engine/dual.h"
#include "transport/engine/trajectory.h"

/* Solve the problems that are loaded, from where iterate_start and trajectory_start leave off. */
void BD_X(forward_backward)(bd_iterate_t *iterate, bd_trajectory_t *trajectory);
/* One step of it, repeated for the reverse pass (reverse.h). */
void BD_X(forward_backward_step)(bd_iterate_t *iterate);

void BD_X(fista)(bd_iterate_t *iterate, bd_trajectory_t *trajectory);

/* Let the caller of bd_solver_run serve others. */
BD_INLINE void poll_caller(const bd_trajectory_t *t) {
  if (t->call->poll) t->call->poll(t->call->context);
}

#endif
