/** @file
   The lists from which enums, their names and what is decided by them all come.

   Each table is a macro that applies another one, ROW, to every row.  Adding a row here adds the
   enum value, the name that files and command lines use, and the documentation. */
#ifndef BARYDEF_TABLES_H
#define BARYDEF_TABLES_H

/** The meaning of the member or enum value before it, as texts side by side: nothing to a compiler,
   a comment to Doxygen (tests/lint/members.py). */
#ifndef BD_DOXYGEN
#define BD_MEANS(...)
#endif

/** An enum value of a row. */
#define BD_ROW_VALUE(value, meaning) value, BD_MEANS(meaning)

/** Costs between two pixels at offset (dy, dx), in pixels: ROW(NAME, name, traits, formula,
   meaning).  The cost is the function cost_<name> of src/transport/kernel.c.  It must not depend
   on the signs of dy and dx, nor on their order, and must grow with each.

   traits is one of
     PLAIN       the kernel is applied tap by tap, or by FFT;
     SEPARABLE   cost(dy, dx) = cost(dy, 0) + cost(0, dx): the kernel is a pass along rows and one
                 down columns;
     RECURSIVE   separable, and cost(d, 0) = d: on the full window each pass is a first-order
                 recursion. */
#define BD_COST_TABLE(ROW)                                                                         \
  ROW(L1, l1, RECURSIVE, "|dy| + |dx|", "|dy| + |dx|, the paper's text")                           \
  ROW(L2, l2, PLAIN, "sqrt(dy^2 + dx^2)", "sqrt(dy^2 + dx^2), the authors' code")                  \
  ROW(SQL2, sql2, SEPARABLE, "dy^2 + dx^2", "dy^2 + dx^2")

/** How the purification of one image ended: ROW(NAME, name, meaning). */
#define BD_IMAGE_STATUS_TABLE(ROW)                                                                 \
  ROW(OK, "ok", "the image is purified")                                                           \
  ROW(PENDING, "pending", "not computed yet")                                                      \
  ROW(NOT_FINITE, "not-finite", "a pixel is NaN or infinite")                                      \
  ROW(NEGATIVE, "negative", "a pixel is below zero")                                               \
  ROW(ABOVE_ONE, "above-one", "a pixel is above one, by more than 1e-6")                           \
  ROW(EMPTY, "empty", "every pixel is zero, so there is no mass to transport")                     \
  ROW(LOST_MARGINAL, "lost-marginal", "a motion moves all mass of a channel out of the image")     \
  ROW(DIVERGED, "diverged",                                                                        \
      "the result is not finite, or the mass defect reaches 1e-6 (float32: 1e-4)")

/** How the iteration of one image ended, from good to bad: ROW(NAME, name, meaning). */
#define BD_CONVERGENCE_TABLE(ROW)                                                                  \
  ROW(NOT_ITERATED, "not-iterated", "a failed image")                                              \
  ROW(CONVERGED, "converged", "the residual fell below the tolerance")                             \
  ROW(ITERATION_LIMIT, "iteration-limit", "L steps were taken")                                    \
  ROW(INFEASIBLE_WINDOW, "infeasible-window",                                                      \
      "suspected: the residual has a floor while the potentials grow")                             \
  ROW(OBJECTIVE_RISES, "objective-rises",                                                          \
      "the dual objective is above its value at the start or halfway: the steps are too long")

#endif
