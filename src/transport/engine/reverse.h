/* The reverse pass: from the adjoint of a purified image to that of the image.

   With mu_k, nu the adjoints of u_k, v at an iteration, a marginal with the adjoint pb of its p_k
   passes on

       z = K (a . pb) / K a                            to q_k
       g = (p . pb - a . K(r . z)) / gamma             to u_k,  r = q / K a

   and a step back is

       eta   = sigma nu
       pb_k  = -tau beta_k mu_k,   pb_N = tau sum_k beta_k mu_k + push eta
       mu_k <- mu_k + g_k - (beta_k / beta_N) g_N,   nu <- eta - g_N / beta_N.

   K a is divided by before r is multiplied by, so that each factor is in range where the forward
   pass is.  The step is the transpose of a step forward, which is non-expansive below safe_tau.

   What all marginals share is kept once: mu_k = h_k - (beta_k / beta_N) G, where h_k and G sum g_k
   and g_N.  A known marginal (identity.h) has g = 0 and z = pb.  Its h_k is at rest, and its z's
   sum to what the sum of G says.  So it takes no time here either. */
#ifndef BD_REVERSE_H
#define BD_REVERSE_H

#include "transport/engine/method.h"
#include "transport/engine/tape.h"

typedef struct bd_reverse bd_reverse_t;

/* Make room for the gradients of `count` images within about `memory` bytes.  The iterate keeps its
   iterations from now on.  The caller frees *reverse, also after an error.
   Errors: BD_FAILED without memory, or where so little does not suffice. */
bd_status_t BD_X(reverse_create)(bd_iterate_t *iterate, double memory, size_t count,
                                 bd_reverse_t **reverse, bd_error_t *error);
void BD_X(reverse_free)(bd_reverse_t *reverse);

/* The gradients of the problems whose forward pass has just ended, with the mean of p in the plane
   a.  What the channels of an image share is still missing in them. */
void BD_X(reverse_run)(bd_reverse_t *reverse, const bd_trajectory_t *trajectory);

/* Add what the channels of an image share, to all gradients since reverse_create. */
void BD_X(reverse_finish)(const bd_reverse_t *reverse, const bd_solver_call_t *call);

#endif
