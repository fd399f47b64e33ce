/** @file
   The marginals: rotated and shifted copies of an image.

   Source: Subramanyam and Raj, "Barycentric Defense".  The marginals of the barycenter are the
   attacked image and a few copies of it, slightly rotated or shifted.  No call here is collective.
 */
#ifndef BARYDEF_MARGINAL_H
#define BARYDEF_MARGINAL_H

#include <barydef/api.h>
#include <barydef/error.h>
#include <barydef/tables.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  BD_MARGINALS_MAX = 64 /**< motions in a set */
};

/** The value of a row of BD_INTERPOLATION_TABLE. */
#define BD_INTERPOLATION_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_##NAME, meaning)

/** How a moved image is sampled between its pixels.  Its values are BD_BILINEAR and BD_NEAREST, one
   for each row of BD_INTERPOLATION_TABLE. */
typedef enum bd_interpolation { BD_INTERPOLATION_TABLE(BD_INTERPOLATION_VALUE) } bd_interpolation_t;

/** The kinds of motion. */
typedef enum bd_motion_kind {
  BD_IDENTITY, /**< the image stays as it is */
  BD_ROTATE,   /**< by `degrees` about the image centre ((H-1)/2, (W-1)/2) */
  BD_TRANSLATE /**< by (dx, dy) */
} bd_motion_kind_t;

/** One motion of the image plane.  What comes in from outside the image is zero. */
typedef struct bd_motion {
  bd_motion_kind_t kind; /**< which of the fields below count */
  double degrees; /**< positive counter-clockwise as displayed, with rows growing downwards */
  double dx;      /**< pixels to the right */
  double dy;      /**< pixels down */
} bd_motion_t;

/** The motions A_1 .. A_N. */
typedef struct bd_marginal_set {
  int count; /**< N, 1 .. BD_MARGINALS_MAX */
  bd_motion_t
      motions[BD_MARGINALS_MAX]; /**< the last one is the marginal that the dual eliminates */
} bd_marginal_set_t;

/** Read "B4", "B6" or a list such as "identity + rotate 2 + translate 3 0".  B6 is the identity,
   +2, -2, +3 and -3 degrees, and a shift to the right by 3 pixels; B4 lacks the two turns by 3
   degrees. Errors: BD_BAD_INPUT, with what is allowed. */
BD_API bd_status_t bd_marginal_set_parse(const char *text, bd_marginal_set_t *set,
                                         bd_error_t *error);

/** out = A in for one channel.  in and out are [height][width], row-major, in any units, owned by
   the caller, and do not overlap.  Errors: BD_FAILED without memory. */
BD_API bd_status_t bd_marginal_apply(const bd_motion_t *motion, bd_interpolation_t interpolation,
                                     int height, int width, const double *in, double *out,
                                     bd_error_t *error);

#ifdef __cplusplus
}
#endif
#endif
