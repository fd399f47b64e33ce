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

/** Progress, on rank 0 only, whenever a block has been written and between the iterations
   of rank 0's own solver: often. */
typedef struct bd_progress {
  int is_checking; /**< before anything is computed: `done` counts what a resume has looked at */
  int64_t done, total;     /**< images of all runs and attacks */
  int64_t before, damaged; /**< done by earlier sessions; rows whose checksum was wrong, which are
                              computed again */
  int is_resumed;          /**< a result that was there is continued */
  double seconds;          /**< since the first block was handed out */
} bd_progress_t;
typedef void bd_progress_call_t(void *context, const bd_progress_t *progress);

typedef struct bd_run_options {
  int overwrite; /**< replace an output that exists */
  int resume;    /**< go on with an output that exists; the same as a new run where none does */
  int dry_run;   /**< check everything, compute and write nothing; an output may be there already */
  int part, parts; /**< only part 1 <= part <= parts of the points of the sweep; parts = 0: all */
  const char *command_line;
  bd_progress_call_t *progress; /**< may be NULL */
  void *context;
  /** Not 0 asks to stop: blocks under way are finished, the rest is left for a resume.  Looked
     at on every rank, between iterations; may be NULL, and may be set by a signal handler. */
  volatile const sig_atomic_t *stop;
} bd_run_options_t;

enum { BD_LOADS_MAX = 64 };

/** What was (or, in a dry run, would be) done; filled on rank 0. */
typedef struct bd_run_summary {
  int ranks, runs, attacks;
  int64_t images_per_attack, images, failed; /**< images counts every run and attack */
  int64_t done_before, computed;             /**< images of earlier sessions, and of this one */
  int64_t blocks;                            /**< of all the work */
  int64_t steps, pixels; /**< iterations x marginals that each image of an attack takes, over all
                            runs; pixels of an image, all channels */
  double file_bytes, rank_bytes; /**< size of the result; memory for blocks on a rank */
  int has_victim;                /**< 0: accuracies are NaN */
  double seconds;                /**< from the first block to the last */
  /** Summed over the ranks, in seconds: reading, solving, blurring and the like, the
     victim; and rank 0's writing, with a rank's share of the writing of the others. */
  double read_seconds, solve_seconds, baseline_seconds, victim_seconds, write_seconds;
  /** Share of the time that ranks were at work: the least, on idlest_rank, mean and most. */
  double load_least, load_mean, load_most;
  int idlest_rank;
  float load[BD_LOADS_MAX]; /**< of each of the first ranks */
  int64_t messages;         /**< rank 0 has sent and received, */
  double message_seconds;   /**< and the time it spent on them, without writing */
  int was_complete;         /**< a resume found nothing to do */
  int mended; /**< attributes that a resume has written anew, as they were not what job and input
               * say,
               */
  char mended_first[256], revision_there[64]; /**< the name of one; the program's revision by which
                                                 a result that is resumed was begun */
} bd_run_summary_t;

/** For programs that do not speak MPI themselves: start and stop it, rank in between.
   Collective over all processes of the launch. */
BD_API int bd_world_start(int *argc, char ***argv);
BD_API void bd_world_stop(void);

/** Give every process rank 0's *status; returns it. */
BD_API int bd_world_agree(int *status);
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
