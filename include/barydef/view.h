/** @file
   What the victim is shown: the attacked image, the plain purifiers that every result is compared
   with, and the purified image.

   Averaging and blurring are strong baselines, so no accuracy of a barycenter stands alone.  The
   views are the rows of barydef/views.def.  Images are float64 in [0,1], owned by the caller.  No
   call is collective. */
#ifndef BARYDEF_VIEW_H
#define BARYDEF_VIEW_H

#include <barydef/api.h>
#include <barydef/error.h>
#include <barydef/job.h>
#include <barydef/tables.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @def BD_VIEW
   A row of views.def; here, its value of bd_view_t. */

/** A view: BD_VIEW_ATTACKED, BD_VIEW_ROUNDED, ..., in the order of barydef/views.def. */
typedef enum bd_view {
#define BD_VIEW(NAME, name, label, accuracy, asked, on, meaning)                                   \
  BD_ROW_VALUE(BD_VIEW_##NAME, meaning)
#include <barydef/views.def>
  BD_VIEWS /**< how many there are */
} bd_view_t;

/** A set of views: bit v stands for view v. */
typedef uint32_t bd_views_t;

/** The set that holds one view. */
#define BD_VIEW_BIT(view) ((bd_views_t)1 << (view))

/** No view, but a flag in the same set: the job makes attacks, so that their records have more
    fields, /statistics has more columns, and there is a table /worst_case. */
#define BD_VIEW_MADE 31
/** The set that holds this flag alone. */
#define BD_VIEWS_MADE BD_VIEW_BIT(BD_VIEW_MADE)

/** What a row adds to BD_VIEWS_ALWAYS: its bit. */
#define BD_VIEW_ALWAYS(NAME) | 1 << BD_VIEW_##NAME
/** What a row adds to BD_VIEWS_ALWAYS: nothing, since baseline.views may leave the view out. */
#define BD_VIEW_BY_DEFAULT(NAME)
/** What a row adds to BD_VIEWS_ALWAYS: nothing, since baseline.views must name the view. */
#define BD_VIEW_WHEN_NAMED(NAME)

/** The views of every run: those whose row says ALWAYS, the attacked and the purified image. */
enum {
  BD_VIEWS_ALWAYS = 0 /**< their bits */
#define BD_VIEW(NAME, name, label, accuracy, asked, on, meaning) BD_VIEW_##asked(NAME)
#include <barydef/views.def>
};

/** What a view is made from. */
typedef struct bd_view_source {
  int count;                         /**< images in each of the arrays below */
  int channels;                      /**< of an image */
  int height;                        /**< of an image, pixels */
  int width;                         /**< of an image, pixels */
  const double *attacked;            /**< [count][channels][height][width] */
  const double *mean;                /**< the same shape: means of the marginals */
  const double *purified;            /**< the same shape */
  const bd_parameters_t *parameters; /**< of the point */
} bd_view_source_t;

/** Make a view of all images of `source`.  *pixels becomes where it is: in `room`, which has space
   for count * channels * height * width values and overlaps none of the source's, or one of the
   source's own images.  Errors: BD_FAILED without memory; BD_BAD_INPUT where the library that the
   view needs is missing. */
BD_API bd_status_t bd_view_make(bd_view_t view, const bd_view_source_t *source, double *room,
                                const double **pixels, bd_error_t *error);

/** Pull the derivative of a loss by a view's pixels back to the images that the view is made of.
      adjoints  [count][channels][height][width], the derivative by the view
      gradients of that shape, the derivative by source->attacked, or by what stands for it; the
                caller's; may be `adjoints` where the view is not blurred
    The blur is linear, and this is its transpose.  Total variation has the exact gradient of its
    iterations.  A view that is no smooth function of the image
    (rounded, median, jpeg) is passed straight through, as if it changed nothing: the backward pass
    differentiable approximation of Athalye, Carlini and Wagner, ICML 2018, with the identity.
    Errors: BD_FAILED without memory; BD_BAD_INPUT for the mean of the marginals and the purified
    image, which a solver makes (bd_solver_mean_vjp, bd_solver_vjp). */
BD_API bd_status_t bd_view_vjp(bd_view_t view, const bd_view_source_t *source,
                               const double *adjoints, double *gradients, bd_error_t *error);

/** Name in baseline.views and of its column predicted_NAME; NULL where `view` is none. */
BD_API const char *bd_view_name(bd_view_t view);

/** Head of its column in a printed table. */
BD_API const char *bd_view_label(bd_view_t view);

/** Views whose columns are in a result only where they were asked for. */
BD_API bd_views_t bd_views_added(void);

/** Views that a job asks for: those of baseline.views, and BD_VIEWS_ALWAYS. */
BD_API bd_views_t bd_views_asked(const bd_parameters_t *parameters);

/** Does a view of the set depend on the parameter?  1 too where no added view does, so that what a
   result records grows with the views that were asked for alone. */
BD_API int bd_views_use(bd_views_t views, const bd_parameter_t *parameter);

/** Can this build make them all?  Errors: BD_BAD_INPUT, naming a view and the library that it
   lacks. */
BD_API bd_status_t bd_views_check(bd_views_t views, bd_error_t *error);

/** "NAME VERSION" of the library that the view needs, or "NAME: none ..." where this build
   is without it; NULL where it needs none. */
BD_API const char *bd_view_library(bd_view_t view);

#ifdef __cplusplus
}
#endif
#endif
