/** @file
   The parameters and the job: what to purify, how, and which runs.

   A job is an INI file (docs/formats.md) plus overrides of the form section.key=value.
   Its [sweep] section makes the points: the Cartesian product of the values listed, in the order
   written, last fastest.  Each point and each number in solver.iterations make one run, the
   iterations fastest.  No call is collective.  A job does not change once it is read, so that
   threads may share it. */
#ifndef BARYDEF_JOB_H
#define BARYDEF_JOB_H

#include <barydef/api.h>
#include <barydef/error.h>
#include <barydef/solver.h>
#include <barydef/tables.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes of a text or path among the parameters, with the zero at its end. */
enum { BD_TEXT_MAX = 4096 };

/** What the text of a parameter is, and the type it is kept as. */
typedef enum bd_kind {
  BD_KIND_REAL,       /**< a number: double */
  BD_KIND_RATIO,      /**< a number, or two with a slash between them, such as 8/255: double */
  BD_KIND_INTEGER,    /**< a whole number: int */
  BD_KIND_WINDOW,     /**< an odd whole number, or "full", which is BD_WINDOW_FULL: int */
  BD_KIND_CHOICE,     /**< one of a list of words: int, the number of the word from 0 */
  BD_KIND_NAMES,      /**< any of a list of words, in any order, separated by commas or blanks, or
                           none: unsigned, bit i set where word i is given */
  BD_KIND_TEXT,       /**< a text that is not empty: const char * */
  BD_KIND_PATH,       /**< a path or nothing; a relative one is relative to the job file:
                           const char * */
  BD_KIND_MARGINALS,  /**< what bd_marginal_set_parse reads: bd_marginal_set_t */
  BD_KIND_ITERATIONS, /**< an ascending list of whole numbers: bd_iterations_t */
  BD_KIND_WEIGHTS     /**< a list of positive numbers, or nothing: bd_weights_t */
} bd_kind_t;

/** What a parameter decides.  Resuming and merging compare jobs by it, a result records by it, and
   [sweep] may vary by it. */
typedef enum bd_role {
  BD_ROLE_READS,   /**< names a file that is read: recorded, compared by its contents only */
  BD_ROLE_WRITES,  /**< names the file that is written: neither recorded nor compared */
  BD_ROLE_STORES,  /**< what of the numbers is stored: compared, not recorded */
  BD_ROLE_SELECTS, /**< which numbers the whole job computes: recorded and compared */
  BD_ROLE_NUMERIC, /**< changes a number: recorded, compared, and may be swept */
  BD_ROLE_EXPANDS, /**< stands for sections, which are compared in its place: neither recorded nor
                        compared */
  BD_ROLE_RUN      /**< changes no number: neither recorded nor compared */
} bd_role_t;

/** The value of a row of BD_WRITERS_TABLE. */
#define BD_WRITERS_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_WRITERS_##NAME, meaning)

/** Who writes purified images.  Its values are BD_WRITERS_ROOT and BD_WRITERS_ALL, one for each row
   of BD_WRITERS_TABLE. */
typedef enum bd_writers { BD_WRITERS_TABLE(BD_WRITERS_VALUE) } bd_writers_t;

/** The value of a row of BD_VERIFY_TABLE. */
#define BD_VERIFY_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_VERIFY_##NAME, meaning)

/** How much bd_result_verify reads.  Its values are BD_VERIFY_CONTENTS and BD_VERIFY_MARKS, one for
   each row of BD_VERIFY_TABLE. */
typedef enum bd_verify { BD_VERIFY_TABLE(BD_VERIFY_VALUE) } bd_verify_t;

/** The value of a row of BD_ALONE_TABLE. */
#define BD_ALONE_VALUE(NAME, name, meaning) BD_ROW_VALUE(BD_ALONE_##NAME, meaning)

/** What a task does that was started with others and finds itself alone in MPI.  Its values are
   BD_ALONE_REFUSED and BD_ALONE_ALLOWED, one for each row of BD_ALONE_TABLE. */
typedef enum bd_alone { BD_ALONE_TABLE(BD_ALONE_VALUE) } bd_alone_t;

#define BD_TYPE_REAL double       /**< the type of a BD_KIND_REAL */
#define BD_TYPE_INTEGER int       /**< the type of a BD_KIND_INTEGER */
#define BD_TYPE_CHOICE int        /**< the type of a BD_KIND_CHOICE */
#define BD_TYPE_NAMES unsigned    /**< the type of a BD_KIND_NAMES */
#define BD_TYPE_TEXT const char * /**< the type of a BD_KIND_TEXT */
#define BD_TYPE_PATH const char * /**< the type of a BD_KIND_PATH */
/** A row of parameters.def as a member of bd_parameters_t. */
#define BD_PARAMETER(section, key, role, kind, member, fallback, low, high, choices, unit, help)   \
  BD_TYPE_##kind member;                                                                           \
  BD_MEANS(section "." key ": " help "; unit: " unit)
/** A row whose member has a type of its own. */
#define BD_ENUM_PARAMETER(section, key, role, member, fallback, choices, help)                     \
  bd_##member##_t member;                                                                          \
  BD_MEANS(section "." key ": " help)
/** A row that is a member of bd_solver_options_t. */
#define BD_SOLVER_PARAMETER(...)

/** The parameters of one point, typed: the rows of parameters.def.  Texts belong to the job. */
typedef struct bd_parameters {
  bd_solver_options_t solver; /**< the sections [marginals] and [solver] */
#include <barydef/parameters.def>
} bd_parameters_t;

#undef BD_TYPE_REAL
#undef BD_TYPE_INTEGER
#undef BD_TYPE_CHOICE
#undef BD_TYPE_NAMES
#undef BD_TYPE_TEXT
#undef BD_TYPE_PATH

/** A row of parameters.def, from which everything about a parameter comes. */
typedef struct bd_parameter {
  const char *section;  /**< "solver" */
  const char *key;      /**< "gamma" */
  const char *name;     /**< "solver.gamma" */
  bd_role_t role;       /**< what it decides */
  bd_kind_t kind;       /**< what its text is */
  const char *fallback; /**< the default; "" for none */
  double low;           /**< least value of a number */
  double high;          /**< greatest value of a number */
  const char *choices;  /**< "a|b|c" for BD_KIND_CHOICE and BD_KIND_NAMES, else NULL */
  const char *unit;     /**< "" where there is none */
  const char *help;     /**< what it does, in a phrase */
  size_t offset;        /**< in bd_parameters_t */
} bd_parameter_t;

/** All parameters, [*count], in the order of `barydef params`. */
BD_API const bd_parameter_t *bd_parameter_table(int *count);

/** Does a result keep this parameter with each of its runs? */
BD_API int bd_parameter_is_recorded(const bd_parameter_t *parameter);

/** Must two jobs have the same value of this parameter to share a result? */
BD_API int bd_parameter_is_compared(const bd_parameter_t *parameter);

/** May [sweep] vary it? */
BD_API int bd_parameter_is_swept(const bd_parameter_t *parameter);

/** Where there are parameters that may be swept: "[marginals], [solver], [baseline] and
   [attack NAME]". */
BD_API void bd_swept_sections(char *text, size_t size);

/** What a value of this parameter may be, as text: "a number from 0.001 to 1000". */
BD_API void bd_parameter_allowed(const bd_parameter_t *parameter, char *text, size_t size);

/** Read solver options from `count` settings of the form "section.key=value", with the keys and
   values of [marginals] and [solver] in a job file; the others have their defaults.  So a caller
   needs no bd_solver_options_t of its own, and a language other than C none at all.  `name` begins
   the message of an error.  The caller frees *options by bd_solver_options_free.  *options is NULL
   after an error.  Errors: BD_BAD_INPUT for an unknown key, one given twice, or a value that is not
   allowed; BD_FAILED without memory. */
BD_API bd_status_t bd_solver_options_parse(const char *name, int count, const char *const *settings,
                                           bd_solver_options_t **options, bd_error_t *error);

/** Describe a key that bd_solver_options_parse takes, by its number from 0: its name
   ("solver.gamma"), its default, what it does and in which unit, all as constant texts, and what
   its value may be, as a text of at most `size` bytes.  0 where there is no such key. */
BD_API int bd_solver_setting(int number, const char *texts[4], char *allowed, size_t size);

/** The snapshots that a solver of these options takes, which is the first dimension of what
   bd_solver_run fills. */
BD_API int bd_solver_options_snapshots(const bd_solver_options_t *options);

/** The step length of these options, to be compared with safe_tau of a bd_image_report_t. */
BD_API double bd_solver_options_tau(const bd_solver_options_t *options);

/** Free what bd_solver_options_parse has made.  NULL is allowed. */
BD_API void bd_solver_options_free(bd_solver_options_t *options);

/** A job that has been read: its points and runs. */
typedef struct bd_job bd_job_t;

/** Read a job file and apply `overrides` ("section.key=value", of which later ones win).  Every
   value of every point is checked.  The caller frees *job. Errors: BD_BAD_INPUT, naming file and
   line (or the override), key, and what is allowed; BD_FAILED without memory. */
BD_API bd_status_t bd_job_load(const char *path, int override_count, const char *const *overrides,
                               bd_job_t **job, bd_error_t *error);

/** Read a job from a text.  `name` stands for the file in messages, and relative paths are relative
   to `directory`; where that is "" they stay as they are.  All else is as in bd_job_load. */
BD_API bd_status_t bd_job_parse(const char *text, const char *name, const char *directory,
                                int override_count, const char *const *overrides, bd_job_t **job,
                                bd_error_t *error);

/** Free a job, and all texts and parameters that belong to it.  NULL is allowed. */
BD_API void bd_job_free(bd_job_t *job);

/** The effective job as INI text, defaults included, which parses to the same job.  It belongs to
   the job. */
BD_API const char *bd_job_text(const bd_job_t *job);

/** The folder that relative paths are relative to.  It belongs to the job. */
BD_API const char *bd_job_directory(const bd_job_t *job);

/** The file it was loaded from, or the name given to bd_job_parse.  It belongs to the job. */
BD_API const char *bd_job_name(const bd_job_t *job);

/** Points of the sweep; 1 without any. */
BD_API int bd_job_point_count(const bd_job_t *job);

/** Runs: for each point as many as it has snapshots. */
BD_API int bd_job_run_count(const bd_job_t *job);

/** One of several parts of a sweep, each some points that follow one another. */
typedef struct bd_part {
  int part;  /**< 1 .. parts */
  int parts; /**< 0: all points are one part, and `part` is not looked at */
} bd_part_t;

/** The first point of a part.  For part parts + 1 it is the number of points. */
BD_API int bd_job_part_begin(const bd_job_t *job, const bd_part_t *part);

/** The point of a run, and which of the point's snapshots it is. */
BD_API void bd_job_run(const bd_job_t *job, int run, int *point, int *snapshot);

/** The first run of a point.  For point bd_job_point_count it is the number of runs. */
BD_API int bd_job_first_run(const bd_job_t *job, int point);

/** The typed parameters of a point, paths resolved.  They belong to the job. */
BD_API const bd_parameters_t *bd_job_point(const bd_job_t *job, int point);

/** The text of one value of a point; `parameter` is its number in the table.  It belongs to the
   job. */
BD_API const char *bd_job_value(const bd_job_t *job, int point, int parameter);

/** What distinguishes a run from the others, as text: "gamma 0.5, iterations 200"; "" for the only
   run. */
BD_API void bd_job_run_label(const bd_job_t *job, int run, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
