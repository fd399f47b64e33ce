#include "program/program.h"

#include <argp.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETS_MAX = 256, KEY_SET = 1, KEY_OVERWRITE, KEY_RESUME, KEY_PART, KEY_DRY_RUN };

typedef struct arguments {
  const char *job, *sets[SETS_MAX];
  int set_count, overwrite, resume, dry_run, quiet;
  bd_part_t part;
} arguments_t;

static const struct argp_option options[] = {
    {"set", KEY_SET, "SECTION.KEY=VALUE", 0,
     "Override a value of the job file; a relative path is relative to the job file all the same",
     0},
    {"overwrite", KEY_OVERWRITE, NULL, 0, "Replace an output that exists", 0},
    {"resume", KEY_RESUME, NULL, 0,
     "Go on with an output that exists, from whatever was stopped, killed or damaged; start where "
     "there is none",
     0},
    {"part", KEY_PART, "I/N", 0,
     "Only the I-th of N parts of the sweep, for a job array; \"barydef merge\" joins the results",
     0},
    {"dry-run", KEY_DRY_RUN, NULL, 0,
     "Check everything and show the runs, the work, memory and file size; write nothing", 0},
    {"quiet", 'q', NULL, 0, "Print errors only (and what --dry-run shows)", 0},
    {0}};

static error_t add_set(arguments_t *a, const char *value, struct argp_state *state) {
  if (a->set_count == SETS_MAX) {
    argp_error(state, "more than %d --set", SETS_MAX);
    return EINVAL;
  }
  a->sets[a->set_count++] = value;
  return 0;
}

static error_t parse_part(bd_part_t *part, char *value, struct argp_state *state) {
  char *rest = value;
  const long number = strtol(rest, &rest, 10),
             parts = *rest == '/' ? strtol(rest + 1, &rest, 10) : 0;
  if (*rest || number < 1 || number > parts || parts > INT_MAX) {
    argp_error(state, "--part %s: not of the form I/N with 1 <= I <= N", value);
    return EINVAL;
  }
  *part = (bd_part_t){(int)number, (int)parts};
  return 0;
}

static error_t parse_job(arguments_t *a, const char *value, struct argp_state *state) {
  if (state->arg_num > 0) {
    argp_error(state, "one job file, please; \"%s\" is a second", value);
    return EINVAL;
  }
  a->job = value;
  return 0;
}

static error_t check_all(const arguments_t *a, struct argp_state *state) {
  if (a->job && !(a->resume && a->overwrite)) return 0;
  argp_error(state, a->resume && a->overwrite
                        ? "--resume keeps the output, --overwrite replaces it: one of them, please"
                        : "no job file given");
  return EINVAL;
}

static error_t parse(int key, char *value, struct argp_state *state) {
  arguments_t *a = state->input;
  switch (key) {
    case KEY_SET: return add_set(a, value, state);
    case KEY_OVERWRITE: a->overwrite = 1; return 0;
    case KEY_RESUME: a->resume = 1; return 0;
    case KEY_PART: return parse_part(&a->part, value, state);
    case KEY_DRY_RUN: a->dry_run = 1; return 0;
    case 'q': a->quiet = 1; return 0;
    case ARGP_KEY_ARG: return parse_job(a, value, state);
    case ARGP_KEY_END: return check_all(a, state);
    default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp argp = {
    options,
    parse,
    "JOB.ini",
    "Purify the attacked images of a job: under mpirun, srun, or alone."
    "\vThe parameters of a job file: \"barydef params\".",
    NULL,
    NULL,
    NULL};

/* ---- what is printed ----------------------------------------------------------- */

static void bytes(double value, char text[32]) {
  const char *unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  int u = 0;
  while (value >= 1024 && u < 5) value /= 1024, u++;
  snprintf(text, 32, "%.*f %s", u ? 1 : 0, value, unit[u]);
}

/* MiB of a rank beside blocks and solver: peaks on Debian 12 were 21 to 25, with a small classifier
   in libtorch 181 to 187. Rounded up, as a job that asks SLURM for too little is killed. */
enum { PROGRAM_MIB = 32, LIBTORCH_MIB = 192 };

static void print_memory(const bd_run_summary_t *s) {
  const double all =
      ceil(s->rank_bytes / (1 << 20)) + PROGRAM_MIB + (s->has_victim ? LIBTORCH_MIB : 0);
  printf("program, MPI and HDF5 take about %d MiB on top", PROGRAM_MIB);
  if (s->has_victim)
    printf(", libtorch %d MiB, and a large classifier its weights and layers", LIBTORCH_MIB);
  printf(": --mem-per-cpu=%.0fM%s\n", all, s->has_victim ? " or more" : "");
}

static void print_plan(const bd_job_t *job, const bd_run_summary_t *s, int first,
                       const char *in_the_way) {
  char file[32], memory[32], label[512];
  bytes(s->file_bytes, file);
  bytes(s->rank_bytes, memory);
  printf("%d run%s, %d attack%s of %lld images, %lld blocks over %d rank%s\n", s->runs,
         s->runs == 1 ? "" : "s", s->attacks, s->attacks == 1 ? "" : "s",
         (long long)s->images_per_attack, (long long)s->blocks, s->ranks, s->ranks == 1 ? "" : "s");
  printf("%lld images x %lld iterations of a marginal (of all runs; those of a point share a "
         "trajectory) x %lld pixels = %.3g updates of a pixel\n",
         (long long)s->attacks * (long long)s->images_per_attack, (long long)s->steps,
         (long long)s->pixels,
         (double)s->attacks * (double)s->images_per_attack * (double)s->steps * (double)s->pixels);
  printf("result about %s; blocks and solver about %s of memory on each rank\n", file, memory);
  print_memory(s);
  if (in_the_way) printf("%s exists: the run will need --resume or --overwrite\n", in_the_way);
  if (s->done_before)
    printf("%lld of %lld images are done\n", (long long)s->done_before, (long long)s->images);
  for (int run = first; run < first + s->runs && s->runs > 1; run++) {
    bd_job_run_label(job, run, label, sizeof label);
    printf("  run %03d: %s\n", run, label);
  }
}

static void print_loads(const bd_run_summary_t *s) {
  printf("ranks were at work %.1f %% of the time (the least, rank %d: %.1f %%; the most: %.1f %%); "
         "rank 0 spent %.2f %% of it on %lld messages\n",
         100 * s->load_mean, s->idlest_rank, 100 * s->load_least, 100 * s->load_most,
         100 * s->message_seconds / fmax(s->seconds, 1e-9), (long long)s->messages);
  for (int rank = 0; rank < s->ranks && s->ranks <= BD_LOADS_MAX; rank++)
    printf("%s%d: %.1f %%%s", rank % 8 ? "  " : "  rank ", rank, 100 * (double)s->load[rank],
           rank % 8 == 7 || rank == s->ranks - 1 ? "\n" : "");
}

static void print_summary(const bd_run_summary_t *s) {
  double total = s->read_seconds + s->solve_seconds + s->baseline_seconds + s->victim_seconds;
  double share = total > 0 ? 100 / total : 0;
  if (s->was_complete) {
    printf("nothing left to do: all %lld images were done\n", (long long)s->images);
    return;
  }
  printf("%lld images in %.1f s (%.0f images/s) on %d rank%s; ranks spent %.1f %% solving, %.1f %% "
         "on the victim, "
         "%.1f %% on baselines, %.1f %% reading; writing took %.1f %% of the time\n",
         (long long)s->computed, s->seconds, (double)s->computed / fmax(s->seconds, 1e-9), s->ranks,
         s->ranks == 1 ? "" : "s", s->solve_seconds * share, s->victim_seconds * share,
         s->baseline_seconds * share, s->read_seconds * share,
         100 * s->write_seconds / fmax(s->seconds, 1e-9));
  if (s->ranks > 1) print_loads(s);
}

static void print_victim_note(const bd_run_summary_t *s, const char *victim) {
  if (s->has_victim) return;
  if (*victim)
    fprintf(stderr, "barydef: built without libtorch: %s is not used and all accuracies are NaN\n",
            victim);
  else fprintf(stderr, "barydef: the job names no victim (victim.file): all accuracies are NaN\n");
}

/* Of a result that was there: what was mended, and that it is another program of the same version.
 */
static void print_notes(const bd_run_summary_t *s, const char *path) {
  bd_error_t note; /* which cleans what a file says */
  if (s->mended) {
    bd_fail(&note, BD_OK, "%s: damaged: %s%s; written anew", path, s->mended_first,
            s->mended == 1 ? "" : ", and others");
    complain(&note);
  }
  if (*s->revision_there && strcmp(s->revision_there, bd_revision()) != 0) {
    bd_fail(&note, BD_OK, "%s: was begun by revision %s of the program, this is %s", path,
            s->revision_there, bd_revision());
    complain(&note);
  }
}

static void print_result(const char *path) {
  bd_result_summary_t summary;
  bd_error_t error;
  if (bd_result_read_summary(path, &summary, &error) != BD_OK) {
    complain(&error);
    return;
  }
  print_statistics(stdout, &summary);
  bd_result_summary_free(&summary);
}

/* ---- the command --------------------------------------------------------------- */

static char *join(int argc, char **argv) {
  size_t size = 16;
  for (int i = 0; i < argc; i++) size += strlen(argv[i]) + 1;
  char *line = calloc(size, 1);
  for (int i = 0; line && i < argc; i++) strcat(strcat(line, i ? " " : ""), argv[i]);
  return line;
}

/* Without the ".." of a job file's folder. */
static void print_path(const char *output) {
  char *whole = realpath(output, NULL);
  printf("result: %s\n", whole ? whole : output);
  free(whole);
}

/* Collective; prints on rank 0. */
static int run_job(int rank, const arguments_t *a, const char *command_line) {
  bd_error_t error = {BD_OK, ""};
  bd_job_t *job = NULL;
  const bd_parameters_t *parameters = NULL;
  progress_t progress = {0};
  int status = BD_OK;
  if (rank == 0) status = bd_job_load(a->job, a->set_count, a->sets, &job, &error);
  if (rank == 0 && job) parameters = bd_job_point(job, 0);
  if (rank == 0 && status != BD_OK) complain(&error);
  if (bd_world_agree(&status) != BD_OK) {
    bd_job_free(job);
    return status;
  }
  if (parameters) progress_start(&progress, parameters->progress);
  const bd_run_options_t run_options = {.existing = a->overwrite ? BD_EXISTING_REPLACED
                                                    : a->resume  ? BD_EXISTING_KEPT
                                                                 : BD_EXISTING_REFUSED,
                                        .dry_run = a->dry_run,
                                        .part = a->part,
                                        .command_line = command_line,
                                        .progress = a->quiet ? NULL : progress_show,
                                        .context = &progress,
                                        .stop = signals_stop()};
  bd_run_summary_t summary = {0};
  status = bd_run(bd_world(), job, &run_options, &summary, &error);
  if (parameters) { /* rank 0 */
    progress_end(&progress);
    if (status != BD_BAD_INPUT && !a->quiet) print_notes(&summary, parameters->output_file);
    if (status == BD_OK || status == BD_SOME_FAILED) {
      if (!a->quiet) print_victim_note(&summary, parameters->victim_file);
      if (a->dry_run) { /* the facts that were asked for, --quiet or not */
        const int first = bd_job_first_run(job, bd_job_part_begin(job, &a->part));
        const int may_exist =
            a->resume || a->overwrite || access(parameters->output_file, F_OK) != 0;
        print_plan(job, &summary, first, may_exist ? NULL : parameters->output_file);
      } else if (!a->quiet) {
        print_result(parameters->output_file);
        print_summary(&summary);
      }
      if (!a->quiet && summary.has_victim && !summary.was_complete) /* a dry run tries it, too */
        printf("victim: %s, a program that ran with your rights (libtorch %s)\n",
               parameters->victim_file, bd_victim_library());
      if (!a->quiet && !a->dry_run) print_path(parameters->output_file);
    }
    fflush(stdout);
    if (status != BD_OK) complain(&error);
  }
  bd_job_free(job);
  return status;
}

int command_run(int argc, char **argv) {
  arguments_t arguments = {0};
  static char name[] = "barydef run";
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-?") || !strcmp(argv[i], "--usage")) {
      argv[0] = name;
      argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    }
  char *line = join(argc, argv);
  signals_catch();
  /* MPI first, so that a usage error is printed by one rank and ends all of them. */
  int rank = bd_world_start(&argc, &argv);
  argv[0] = name;
  int status =
      argp_parse(&argp, argc, argv, rank == 0 ? ARGP_NO_EXIT : ARGP_SILENT, NULL, &arguments)
          ? BD_BAD_INPUT
          : BD_OK;
  if (status == BD_OK) status = run_job(rank, &arguments, line ? line : "");
  free(line);
  bd_world_stop();
  return status;
}
