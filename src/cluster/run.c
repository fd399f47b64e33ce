#include "work.h"

#include <barydef/result.h>
#include <barydef/run.h>
#include <barydef/version.h>

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Everything a rank holds for a run. */
typedef struct run {
  MPI_Comm communicator;
  int rank, size;
  bd_job_t *job;
  bd_parameters_t parameters; /* of the first point: input, output, victim, run */
  bd_images_t *images;
  bd_victim_t *victim;
  bd_plan_t plan;
  int *attacks;
  bd_worker_t worker;
  bd_result_t *result;
} run_t;

/* ---- the same job on every rank ------------------------------------------------ */

static void broadcast_text(MPI_Comm communicator, int rank, const char *text, char **copy) {
  int64_t size = rank == 0 ? (int64_t)strlen(text) + 1 : 0;
  MPI_Bcast(&size, 1, MPI_INT64_T, 0, communicator);
  *copy = malloc((size_t)size);
  if (!*copy) MPI_Abort(communicator, BD_FAILED); /* nobody could be told */
  if (rank == 0) memcpy(*copy, text, (size_t)size);
  MPI_Bcast(*copy, (int)size, MPI_BYTE, 0, communicator);
}

static bd_status_t share_job(run_t *run, const bd_job_t *job, bd_error_t *error) {
  char *text, *directory;
  broadcast_text(run->communicator, run->rank, run->rank == 0 ? bd_job_text(job) : NULL, &text);
  broadcast_text(run->communicator, run->rank, run->rank == 0 ? bd_job_directory(job) : NULL, &directory);
  bd_status_t status = bd_job_parse(text, "job", directory, 0, NULL, &run->job, error);
  free(text);
  free(directory);
  if (status == BD_OK) bd_job_parameters(run->job, 0, &run->parameters);
  return status;
}

/* ---- input --------------------------------------------------------------------- */

static bd_status_t unknown_attack(const run_t *run, const char *name, bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(run->images);
  char names[512] = "";
  for (int a = 0; a < info->attack_count; a++) {
    size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s%s", a ? ", " : "", info->attacks[a].name);
  }
  return bd_fail(error, BD_BAD_INPUT, "%s: no attack \"%.80s\" (input.attacks); there are: %s",
                 run->parameters.input_file, name, names);
}

static bd_status_t add_attack(run_t *run, const char *name, bd_error_t *error) {
  int attack = bd_images_find(run->images, name);
  if (attack < 0) return unknown_attack(run, name, error);
  for (int a = 0; a < run->plan.attack_count; a++)
    if (run->attacks[a] == attack)
      return bd_fail(error, BD_BAD_INPUT, "input.attacks names \"%.80s\" twice", name);
  run->attacks[run->plan.attack_count++] = attack;
  return BD_OK;
}

/* The attacks asked for, in the order asked for, and the clean images last. */
static bd_status_t choose_attacks(run_t *run, bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(run->images);
  run->attacks = malloc((size_t)info->attack_count * sizeof *run->attacks);
  if (!run->attacks) return bd_fail(error, BD_FAILED, "no memory for the list of attacks");
  bd_status_t status = BD_OK;
  int all = !strcmp(run->parameters.attacks, "all");
  for (int a = 0; all && a < info->attack_count - info->has_clean; a++)
    run->attacks[run->plan.attack_count++] = a;
  for (char *rest = run->parameters.attacks, *name; !all && status == BD_OK && (name = strsep(&rest, ","));) {
    while (*name == ' ' || *name == '\t') name++;
    size_t length = strlen(name);
    while (length && (name[length - 1] == ' ' || name[length - 1] == '\t')) name[--length] = 0;
    status = add_attack(run, name, error);
  }
  if (status != BD_OK) return status;
  int has_it = 0;
  run->plan.clean = info->has_clean ? info->attack_count - 1 : -1;
  for (int a = 0; a < run->plan.attack_count; a++) has_it |= run->attacks[a] == run->plan.clean;
  if (run->parameters.clean && info->has_clean && !has_it) run->attacks[run->plan.attack_count++] = run->plan.clean;
  run->plan.attacks = run->attacks;
  if (run->plan.attack_count == 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: no attack in it, and input.clean = no", run->parameters.input_file);
  return BD_OK;
}

static bd_status_t open_input(run_t *run, bd_error_t *error) {
  bd_status_t status = bd_images_open(run->parameters.input_file, &run->images, error);
  if (status == BD_OK) status = choose_attacks(run, error);
  if (status != BD_OK) return status;
  const bd_images_info_t *info = bd_images_info(run->images);
  run->plan.job = run->job;
  run->plan.block = run->parameters.block;
  run->plan.store_images = run->parameters.images;
  run->plan.count = info->count;
  if (run->parameters.limit && run->parameters.limit < info->count) run->plan.count = run->parameters.limit;
  if (run->plan.block > run->plan.count) run->plan.block = (int)run->plan.count;
  if (block_size(&run->plan, info) > INT_MAX)
    return bd_fail(error, BD_BAD_INPUT, "run.block = %d makes blocks of more than 2 GiB; a smaller one is needed",
                   run->parameters.block);
  return BD_OK;
}

/* Refuse an output that exists, and never replace what the run reads. */
static bd_status_t check_output(const run_t *run, const bd_job_t *job, int overwrite, bd_error_t *error) {
  const char *read[3] = {run->parameters.input_file, run->parameters.victim_file, run->rank == 0 ? bd_job_name(job) : ""};
  const char *output = run->parameters.output_file;
  struct stat there, other;
  const char *slash = strrchr(output, '/');
  char folder[BD_TEXT_MAX];
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - output) + 1 : 1, slash ? output : ".");
  if (access(folder, W_OK) != 0) return bd_fail(error, BD_BAD_INPUT, "%s: cannot be created: %m", output);
  if (stat(output, &there) != 0) return BD_OK;
  if (!S_ISREG(there.st_mode)) return bd_fail(error, BD_BAD_INPUT, "%s: is no file that could be replaced (output.file)", output);
  if (!overwrite) return bd_fail(error, BD_BAD_INPUT, "%s: exists; --overwrite replaces it", output);
  for (int i = 0; i < 3; i++)
    if (stat(read[i], &other) == 0 && other.st_dev == there.st_dev && other.st_ino == there.st_ino)
      return bd_fail(error, BD_BAD_INPUT, "%s: output.file is a file that the run reads", output);
  return BD_OK;
}

/* All ranks must see the file that rank 0 sees. */
static bd_status_t compare_input(run_t *run, bd_error_t *error) {
  char digest[sizeof((bd_images_info_t *)0)->digest];
  const bd_images_info_t *info = bd_images_info(run->images);
  memcpy(digest, info->digest, sizeof digest);
  MPI_Bcast(digest, sizeof digest, MPI_BYTE, 0, run->communicator);
  if (memcmp(digest, info->digest, sizeof digest) == 0) return BD_OK;
  return bd_fail(error, BD_BAD_INPUT, "%s: rank %d sees another file than rank 0", run->parameters.input_file, run->rank);
}

/* One instruction set for all ranks, so that bits do not depend on which rank an image meets. */
static bd_status_t agree_on_instructions(run_t *run, bd_error_t *error) {
  bd_parameters_t parameters;
  int best = bd_instructions_best();
  MPI_Allreduce(MPI_IN_PLACE, &best, 1, MPI_INT, MPI_MIN, run->communicator);
  run->plan.instructions = (bd_instructions_t)best;
  for (int point = 0; point < bd_job_point_count(run->job); point++) {
    bd_job_parameters(run->job, point, &parameters);
    if ((int)parameters.solver.instructions > best)
      return bd_fail(error, BD_BAD_INPUT, "solver.instructions = %s: not every rank's processor has them; the best of all is %s",
                     bd_instructions_name((int)parameters.solver.instructions), bd_instructions_name(best));
  }
  return BD_OK;
}

static bd_status_t load_victim(run_t *run, bd_error_t *error) {
  const bd_parameters_t *p = &run->parameters;
  const bd_images_info_t *info = bd_images_info(run->images);
  int classes;
  if (!*p->victim_file) return BD_OK;
  /* Built without libtorch the run goes on, and says that accuracies are missing. */
  char ours[64] = "none", first[64];
  if (bd_victim_library()) snprintf(ours, sizeof ours, "%s", bd_victim_library());
  memcpy(first, ours, sizeof first);
  MPI_Bcast(first, sizeof first, MPI_CHAR, 0, run->communicator);
  if (bd_victim_problem())
    return bd_fail(error, BD_FAILED, "rank %d cannot load the victim module: %s", run->rank, bd_victim_problem());
  if (strcmp(ours, first))
    return bd_fail(error, BD_FAILED, "rank %d has libtorch %s, rank 0 %s: accuracies would depend on the rank", run->rank, ours, first);
  if (!bd_victim_library()) return BD_OK;
  bd_status_t status = bd_victim_load(p->victim_file, p->victim_batch, info->channels, info->height, info->width,
                                      &run->victim, &classes, error);
  if (status == BD_OK && (info->label_min < 0 || info->label_max >= classes))
    status = bd_fail(error, BD_BAD_INPUT, "%s: labels from %" PRId64 " to %" PRId64 ", but %s tells %d classes apart",
                     p->input_file, info->label_min, info->label_max, p->victim_file, classes);
  return status;
}

/* ---- output -------------------------------------------------------------------- */

static void date(char text[32]) {
  time_t seconds = time(NULL);
  struct tm broken;
  strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &broken));
}

static bd_attribute_t text_attribute(const char *name, const char *text) {
  return (bd_attribute_t){.name = name, .kind = BD_ATTRIBUTE_TEXT, .text = text};
}

/* Every parameter that can change a number, under its job-file name. */
static int run_attributes(void *context, int index, bd_attribute_t *attributes) {
  static char names[64][64];
  static bd_parameters_t parameters;
  const run_t *run = context;
  int point, snapshot, table_size, count = 0;
  const bd_parameter_t *table = bd_parameter_table(&table_size);
  bd_job_run(run->job, index, &point, &snapshot);
  bd_job_parameters(run->job, point, &parameters);
  for (int i = 0; i < table_size; i++) {
    const bd_parameter_t *p = &table[i];
    if (!strcmp(p->section, "run") || !strcmp(p->section, "output")) continue;
    const char *field = (const char *)&parameters + p->offset;
    bd_attribute_t *attribute = &attributes[count];
    snprintf(names[count], sizeof names[count], "%s.%s", p->section, p->key);
    *attribute = text_attribute(names[count++], bd_job_value(run->job, point, i));
    if (p->kind == BD_KIND_REAL) {
      attribute->kind = BD_ATTRIBUTE_REAL;
      memcpy(&attribute->real, field, sizeof attribute->real);
    }
    int value = 0;
    if (p->kind == BD_KIND_INTEGER || p->kind == BD_KIND_ITERATIONS || p->kind == BD_KIND_WINDOW)
      memcpy(&value, field, sizeof value);
    /* A full window stays the word. */
    if (p->kind == BD_KIND_INTEGER || p->kind == BD_KIND_ITERATIONS || (p->kind == BD_KIND_WINDOW && value != BD_WINDOW_FULL)) {
      attribute->kind = BD_ATTRIBUTE_INTEGER;
      attribute->integer = p->kind == BD_KIND_ITERATIONS ? parameters.solver.iterations.values[snapshot] : value;
    }
  }
  const bd_images_info_t *info = bd_images_info(run->images);
  attributes[count++] = text_attribute("kernel_used", bd_kernel_choice(&parameters.solver, info->height, info->width));
  bd_instructions_t set = parameters.solver.instructions;
  if (set == BD_INSTRUCTIONS_AUTO) set = run->plan.instructions;
  attributes[count++] = text_attribute("instructions_used", bd_instructions_name((int)set));
  attributes[count++] = (bd_attribute_t){.name = "fallbacks", .kind = BD_ATTRIBUTE_INTEGER};
  return count;
}

/* The names of the hosts, each once, on rank 0. */
static char *gather_hosts(const run_t *run) {
  char name[MPI_MAX_PROCESSOR_NAME] = "";
  int length;
  MPI_Get_processor_name(name, &length);
  char *all = run->rank == 0 ? malloc((size_t)run->size * sizeof name) : NULL;
  char *list = run->rank == 0 ? calloc((size_t)run->size + 1, sizeof name) : NULL;
  MPI_Gather(name, sizeof name, MPI_CHAR, all, sizeof name, MPI_CHAR, 0, run->communicator);
  for (int r = 0; all && list && r < run->size; r++) {
    const char *host = all + (size_t)r * sizeof name;
    int seen = 0;
    for (int before = 0; before < r; before++) seen |= !strcmp(host, all + (size_t)before * sizeof name);
    if (!seen) strcat(strcat(list, *list ? "," : ""), host);
  }
  free(all);
  return list;
}

static bd_status_t create_output(run_t *run, const bd_run_options_t *options, const char *hosts, bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(run->images);
  char started[32];
  date(started);
  bd_attribute_t root[] = {text_attribute("program_version", bd_version()),
                           text_attribute("git_revision", bd_revision()),
                           text_attribute("command_line", options->command_line ? options->command_line : ""),
                           text_attribute("job", bd_job_text(run->job)),
                           text_attribute("dataset", info->dataset),
                           text_attribute("input_file", run->parameters.input_file),
                           text_attribute("input_digest", info->digest),
                           text_attribute("started", started),
                           text_attribute("finished", ""),
                           text_attribute("hosts", hosts ? hosts : ""),
                           {.name = "ranks", .kind = BD_ATTRIBUTE_INTEGER, .integer = run->size},
                           text_attribute("victim_library", run->victim ? bd_victim_library() : "none"),
                           text_attribute("slurm_job_id", getenv("SLURM_JOB_ID"))};
  int attribute_count = sizeof root / sizeof *root - (getenv("SLURM_JOB_ID") == NULL);
  bd_attack_t *attacks = malloc((size_t)run->plan.attack_count * sizeof *attacks);
  if (!attacks) return bd_fail(error, BD_FAILED, "no memory for the list of attacks");
  for (int a = 0; a < run->plan.attack_count; a++) attacks[a] = info->attacks[run->attacks[a]];
  bd_result_layout_t layout = {info, run->plan.count, bd_images_labels(run->images), run->plan.attack_count, attacks,
                               bd_job_run_count(run->job), run->plan.store_images, attribute_count, root,
                               run_attributes, run};
  bd_status_t status = bd_result_create(run->parameters.output_file, options->overwrite, &layout, &run->result, error);
  free(attacks);
  return status;
}

static bd_status_t finish_output(run_t *run, bd_run_summary_t *summary, bd_error_t *error) {
  char finished[32];
  date(finished);
  bd_attribute_t attributes[] = {text_attribute("finished", finished),
                                 {.name = "seconds", .kind = BD_ATTRIBUTE_REAL, .real = summary->seconds}};
  int64_t by_status[BD_STATUSES_MAX];
  char why[256] = "";
  bd_status_t status = bd_result_finish(run->result, run->victim != NULL, 2, attributes, by_status, error);
  bd_status_t closed = bd_result_close(run->result, status == BD_OK ? error : NULL);
  run->result = NULL;
  if (status == BD_OK) status = closed;
  if (status != BD_OK) return status;
  for (int s = 1; s < BD_IMAGE_STATUSES; s++) {
    size_t used = strlen(why);
    if (by_status[s]) snprintf(why + used, sizeof why - used, "%s%" PRId64 " %s", used ? ", " : "", by_status[s], bd_image_status_name(s));
    summary->failed += by_status[s];
  }
  if (summary->failed == 0) return BD_OK;
  return bd_fail(error, BD_SOME_FAILED, "%s: done, but %" PRId64 " of %" PRId64 " images failed: %s", run->parameters.output_file,
                 summary->failed, summary->images, why);
}

/* ---- the whole ----------------------------------------------------------------- */

static void summarise(const run_t *run, bd_run_summary_t *summary) {
  const bd_images_info_t *info = bd_images_info(run->images);
  const bd_plan_t *plan = &run->plan;
  double image = run->plan.store_images ? 4.0 * info->channels * info->height * info->width : 0;
  *summary = (bd_run_summary_t){.ranks = run->size, .runs = bd_job_run_count(run->job), .attacks = plan->attack_count,
                                .images_per_attack = plan->count, .blocks = plan_items(plan),
                                .rank_bytes = worker_bytes(plan, info), .has_victim = run->victim != NULL,
                                .victim_library = run->victim ? bd_victim_library() : NULL};
  summary->images = (int64_t)summary->runs * summary->attacks * plan->count;
  summary->file_bytes = (double)summary->images * (image + 112) + 8.0 * (double)plan->count;
}

static bd_status_t prepare(run_t *run, const bd_job_t *job, int overwrite, bd_error_t *error) {
  bd_status_t status = agree(run->communicator, share_job(run, job, error), error);
  if (status == BD_OK) status = agree(run->communicator, open_input(run, error), error);
  if (status == BD_OK) status = agree(run->communicator, check_output(run, job, overwrite, error), error);
  if (status == BD_OK) status = agree(run->communicator, compare_input(run, error), error);
  if (status == BD_OK) status = agree(run->communicator, agree_on_instructions(run, error), error);
  if (status == BD_OK) status = agree(run->communicator, load_victim(run, error), error);
  if (status == BD_OK)
    status = agree(run->communicator, worker_create(&run->plan, run->images, run->victim, &run->worker, error), error);
  return status;
}

static void release(run_t *run) {
  bd_result_close(run->result, NULL);
  worker_free(&run->worker);
  bd_victim_free(run->victim);
  bd_images_close(run->images);
  bd_job_free(run->job);
  free(run->attacks);
  free(run);
}

bd_status_t bd_run(MPI_Comm communicator, const bd_job_t *job, const bd_run_options_t *options,
                   bd_run_summary_t *summary, bd_error_t *error) {
  run_t *run = calloc(1, sizeof *run);
  if (!run) MPI_Abort(communicator, BD_FAILED);
  run->communicator = communicator;
  MPI_Comm_rank(communicator, &run->rank);
  MPI_Comm_size(communicator, &run->size);
  int flags[2] = {run->rank == 0 && options->dry_run, run->rank == 0 && options->overwrite};
  MPI_Bcast(flags, 2, MPI_INT, 0, communicator);
  const int dry_run = flags[0];
  bd_status_t status = prepare(run, job, flags[1], error);
  if (status == BD_OK) summarise(run, summary);
  if (status == BD_OK && !dry_run) {
    char *hosts = gather_hosts(run);
    if (run->rank == 0) status = create_output(run, options, hosts, error);
    free(hosts);
    status = agree(communicator, status, error);
    if (status == BD_OK) status = work_all(communicator, &run->plan, &run->worker, run->result, options, summary, error);
    if (status == BD_OK && run->rank == 0) status = finish_output(run, summary, error);
    status = agree(communicator, status, error);
  }
  release(run);
  return status;
}
