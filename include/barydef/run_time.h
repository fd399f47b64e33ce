/** @file
   What a dry run expects a run to take, from a short trial. */
#ifndef BARYDEF_RUN_TIME_H
#define BARYDEF_RUN_TIME_H

#include <barydef/limits.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Seconds, between these two. */
typedef struct bd_seconds {
  double least; /**< at the fastest that was measured, where images stop as early as they can */
  double most;  /**< at the mean of what was measured, where no image stops early */
} bd_seconds_t;

/** What an attack that is made is expected to take. */
typedef struct bd_attack_time {
  char name[BD_ATTACK_NAME]; /**< of its section */
  double forward[2];         /**< passes forward of an image, at least and at most */
  double backward[2];        /**< passes backward of an image, at least and at most */
  bd_seconds_t seconds;      /**< of all images and points */
} bd_attack_time_t;

/** Attacks whose time a summary lists: all that a job may have. */
enum { BD_ATTACK_TIMES_MAX = 64 };

/** What a dry run expects a run to take, from a short trial on all ranks at the same time. */
typedef struct bd_run_time {
  int is_tried;         /**< 0: there was no trial, and all else is 0 */
  char problem[256];    /**< why a trial failed; "" where it did not */
  bd_seconds_t all;     /**< of what is left to do, on these ranks */
  bd_seconds_t purify;  /**< its share of the solver */
  bd_seconds_t predict; /**< its share of predictions; 0 without a victim */
  int attack_count;     /**< of `attacks` */
  bd_attack_time_t attacks[BD_ATTACK_TIMES_MAX]; /**< those that are made, in their order */
} bd_run_time_t;

#ifdef __cplusplus
}
#endif
#endif
