#include "state.h"

#include <math.h>

/* The forward-backward step of the potentials. */
BD_CLONES static void step(bd_solver_t *s) {
  const int last = s->marginals - 1;
  const double tau = s->options.tau, shrink = 1 / (1 + tau / s->options.theta);
  const bd_lanes_t *p_last = s->p[last];
  for (int k = 0; k < last; k++) {
    const double length = tau * s->beta[k];
    bd_lanes_t *u = s->at.u[k], max = lanes_all(-INFINITY), min = lanes_all(INFINITY);
    for (size_t i = 0; i < s->pixels; i++) {
      u[i] -= length * (s->p[k][i] - p_last[i]);
      max = lanes_max(max, u[i]);
      min = lanes_min(min, u[i]);
    }
    s->at.max[k] = max;
    s->at.min[k] = min;
  }
  if (s->options.regularizer == BD_REGULARIZER_NONE) return;
  const double pull = s->options.regularizer == BD_REGULARIZER_DATA ? tau : 0;
  for (size_t i = 0; i < s->pixels; i++)
    s->at.v[i] = (s->at.v[i] + tau * p_last[i] - pull * s->x[i]) * shrink;
}

void forward_backward(bd_solver_t *s, bd_poll_t *poll, void *context) {
  for (int iteration = 0;; iteration++) {
    bd_lanes_t objective, *wanted = trajectory_wants_objective(s, iteration) ? &objective : NULL;
    evaluate(s, &s->at, 1, wanted);
    if (trajectory_look(s, iteration, wanted)) return;
    step(s);
    if (poll) poll(context);
  }
}
