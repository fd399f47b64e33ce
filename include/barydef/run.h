/** @file
   Purify a whole job on all ranks of a communicator.

   Rank 0 hands out blocks of images, gathers and writes, and computes too; every rank
   reads its own blocks from the input.  The result is bit-identical for any number of
   ranks and any block size.  The caller initialises and finalises MPI. */
#ifndef BARYDEF_RUN_H
#define BARYDEF_RUN_H

#include <barydef/api.h>
#include <barydef/error.h>
#include <barydef/job.h>
#include <mpi.h>
#include <signal.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How far a run has got. */
typedef struct bd_progress {
  int is_checking; /**< 1 before anything is computed: `done` counts what a resume has looked at */
  int64_t done;    /**< images of all runs and attacks that are done */
  int64_t total;   /**< images of all runs and attacks */
  int64_t before;  /**< images that earlier sessions have done */
  int64_t damaged; /**< images whose mark was wrong, which are computed again */
  int is_resumed;  /**< 1 where a result that was there is continued */
  double seconds;  /**< since the first block was handed out */
} bd_progress_t;

/** Called on rank 0 alone and often: whenever a block has been written, and between the iterations
   of rank 0's own solver.  */
typedef void bd_progress_call_t(void *context, const bd_progress_t *progress);

/** How to run a job. */
typedef struct bd_run_options {
  int overwrite; /**< replace an output that exists */
  int resume;    /**< go on with an output that exists; the same as a new run where none does */
  int dry_run;   /**< check everything, compute and write nothing; an output may be there already */
  int part;      /**< 1 <= part <= parts: compute only this part of the points of the sweep */
  int parts;     /**< how many parts there are; 0: compute all points */
  const char *command_line;     /**< an attribute of the result */
  bd_progress_call_t *progress; /**< may be NULL */
  void *context;                /**< handed to `progress` */
  /** Not 0 asks to stop: blocks under way are finished, the rest is left for a resume.  Looked
     at on every rank, between iterations; may be NULL, and may be set by a signal handler. */
  volatile const sig_atomic_t *stop;
} bd_run_options_t;

/** Of how many ranks bd_run_summary_t keeps the load. */
enum { BD_LOADS_MAX = 64 };

/** What was (or, in a dry run, would be) done; filled on rank 0. */
typedef struct bd_run_summary {
  int ranks;                 /**< of the communicator */
  int runs;                  /**< of the job, or of its part */
  int attacks;               /**< of each run, the clean images among them */
  int64_t images_per_attack; /**< n, or input.limit */
  int64_t images;            /**< of every run and attack */
  int64_t failed;            /**< of these, with a failure status */
  int64_t done_before;       /**< images that earlier sessions have done */
  int64_t computed;          /**< images that this session has done */
  int64_t blocks;            /**< of all the work */
  int64_t steps;             /**< iterations x marginals of an image of an attack, over all runs */
  int64_t pixels;            /**< of an image, all channels */
  double file_bytes;         /**< size of the result */
  double rank_bytes;         /**< memory of a rank for blocks and solver */
  int has_victim;            /**< 0: accuracies are NaN */
  double seconds;            /**< from the first block to the last */
  double read_seconds;       /**< of reading pixels, summed over the ranks */
  double solve_seconds;      /**< of the solver, summed over the ranks */
  double baseline_seconds;   /**< of making views such as the blurred one, summed over the ranks */
  double victim_seconds;     /**< of the victim, summed over the ranks */
  double write_seconds;      /**< of rank 0's writing, and a rank's share of the others' writing */
  double load_least;         /**< share of the time that the idlest rank was at work */
  double load_mean;          /**< the same in the mean over the ranks */
  double load_most;          /**< the same of the busiest rank */
  int idlest_rank;           /**< the rank of load_least */
  float load[BD_LOADS_MAX];  /**< the same of each of the first ranks */
  int64_t messages;          /**< that rank 0 has sent and received */
  double message_seconds;    /**< that rank 0 spent on them, without writing */
  int was_complete;          /**< 1 where a resume found nothing to do */
  int mended;                /**< attributes that a resume has written anew, since they were not
                                what job and input say */
  char mended_first[256];    /**< the name of one of them */
  char revision_there[64];   /**< revision of the program that began a result that is resumed */
} bd_run_summary_t;

/** For programs that do not speak MPI themselves: start and stop it, rank in between.
   Collective over all processes of the launch. */
BD_API int bd_world_start(int *argc, char ***argv);

/** Stop MPI.  Collective. */
BD_API void bd_world_stop(void);

/** Give every process rank 0's *status; returns it. */
BD_API int bd_world_agree(int *status);

/** All processes of the launch.  Not collective. */
BD_API MPI_Comm bd_world(void);

/** Collective over `communicator`.  `job` is needed on rank 0 only, which sends it to the
   others; `options` likewise, but for `stop`.  All ranks return the same status; the error is
   filled on all of them.
   Errors: BD_BAD_INPUT before anything is written; BD_FAILED and BD_STOPPED leave a result
   with complete = 0 that can be resumed; BD_SOME_FAILED is a whole result in which some
   images failed. */
BD_API bd_status_t bd_run(MPI_Comm communicator, const bd_job_t *job,
                          const bd_run_options_t *options, bd_run_summary_t *summary,
                          bd_error_t *error);

#ifdef __cplusplus
}
#endif
#endif
