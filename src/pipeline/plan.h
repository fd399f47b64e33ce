/* The work to be done, the same on every rank. */
#ifndef BD_PLAN_H
#define BD_PLAN_H

#include <barydef/attack.h>
#include <barydef/images.h>
#include <barydef/job.h>
#include <barydef/view.h>
#include <stdint.h>

/* What is done to the images. */
typedef enum plan_kind {
  PLAN_PURIFIES, /* attacked images, read or made, are purified */
  PLAN_ATTACKS   /* clean images are attacked, and stored as if purifying changed nothing */
} plan_kind_t;

typedef struct bd_plan {
  const bd_job_t *job; /* not owned */
  plan_kind_t kind;
  int first_point, point_count; /* a part of the sweep, or all of it */
  int *order;    /* [attack_count][point_count] points in the order they are taken for an attack;
                    NULL: in ascending order */
  int shares;    /* some of them move their images alike */
  int64_t count; /* images of each attack */
  int attack_count;
  int *attacks; /* [attack_count] indices into the input's attacks; of an attack that is made, that
                   of the clean images */
  const bd_made_attack_t **made; /* [attack_count], NULL where the attack is read; else its values
                                    at each point of the job */
  int clean;                     /* the input's index of the clean images, or -1 */
  int block;                     /* images of a block, at most */
  int store_images;
  bd_writers_t writers;           /* of images; BD_WRITERS_ROOT where none are stored */
  bd_views_t views;               /* what the victim is shown */
  bd_instructions_t instructions; /* of solver.instructions = auto, the best that all ranks have */
} bd_plan_t;

/* Images first .. first + count - 1 of an attack of the plan, at a point of the sweep. count = 0:
   nothing. */
typedef struct bd_item {
  int point, attack, count, unused; /* no padding, as items are sent as bytes */
  int64_t first;
} bd_item_t;

/* Plan what a job, or a part of its sweep, does with an input.  The instructions are set
   elsewhere.  The caller calls plan_free, also after an error.  Errors: BD_BAD_INPUT if an attack
   that is asked for does not exist, or if the sweep has fewer points than parts. */
bd_status_t plan_make(const bd_job_t *job, const bd_images_info_t *info, const bd_part_t *part,
                      plan_kind_t kind, bd_plan_t *plan, bd_error_t *error);
void plan_free(bd_plan_t *plan);

/* Set `order`, which the caller frees, and `shares`.  Errors: BD_FAILED without memory. */
bd_status_t plan_order(bd_plan_t *plan, bd_error_t *error);

/* Do the images of the plan have the scale that is expected, as far as a sample tells?  Errors:
   those of bd_images_check_scale. */
bd_status_t plan_check_scale(const bd_plan_t *plan, bd_images_t *images, bd_error_t *error);

/* Can the attacks that are made be made on a victim of `classes` classes?  0: there is none.
   Errors: BD_BAD_INPUT. */
bd_status_t plan_check_victim(const bd_plan_t *plan, int classes, bd_error_t *error);

/* What a result says of an attack of the plan in the runs of a point. */
bd_attack_t plan_attack(const bd_plan_t *plan, const bd_images_info_t *info, int point, int attack);

/* Is an attack that is made, at two points, the same on the same images?  Through the bare victim
   it is where its keys are. */
int plan_is_same_attack(const bd_plan_t *plan, int attack, int point, int other);

/* Snapshots of a point, and of the point of the plan that has the most. */
static inline int plan_snapshots(const bd_plan_t *plan, int point) {
  return bd_job_first_run(plan->job, point + 1) - bd_job_first_run(plan->job, point);
}
int plan_snapshots_most(const bd_plan_t *plan);

static inline int plan_first_run(const bd_plan_t *plan) {
  return bd_job_first_run(plan->job, plan->first_point);
}
static inline int plan_runs(const bd_plan_t *plan) {
  return bd_job_first_run(plan->job, plan->first_point + plan->point_count) - plan_first_run(plan);
}

/* Images of all runs and attacks. */
static inline int64_t plan_images(const bd_plan_t *plan) {
  return (int64_t)plan_runs(plan) * plan->attack_count * plan->count;
}

/* Blocks of one attack and point. */
static inline int64_t plan_blocks(const bd_plan_t *plan) {
  return (plan->count + plan->block - 1) / plan->block;
}

/* Do two items have the same images, whatever their points? */
static inline int plan_is_same_pixels(const bd_item_t *a, const bd_item_t *b) {
  return a->count == b->count && a->attack == b->attack && a->first == b->first;
}

#endif
