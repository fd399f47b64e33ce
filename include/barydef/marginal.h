/** @file
   The marginals: rotated and shifted copies of an image.

   Source: Subramanyam and Raj, "Barycentric Defense": the marginals of the barycenter
   are the attacked image and a few slightly rotated or shifted copies of it.
   No call here is collective. */
#ifndef BARYDEF_MARGINAL_H
#define BARYDEF_MARGINAL_H

#include <barydef/api.h>
#include <barydef/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BD_MARGINALS_MAX = 64 };

typedef enum bd_interpolation { BD_BILINEAR, BD_NEAREST } bd_interpolation_t;

/** One motion of the image plane.  Rotation is about the image centre
   ((H-1)/2, (W-1)/2), in degrees, positive counter-clockwise as displayed (rows grow
   downwards).  A translation moves the image by dx pixels to the right and dy down.
   What comes in from outside the image is zero; bilinear blends with those zeros, as
   scipy.ndimage.affine_transform(order=1, mode='grid-constant') does; nearest takes
   floor(coordinate + 1/2). */
typedef struct bd_motion {
  enum { BD_IDENTITY, BD_ROTATE, BD_TRANSLATE } kind;
  double degrees; /**< BD_ROTATE */
  double dx, dy;  /**< BD_TRANSLATE, pixels */
} bd_motion_t;

typedef struct bd_marginal_set {
  int count; /**< N, 1 .. BD_MARGINALS_MAX */
  bd_motion_t motions[BD_MARGINALS_MAX];
} bd_marginal_set_t;

/** Read "B4", "B6" or a list such as "identity + rotate 2 + translate 3 0".
   B6 = identity, +2, -2, +3, -3 degrees, shift right by 3 pixels; B4 = identity, +2,
   -2 degrees, shift right by 3.  The last one is the marginal the dual eliminates.
   Errors: BD_BAD_INPUT with what is allowed. */
BD_API bd_status_t bd_marginal_set_parse(const char *text, bd_marginal_set_t *set,
                                         bd_error_t *error);

/** out = A in for one channel; in and out are [height][width], row-major, any units, and
   do not overlap.  The caller owns both.  Errors: BD_FAILED without memory. */
BD_API bd_status_t bd_marginal_apply(const bd_motion_t *motion, bd_interpolation_t interpolation,
                                     int height, int width, const double *in, double *out,
                                     bd_error_t *error);

#ifdef __cplusplus
}
#endif
#endif
