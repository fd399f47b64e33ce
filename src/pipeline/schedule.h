/* Decide which images each rank works on next.  Used on rank 0.  Knows no MPI.

   The work is a list of pieces, in the order attack, block, point.  A piece is at most one block
   of images of one point and attack.  A rank prefers the next point of the block it worked on,
   whose images it need not read again.  Failing that, it takes the next block that nobody has
   begun, and in the end what is left of another rank's block.  Pieces are split towards the end,
   so that all ranks finish at about the same time.  A rank's share of the remaining work is
   proportional to its speed, and it gets at most a third of that share at once.  This is guided
   self-scheduling with weights: Polychronopoulos and Kuck, IEEE Trans. Computers 36, 1987.
   Splitting is safe because no result depends on it.

   Attacks that are made take longer, and unequally long, since some images stop early.  Where the
   victim does most of the work their pieces are single batches, which are not split: a part of a
   batch takes as long, and other points take the same images.  Where the solver does, they are
   split.  The last of them are given only to ranks that have nothing else to do. */
#ifndef BD_SCHEDULE_H
#define BD_SCHEDULE_H

#include "pipeline/plan.h"

typedef struct schedule schedule_t;

/* Make a schedule of the plan.  `done`, [points][attacks][count], is nonzero for each image that
   needs no work; NULL means that all do.  The caller calls schedule_free.  Returns NULL if there
   is no memory. */
schedule_t *schedule_create(const bd_plan_t *plan, const uint8_t *done, int ranks);
void schedule_free(schedule_t *schedule);

/* Who takes what a rank leaves. */
typedef enum schedule_company {
  SCHEDULE_ALONE, /* nobody: the rank is given what there is */
  SCHEDULE_SHARED /* others that go on */
} schedule_company_t;

/* Take the next item for a rank.  Returns 0 if none is left.  With SCHEDULE_SHARED, also returns 0
   if the rank is so slow that the others will finish the rest sooner. */
int schedule_take(schedule_t *schedule, int rank, schedule_company_t company, bd_item_t *item);

/* Record that a rank spent `seconds` on an item, from which its speed follows. */
void schedule_report(schedule_t *schedule, int rank, const bd_item_t *item, double seconds);

/* The number of images that have not been handed out, each counted for every run it belongs to. */
int64_t schedule_left(const schedule_t *schedule);

#endif
