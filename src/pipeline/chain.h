/* What an attacker attacks: the victim, alone or behind a view of the image. */
#ifndef BD_CHAIN_H
#define BD_CHAIN_H

#include "attack/model.h"

#include <barydef/attack.h>
#include <barydef/solver.h>
#include <barydef/victim.h>
#include <barydef/view.h>

/* Victim, view and purifier as one model, whose state is the chain. */
typedef struct bd_chain {
  attack_model_t model;
  bd_victim_t *victim;
  const bd_made_attack_t *attack; /* through what, and by which gradient */
  const bd_parameters_t *parameters;
  bd_solver_t *solver;                             /* owned; NULL where no marginals are needed */
  int room;                                        /* images that the arrays have room for */
  double *images, *view, *mean, *adjoint, *pulled; /* [room][C][H][W] */
  float *shown, *gradient;                         /* [room][C][H][W] */
  bd_image_report_t *reports;                      /* [room] */
  int64_t first;                                   /* number of the image that failed[0] is about */
  char *failed;    /* the caller's [room], set to 1 where the victim gives NaN; may be NULL */
  char *asked;     /* [room], the same for a request under way */
  bd_poll_t *poll; /* called now and then; may be NULL */
  void *context;
} bd_chain_t;

/* Images as the chain sees them: shape of one, classes of the victim, and how many at most. */
typedef struct bd_chain_shape {
  int channels, height, width, classes, room;
} bd_chain_shape_t;

/* `parameters` are those of a point, and stay valid as long as the chain.  The caller calls
   chain_free, also after an error.  Errors: BD_FAILED without memory, and those of
   bd_solver_create. */
bd_status_t chain_create(bd_chain_t *chain, const bd_chain_shape_t *shape, bd_victim_t *victim,
                         const bd_made_attack_t *attack, const bd_parameters_t *parameters,
                         bd_error_t *error);
void chain_free(bd_chain_t *chain);

/* The view that the attacked victim is behind; BD_VIEW_ATTACKED where there is none. */
bd_view_t chain_view(const bd_made_attack_t *attack);

/* Does the solver iterate for the attacker, which takes longer than the victim? */
static inline int chain_iterates(const bd_made_attack_t *attack) {
  return attack->through == BD_ATTACK_THROUGH_PURIFIED;
}

/* Bytes that chain_create and an attack on `room` images take. */
double chain_bytes(const bd_chain_shape_t *shape, const bd_made_attack_t *attack,
                   const bd_parameters_t *parameters);

#endif
