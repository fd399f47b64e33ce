/* One item of work through everything a rank does to it.  Knows no MPI. */
#ifndef BD_BLOCK_H
#define BD_BLOCK_H

#include "pipeline/plan.h"

#include <barydef/images.h>
#include <barydef/result.h>
#include <barydef/solver.h>
#include <barydef/victim.h>

/* What an item took, in seconds. */
typedef struct bd_timings {
  double read;     /* the pixels */
  double solve;    /* the barycenters */
  double baseline; /* rounding, blurring and the like */
  double victim;   /* its predictions */
  double write;    /* images, where this rank writes them itself */
} bd_timings_t;

/* The result of an item; one piece of memory that can be sent.  Contents: the marks of the
   `count` images' pixels; then for each snapshot of the point `count` records, their marks
   and, where rank 0 is to write them, `count` images. */
typedef struct bd_block {
  bd_item_t item;
  int64_t status; /* bd_status_t; BD_STOPPED: not begun; else not BD_OK: `message` says why.  The
                     rest is void then */
  char message[1024];
  bd_timings_t seconds;
  char contents[];
} bd_block_t;

/* Upper bound of the size of a block of this plan, in bytes. */
size_t block_size(const bd_plan_t *plan, const bd_images_info_t *info);

/* Size of a block, and where its parts are. */
size_t block_used(const bd_plan_t *plan, const bd_images_info_t *info, const bd_block_t *block);
uint64_t *block_input_marks(bd_block_t *block);
bd_per_image_t *block_records(const bd_plan_t *plan, const bd_images_info_t *info,
                              bd_block_t *block, int snapshot);
uint64_t *block_marks(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                      int snapshot);
float *block_images(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                    int snapshot);

/* The mark of the pixels of image i of [count]: of the attacked one and, where there is
   one (NULL: not), of its clean image. */
uint64_t input_mark(const bd_images_info_t *info, const double *attacked, const double *clean,
                    int64_t i);

/* What the predictions of the baselines in hand were made from. */
typedef struct bd_baselines {
  int attack, count; /* count 0: none in hand */
  int64_t first;
  double blur_sigma;
  uint64_t mean_mark; /* of the means of the marginals */
} bd_baselines_t;

/* Work space of a rank. */
typedef struct bd_worker {
  const bd_plan_t *plan;
  bd_images_t *images;
  bd_victim_t *victim; /* NULL without */
  bd_result_t *result; /* where this rank writes images itself; else NULL */
  int point;           /* of the solver; -1: none yet */
  bd_parameters_t parameters;
  bd_moved_t *moved; /* what the solvers of the points share */
  bd_solver_t *solver;
  bd_image_report_t *reports;
  bd_item_t read;           /* whose pixels are in hand; count 0: none */
  bd_baselines_t baselines; /* whose predictions are in hand */
  double *attacked, *clean, *purified, *mean, *baseline;
  float *stored;
  int32_t *predicted; /* [5][block] */
} bd_worker_t;

/* Freed by worker_free, also after an error. */
bd_status_t worker_create(const bd_plan_t *plan, bd_images_t *images, bd_victim_t *victim,
                          bd_worker_t *worker, bd_error_t *error);
void worker_free(bd_worker_t *worker);

/* Bytes worker_create and the solvers of the plan's points take at most, and of these (may be NULL)
 * what is kept of moved images. */
double worker_bytes(const bd_plan_t *plan, const bd_images_info_t *info, double *moved);

/* Compute an item into *block; a failure goes into its status and message. */
void worker_compute(bd_worker_t *worker, const bd_item_t *item, bd_block_t *block, bd_poll_t *poll,
                    void *context);

/* The pixels of an item, and of the clean images beside, where they are not in hand, into attacked
 * and clean. */
bd_status_t worker_read(bd_worker_t *worker, const bd_item_t *item, bd_error_t *error);

/* An item will come: its pixels are fetched from the disk meanwhile. */
void worker_expect(bd_worker_t *worker, const bd_item_t *item);

#endif
