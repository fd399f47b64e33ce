#include "program/program.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SETS_MAX = 256, KEY_SET = 1, KEY_OVERWRITE, KEY_RESUME, KEY_PART, KEY_DRY_RUN };

typedef struct arguments {
  const char *job, *sets[SETS_MAX];
  int set_count, overwrite, resume, dry_run, quiet;
  int makes_set;  /* barydef attack: output.file is a set of attacked images */
  char *set_file; /* its path, on rank 0; the run writes SET.making, from which it is made */
  bd_part_t part;
} arguments_t;

static const struct argp_option options[] = {
    {"set", KEY_SET, "SECTION.KEY=VALUE", 0,
     "Override a value of the job file; a relative path is still relative to the job file", 0},
    {"overwrite", KEY_OVERWRITE, NULL, 0, "Replace an output that exists", 0},
    {"resume", KEY_RESUME, NULL, 0,
     "Continue an existing output that was stopped, killed or damaged; create it if there is "
     "none",
     0},
    {"part", KEY_PART, "I/N", 0,
     "Only the I-th of N parts of the sweep, for a job array; \"barydef merge\" joins the results",
     0},
    {"dry-run", KEY_DRY_RUN, NULL, 0,
     "Check everything and show the runs, the work, memory and file size; write nothing", 0},
    {"quiet", 'q', NULL, 0,
     "Print only errors, what --dry-run shows, and that the output has no locks", 0},
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
    argp_error(state, "give one job file; \"%s\" is a second", value);
    return EINVAL;
  }
  a->job = value;
  return 0;
}

static error_t check_all(const arguments_t *a, struct argp_state *state) {
  if (a->job && !(a->resume && a->overwrite)) return 0;
  argp_error(state,
             a->resume && a->overwrite
                 ? "--resume keeps the output, --overwrite replaces it; give only one of them"
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

const manual_t manual_run = {
    .description = "Purify the attacked images of a job: under mpirun, srun, or alone.  The result "
                   "does not depend on the number of ranks.  An existing result is never touched "
                   "without --overwrite or --resume.  \"barydef params\" and barydef-job(5) list "
                   "the parameters of a job file.  SIGTERM, SIGINT or SIGUSR1 stops a run early, "
                   "with its blocks under way finished; a second signal ends it at once.",
    .options = options,
    .parse = parse,
    .endings = every_ending,
    .examples =
        (const topic_t[]){
            {"mpirun -n 2 barydef run job.ini --dry-run",
             "The runs, the work, the memory of a rank and the size of the result."},
            {"mpirun -n 2 barydef run job.ini", "The run itself."},
            {"barydef run job.ini --resume", "Go on after a kill, a time limit or a full disk."},
            {"barydef run job.ini --set solver.gamma=1 --set output.file=gamma-1.h5",
             "Other values than those of the file."},
            {"barydef run job.ini --part 2/4 --set output.file=part-2.h5",
             "The second of four parts of a sweep."},
            {0}},
    .files =
        (const topic_t[]){
            {"JOB.ini", "The job, as barydef-job(5) describes it."},
            {"input.file", "The attacked images, HDF5.  The parameter names the file."},
            {"output.file", "The result, HDF5.  The parameter names the file."},
            {"victim.file", "The classifier, TorchScript.  It is a program that runs with your "
                            "rights: use only what you trust."},
            {0}},
    .environment =
        (const topic_t[]){
            {"OMPI_ALLOW_RUN_AS_ROOT, OMPI_ALLOW_RUN_AS_ROOT_CONFIRM",
             "Open MPI starts as root only where both are 1."},
            {"OMPI_COMM_WORLD_SIZE, MV2_COMM_WORLD_SIZE, MVP_COMM_WORLD_SIZE, PMI_SIZE, "
             "JSM_NAMESPACE_SIZE, FLUX_JOB_SIZE, SLURM_STEP_NUM_TASKS",
             "By these a launcher tells how many tasks it has started.  The first that is set "
             "decides.  Where it tells of several and MPI of one, the tasks are refused, unless "
             "run.alone allows it."},
            {"PMIX_RANK, PALS_RANKID",
             "The number of a task.  Where none of the above is set, a number above 0 tells of "
             "several tasks."},
            {"HDF5_USE_FILE_LOCKING",
             "HDF5 locks no file unless this asks for it, as TRUE and BEST_EFFORT do.  The "
             "program's own lock of the result does not depend on it."},
            {"SLURM_JOB_ID", "Kept in the result, where it is set."},
            {0}},
};

const manual_t manual_attack = {
    .description =
        "Make the attacks of a job, its sections [attack NAME], from the clean images of "
        "its input, and write output.file, a set of attacked images that barydef run "
        "takes as it is: under mpirun, srun, or alone.  The set appears once it is "
        "whole; until then OUTPUT.making holds what is done, with which --resume goes "
        "on.  Where no job is given, the Python package attacks a data set.",
    .options = options,
    .parse = parse,
    .endings = every_ending,
    .examples = (const topic_t[]){{"mpirun -n 2 barydef attack job.ini", "The set of a job."},
                                  {"barydef attack data/MNIST victim.pt mnist.h5",
                                   "Attacks by the Python package."},
                                  {0}},
};

/* ---- the command --------------------------------------------------------------- */

/* The command line. */
static char *join(int argc, char **argv) {
  size_t size = 16;
  for (int i = 0; i < argc; i++) size += strlen(argv[i]) + 1;
  char *line = calloc(size, 1);
  for (int i = 0; line && i < argc; i++) strcat(strcat(line, i ? " " : ""), argv[i]);
  return line;
}

/* Print what the options ask for after a run.  The caller prints errors. */
static void report(const arguments_t *a, const bd_job_t *job, const bd_run_summary_t *summary) {
  const bd_parameters_t *p = bd_job_point(job, 0);
  if (!a->quiet) report_victim(summary, p->victim_file);
  if (a->dry_run) { /* --quiet does not hide what was asked for */
    const int may_exist = a->resume || a->overwrite || access(p->output_file, F_OK) != 0;
    report_plan(job, summary, bd_job_first_run(job, bd_job_part_begin(job, &a->part)),
                may_exist ? NULL : p->output_file);
  } else if (!a->quiet) {
    report_result(p->output_file);
    report_summary(summary);
  }
  if (!a->quiet && summary->has_victim && !summary->was_complete) /* a dry run tries it too */
    printf("victim: %s, a program that ran with your rights (libtorch %s)\n", p->victim_file,
           bd_victim_library());
  if (!a->quiet && !a->dry_run && !a->makes_set) report_path(p->output_file);
}

/* Rank 0 makes the set of what the run has written, which is needed no more then. */
static bd_status_t write_set(const arguments_t *a, const bd_job_t *job, bd_status_t status,
                             bd_error_t *error) {
  const bd_existing_t existing =
      a->overwrite || a->resume ? BD_EXISTING_REPLACED : BD_EXISTING_REFUSED;
  bd_status_t written = bd_run_write_set(job, a->set_file, existing, error);
  if (written != BD_OK) return written;
  unlink(bd_job_point(job, 0)->output_file);
  if (!a->quiet) report_path(a->set_file);
  return status;
}

/* Collective.  Rank 0 has the job, and prints. */
static bd_status_t run_job(int rank, const arguments_t *a, const bd_job_t *job,
                           const char *command_line) {
  bd_error_t error = {BD_OK, ""};
  bd_run_summary_t summary = {0};
  progress_t progress = {0};
  const bd_run_options_t how = {.existing = existing_of(a->overwrite, a->resume),
                                .dry_run = a->dry_run,
                                .attacks_only = a->makes_set,
                                .part = a->part,
                                .command_line = command_line,
                                .progress = progress_show,
                                .context = &progress,
                                .stop = signals_stop()};
  if (rank == 0) progress_start(&progress, bd_job_point(job, 0)->progress, a->quiet);
  bd_status_t status = bd_run(bd_world(), job, &how, &summary, &error);
  if (rank != 0) return status;
  progress_end(&progress);
  if (status != BD_BAD_INPUT && !a->quiet) {
    report_notes(&summary, bd_job_point(job, 0)->input_file);
    report_mended(&summary, bd_job_point(job, 0)->output_file);
  }
  if (status == BD_OK || status == BD_SOME_FAILED) report(a, job, &summary);
  if (a->makes_set && !a->dry_run && (status == BD_OK || status == BD_SOME_FAILED))
    status = write_set(a, job, status, &error);
  fflush(stdout);
  if (status != BD_OK) complain(&error);
  return status;
}

/* Whether MPI has found all tasks, and who speaks for them. */
typedef struct world {
  int rank;
  int leads;        /* this process says that the tasks are apart */
  int is_first;     /* this process says what is wrong with the call and with the job file */
  bd_error_t apart; /* BD_OK where MPI has found all tasks */
} world_t;

enum { NOTHING_LEFT = -1 };

/* May the set be made?  Returns NOTHING_LEFT where it is there and --resume was given, and no
   attempt to make it anew, or to end it, was interrupted. */
static int look_for_set(const arguments_t *a, const char *making, bd_error_t *error) {
  if (access(a->set_file, F_OK) != 0 || a->overwrite || a->dry_run) return BD_OK;
  if (!a->resume)
    return (int)bd_fail(error, BD_BAD_INPUT, "%s: exists; --overwrite replaces it", a->set_file);
  if (access(making, F_OK) == 0) return BD_OK;
  if (!a->quiet) printf("nothing left to do: %s is whole\n", a->set_file);
  return NOTHING_LEFT;
}

/* Load the job of a set again, with the file that the run writes in place of the set. */
static int load_for_set(arguments_t *a, bd_job_t **job, bd_error_t *error) {
  const char *sets[SETS_MAX + 3];
  char making[BD_TEXT_MAX + 32];
  a->set_file = strdup(bd_job_point(*job, 0)->output_file);
  if (!a->set_file) return (int)bd_fail(error, BD_FAILED, "no memory for the job");
  snprintf(making, sizeof making, "output.file=%s.making", a->set_file);
  const int status = look_for_set(a, strchr(making, '=') + 1, error);
  if (status != BD_OK) return status;
  memcpy(sets, a->sets, sizeof a->sets);
  sets[a->set_count] = making;
  sets[a->set_count + 1] = "output.images=yes";
  sets[a->set_count + 2] = "baseline.views=";
  bd_job_free(*job);
  return (int)bd_job_load(a->job, a->set_count + 3, sets, job, error);
}

/* Load the job.  Tasks that have not found each other end here, unless the job allows it.  Whether
   it does, only a job that can be loaded tells.  So one that cannot is complained of first. */
static int load(arguments_t *a, const world_t *world, bd_job_t **job) {
  bd_error_t error = {BD_OK, ""};
  int status = (int)bd_job_load(a->job, a->set_count, a->sets, job, &error);
  if (status == BD_OK && a->makes_set) status = load_for_set(a, job, &error);
  if (status == NOTHING_LEFT) return status;
  if (status != BD_OK) {
    if (world->is_first) complain(&error);
    return status;
  }
  if (world->apart.status == BD_OK || bd_job_point(*job, 0)->alone == BD_ALONE_ALLOWED)
    return BD_OK;
  if (world->leads) complain(&world->apart);
  return (int)world->apart.status;
}

/* Collective.  Rank 0 loads the job, and all ranks run it. */
static int load_and_run(const world_t *world, arguments_t *a, const char *command_line) {
  bd_job_t *job = NULL;
  int status = BD_OK;
  if (world->rank == 0) status = load(a, world, &job);
  if (bd_world_agree(&status) == BD_OK) status = (int)run_job(world->rank, a, job, command_line);
  bd_job_free(job);
  free(a->set_file);
  return status == NOTHING_LEFT ? BD_OK : status;
}

static int run_or_attack(int argc, char **argv, int makes_set) {
  arguments_t arguments = {.makes_set = makes_set}, unused = {0};
  char *line = join(argc, argv);
  /* One process prints help, without MPI. */
  int status = BD_OK;
  const int is_help = arguments_parse(argc, argv, REFUSE_SILENTLY, &unused) == PARSED_HELP;
  if (!is_help) {
    signals_catch();
    const bd_tasks_t tasks = bd_world_tasks();
    /* Start MPI first, so that one rank prints a usage error, which ends all of them. */
    world_t world = {.rank = bd_world_start(&argc, &argv)};
    const int are_apart = bd_world_check(&tasks, &world.leads, &world.apart) != BD_OK;
    world.is_first = are_apart ? tasks.number <= 0 : world.rank == 0;
    const refusal_t refusal = world.is_first ? REFUSE_ALOUD : REFUSE_SILENTLY;
    status = arguments_parse(argc, argv, refusal, &arguments) == PARSED ? BD_OK : BD_BAD_INPUT;
    if (status == BD_OK) status = load_and_run(&world, &arguments, line ? line : "");
    bd_world_stop();
  }
  free(line);
  return status;
}

int command_run(int argc, char **argv) { return run_or_attack(argc, argv, 0); }

/* Where a job file is given, the attacks are the program's own; else the Python package makes
   them. */
int command_attack(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    const size_t length = strlen(argv[i]);
    if (length > 4 && !strcmp(argv[i] + length - 4, ".ini")) return run_or_attack(argc, argv, 1);
  }
  return command_python(argc, argv);
}
