#include "program/program.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void bytes(double value, char text[32]) {
  const char *unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  int u = 0;
  while (value >= 1024 && u < 5) value /= 1024, u++;
  snprintf(text, 32, "%.*f %s", u ? 1 : 0, value, unit[u]);
}

/* MiB that a rank needs besides blocks and solver.  Peaks on Debian 12 were 21 to 25, and 181 to
   187 with a small classifier in libtorch.  These are rounded up, since a job that asks SLURM for
   too little is killed. */
enum { PROGRAM_MIB = 32, LIBTORCH_MIB = 192 };

static void print_memory(const bd_run_summary_t *s) {
  const double all =
      ceil(s->rank_bytes / (1 << 20)) + PROGRAM_MIB + (s->has_victim ? LIBTORCH_MIB : 0);
  printf("program, MPI and HDF5 take about %d MiB on top", PROGRAM_MIB);
  if (s->has_victim)
    printf(", libtorch %d MiB, and a large classifier its weights and layers", LIBTORCH_MIB);
  printf(": --mem-per-cpu=%.0fM%s\n", all, s->has_victim ? " or more" : "");
}

/* "12 s", "3 min" or "2 h 5 min". */
static void duration(double seconds, char text[32]) {
  const double minutes = ceil(seconds / 60);
  if (seconds < 9.95) snprintf(text, 32, "%.1f s", seconds);
  else if (seconds < 120) snprintf(text, 32, "%.0f s", seconds);
  else if (minutes < 120) snprintf(text, 32, "%.0f min", minutes);
  else snprintf(text, 32, "%.0f h %.0f min", floor(minutes / 60), fmod(minutes, 60));
}

static void print_seconds(const bd_seconds_t *seconds) {
  char least[32], most[32];
  duration(seconds->least, least);
  duration(seconds->most, most);
  if (!strcmp(least, most)) printf("%s", most);
  else printf("%s to %s", least, most);
}

static void print_passes(const double passes[2], const char *kind) {
  if (passes[0] < passes[1]) printf("%.0f to %.0f %s", passes[0], passes[1], kind);
  else printf("%.0f %s", passes[1], kind);
}

/* What the job says of an attack: "pgd, linf, epsilon 8/255, through victim", at the first point.
 */
static void print_keys(const bd_job_t *job, int first_run, const char *name) {
  int point, snapshot, attack = 0;
  bd_job_run(job, first_run, &point, &snapshot);
  while (attack + 1 < bd_job_made_count(job) && strcmp(bd_job_made(job, attack)->name, name))
    attack++;
  printf(" (%s, %s, epsilon %s, through %s): ", bd_job_made_value(job, point, attack, "type"),
         bd_job_made_value(job, point, attack, "norm"),
         bd_job_made_value(job, point, attack, "epsilon"),
         bd_job_made_value(job, point, attack, "through"));
}

static void print_attack_time(const bd_job_t *job, int first_run, const bd_attack_time_t *attack) {
  /* What is fooled at the last step is judged once more. */
  const int stops_early = attack->forward[0] + 1 < attack->forward[1];
  printf("  attack %s", attack->name);
  print_keys(job, first_run, attack->name);
  print_passes(attack->forward, "passes forward and ");
  print_passes(attack->backward, "backward an image, ");
  print_seconds(&attack->seconds);
  printf("%s\n", stops_early ? "; images stop early, so the latter is a bound" : "");
}

/* SLURM kills a job that asks for too little, so this asks for half as much again. */
static void print_limit(double seconds) {
  const double minutes = ceil(1.5 * seconds / 60) + 1;
  printf("--time=%.0f:%02.0f:00\n", floor(minutes / 60), fmod(minutes, 60));
}

static void print_time(const bd_job_t *job, int first_run, const bd_run_summary_t *s) {
  const bd_run_time_t *time = &s->time;
  if (!time->is_tried) {
    printf("time: - (%s)\n", *time->problem ? time->problem : "nothing is left to do");
    return;
  }
  printf("time: ");
  print_seconds(&time->all);
  printf(" on %d rank%s like %s, by a trial on a few images: purifying ", s->ranks,
         plural(s->ranks), s->ranks == 1 ? "this" : "these");
  print_seconds(&time->purify);
  printf(", predicting ");
  if (s->has_victim) print_seconds(&time->predict);
  else printf("- (no victim)");
  printf("; ");
  print_limit(time->all.most);
  for (int i = 0; i < time->attack_count; i++) print_attack_time(job, first_run, &time->attacks[i]);
}

void report_plan(const bd_job_t *job, const bd_run_summary_t *s, int first,
                 const char *in_the_way) {
  char file[32], memory[32], label[512];
  bytes(s->file_bytes, file);
  bytes(s->rank_bytes, memory);
  printf("%d run%s, %d attack%s of %lld images, %lld blocks over %d rank%s\n", s->runs,
         plural(s->runs), s->attacks, plural(s->attacks), (long long)s->images_per_attack,
         (long long)s->blocks, s->ranks, plural(s->ranks));
  printf("%lld images x %.0f iterations of a marginal (of all runs; those of a point share a "
         "trajectory) x %lld pixels = %.3g updates of a pixel\n",
         (long long)s->attacks * (long long)s->images_per_attack, s->steps, (long long)s->pixels,
         (double)s->attacks * (double)s->images_per_attack * s->steps * (double)s->pixels);
  printf("result about %s; blocks and solver about %s of memory on each rank\n", file, memory);
  print_memory(s);
  print_time(job, first, s);
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

void report_summary(const bd_run_summary_t *s) {
  double total = s->read_seconds + s->solve_seconds + s->baseline_seconds + s->victim_seconds +
                 s->attack_seconds;
  double share = total > 0 ? 100 / total : 0;
  if (s->was_complete) {
    printf("nothing left to do: all %lld images were done\n", (long long)s->images);
    return;
  }
  printf("%lld images in %.1f s (%.0f images/s) on %d rank%s; ranks spent %.1f %% solving, %.1f %% "
         "on the victim, "
         "%.1f %% on baselines, %.1f %% reading; writing took %.1f %% of the time\n",
         (long long)s->computed, s->seconds, (double)s->computed / fmax(s->seconds, 1e-9), s->ranks,
         plural(s->ranks), s->solve_seconds * share, s->victim_seconds * share,
         s->baseline_seconds * share, s->read_seconds * share,
         100 * s->write_seconds / fmax(s->seconds, 1e-9));
  if (s->attack_seconds > 0)
    printf("making attacked images took %.1f %% of the time of the ranks\n",
           s->attack_seconds * share);
  if (s->has_victim) {
    printf("the victim was shown %lld images", (long long)s->predicted);
    if (s->rows > 0)
      printf(" in batches that were %.0f %% full", 100 * (double)s->predicted / (double)s->rows);
    if (s->shared > 0)
      printf("; for %lld more the answer for the same pixels was there", (long long)s->shared);
    printf("\n");
  }
  if (s->ranks > 1) print_loads(s);
}

void report_victim(const bd_run_summary_t *s, const char *victim) {
  for (const char *line = s->victim_notes, *end; *line; line = *end ? end + 1 : end) {
    end = line + strcspn(line, "\n");
    fprintf(stderr, "barydef: %.*s\n", (int)(end - line), line);
  }
  if (s->has_victim) return;
  if (*victim)
    fprintf(stderr, "barydef: built without libtorch: %s is not used and all accuracies are NaN\n",
            victim);
  else fprintf(stderr, "barydef: the job names no victim (victim.file): all accuracies are NaN\n");
}

void report_notes(const bd_run_summary_t *s, const char *input) {
  bd_error_t note;
  for (const char *line = s->notes, *end; *line; line = *end ? end + 1 : end) {
    end = line + strcspn(line, "\n");
    bd_fail(&note, BD_OK, "%s: %.*s", input, (int)(end - line), line);
    complain(&note);
  }
}

/* Warn of what was mended in a result that existed, and of a different revision that began it. */
void report_mended(const bd_run_summary_t *s, const char *path) {
  bd_error_t note; /* bd_fail removes what could control a terminal from a file's text */
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

void report_result(const char *path) {
  bd_result_summary_t summary;
  bd_error_t error;
  if (bd_result_read_summary(path, &summary, &error) != BD_OK) {
    complain(&error);
    return;
  }
  print_statistics(stdout, &summary);
  bd_result_summary_free(&summary);
}

/* Show the path without the ".." that a job file's folder may have. */
void report_path(const char *output) {
  char *whole = realpath(output, NULL);
  printf("result: %s\n", whole ? whole : output);
  free(whole);
}
