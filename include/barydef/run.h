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
#include <barydef/result.h>
#include <barydef/run_time.h>
#include <mpi.h>
#include <signal.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How far a run is. */
typedef struct bd_progress {
  int is_checking; /**< a result that is continued is checked before anything is computed: `done`
                        counts what has been looked at */
  int64_t done;    /**< images of all runs and attacks, those of earlier sessions among them */
  int64_t total;   /**< images of all runs and attacks */
  int64_t before;  /**< images that earlier sessions have done */
  int64_t damaged; /**< images of earlier sessions that do not fit their checksums, and are computed
                        again */
  int is_resumed;  /**< a result that was there is continued */
  const char *unlocked; /**< NULL, or one line that says that the output's file system has no locks,
                             so that nothing keeps two runs of it apart */
  double seconds;       /**< since the first block was handed out */
  const char *attack;   /**< name of the attack whose images were handed out last, or NULL */
  int is_made;          /**< this attack is made, not read */
  int64_t attack_done;  /**< its images of all runs that are done */
  int64_t attack_total; /**< its images of all runs */
  int64_t judged;       /**< its images that the victim was shown in this session; 0 without one */
  int64_t right;        /**< those of them that the victim had right once purified, or attacked
                             where nothing is purified */
} bd_progress_t;

/** Called on rank 0 whenever a block has been written, and between the iterations of rank 0's own
   solver, thus often.  `progress` is valid during the call. */
typedef void bd_progress_call_t(void *context, const bd_progress_t *progress);

/** How to run a job.  All zero is a run that refuses an output that exists. */
typedef struct bd_run_options {
  bd_existing_t existing; /**< what to do with an output that exists */
  int dry_run;            /**< check everything, but compute and write nothing; an output may be
                               there already */
  int attacks_only;       /**< 1: make the attacks of the job, and purify nothing: the result holds
                               the attacked images in the place of the purified ones */
  bd_part_t part;         /**< which points of the sweep; all zero: all of them */
  const char *command_line;     /**< kept in the result; may be NULL */
  bd_progress_call_t *progress; /**< may be NULL */
  void *context;                /**< of `progress` */
  /** Not 0 asks to stop: blocks under way are finished, and the rest is left for a resume.  It is
     looked at on every rank, between iterations.  It may be NULL, and a signal handler may set
     it. */
  volatile const sig_atomic_t *stop;
} bd_run_options_t;

/** Ranks whose load a summary lists. */
enum { BD_LOADS_MAX = 64 };

/** What was done, or in a dry run would be done. */
typedef struct bd_run_summary {
  int ranks;                 /**< of the communicator */
  int runs;                  /**< points of the sweep times snapshots */
  int attacks;               /**< the clean images among them */
  int64_t images_per_attack; /**< of each attack */
  int64_t images;            /**< of all runs and attacks */
  int64_t failed;            /**< images of all runs and attacks whose status is not ok */
  int64_t done_before;       /**< images that earlier sessions have done */
  int64_t computed;          /**< images of this session */
  int64_t blocks;            /**< of all the work */
  double steps;      /**< evaluations of a marginal that one image of an attack is expected to take
                          over all runs (bd_solver_evaluated) */
  int64_t pixels;    /**< of an image, all channels */
  double file_bytes; /**< size of the result, an estimate */
  double rank_bytes; /**< memory of a rank for blocks and solver, an estimate */
  int has_victim;    /**< 0: accuracies are NaN */
  double seconds;    /**< from the first block to the last */
  double read_seconds;     /**< reading pixels, summed over the ranks */
  double solve_seconds;    /**< solving, summed over the ranks */
  double baseline_seconds; /**< rounding, blurring and the like, summed over the ranks */
  double victim_seconds;   /**< the victim, summed over the ranks */
  double attack_seconds;   /**< making attacked images, summed over the ranks */
  int64_t predicted;       /**< images that the victims of all ranks were shown */
  int64_t shared;          /**< images that they were not shown, since an answer for the same bits
                                was there */
  int64_t rows;            /**< of the batches that they were given; some may have held no image */
  double write_seconds;    /**< rank 0's writing, and a rank's share of the writing of the others */
  double load_least;       /**< share of the time that the idlest rank was at work */
  double load_mean;        /**< the same share, the mean of all ranks */
  double load_most;        /**< the same share of the busiest rank */
  int idlest_rank;         /**< the rank of load_least */
  float load[BD_LOADS_MAX]; /**< the same share of each of the first ranks */
  int64_t messages;         /**< that rank 0 has sent and received */
  double message_seconds;   /**< that rank 0 has spent on them, without writing */
  char victim_notes[1024];  /**< lines about the victim that the user must know of */
  int was_complete;         /**< a resume has found nothing to do */
  int mended;               /**< attributes that were not what job and input say, and that a resume
                                 has written anew */
  char mended_first[256];   /**< the name of one of them */
  bd_run_time_t time;       /**< of a dry run */
  char revision_there[64];  /**< the program's revision by which a result that is resumed was
                                 begun */
  char notes[1024];         /**< what the input holds that is not read: bd_images_info_t.notes */
} bd_run_summary_t;

/** What the environment of a process tells about the tasks that were started together with it. */
typedef struct bd_tasks {
  const char *variable; /**< the environment variable that tells of others; NULL: none does */
  int count;            /**< how many were started; -1: not told */
  int number;           /**< which of them this process is, from 0; -1: not told */
} bd_tasks_t;

/** Ask the variables of the launchers (SLURM, PMI, PMIx, Open MPI ...).  Called before MPI is
   started, since some MPIs change these variables then.  Not collective. */
BD_API bd_tasks_t bd_world_tasks(void);

/** Start MPI, for programs that do not speak it themselves.  Returns the rank of the process.
   Collective over all processes of the launch. */
BD_API int bd_world_start(int *argc, char ***argv);

/** Find out whether MPI has found the tasks that `tasks` tells of.  *leads is set to 1 on the
   process that speaks for all: rank 0, or the first of the tasks that have not found each other, as
   far as the environment tells.  Not collective.  Errors: BD_BAD_INPUT where `tasks` tells of
   several tasks and MPI of one.  Each of them would run the whole job then, which run.alone
   allows. */
BD_API bd_status_t bd_world_check(const bd_tasks_t *tasks, int *leads, bd_error_t *error);

/** Stop MPI.  Collective over all processes of the launch. */
BD_API void bd_world_stop(void);

/** Give every process rank 0's *status, and return it.  Collective over all processes of the
   launch. */
BD_API int bd_world_agree(int *status);

/** The communicator of all processes of the launch.  Not collective. */
BD_API MPI_Comm bd_world(void);

/** Write the set of attacked images that a run with `attacks_only` has made: the clean images of
   the job's input, and a group for each attack.  The set appears under its path once it is whole.
   Not collective. job       that of the run, whose output.file names its result path      of the
   set existing  BD_EXISTING_REPLACED, or BD_EXISTING_REFUSED Errors: BD_BAD_INPUT where the path
   cannot be written, or is there and must stay; BD_FAILED. */
BD_API bd_status_t bd_run_write_set(const bd_job_t *job, const char *path, bd_existing_t existing,
                                    bd_error_t *error);

/** Purify a job.  Collective over `communicator`.  `job` is needed on rank 0 only, which sends it
   to the others, and so are `options` but for their `stop`.  *summary is filled on rank 0.  All
   ranks return the same status, and `error` is filled on all of them. Errors: BD_BAD_INPUT before
   anything is written; BD_FAILED and BD_STOPPED leave a result with complete = 0 that can be
   resumed; BD_SOME_FAILED is a whole result in which some images failed. */
BD_API bd_status_t bd_run(MPI_Comm communicator, const bd_job_t *job,
                          const bd_run_options_t *options, bd_run_summary_t *summary,
                          bd_error_t *error);

#ifdef __cplusplus
}
#endif
#endif
