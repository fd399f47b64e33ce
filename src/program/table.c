#include "program/program.h"

#include <inttypes.h>
#include <math.h>

/* Print "93.1", or "-" if the victim was not asked. */
static const char *percent(double fraction, char text[16]) {
  snprintf(text, 16, isnan(fraction) ? "-" : "%.1f", 100 * fraction);
  return text;
}

/* Does a view have a column before that of the purified images? An added view has one if it was
   asked for. */
static int has_column(bd_views_t asked, bd_view_t view) {
  return view != BD_VIEW_PURIFIED && ((asked | ~bd_views_added()) & BD_VIEW_BIT(view));
}

static void print_head(FILE *out, bd_views_t asked) {
  fprintf(out, "%-20s %-5s %8s |", "attack", "norm", "epsilon");
  for (bd_view_t v = 0; v < BD_VIEWS; v++)
    if (has_column(asked, v)) fprintf(out, " %8s", bd_view_label(v));
  fprintf(out, " %10s %11s | %9s %6s %s\n", bd_view_label(BD_VIEW_PURIFIED), "95 %", "recovered",
          "broken", "failed");
}

static void print_row(FILE *out, bd_views_t asked, const bd_statistics_t *row) {
  char text[16], low[16], high[16], interval[40], epsilon[16];
  const bd_accuracy_t purified = bd_statistics_accuracy(row, BD_VIEW_PURIFIED);
  snprintf(interval, sizeof interval, isnan(purified.low) ? "-" : "%s-%s",
           percent(purified.low, low), percent(purified.high, high));
  snprintf(epsilon, sizeof epsilon, isnan(row->epsilon) ? "-" : "%.4g", row->epsilon);
  fprintf(out, "%-20s %-5s %8s |", row->attack, row->norm, epsilon);
  for (bd_view_t v = 0; v < BD_VIEWS; v++)
    if (has_column(asked, v))
      fprintf(out, " %8s", percent(bd_statistics_accuracy(row, v).value, text));
  fprintf(out, " %10s %11s | %9" PRId64 " %6" PRId64 " %6" PRId64 "/%" PRId64 "\n",
          percent(purified.value, text), interval, row->recovered, row->broken, row->failed,
          row->images);
}

/* Print what the attacks that were made have cost, and whether they may be believed. */
static void print_trust(FILE *out, const bd_statistics_t *rows, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (*rows[i].trust)
      fprintf(out, "  trust in %s: %s (%.4g passes forward and %.4g backward an image)\n",
              rows[i].attack, rows[i].trust, rows[i].passes_forward, rows[i].passes_backward);
}

/* Print what else, besides the accuracies, a user must know of a run. */
static void print_notes(FILE *out, const bd_statistics_t *rows, int64_t count, double tolerance) {
  int64_t images = 0, converged = 0, unstable = 0, fallbacks = 0, rises = 0, window = 0,
          clipped = 0;
  double safe_tau = INFINITY;
  for (int64_t i = 0; i < count; i++) {
    images += rows[i].images;
    converged += rows[i].converged;
    unstable += rows[i].unstable;
    fallbacks += rows[i].fallbacks;
    clipped += rows[i].clipped;
    rises += rows[i].objective_rises;
    window += rows[i].infeasible_window;
    safe_tau = fmin(safe_tau, rows[i].safe_tau);
  }
  if (tolerance > 0)
    fprintf(out, "  %" PRId64 " of %" PRId64 " images converged to a residual of %g\n", converged,
            images, tolerance);
  if (unstable)
    fprintf(out,
            "  tau is longer than stable (2 gamma / (N max p)) for %" PRId64 " of %" PRId64
            " images; tau <= %.2g would be stable for all of them\n",
            unstable, images, 0.99 * safe_tau);
  if (rises)
    fprintf(out,
            "  the dual objective rises for %" PRId64 " of %" PRId64
            " images: the steps are too long\n",
            rises, images);
  if (window)
    fprintf(out,
            "  the window seems too small for %" PRId64 " of %" PRId64
            " images: the residual stays while the potentials grow\n",
            window, images);
  if (clipped)
    fprintf(out,
            "  %" PRId64 " of %" PRId64
            " images had pixels beyond [0,1] by rounding, at most %g, which were clipped\n",
            clipped, images, BD_ABOVE_ONE_MAX);
  if (fallbacks)
    fprintf(out, "  %" PRId64 " of %" PRId64 " images went through wide-range arithmetic\n",
            fallbacks, images);
}

/* solver.tolerance of a run. */
static double tolerance_of(const bd_job_t *job, int run) {
  int point, snapshot;
  if (!job || run < 0 || run >= bd_job_run_count(job)) return 0;
  bd_job_run(job, run, &point, &snapshot);
  return bd_job_point(job, point)->solver.tolerance;
}

void print_statistics(FILE *out, const bd_result_summary_t *summary) {
  bd_job_t *job = NULL;
  char label[512] = "";
  int64_t first = 0;
  bd_job_parse(summary->job, "job", "", 0, NULL, &job, NULL);
  for (int64_t i = 0; i < summary->row_count; i++) {
    const bd_statistics_t *row = &summary->rows[i];
    if (i == 0 || row->run != row[-1].run) {
      first = i;
      if (job && row->run >= 0 && row->run < bd_job_run_count(job))
        bd_job_run_label(job, row->run, label, sizeof label);
      fprintf(out, "%srun %03d%s%s: accuracy of the victim, %%\n", i ? "\n" : "", row->run,
              *label ? ", " : "", label);
      print_head(out, summary->views);
    }
    print_row(out, summary->views, row);
    if (i + 1 == summary->row_count || row[1].run != row->run) {
      print_trust(out, row - (i - first), i - first + 1);
      print_notes(out, row - (i - first), i - first + 1, tolerance_of(job, row->run));
    }
  }
  bd_job_free(job);
}
