/** @file
   Everything of libbarydef but the collective part (barydef/run.h).

   Barycentric Defense (Subramanyam and Raj) for whole sets of attacked images: each image
   is replaced by the entropic Wasserstein barycenter of its own rotated and shifted
   copies.  Start with solver.h for the mathematics, job.h and run.h for whole jobs. */
#ifndef BARYDEF_BARYDEF_H
#define BARYDEF_BARYDEF_H

#include <barydef/baseline.h>
#include <barydef/error.h>
#include <barydef/images.h>
#include <barydef/job.h>
#include <barydef/marginal.h>
#include <barydef/result.h>
#include <barydef/solver.h>
#include <barydef/statistics.h>
#include <barydef/version.h>
#include <barydef/victim.h>

#endif
