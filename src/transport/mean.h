/* The reverse pass of the mean of the marginals. */
#ifndef BD_MEAN_H
#define BD_MEAN_H

#include "transport/moved.h"

/* The gradient of one image from the adjoint of the mean of its marginals (bd_solver_mean_vjp).
   All arrays are [channels][height][width]; room is to work in.  `moved` is fitted. */
void mean_vjp(const bd_moved_t *moved, const double *image, const double *adjoint, double *room,
              double *gradient);

#endif
