#include "attack/plane.h"

#include <barydef/attack.h>
#include <math.h>

/* How far a value can go in the direction of the way. */
static double room(int sign, float w, float point) {
  return w * (float)sign > 0 ? 1 - (double)point : (double)point;
}

double plane_move(int norm, plane_way_t way, float w, float point) {
  if (w == 0) return 0;
  const double wanted = norm == BD_ATTACK_NORM_LINF ? way.length : way.length * fabs((double)w);
  const double move = fmin(wanted, room(way.sign, w, point));
  return w * (float)way.sign > 0 ? move : -move;
}

/* <w, x> changes by sum_j |w_j| min(length * speed_j, room_j), which is concave in the length and
   has corners where a value meets the cube.  So Newton's steps from below never go too far, and end
   at the solution after some of the corners. */
static double find_length(int norm, size_t size, const float *w, const float *point, int sign,
                          double change) {
  double length = 0;
  for (;;) {
    double slope = 0, fixed = 0;
    for (size_t j = 0; j < size; j++) {
      const double weight = fabs((double)w[j]);
      const double speed = norm == BD_ATTACK_NORM_LINF ? 1 : weight;
      const double most = w[j] == 0 ? 0 : room(sign, w[j], point[j]);
      if (most > length * speed) slope += weight * speed;
      else fixed += weight * most;
    }
    if (slope <= 0) return INFINITY; /* the plane misses the cube */
    const double next = (change - fixed) / slope;
    if (!(next > length)) return length;
    length = next;
  }
}

plane_way_t plane_reach(int norm, size_t size, const float *w, const float *point, double height) {
  plane_way_t way = {.sign = height >= 0 ? -1 : 1};
  double most = 0, sum = 0;
  way.length = find_length(norm, size, w, point, way.sign, fabs(height));
  for (size_t j = 0; j < size; j++) {
    const double move = plane_move(norm, way, w[j], point[j]);
    most = fmax(most, fabs(move));
    sum += move * move;
  }
  way.size = norm == BD_ATTACK_NORM_LINF ? most : sqrt(sum);
  return way;
}
