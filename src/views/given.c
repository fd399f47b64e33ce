/* The views that exist already and need no work. */
#include "views/views.h"

static bd_status_t give_attacked(const bd_view_source_t *source, double *room,
                                 const double **pixels, bd_error_t *error) {
  (void)room, (void)error;
  *pixels = source->attacked;
  return BD_OK;
}
const view_maker_t view_attacked = {.make = give_attacked};

static bd_status_t give_mean(const bd_view_source_t *source, double *room, const double **pixels,
                             bd_error_t *error) {
  (void)room, (void)error;
  *pixels = source->mean;
  return BD_OK;
}

/* A solver makes these, and has their gradients. */
static bd_status_t refuse(const bd_view_source_t *source, const double *adjoints, double *gradients,
                          bd_error_t *error) {
  (void)source, (void)adjoints, (void)gradients;
  return bd_fail(error, BD_BAD_INPUT,
                 "a view that a solver makes has its gradient from bd_solver_vjp or "
                 "bd_solver_mean_vjp");
}
const view_maker_t view_mean = {.make = give_mean, .pull = refuse};

static bd_status_t give_purified(const bd_view_source_t *source, double *room,
                                 const double **pixels, bd_error_t *error) {
  (void)room, (void)error;
  *pixels = source->purified;
  return BD_OK;
}
const view_maker_t view_purified = {.make = give_purified, .pull = refuse};
