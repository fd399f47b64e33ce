/** @file
   The parameters and the job: what to purify, how, and which runs.

   A job is an INI file (docs/formats.md) plus overrides of the form section.key=value.
   Its [sweep] section makes the points, the Cartesian product of the values listed in
   the order written, last fastest; each point and each number in solver.iterations make
   one run, the iterations fastest.  No call is collective. */
#ifndef BARYDEF_JOB_H
#define BARYDEF_JOB_H

#include <barydef/api.h>
#include <barydef/error.h>
#include <barydef/solver.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BD_TEXT_MAX = 4096 };

/** The parameters of one point, typed. */
typedef struct bd_parameters {
  char input_file[BD_TEXT_MAX], attacks[BD_TEXT_MAX];
  int clean;
  int limit;
  char output_file[BD_TEXT_MAX];
  int images;
  bd_solver_options_t solver; /**< with the marginals */
  double blur_sigma;
  char victim_file[BD_TEXT_MAX];
  int victim_batch;
  double victim_seconds;
  int block;
  double max_minutes, wait;
  int all_write, trusts, max_memory;
  double progress;
} bd_parameters_t;

/** One row of the table everything about parameters comes from. */
typedef struct bd_parameter {
  const char *section, *key;
  enum {
    BD_KIND_REAL,
    BD_KIND_INTEGER,
    BD_KIND_WINDOW, /**< odd integer or "full" */
    BD_KIND_CHOICE,
    BD_KIND_TEXT,
    BD_KIND_PATH, /**< relative paths are relative to the job file */
    BD_KIND_MARGINALS,
    BD_KIND_ITERATIONS,
    BD_KIND_WEIGHTS
  } kind;
  const char *fallback; /**< the default; "" for none */
  double low, high;     /**< range of numbers, both ends allowed */
  const char *choices;  /**< BD_KIND_CHOICE: "a|b|c" */
  const char *unit, *help;
  size_t offset; /**< in bd_parameters_t */
} bd_parameter_t;

BD_API const bd_parameter_t *bd_parameter_table(int *count);

/** What a value of this parameter may be, as text: "a number from 0.001 to 1000". */
BD_API void bd_parameter_allowed(const bd_parameter_t *parameter, char *text, size_t size);

typedef struct bd_job bd_job_t;

/** Read a job file and apply `overrides` ("section.key=value", later ones win).  Every
   value of every point is checked.  The caller frees *job.
   Errors: BD_BAD_INPUT, naming file and line (or the override), key, and what is allowed. */
BD_API bd_status_t bd_job_load(const char *path, int override_count, const char *const *overrides,
                               bd_job_t **job, bd_error_t *error);

/** The same from text; `name` stands for the file in messages, and relative paths are
   relative to `directory`. */
BD_API bd_status_t bd_job_parse(const char *text, const char *name, const char *directory,
                                int override_count, const char *const *overrides, bd_job_t **job,
                                bd_error_t *error);

BD_API void bd_job_free(bd_job_t *job); /**< NULL is allowed */

/** The effective job as INI text, defaults included; parses to the same job.  Valid until
   the job is freed; the directory too. */
BD_API const char *bd_job_text(const bd_job_t *job);
BD_API const char *bd_job_directory(const bd_job_t *job);

/** The file it was loaded from, or the name given to bd_job_parse. */
BD_API const char *bd_job_name(const bd_job_t *job);

BD_API int bd_job_point_count(const bd_job_t *job);
BD_API int bd_job_run_count(const bd_job_t *job);

/** The point of a run, and which of the point's snapshots it is. */
BD_API void bd_job_run(const bd_job_t *job, int run, int *point, int *snapshot);
BD_API int bd_job_first_run(const bd_job_t *job, int point);

/** The typed parameters of a point, paths resolved; and the text of one value. */
BD_API void bd_job_parameters(const bd_job_t *job, int point, bd_parameters_t *parameters);
BD_API const char *bd_job_value(const bd_job_t *job, int point, int parameter);

/** What distinguishes a run from the others, as text: "gamma 0.5, L 200"; "" for the only run. */
BD_API void bd_job_run_label(const bd_job_t *job, int run, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
