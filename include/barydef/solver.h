/** @file
   Entropic Wasserstein barycenters of the marginals of many images.

   Source: Subramanyam and Raj, "Barycentric Defense".  The dual is that of Cuturi and Peyre, "A
   smoothed dual approach for variational Wasserstein problems", SIAM J. Imaging Sci. 9 (2016).
   For one channel x of H x W pixels with marginals q_k = A_k x, where x and every q_k are scaled to
   mass 1,

       min_p  sum_k beta_k W_gamma(p, q_k) + J(p)

   is solved in its dual potentials u_1 .. u_{N-1}, v by L forward-backward steps

       p_k = grad H*_{q_k}(u_k) = a . K(q_k / K a),   a = exp(u_k / gamma),  K = exp(-C / gamma)
       u_k <- u_k - tau beta_k (p_k - p_N)                       k < N
       v   <- (v + tau p_N - tau x) / (1 + tau / theta)
       u_N  = -v / beta_N - sum_{k<N} (beta_k / beta_N) u_k

   (method fb, the paper's), or by accelerated steps on the same dual (method fista).  Both start
   from u = v = 0.  The potentials after L steps give p = (1/N) sum_k p_k, which is scaled back by
   the mass of x and clipped to [0,1].  With theta = 1e5 the converged p is x itself.  L is
   therefore a parameter of the defense, and no tolerance.

   No call here is collective, and none touches a file.  A solver may be used by one thread at a
   time.  Only one thread of the process at a time may create or destroy solvers, since FFTW's
   planner is shared. */
#ifndef BARYDEF_SOLVER_H
#define BARYDEF_SOLVER_H

#include <barydef/api.h>
#include <barydef/error.h>
#include <barydef/marginal.h>
#include <barydef/tables.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  BD_SNAPSHOTS_MAX = 64,      /**< numbers in a list of iterations */
  BD_LOG_ITERATIONS_MAX = 24, /**< there are fewer than 2^24 iterations */
  BD_WINDOW_FULL = 0          /**< a window as large as the image */
};

/** The value of a row of BD_COST_TABLE. */
#define BD_COST_VALUE(NAME, name, traits, formula, meaning) BD_ROW_VALUE(BD_COST_##NAME, meaning)

/** Cost between two pixels at offset (dy, dx), in pixels.  Its values are BD_COST_L1,
   BD_COST_L2 and so on, one for each row of BD_COST_TABLE. */
typedef enum bd_cost {
  BD_COST_TABLE(BD_COST_VALUE) BD_COSTS /**< the number of costs */
} bd_cost_t;

/** "l1", "l2", ...; NULL for a cost that does not exist. */
BD_API const char *bd_cost_name(int cost);

/** The value of a row of BD_KERNEL_TABLE. */
#define BD_KERNEL_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_KERNEL_##NAME, meaning)

/** How the Gibbs kernel is applied.  Where exp(u/gamma) of an image leaves the domain in which the
   chosen way is right, the image is computed by arithmetic that carries its own exponents,
   iteration by iteration.  Its values are BD_KERNEL_AUTO and so on, one for each row of
   BD_KERNEL_TABLE. */
typedef enum bd_kernel { BD_KERNEL_TABLE(BD_KERNEL_VALUE) } bd_kernel_t;

/** The value of a row of BD_INSTRUCTIONS_TABLE. */
#define BD_INSTRUCTIONS_VALUE(NAME, name, where, meaning)                                          \
  BD_ROW_VALUE(BD_INSTRUCTIONS_##NAME, meaning)

/** Processor instructions that the numerics are compiled for.  Results of one set do not depend on
   the machine.  Those of two sets differ by rounding: by 1e-12 or less for forward-backward steps
   below safe_tau.  Longer steps amplify it, and fista decides by comparisons that rounding can
   turn.  Its values are BD_INSTRUCTIONS_AUTO and so on, one for each row of
   BD_INSTRUCTIONS_TABLE. */
typedef enum bd_instructions {
  BD_INSTRUCTIONS_TABLE(BD_INSTRUCTIONS_VALUE) BD_INSTRUCTION_SETS /**< the number of sets */
} bd_instructions_t;

/** "auto", "baseline", ...; NULL for a set that does not exist in this build. */
BD_API const char *bd_instructions_name(int set);

/** The best set of this processor that this build has. */
BD_API bd_instructions_t bd_instructions_best(void);

/** The value of a row of BD_PRECISION_TABLE. */
#define BD_PRECISION_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_PRECISION_##NAME, meaning)

/** Arithmetic of the solver.  Images and results are float64 in any case.  Its values are
   BD_PRECISION_DOUBLE and BD_PRECISION_AUTO, one for each row of BD_PRECISION_TABLE. */
typedef enum bd_precision { BD_PRECISION_TABLE(BD_PRECISION_VALUE) } bd_precision_t;

/** The value of a row of BD_METHOD_TABLE. */
#define BD_METHOD_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_METHOD_##NAME, meaning)

/** How the dual is solved.  Its values are BD_METHOD_FB and BD_METHOD_FISTA, one for each row of
   BD_METHOD_TABLE. */
typedef enum bd_method { BD_METHOD_TABLE(BD_METHOD_VALUE) } bd_method_t;

/** The value of a row of BD_REGULARIZER_TABLE. */
#define BD_REGULARIZER_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_REGULARIZER_##NAME, meaning)

/** The term J of the objective.  x and p have mass 1 here.  Its values are BD_REGULARIZER_DATA and
   so on, one for each row of BD_REGULARIZER_TABLE. */
typedef enum bd_regularizer { BD_REGULARIZER_TABLE(BD_REGULARIZER_VALUE) } bd_regularizer_t;

/** The value of a row of BD_MASS_TABLE. */
#define BD_MASS_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_MASS_##NAME, meaning)

/** What is scaled to mass 1.  Its values are BD_MASS_CHANNEL and BD_MASS_JOINT, one for each row of
   BD_MASS_TABLE. */
typedef enum bd_mass { BD_MASS_TABLE(BD_MASS_VALUE) } bd_mass_t;

/** The numbers L of steps after which a snapshot is taken.  All come from one trajectory. */
typedef struct bd_iterations {
  int count;                    /**< 1 .. BD_SNAPSHOTS_MAX */
  int values[BD_SNAPSHOTS_MAX]; /**< steps, ascending, >= 0 */
} bd_iterations_t;

/** The weights beta_k of the marginals. */
typedef struct bd_weights {
  int count;                       /**< N, or 0 for 1/N each */
  double values[BD_MARGINALS_MAX]; /**< > 0; scaled to sum 1 by the solver */
} bd_weights_t;

/** Everything that a solver computes by, but the size of the images. */
typedef struct bd_solver_options {
  double gamma;               /**< entropic regularisation, in units of the cost, > 0 */
  double theta;               /**< weight of J, > 0 */
  double tau;                 /**< step length, > 0 */
  bd_iterations_t iterations; /**< when snapshots are taken; the last is the end */
  bd_cost_t cost;             /**< cost of moving mass by an offset */
  bd_kernel_t kernel;         /**< how the Gibbs kernel is applied */
  bd_method_t method;         /**< how the dual is solved */
  double tolerance; /**< an image stops when its residual falls below it; 0: only after L steps */
  int window;       /**< BD_WINDOW_FULL, or odd: mass moves by at most (window - 1)/2 pixels a plan
                       and direction */
  bd_regularizer_t regularizer;     /**< the term J */
  bd_mass_t mass;                   /**< what is scaled to mass 1 */
  bd_interpolation_t interpolation; /**< how a moved image is sampled */
  bd_marginal_set_t marginals;      /**< the motions A_k; the last one is eliminated */
  bd_weights_t weights;             /**< of the marginals */
  bd_precision_t precision;         /**< arithmetic */
  bd_instructions_t instructions;   /**< processor instructions */
  int shortcuts; /**< 1: a marginal that the kernel cannot move by half an ulp of the mass is not
                    evaluated; 0: every marginal is, in every iteration */
} bd_solver_options_t;

/** The value of a row of BD_IMAGE_STATUS_TABLE. */
#define BD_IMAGE_STATUS_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_IMAGE_##NAME, meaning)

/** Status of one image.  Its values are BD_IMAGE_OK, which is 0, BD_IMAGE_PENDING and so on, one
   for each row of BD_IMAGE_STATUS_TABLE; files store the number and name it. */
typedef enum bd_image_status {
  BD_IMAGE_STATUS_TABLE(BD_IMAGE_STATUS_VALUE) BD_IMAGE_STATUSES /**< the number of statuses */
} bd_image_status_t;

/** "ok", "pending", ...; NULL for a code that does not exist. */
BD_API const char *bd_image_status_name(int status);

/** The value of a row of BD_CONVERGENCE_TABLE. */
#define BD_CONVERGENCE_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_##NAME, meaning)

/** How the iteration of one image ended.  Its values are BD_NOT_ITERATED, BD_CONVERGED and so on,
   one for each row of BD_CONVERGENCE_TABLE.  None of them is a failure: with a finite L the
   defense is what it is after L steps. */
typedef enum bd_convergence {
  BD_CONVERGENCE_TABLE(BD_CONVERGENCE_VALUE) BD_CONVERGENCES /**< the number of convergences */
} bd_convergence_t;

/** "iteration-limit", ...; NULL for a code that does not exist. */
BD_API const char *bd_convergence_name(int convergence);

/** What the solver says of one image at one snapshot.  Figures of an image are the worst of its
   channels, but for the objective.  They are NaN where the image failed. */
typedef struct bd_image_report {
  bd_image_status_t status;     /**< BD_IMAGE_OK, or why the image failed */
  bd_convergence_t convergence; /**< how its iteration ended */
  int iterations;  /**< steps taken: L of this snapshot, or fewer where the image converged */
  int bits;        /**< 64, or 32 where precision auto found float32 right; 0 for a failed image */
  int fallback;    /**< 1: some of it went through the wide-range arithmetic */
  double residual; /**< max over k of |p_k - mean p|_1, in units of the scaled mass */
  double mass_defect; /**< max over k and iterations of |sum p_k - sum q_k|, scaled mass */
  double objective; /**< the dual objective F + J*(v), in units of the cost, summed over channels */
  int64_t evaluations_skipped; /**< evaluations of a marginal of a channel that shortcuts made
                                  needless */
  double safe_tau;             /**< 2 gamma beta_N / max p; longer forward steps are unstable, and
                                  their gradient grows without bound */
  double adjoint_growth; /**< of a gradient: how many times larger the adjoint of the potentials has
                            been than at the last iteration; 1 where steps are stable, infinite
                            where it overflows and the gradient with it, and NaN where no gradient
                            was asked for */
} bd_image_report_t;

/** Bytes of a bd_image_report_t, for a language that does not read this header. */
BD_API size_t bd_image_report_size(void);

/** Copy adjoint_growth of `count` reports into growths [count], for the same. */
BD_API void bd_image_report_growths(size_t count, const bd_image_report_t *reports,
                                    double *growths);

/** A solver: options, stencils, kernel and work space for images of one size. */
typedef struct bd_solver bd_solver_t;

/** What the solvers of a sweep may share, one after the other.  Motions of the marginals are
   prepared once, and images moved once, as long as solvers move alike (bd_solvers_move_alike) and
   use the same kind of arithmetic.  Results do not depend on it. */
typedef struct bd_moved bd_moved_t;

/** Create what solvers share.  most: bytes that moved images may take; 0: they are not kept.  NULL
   without memory.  The caller frees it, after the solver. */
BD_API bd_moved_t *bd_moved_create(double most);

/** NULL is allowed. */
BD_API void bd_moved_free(bd_moved_t *moved);

/** Forget the images at hand.  To be called before a solver that uses `moved` is run on other
   images, or on another number of them. */
BD_API void bd_moved_forget(bd_moved_t *moved);

/** 1 when solvers of these options move an image alike, by the same marginals, interpolation and
   mass. */
BD_API int bd_solvers_move_alike(const bd_solver_options_t *a, const bd_solver_options_t *b);

/** Upper estimate of the bytes that `count` moved images take. */
BD_API double bd_moved_bytes(const bd_solver_options_t *options, int channels, int height,
                             int width, int count);

/** The way in which K is applied for these options and image size, where its guard allows it:
   "direct", "recursion" or "fftw". */
BD_API const char *bd_kernel_choice(const bd_solver_options_t *options, int height, int width);

/** Prepare stencils, kernel and work space for images of [channels][height][width].  The options
   are copied.  moved may be NULL.  It serves one solver at a time, so the one before must have been
   destroyed.  The caller destroys *solver, which is NULL after an error.  The memory is that of
   bd_solver_bytes(), whatever the number of images.
   Errors: BD_BAD_INPUT for options out of range, or instructions that this processor does not have;
   BD_FAILED without memory. */
BD_API bd_status_t bd_solver_create(const bd_solver_options_t *options, int channels, int height,
                                    int width, bd_moved_t *moved, bd_solver_t **solver,
                                    bd_error_t *error);

/** Marginals that an iteration is expected to evaluate, on the average of all iterations.  Where
   shortcuts serve, that is 1 of N at a small gamma until the potentials span too much, and 0 for a
   window of one pixel.  It is an estimate from three sets of real images, which others can miss by
   a factor of three. */
BD_API double bd_solver_evaluated(const bd_solver_options_t *options, int height, int width);

/** Upper estimate of the bytes that a solver of these options takes. */
BD_API double bd_solver_bytes(const bd_solver_options_t *options, int height, int width);

/** Called now and then from inside bd_solver_run, every iteration of a few problems, so that a
   caller can serve others meanwhile.  `context` is the caller's. */
typedef void bd_poll_t(void *context);

/** Clip pixels beyond [0,1] by no more than BD_ABOVE_ONE_MAX, which are rounding, in place.  Any
   other pixel stays as it is.  Returns 1 if there were some. */
BD_API int bd_pixels_clip(size_t count, double *pixels);

/** Purify `count` images, independently of each other.  The result for an image depends on neither
   its neighbours nor its place.
     images   [count][channels][height][width], pixels in [0,1]
     purified [snapshots][count][channels][height][width], in [0,1]; NaN where the image failed
     mean     [count][channels][height][width], the mean of the marginals on the mass of x, clipped
              to [0,1]; NaN where the image failed; may be NULL
     reports  [snapshots][count]
   All arrays are the caller's.  poll may be NULL.  The call cannot fail: images do, one by one. */
BD_API void bd_solver_run(bd_solver_t *solver, int count, const double *images, double *purified,
                          double *mean, bd_image_report_t *reports, bd_poll_t *poll, void *context);

/** Bytes that bd_solver_vjp may take where bd_vjp.memory is 0. */
#define BD_VJP_MEMORY (256.0 * 1024 * 1024)

/** What is asked of bd_solver_vjp.  All arrays are the caller's. */
typedef struct bd_vjp {
  int count;              /**< images */
  const double *images;   /**< [count][channels][height][width], pixels in [0,1] */
  const double *adjoints; /**< of that shape: derivative of the loss by the purified image of the
                             last snapshot */
  double *purified;       /**< as of bd_solver_run */
  double *gradients;      /**< [count][channels][height][width]: derivative of the loss by the
                             image; NaN where the image failed, 0 for a channel without mass that
                             is scaled by itself */
  bd_image_report_t *reports; /**< as of bd_solver_run */
  double memory; /**< bytes that the states of the iterations may take, once for a block of images
                    that are solved side by side; 0: BD_VJP_MEMORY, or where that does not suffice,
                    as little as does.  What does not fit is computed twice. */
} bd_vjp_t;

/** Purify, as bd_solver_run does in float64, and take the product of the adjoints with the Jacobian
   of the purified images of the last snapshot.  This is the exact derivative of the computation
   itself, of all L steps, by hand-written reverse steps.  The result for an image depends on
   neither its neighbours nor its place.  Where a pixel is clipped at 1 the derivative is 0.  A
   pixel at 0 has the derivative from above.
   Source: reverse mode of the iteration above, by the rules of Griewank and Walther, "Evaluating
   Derivatives" (SIAM 2008).
   Errors: BD_BAD_INPUT for method fista and for a tolerance, whose decisions have no derivative;
   BD_FAILED without memory, or where `memory` does not suffice.  Then no result is valid. */
BD_API bd_status_t bd_solver_vjp(bd_solver_t *solver, const bd_vjp_t *vjp, bd_error_t *error);

/** The same with the members of bd_vjp_t as arguments, for a language that does not read this
   header. */
BD_API bd_status_t bd_solver_vjp_of(bd_solver_t *solver, int count, const double *images,
                                    const double *adjoints, double *purified, double *gradients,
                                    bd_image_report_t *reports, double memory, bd_error_t *error);

/** Take the product of the adjoints with the Jacobian of the mean of the marginals, which is what
   bd_solver_run gives as `mean`.  An attacker may take this linear map for that of the purifier, at
   a small part of the cost.
     images    [count][channels][height][width], pixels in [0,1]
     adjoints  of that shape: derivative of the loss by the mean
     gradients of that shape: derivative of the loss by the image; NaN where a motion moves all
               mass of a channel out of the image, 0 for a channel without mass that is scaled by
               itself
   All arrays are the caller's.  No image is looked at for other failures.
   Errors: BD_FAILED without memory. */
BD_API bd_status_t bd_solver_mean_vjp(bd_solver_t *solver, int count, const double *images,
                                      const double *adjoints, double *gradients, bd_error_t *error);

/** NULL is allowed. */
BD_API void bd_solver_destroy(bd_solver_t *solver);

#ifdef __cplusplus
}
#endif
#endif
