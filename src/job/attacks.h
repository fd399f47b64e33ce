/* The sections [attack NAME] of a job. */
#ifndef BD_JOB_ATTACKS_H
#define BD_JOB_ATTACKS_H

#include "job/table.h"

#include <barydef/attack.h>
#include <stdio.h>

/* The most attacks that a job has made. */
enum { BD_MADE_MAX = 64 };

/* The keys of a section, by member of bd_made_attack_t. */
enum {
#define BD_ATTACK_PARAMETER(key, kind, member, ...) ATTACK_KEY_##member,
#include <barydef/attack_parameters.def>
  ATTACK_KEYS
};

/* Bytes of "job.ini:12" or "--set", for messages. */
enum { WHERE_SIZE = BD_TEXT_MAX + 32 };

typedef struct made {
  char name[BD_ATTACK_NAME];
  bd_made_attack_t *at;      /* [points of the job]; NULL until all is parsed */
  char *values[ATTACK_KEYS]; /* NULL: not given */
  char where[ATTACK_KEYS][WHERE_SIZE];
  int line[ATTACK_KEYS]; /* 0: not in the file */
} made_t;

struct entry;
struct sweep;

/* Is "attack NAME" the name of this section? */
int attacks_owns(const char *section);

/* Take an entry of such a section, which begins it where it is the first. */
bd_status_t attacks_set(bd_job_t *job, const struct entry *entry, bd_error_t *error);

/* The place in job->made of the section of this name, which is begun where there is none.  Errors:
   BD_BAD_INPUT for a name that is not allowed, or too many sections. */
bd_status_t attacks_find(bd_job_t *job, const char *where, const char *name, int *at,
                         bd_error_t *error);

/* The same for the name of the section itself, "attack NAME". */
bd_status_t attacks_begin(bd_job_t *job, const char *where, const char *section, int *at,
                          bd_error_t *error);

/* Families of data sets that presets know. */
enum { BD_ATTACK_FAMILY_GREY, BD_ATTACK_FAMILY_COLOUR, BD_ATTACK_FAMILIES };
enum { BD_ATTACK_FAMILY_NONE = BD_ATTACK_FAMILIES };

/* Put the attacks of a preset before the others.  `preset` is the value of [attacks] preset, which
   is row `parameter` of the table of parameters. */
bd_status_t presets_expand(bd_job_t *job, int parameter, int preset, bd_error_t *error);

/* Set what a line "attack NAME.key" or "attack.key" of [sweep] varies. */
bd_status_t attacks_find_target(const char *where, const char *section, const char *key,
                                struct sweep *target, bd_error_t *error);

/* The text of a key at a point. */
const char *attacks_value(const bd_job_t *job, int point, const made_t *made, int key);

/* Parse all values of all points, and check what no single one can tell. */
bd_status_t attacks_parse(bd_job_t *job, bd_error_t *error);

/* Write the sections as text, defaults included. */
void attacks_write(const bd_job_t *job, FILE *out);

/* Have two attacks the same name, and the same value of every key? */
int attacks_are_same(const bd_made_attack_t *one, const bd_made_attack_t *other);

void attacks_free(made_t *made);

#endif
