/* Do two jobs ask for the same numbers?  The roles of the parameters say what counts. */
#ifndef BD_COMPARE_H
#define BD_COMPARE_H

#include <barydef/job.h>

/* Where two jobs differ: "solver.gamma" or "the number of points of [sweep]", and the values. */
typedef struct job_difference {
  char name[160], one[256], other[256];
} job_difference_t;

/* 1 where the jobs differ, with the first difference.  Values that say the same in two ways do not
   differ. */
int job_find_difference(const bd_job_t *one, const bd_job_t *other, job_difference_t *difference);

/* Cut a job's text down to what must be the same, letter by letter, in the parts of one sweep. */
void job_text_reduce(char *text);

#endif
