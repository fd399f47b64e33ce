/* Take one item of work through everything that a rank does to it.  Knows no MPI. */
#ifndef BD_WORKER_H
#define BD_WORKER_H

#include "pipeline/block.h"
#include "pipeline/chain.h"
#include "pipeline/seen.h"

#include <barydef/result.h>
#include <barydef/solver.h>
#include <barydef/victim.h>

/* The predictions in hand, and the images, views and parameters they belong to. */
typedef struct bd_shown {
  bd_item_t item;      /* count 0: none */
  bd_views_t held;     /* views of this item whose predictions are in hand */
  int point[BD_VIEWS]; /* the point of a sweep that a view was made for */
  int32_t *classes;    /* [BD_VIEWS][block] */
  int32_t *purified;   /* [snapshots][block] */
} bd_shown_t;

/* The images that an attack has made, and room to make them.  Its arrays are allocated where they
   are first needed. */
typedef struct bd_made {
  bd_item_t item;        /* whose attacked images are in hand; count 0: none */
  bd_chain_t chain;      /* what was attacked last; without a state: none */
  int point;             /* of the sweep, that the chain is made for */
  float *clean, *images; /* [block][C][H][W] */
  int64_t *numbers;      /* [block] */
  int32_t *labels;       /* [block] */
  int32_t *predicted;    /* [block] */
  int64_t *forward;      /* [2][block], passes forward and backward */
  int8_t *found;         /* [3][block], of attack_findings_t */
  char *failed;          /* [block], the victim gave NaN to the attack */
} bd_made_t;

/* Work space of a rank. */
typedef struct bd_worker {
  const bd_plan_t *plan;
  bd_images_t *images;
  bd_victim_t *victim; /* NULL without */
  bd_result_t *result; /* if this rank writes images itself; else NULL */
  int point;           /* of the solver; -1: none yet */
  bd_parameters_t parameters;
  bd_moved_t *moved; /* what the solvers of the points share */
  bd_solver_t *solver;
  bd_image_report_t *reports; /* [snapshots][count] */
  bd_item_t read;             /* whose pixels are in hand; count 0: none */
  bd_made_t made;
  bd_shown_t shown;
  bd_seen_t seen;                  /* the answers behind them */
  double *attacked, *clean, *mean; /* [count][C][H][W] */
  int8_t *clipped;                 /* [count], of the images that were read (fields.def) */
  double *purified;                /* [snapshots][count][C][H][W] */
  double *room;                    /* [count][C][H][W] for a view */
  float *stored;                   /* [count][C][H][W] as the victim sees it */
} bd_worker_t;

/* Freed by worker_free, also after an error. */
bd_status_t worker_create(const bd_plan_t *plan, bd_images_t *images, bd_victim_t *victim,
                          bd_worker_t *worker, bd_error_t *error);
void worker_free(bd_worker_t *worker);

/* The most bytes that worker_create and the solvers of the plan's points take.  Sets *moved,
   unless `moved` is NULL, to the bytes of these for moved images that are kept. */
double worker_bytes(const bd_plan_t *plan, const bd_images_info_t *info, double *moved);

/* Compute an item into *block.  A failure is reported in its status and message. */
void worker_compute(bd_worker_t *worker, const bd_item_t *item, bd_block_t *block, bd_poll_t *poll,
                    void *context);

/* Read the pixels of an item into `attacked`, and those of its clean images into `clean`, unless
   they are in hand. */
bd_status_t worker_read(bd_worker_t *worker, const bd_item_t *item, bd_error_t *error);

/* Announce an item that will come, so that its pixels are fetched from the disk meanwhile. */
void worker_expect(bd_worker_t *worker, const bd_item_t *item);

/* The mark of image i of those in hand, made from the pixels of the attacked image and of the clean
   image, if there is one. */
uint64_t worker_input_mark(const bd_worker_t *worker, int64_t i);

#endif
