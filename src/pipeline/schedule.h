/* Which images which rank works on next.  Knows no MPI; used on rank 0.

   The work is a list of pieces, at most a block of images of one point and attack each, in
   the order attack, block, point.  A rank is given, in this order of preference: the next
   point of the block it worked on (so that it need not read the images again), the next
   block nobody has begun, or what is left of another rank's.  Towards the end pieces are
   split: a rank gets at most a third of its share of what is left, its share being that of
   its speed, so that all ranks end at about the same time (guided self-scheduling:
   Polychronopoulos and Kuck, IEEE Trans. Computers 36 (1987), with weights).  Cutting is
   free to do so because no result depends on it. */
#ifndef BD_SCHEDULE_H
#define BD_SCHEDULE_H

#include "pipeline/plan.h"

typedef struct schedule schedule_t;

/* `done` (NULL: nothing) says for each point, attack and image whether it needs no work:
   [points][attacks][count] of the plan.  Freed by schedule_free.  NULL without memory. */
schedule_t *schedule_create(const bd_plan_t *plan, const uint8_t *done, int ranks);
void schedule_free(schedule_t *schedule);

/* Who takes what a rank leaves. */
typedef enum schedule_company {
  SCHEDULE_ALONE, /* nobody: the rank is given what there is */
  SCHEDULE_SHARED /* others that go on */
} schedule_company_t;

/* The next item for a rank; 0 where none is left or, with SCHEDULE_SHARED, where it is so slow that
   the others will have done the rest sooner. */
int schedule_take(schedule_t *schedule, int rank, schedule_company_t company, bd_item_t *item);

/* A rank has spent `seconds` on an item: its speed. */
void schedule_report(schedule_t *schedule, int rank, const bd_item_t *item, double seconds);

/* Images not given to anybody yet, each counted for every run it belongs to. */
int64_t schedule_left(const schedule_t *schedule);

#endif
