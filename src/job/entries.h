/* A job's inside, and the entries it is made of: lines of the file, and overrides. */
#ifndef BD_ENTRIES_H
#define BD_ENTRIES_H

#include "job/attacks.h"
#include "job/table.h"

/* The most keys that are swept, and the most values of one. */
enum { SWEEPS_MAX = 16, VALUES_MAX = 1024, SWEEP_OF_ATTACKS = -1 };

typedef struct sweep {
  int parameter;                  /* row of the table; SWEEP_OF_ATTACKS: a key of [attack NAME] */
  int key;                        /* of an attack: row of the table of its keys */
  char attack[BD_ATTACK_NAME];    /* of which attack; "": of every one that the job has made */
  char name[BD_ATTACK_NAME + 64]; /* "solver.gamma", "attack NAME.epsilon", "attack.epsilon" */
  int count;
  char *values[VALUES_MAX];
  char where[WHERE_SIZE]; /* "job.ini:12" or "--set", for messages */
} sweep_t;

/* A line of a job file, or an override. */
typedef struct entry {
  const char *where; /* "job.ini:12" or "--set", for messages */
  int line;          /* 0: an override */
  const char *section, *key, *value;
} entry_t;

struct bd_job {
  char *name, *directory, *text;
  char *values[TABLE_ROWS];           /* not swept */
  char where[TABLE_ROWS][WHERE_SIZE]; /* of the value */
  int line[TABLE_ROWS];               /* 0: not in the file */
  const char *read;                   /* the text that is being read; NULL before and after */
  int has_comment[TABLE_ROWS];        /* behind the value, in its line of the file */
  int sweep_count;
  sweep_t *sweeps[SWEEPS_MAX];
  int made_count;
  made_t *made[BD_MADE_MAX];
  char *paths[TABLE_ROWS]; /* resolved; NULL where the row is no path */
  int points;
  bd_parameters_t *parameters; /* [points] */
  int *first_run;              /* [points + 1] */
};

/* Take all entries of a job file's text; job->name stands for it in messages. */
bd_status_t entries_read(bd_job_t *job, const char *text, bd_error_t *error);

/* Take "section.key=value", which wins over what came before. */
bd_status_t entries_override(bd_job_t *job, const char *text, bd_error_t *error);

void entries_free_sweep(sweep_t *sweep);

/* The value of a sweep at a point. */
const char *entries_value_at(const bd_job_t *job, const sweep_t *sweep, int point);

/* End the sweep of this name, if there is one: the one value that --set gives replaces all. */
void entries_end_sweep(bd_job_t *job, const char *name);

/* Does a sweep vary this key of this attack? */
int entries_sweeps_attack(const sweep_t *sweep, const char *attack, int key);

#endif
