/** @file
   The plain purifiers every result is compared with.

   Averaging and blurring are strong baselines, so no accuracy of a barycenter stands
   alone.  Images are [height][width] float64 in [0,1], owned by the caller.  No call is
   collective; the mean of the marginals comes from barydef/solver.h. */
#ifndef BARYDEF_BASELINE_H
#define BARYDEF_BASELINE_H

#include <barydef/api.h>
#include <barydef/error.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Round n pixels to the nearest of 256 grey levels: out = floor(255 in + 1/2) / 255.
   in == out is allowed. */
BD_API void bd_round8(size_t n, const double *in, double *out);

/** Gaussian blur of one channel, standard deviation sigma in pixels (0: a copy), cut at 4
   sigma and normalised, the image mirrored about its edges (d c b a | a b c d), as
   scipy.ndimage.gaussian_filter does.  in and out do not overlap.
   Errors: BD_FAILED without memory. */
BD_API bd_status_t bd_blur(int height, int width, double sigma, const double *in, double *out,
                           bd_error_t *error);

#ifdef __cplusplus
}
#endif
#endif
