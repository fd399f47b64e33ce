/* One block of images through everything a rank does to it.  Knows no MPI. */
#ifndef BD_BLOCK_H
#define BD_BLOCK_H

#include <barydef/images.h>
#include <barydef/job.h>
#include <barydef/solver.h>
#include <barydef/victim.h>

/* What there is to do, the same on every rank. */
typedef struct bd_plan {
  const bd_job_t *job;
  int64_t count;      /* images of each attack */
  int attack_count;
  const int *attacks; /* [attack_count] indices into the input's attacks */
  int clean;          /* the input's index of the clean images, or -1 */
  int block;          /* images of a block */
  int store_images;
  bd_instructions_t instructions; /* what solver.instructions = auto is: the best of all ranks */
} bd_plan_t;

/* Item i of the plan: a point of the sweep, an attack (number in the plan) and images
   first .. first + count - 1. */
typedef struct bd_item {
  int point, attack, count;
  int64_t first;
} bd_item_t;

int64_t plan_items(const bd_plan_t *plan);
bd_item_t plan_item(const bd_plan_t *plan, int64_t index);

/* The result of an item: for each snapshot of its point `count` records and, where the
   plan stores images, `count` images; one piece of memory that can be sent. */
typedef struct bd_block {
  int64_t item;
  int64_t status;      /* bd_status_t; not BD_OK: `message` says why and the rest is void */
  char message[1024];
  double seconds[4];   /* reading, solving, baselines, victim */
  char contents[];
} bd_block_t;

/* Upper bound of the size of a block of this plan, in bytes. */
size_t block_size(const bd_plan_t *plan, const bd_images_info_t *info);

/* Size of the block for one item, and where its parts are. */
size_t block_item_size(const bd_plan_t *plan, const bd_images_info_t *info, const bd_item_t *item);
bd_per_image_t *block_records(const bd_plan_t *plan, const bd_images_info_t *info, const bd_item_t *item,
                              bd_block_t *block, int snapshot);
float *block_images(const bd_plan_t *plan, const bd_images_info_t *info, const bd_item_t *item,
                    bd_block_t *block, int snapshot);

/* Work space of a rank. */
typedef struct bd_worker {
  const bd_plan_t *plan;
  bd_images_t *images;
  bd_victim_t *victim; /* NULL without */
  int point;           /* of the solver; -1: none yet */
  bd_parameters_t parameters;
  bd_solver_t *solver;
  bd_image_report_t *reports;
  double *attacked, *clean, *purified, *mean, *baseline;
  float *stored;
  int32_t *predicted; /* [5][block] */
} bd_worker_t;

/* Freed by worker_free, also after an error. */
bd_status_t worker_create(const bd_plan_t *plan, bd_images_t *images, bd_victim_t *victim, bd_worker_t *worker,
                          bd_error_t *error);
void worker_free(bd_worker_t *worker);

/* Bytes worker_create and the solvers of the plan's points take at most. */
double worker_bytes(const bd_plan_t *plan, const bd_images_info_t *info);

/* Compute item `index` into *block; a failure goes into its status and message. */
void worker_compute(bd_worker_t *worker, int64_t index, bd_block_t *block, bd_poll_t *poll, void *context);

#endif
