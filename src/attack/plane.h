/* The way to a plane that does not leave the cube [0,1]. */
#ifndef BD_ATTACK_PLANE_H
#define BD_ATTACK_PLANE_H

#include <stddef.h>

/* A way from a point: value j moves by length * speed_j, but no further than it has room in [0,1].
   speed_j is 1 for linf and |w_j| for l2. */
typedef struct plane_way {
  double length;
  double size; /* the norm of the whole move */
  int sign;    /* 1 where <w, x> must grow, -1 where it must shrink */
} plane_way_t;

/* The shortest move in `norm` from `point` to a plane of normal w [size].  height is how far
   <w, point> is above the plane.  Where the plane misses the cube, the move that comes nearest. */
plane_way_t plane_reach(int norm, size_t size, const float *w, const float *point, double height);

/* What the way moves value j by. */
double plane_move(int norm, plane_way_t way, float w, float point);

#endif
