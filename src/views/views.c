#include "views/views.h"

#include <stdio.h>
#include <string.h>

typedef enum asked { ALWAYS, BY_DEFAULT, WHEN_NAMED } asked_t;

typedef struct row {
  const char *name, *label;
  asked_t asked;
  view_dependence_t dependence;
  const view_maker_t *maker;
} row_t;

#define ON_NOTHING                                                                                 \
  { VIEW_ON_NOTHING, 0, 0 }
#define ON_MEAN                                                                                    \
  { VIEW_ON_MEAN, 0, 0 }
#define ON_PURIFIED                                                                                \
  { VIEW_ON_PURIFIED, 0, 0 }
#define ON(field)                                                                                  \
  { VIEW_ON_PARAMETER, offsetof(bd_parameters_t, field), sizeof(((bd_parameters_t *)NULL)->field) }
/* Both kinds of rows are spelled out.  ON expands to text with commas, which must not pass through
   a second macro. */
static const row_t rows[BD_VIEWS] = {
#define BD_VIEW(NAME, name, label, accuracy, asked, on, meaning)                                   \
  {#name, label, asked, on, &view_##name},
#define BD_VIEW_ADDED(NAME, name, label, accuracy, on, meaning)                                    \
  {#name, label, WHEN_NAMED, on, &view_##name},
#include <barydef/views.def>
};
_Static_assert(BD_VIEWS <= 8 * sizeof(bd_views_t), "a set of views has a bit for each");

const char *bd_view_name(bd_view_t view) {
  return (unsigned)view < BD_VIEWS ? rows[view].name : NULL;
}

const char *bd_view_label(bd_view_t view) { return rows[view].label; }
const char *bd_view_library(bd_view_t view) { return rows[view].maker->library; }
view_dependence_t view_dependence(bd_view_t view) { return rows[view].dependence; }

bd_views_t bd_views_added(void) {
  bd_views_t views = 0;
  for (bd_view_t v = 0; v < BD_VIEWS; v++)
    if (rows[v].asked == WHEN_NAMED) views |= BD_VIEW_BIT(v);
  return views;
}

/* A job has one bit for each view that it may name. */
bd_views_t bd_views_asked(const bd_parameters_t *parameters) {
  bd_views_t views = BD_VIEWS_ALWAYS;
  unsigned bits = parameters->views;
  for (bd_view_t v = 0; v < BD_VIEWS; v++) {
    if (rows[v].asked == ALWAYS) continue;
    if (bits & 1) views |= BD_VIEW_BIT(v);
    bits >>= 1;
  }
  return views;
}

int bd_views_use(bd_views_t views, const bd_parameter_t *parameter) {
  for (bd_view_t v = 0; v < BD_VIEWS; v++) {
    const view_dependence_t it = rows[v].dependence;
    if (rows[v].asked == WHEN_NAMED && it.on == VIEW_ON_PARAMETER && it.at == parameter->offset)
      return (views & BD_VIEW_BIT(v)) != 0;
  }
  return 1;
}

static bd_status_t missing(bd_view_t view, bd_error_t *error) {
  return bd_fail(error, BD_BAD_INPUT, "baseline.views = %s: this barydef was built without %.*s",
                 rows[view].name, (int)strcspn(rows[view].maker->library, " :"),
                 rows[view].maker->library);
}

bd_status_t bd_views_check(bd_views_t views, bd_error_t *error) {
  for (bd_view_t v = 0; v < BD_VIEWS; v++)
    if ((views & BD_VIEW_BIT(v)) && !rows[v].maker->make) return missing(v, error);
  return BD_OK;
}

bd_status_t bd_view_vjp(bd_view_t view, const bd_view_source_t *source, const double *adjoints,
                        double *gradients, bd_error_t *error) {
  if (rows[view].maker->pull) return rows[view].maker->pull(source, adjoints, gradients, error);
  memmove(gradients, adjoints, view_planes(source) * view_plane_size(source) * sizeof *gradients);
  return BD_OK;
}

bd_status_t bd_view_make(bd_view_t view, const bd_view_source_t *source, double *room,
                         const double **pixels, bd_error_t *error) {
  if (!rows[view].maker->make) return missing(view, error);
  return rows[view].maker->make(source, room, pixels, error);
}
