/** @file
   Attacks that a job has made: its sections [attack NAME].

   docs/formats.md has the keys.  The attacks themselves are in src/attack.  No call is
   collective. */
#ifndef BARYDEF_ATTACK_H
#define BARYDEF_ATTACK_H

#include <barydef/api.h>
#include <barydef/job.h>
#include <barydef/tables.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The value of a row of BD_ATTACK_TYPE_TABLE. */
#define BD_ATTACK_TYPE_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_ATTACK_##NAME, meaning)
/** Which attack: BD_ATTACK_FGSM and so on, one for each row of BD_ATTACK_TYPE_TABLE. */
typedef enum bd_attack_type { BD_ATTACK_TYPE_TABLE(BD_ATTACK_TYPE_VALUE) } bd_attack_type_t;

/** The value of a row of BD_ATTACK_NORM_TABLE. */
#define BD_ATTACK_NORM_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_ATTACK_NORM_##NAME, meaning)
/** The norm of a perturbation: BD_ATTACK_NORM_LINF and so on. */
typedef enum bd_attack_norm { BD_ATTACK_NORM_TABLE(BD_ATTACK_NORM_VALUE) } bd_attack_norm_t;

/** The value of a row of BD_ATTACK_LOSS_TABLE. */
#define BD_ATTACK_LOSS_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_ATTACK_LOSS_##NAME, meaning)
/** What an attack raises: BD_ATTACK_LOSS_CE and so on. */
typedef enum bd_attack_loss { BD_ATTACK_LOSS_TABLE(BD_ATTACK_LOSS_VALUE) } bd_attack_loss_t;

/** The value of a row of BD_ATTACK_THROUGH_TABLE. */
#define BD_ATTACK_THROUGH_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_ATTACK_THROUGH_##NAME, meaning)
/** What an attacker knows: BD_ATTACK_THROUGH_VICTIM and so on. */
typedef enum bd_attack_through {
  BD_ATTACK_THROUGH_TABLE(BD_ATTACK_THROUGH_VALUE)
} bd_attack_through_t;

/** The value of a row of BD_ATTACK_GRADIENT_TABLE. */
#define BD_ATTACK_GRADIENT_VALUE(NAME, name, meaning)                                              \
  BD_ROW_VALUE(BD_ATTACK_GRADIENT_##NAME, meaning)
/** The gradient of the purifier: BD_ATTACK_GRADIENT_EXACT and so on. */
typedef enum bd_attack_gradient {
  BD_ATTACK_GRADIENT_TABLE(BD_ATTACK_GRADIENT_VALUE)
} bd_attack_gradient_t;

#define BD_TYPE_RATIO double /**< the type of a BD_KIND_RATIO */
#define BD_TYPE_INTEGER int  /**< the type of a BD_KIND_INTEGER */
#define BD_TYPE_CHOICE int   /**< the type of a BD_KIND_CHOICE */
/** A row of attack_parameters.def as a member of bd_made_attack_t. */
#define BD_ATTACK_PARAMETER(key, kind, member, fallback, low, high, choices, unit, help)           \
  BD_TYPE_##kind member;                                                                           \
  BD_MEANS("attack." key ": " help "; unit: " unit)

/** A section [attack NAME] of a job: the rows of attack_parameters.def.  What is a CHOICE has the
    values of the enum of that name. */
typedef struct bd_made_attack {
  char name[BD_ATTACK_NAME]; /**< of the section, and of the group that is made */
#include <barydef/attack_parameters.def>
} bd_made_attack_t;

#undef BD_TYPE_RATIO
#undef BD_TYPE_INTEGER
#undef BD_TYPE_CHOICE

/** The keys of a section [attack NAME], [*count], as rows of parameters whose section is "attack
    NAME". */
BD_API const bd_parameter_t *bd_attack_parameter_table(int *count);

/** How many attacks a job has made. */
BD_API int bd_job_made_count(const bd_job_t *job);

/** An attack that a job has made, in the order of the sections: its values at each point of the
    sweep, [bd_job_point_count].  They belong to the job. */
BD_API const bd_made_attack_t *bd_job_made(const bd_job_t *job, int attack);

/** The text of a key of an attack at a point.  The key is one of bd_attack_parameter_table.  The
    text belongs to the job. */
BD_API const char *bd_job_made_value(const bd_job_t *job, int point, int attack, const char *key);

/** A line of [sweep] that varies a key of attacks. */
typedef struct bd_attack_sweep {
  const char *name;          /**< "attack NAME.epsilon", or "attack.epsilon" for all attacks */
  const bd_parameter_t *key; /**< the row of the key */
  int attack;                /**< the first attack that it varies */
} bd_attack_sweep_t;

/** Line `number`, from 0, of those lines of [sweep].  0 where there is none. */
BD_API int bd_job_attack_sweep(const bd_job_t *job, int number, bd_attack_sweep_t *found);

#ifdef __cplusplus
}
#endif
#endif
