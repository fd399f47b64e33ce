/** @file
   The lists from which enums, their names and what is decided by them all come.

   Each table is a macro that applies another one, ROW, to every row.  Adding a row here adds the
   enum value, the name that files and command lines use, and the documentation. */
#ifndef BARYDEF_TABLES_H
#define BARYDEF_TABLES_H

#include <barydef/limits.h>

/** The meaning of the member or enum value before it, as texts side by side: nothing to a compiler,
   a comment to Doxygen (tests/lint/members.py). */
#ifndef BD_DOXYGEN
#define BD_MEANS(...)
#endif

/** An enum value of a row. */
#define BD_ROW_VALUE(value, meaning) value, BD_MEANS(meaning)

/** The name of a row in a meaning, where pages write its number before it
   (tests/lint/members.py). */
#define BD_ROW_WORD(NAME, name, meaning) "@" name

/** A number as it is written, for a meaning that tells it. */
#define BD_WRITTEN(number) #number
/** The number behind a macro, as it is written. */
#define BD_NUMBER(macro) BD_WRITTEN(macro)

/** How a call or a program ended: ROW(NAME, number, meaning).  The numbers are the exit statuses of
   the program; 75 is EX_TEMPFAIL of sysexits.h. */
#define BD_STATUS_TABLE(ROW)                                                                       \
  ROW(OK, 0, "done")                                                                               \
  ROW(FAILED, 1,                                                                                   \
      "the run failed: no memory, no space, no right to write, an unreadable block of the input; " \
      "what was done is kept")                                                                     \
  ROW(BAD_INPUT, 2, "bad usage, job or input; nothing was written")                                \
  ROW(SOME_FAILED, 3, "done, but some images failed")                                              \
  ROW(STOPPED, 75,                                                                                 \
      "stopped early by a signal or the clock; what was done is kept, and --resume goes on")

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

/** How a moved image is sampled between its pixels: ROW(NAME, name, meaning). */
#define BD_INTERPOLATION_TABLE(ROW)                                                                \
  ROW(BILINEAR, bilinear,                                                                          \
      "blends with the zeros outside, as scipy.ndimage.affine_transform(order=1, "                 \
      "mode='grid-constant') does")                                                                \
  ROW(NEAREST, nearest, "takes the pixel at floor(coordinate + 1/2)")

/** How the Gibbs kernel is applied: ROW(NAME, name, meaning). */
#define BD_KERNEL_TABLE(ROW)                                                                       \
  ROW(AUTO, auto, "chosen by cost, window, size and gamma")                                        \
  ROW(DIRECT, direct, "taps, or for l1 on the full window a recursion")                            \
  ROW(FFTW, fftw, "fast Fourier transforms")

/** How the dual is solved: ROW(NAME, name, meaning). */
#define BD_METHOD_TABLE(ROW)                                                                       \
  ROW(FB, fb, "forward-backward steps of length tau")                                              \
  ROW(FISTA, fista,                                                                                \
      "Beck and Teboulle, SIAM J. Imaging Sci. 2 (2009), with backtracking and the restart of "    \
      "O'Donoghue and Candes, Found. Comput. Math. 15 (2015); chooses its own steps and ignores "  \
      "tau")

/** The term J of the objective, where x and p have mass 1: ROW(NAME, name, meaning). */
#define BD_REGULARIZER_TABLE(ROW)                                                                  \
  ROW(DATA, data, "J(p) = theta/2 |x - p|^2")                                                      \
  ROW(NORM, norm, "J(p) = theta/2 |p|^2, Cuturi and Peyre")                                        \
  ROW(NONE, none, "J = 0")

/** What is scaled to mass 1: ROW(NAME, name, meaning). */
#define BD_MASS_TABLE(ROW)                                                                         \
  ROW(CHANNEL, channel, "each channel by itself")                                                  \
  ROW(JOINT, joint,                                                                                \
      "all channels of an image together, as the authors' code does; colour then has no common "   \
      "barycenter")

/** Arithmetic of the solver: ROW(NAME, name, meaning). */
#define BD_PRECISION_TABLE(ROW)                                                                    \
  ROW(DOUBLE, double, "float64")                                                                   \
  ROW(AUTO, auto,                                                                                  \
      "float32 for an image where its guard shows that the result agrees with float64's to 1e-6 "  \
      "of a pixel's range, otherwise float64")

/** Processor instructions, from the least to the best: ROW(NAME, name, where, meaning).

   where is one of
     CHOSEN      it stands for one of the others;
     EVERYWHERE  every build has it, as bd_path_<name> and bd_path_<name>_single;
     X86         builds for x86-64 have it. */
#define BD_INSTRUCTIONS_TABLE(ROW)                                                                 \
  ROW(AUTO, auto, CHOSEN, "the best that this processor has")                                      \
  ROW(BASELINE, baseline, EVERYWHERE, "what every processor of the architecture has")              \
  ROW(AVX2, avx2, X86, "x86-64-v3: AVX2 and FMA")                                                  \
  ROW(AVX512, avx512, X86, "x86-64-v4")

/** Who writes purified images: ROW(NAME, name, meaning). */
#define BD_WRITERS_TABLE(ROW)                                                                      \
  ROW(ROOT, root, "rank 0")                                                                        \
  ROW(ALL, all, "each rank those that it has computed")

/** How much is read to find out which images are done: ROW(NAME, name, meaning). */
#define BD_VERIFY_TABLE(ROW)                                                                       \
  ROW(CONTENTS, all, "marks and what is stored, which is compared with the marks")                 \
  ROW(MARKS, marks, "marks alone, which are believed: no image is found damaged")

/** What becomes of a victim that is no function of one image: ROW(NAME, name, meaning). */
#define BD_VICTIM_CHECK_TABLE(ROW)                                                                 \
  ROW(STRICT, strict, "it is refused")                                                             \
  ROW(WARN, warn, "the run goes on, and says so")

/** What a task does that was started with others and finds itself alone in MPI: ROW(NAME, name,
    meaning). */
#define BD_ALONE_TABLE(ROW)                                                                        \
  ROW(REFUSED, refuse, "it ends with BD_BAD_INPUT")                                                \
  ROW(ALLOWED, allow, "it runs the whole job")

/** Attacks that the program makes: ROW(NAME, name, meaning).  Their headers in src/attack say where
    each comes from. */
#define BD_ATTACK_TYPE_TABLE(ROW)                                                                  \
  ROW(FGSM, fgsm, "one step along the sign of the gradient: Goodfellow et al. 2015")               \
  ROW(PGD, pgd, "projected gradient steps from a random start: Madry et al. 2018")                 \
  ROW(DEEPFOOL, deepfool, "steps to the nearest border: Moosavi-Dezfooli et al. 2016")             \
  ROW(CARLINI_WAGNER, carlini_wagner, "the smallest perturbation by Adam, in l2: theirs, 2017")    \
  ROW(APGD, apgd, "gradient steps that adapt their length: Croce and Hein 2020")                   \
  ROW(FAB, fab, "the smallest perturbation, along the border: Croce and Hein 2020")                \
  ROW(SQUARE, square, "random search by squares, without a gradient: Andriushchenko et al. 2020")  \
  ROW(AUTOATTACK, autoattack,                                                                      \
      "apgd twice, fab and square, each on what is left: Croce, Hein 2020")                        \
  ROW(GROWING, growing, "gradient steps in a growing ball, up to the first misclassification")

/** The norm of a perturbation: ROW(NAME, name, meaning). */
#define BD_ATTACK_NORM_TABLE(ROW)                                                                  \
  ROW(LINF, linf, "the largest change of a value")                                                 \
  ROW(L2, l2, "the Euclidean norm over all channels")

/** What an attack raises: ROW(NAME, name, meaning). */
#define BD_ATTACK_LOSS_TABLE(ROW)                                                                  \
  ROW(CE, ce, "cross-entropy")                                                                     \
  ROW(DLR, dlr, "the difference of logits ratio: Croce and Hein 2020")                             \
  ROW(MARGIN, margin, "the largest other logit less that of the label")                            \
  ROW(DLR_TARGETED, dlr_targeted, "dlr towards one class after the other, for apgd alone")

/** What an attacker knows: ROW(NAME, name, meaning).  Each but the first has the name of a view of
    barydef/views.def. */
#define BD_ATTACK_THROUGH_TABLE(ROW)                                                               \
  ROW(VICTIM, victim, "the bare victim")                                                           \
  ROW(BLURRED, blurred, "the victim behind the blur of baseline.blur_sigma")                       \
  ROW(MEAN, mean, "the victim behind the mean of the marginals")                                   \
  ROW(PURIFIED, purified, "the victim behind the purifier of the run")                             \
  ROW(ROUNDED, rounded, "the victim behind 8 bits; the gradient passes straight through")          \
  ROW(MEDIAN, median, "the victim behind the median; the gradient passes straight through")        \
  ROW(JPEG, jpeg, "the victim behind JPEG; the gradient passes straight through")                  \
  ROW(TOTAL_VARIATION, total_variation, "the victim behind total variation, by the exact gradient")

/** The gradient of the view that an attacker takes: ROW(NAME, name, meaning). */
#define BD_ATTACK_GRADIENT_TABLE(ROW)                                                              \
  ROW(EXACT, exact, "its vector-Jacobian product")                                                 \
  ROW(IDENTITY, identity,                                                                          \
      "the gradient at the view's image, as if the view changed nothing: "                         \
      "the BPDA of Athalye et al. 2018")                                                           \
  ROW(MEAN, mean, "that of the mean of the marginals")

/** The attacks of the paper that a job has made: ROW(NAME, name, family, meaning).  They are in
   src/job/presets.c.

   family is one of
     NONE        no attack;
     GREY, COLOUR  those of grey images, or of images with colours. */
#define BD_ATTACK_PRESET_TABLE(ROW)                                                                \
  ROW(NONE, none, NONE, "those of the sections [attack NAME] alone")                               \
  ROW(MNIST, mnist, GREY, "the paper's attacks on MNIST")                                          \
  ROW(FASHION_MNIST, fashion_mnist, GREY, "the paper's attacks on Fashion-MNIST")                  \
  ROW(CIFAR10, cifar10, COLOUR, "the paper's attacks on CIFAR-10")                                 \
  ROW(CIFAR100, cifar100, COLOUR,                                                                  \
      "those on CIFAR-10, of which the paper has three and linf_growing on CIFAR-100")

/** How the purification of one image ended: ROW(NAME, name, meaning). */
#define BD_IMAGE_STATUS_TABLE(ROW)                                                                 \
  ROW(OK, "ok", "the image is purified")                                                           \
  ROW(PENDING, "pending", "not computed yet")                                                      \
  ROW(NOT_FINITE, "not-finite", "a pixel is NaN or infinite")                                      \
  ROW(NEGATIVE, "negative", "a pixel is below zero, by more than " BD_NUMBER(BD_ABOVE_ONE_MAX))    \
  ROW(ABOVE_ONE, "above-one", "a pixel is above one, by more than " BD_NUMBER(BD_ABOVE_ONE_MAX))   \
  ROW(EMPTY, "empty", "every pixel is zero, so there is no mass to transport")                     \
  ROW(LOST_MARGINAL, "lost-marginal", "a motion moves all mass of a channel out of the image")     \
  ROW(DIVERGED, "diverged",                                                                        \
      "the result is not finite, or the mass defect reaches " BD_NUMBER(                           \
          BD_MASS_DEFECT_MAX) " (float32: " BD_NUMBER(BD_MASS_DEFECT_MAX_SINGLE) ")")              \
  ROW(VICTIM_NAN, "victim-nan",                                                                    \
      "the victim gives NaN for the image, for a view of it, or to an attack on it")

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
