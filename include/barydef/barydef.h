/** @file
    Everything of libbarydef except the collective part, which is barydef/run.h. */

/** @mainpage libbarydef
    Barycentric Defense (Subramanyam and Raj) for whole sets of attacked images: each image is
    replaced by the entropic Wasserstein barycenter of its own rotated and shifted copies.

    Purify one image of 28 x 28 pixels:

    @code{.c}
    #include <barydef/barydef.h>
    #include <stdio.h>

    int main(void) {
      static double image[28 * 28] = {[406] = 1}, purified[28 * 28];
      bd_solver_options_t options = {
          .gamma = 0.5, .theta = 1e5, .tau = 0.2, .iterations = {1, {100}}, .window = 7};
      bd_solver_t *solver;
      bd_error_t error;
      if (bd_marginal_set_parse("B6", &options.marginals, &error) ||
          bd_solver_create(&options, 1, 28, 28, NULL, &solver, &error))
        return puts(error.message), 1;
      bd_image_report_t report;
      bd_solver_run(solver, 1, image, purified, NULL, &report, NULL, NULL);
      printf("%s after %d steps: the bright pixel is now %.3f\n",
             bd_image_status_name(report.status), report.iterations, purified[406]);
      bd_solver_destroy(solver);
    }
    @endcode

    Compile it with `cc example.c $(pkg-config --cflags --libs barydef)`.

    - barydef/solver.h has the mathematics and the solver, for images in memory.
    - barydef/job.h and barydef/run.h compute whole jobs, on all ranks of a communicator.
    - barydef/images.h and barydef/result.h read and write the files.
    - barydef/error.h says how functions fail. None of them prints or exits. */
#ifndef BARYDEF_BARYDEF_H
#define BARYDEF_BARYDEF_H

#include <barydef/attack.h>
#include <barydef/attribute.h>
#include <barydef/closest.h>
#include <barydef/error.h>
#include <barydef/images.h>
#include <barydef/job.h>
#include <barydef/limits.h>
#include <barydef/marginal.h>
#include <barydef/result.h>
#include <barydef/solver.h>
#include <barydef/statistics.h>
#include <barydef/version.h>
#include <barydef/victim.h>
#include <barydef/view.h>

#endif
