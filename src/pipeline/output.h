/* Create the result of a plan, or open it and compare it with the job, and finish it.  Knows no
   MPI. */
#ifndef BD_OUTPUT_H
#define BD_OUTPUT_H

#include "pipeline/plan.h"

#include <barydef/images.h>
#include <barydef/result.h>

/* A result and what it is made from. */
typedef struct bd_output {
  const bd_parameters_t *parameters; /* of the first point of the job */
  bd_plan_t *plan;                   /* a result that is continued determines its instructions */
  const bd_images_t *images;
  int has_victim;
  char victim_digest[33];     /* on the rank that writes; "" without a victim */
  const char *victim_library; /* version of libtorch, or "none" */
  char part[32];              /* "2/4"; "1/1" for all of a sweep */
  bd_job_t *job_there; /* the job of a result that is continued, whose paths and [run] may differ
                          from the plan's; else NULL. Owned */
  bd_attributes_differing_t differing; /* attributes that differ from what job and input say */
  bd_result_t *result;                 /* owned; NULL until it is open */
} bd_output_t;

/* Who computes, as recorded in the root's attributes. */
typedef struct bd_launch {
  const char *command_line; /* may be NULL */
  const char *hosts;        /* names separated by commas; may be NULL */
  int ranks;
  double seconds;   /* of this session, at its end */
  int64_t computed; /* images of this session, at its end */
} bd_launch_t;

/* Refuse an output.file that cannot be created, that the run reads, or that exists although
   `existing` says to refuse it. */
bd_status_t output_check(const bd_output_t *output, const char *job_name, bd_existing_t existing,
                         bd_error_t *error);

/* Create the result, replacing an old one if `existing` says so. */
bd_status_t output_create(bd_output_t *output, const bd_launch_t *launch, bd_existing_t existing,
                          bd_error_t *error);

/* Open an existing result.  Errors: BD_BAD_INPUT if it does not belong to this job, input and
   victim. */
bd_status_t output_open(bd_output_t *output, bd_error_t *error);

/* Find the attributes that differ from what job and input say, and list them in output->differing.
   With BD_ATTRIBUTES_MENDED also write them anew. */
bd_status_t output_compare_attributes(bd_output_t *output, bd_attributes_how_t how,
                                      bd_error_t *error);

/* Is a result, of which `done` images are done, complete and undamaged? Sets *failed to the number
   of images that failed.  Errors: BD_SOME_FAILED if any did. */
bd_status_t output_look_at_complete(const bd_output_t *output, int64_t done, int *is_whole,
                                    int64_t *failed, bd_error_t *error);

/* Mark the result complete and close it.  Sets *failed to the number of images that failed.
   Errors: BD_SOME_FAILED if any did, naming what happened to them. */
bd_status_t output_finish(bd_output_t *output, const bd_launch_t *launch, int64_t *failed,
                          bd_error_t *error);

#endif
