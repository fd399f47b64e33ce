/* How the views of <barydef/views.def> are made.  Each has a file here that defines one constant,
   view_name.  This room knows no file, no job and no MPI. */
#ifndef BD_VIEWS_H
#define BD_VIEWS_H

#include <barydef/view.h>

#include <stddef.h>

typedef struct view_maker {
  /* As bd_view_make.  NULL if the library it needs was missing at build time. */
  bd_status_t (*make)(const bd_view_source_t *source, double *room, const double **pixels,
                      bd_error_t *error);
  /* As bd_view_vjp.  NULL: gradients pass straight through. */
  bd_status_t (*pull)(const bd_view_source_t *source, const double *adjoints, double *gradients,
                      bd_error_t *error);
  /* The library that it needs, as "NAME VERSION" or "NAME: none ..."; NULL if it needs none. */
  const char *library;
} view_maker_t;

#define BD_VIEW(NAME, name, label, accuracy, asked, on, meaning)                                   \
  extern const view_maker_t view_##name;
#include <barydef/views.def>

/* What a view's predictions depend on besides the attacked images. */
typedef struct view_dependence {
  enum { VIEW_ON_NOTHING, VIEW_ON_MEAN, VIEW_ON_PURIFIED, VIEW_ON_PARAMETER } on;
  size_t at, size; /* of the parameter, in bd_parameters_t */
} view_dependence_t;

view_dependence_t view_dependence(bd_view_t view);

/* Images of the source, and pixels of one channel. */
static inline size_t view_planes(const bd_view_source_t *source) {
  return (size_t)source->count * (size_t)source->channels;
}
static inline size_t view_plane_size(const bd_view_source_t *source) {
  return (size_t)source->height * (size_t)source->width;
}

/* Index i of 0 .. n-1, mirrored about the edges, which are repeated: d c b a | a b c d. */
static inline int view_mirror(int i, int n) {
  i %= 2 * n;
  if (i < 0) i += 2 * n;
  return i < n ? i : 2 * n - 1 - i;
}

#endif
