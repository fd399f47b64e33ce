/* What the forward pass keeps for the reverse pass (reverse.h): the potentials of every evaluation.

   Iterations are kept as long as their planes have room.  Then the state is saved as a checkpoint,
   and the room is used anew.  The reverse pass takes the last segment as it is.  It goes back to
   the checkpoint before it and repeats the steps from there, by the same code and therefore with
   the same bits.  A known marginal (identity.h) takes no plane. */
#ifndef BD_TAPE_H
#define BD_TAPE_H

#include "transport/engine/iterate.h"

/* A marginal in an iteration. */
typedef struct bd_taped {
  const bd_lanes_t *u; /* plane; NULL where every lane is known */
  bd_lanes_t max, min; /* of u */
  bd_mask_t known;
} bd_taped_t;

typedef struct bd_checkpoint {
  int iteration;
  bd_potentials_t at;
  bd_implied_t implied;
  bd_lanes_t *planes;
} bd_checkpoint_t;

typedef struct bd_tape {
  int marginals, iterations;    /* iterations: L + 1 */
  size_t pixels;                /* vectors of a plane */
  size_t room, used;            /* planes of a segment */
  int segments, begun;          /* at most; so far */
  int first, next;              /* the iterations at hand: first .. next - 1 */
  bd_taped_t *entries;          /* [iterations][marginals] */
  bd_checkpoint_t *checkpoints; /* [segments], at the beginning of each */
  bd_lanes_t *planes;           /* the memory of all planes */
} bd_tape_t;

/* Make room within `memory` bytes, or with 0 within BD_VJP_MEMORY if that suffices.  Errors:
   BD_FAILED without memory, or where so little does not suffice.  Freed by tape_free, also after an
   error. */
bd_status_t BD_X(tape_create)(const bd_iterate_t *iterate, double memory, bd_tape_t *tape,
                              bd_error_t *error);
void BD_X(tape_free)(bd_tape_t *tape);

/* An iteration of the forward pass begins, the first one with 0. */
void BD_X(tape_begin)(bd_tape_t *tape, const bd_iterate_t *iterate, int iteration);

/* A marginal is about to be evaluated. */
void BD_X(tape_keep)(bd_tape_t *tape, const bd_evaluation_t *evaluation);

/* Go back to the beginning of the segment before the one at hand.  The caller then repeats the
   iterations tape->next .. `end` - 1, which is the result. */
int BD_X(tape_rewind)(bd_tape_t *tape, bd_iterate_t *iterate);

BD_INLINE const bd_taped_t *taped(const bd_tape_t *t, int iteration, int k) {
  return &t->entries[(size_t)iteration * (size_t)t->marginals + (size_t)k];
}

#endif
