#include "program.h"

#include <inttypes.h>
#include <math.h>

/* "93.1" or "-" where there is no victim. */
static const char *percent(double fraction, char text[16]) {
  snprintf(text, 16, isnan(fraction) ? "-" : "%.1f", 100 * fraction);
  return text;
}

static void print_row(FILE *out, const bd_statistics_t *row) {
  char a[16], b[16], c[16], d[16], e[16], low[16], high[16], interval[40];
  snprintf(interval, sizeof interval, "%s-%s", percent(row->barycenter_accuracy.low, low),
           percent(row->barycenter_accuracy.high, high));
  char epsilon[16];
  snprintf(epsilon, sizeof epsilon, isnan(row->epsilon) ? "-" : "%.4g", row->epsilon);
  fprintf(out, "%-20s %-5s %8s | %8s %8s %8s %8s %10s %11s | %9" PRId64 " %6" PRId64 " %6" PRId64 "/%" PRId64 "\n", row->attack,
          row->norm, epsilon, percent(row->attack_accuracy.value, a), percent(row->rounded_accuracy.value, b),
          percent(row->blurred_accuracy.value, c), percent(row->mean_accuracy.value, d),
          percent(row->barycenter_accuracy.value, e), interval, row->recovered, row->broken, row->failed, row->images);
}

void print_statistics(FILE *out, const bd_result_summary_t *summary) {
  bd_job_t *job = NULL;
  char label[512] = "";
  bd_job_parse(summary->job, "job", "", 0, NULL, &job, NULL);
  for (int64_t i = 0; i < summary->row_count; i++) {
    const bd_statistics_t *row = &summary->rows[i];
    if (i == 0 || row->run != row[-1].run) {
      if (job && row->run >= 0 && row->run < bd_job_run_count(job)) bd_job_run_label(job, row->run, label, sizeof label);
      fprintf(out, "%srun %03d%s%s: accuracy of the victim, %%\n%-20s %-5s %8s | %8s %8s %8s %8s %10s %11s | %9s %6s %s\n",
              i ? "\n" : "", row->run, *label ? ", " : "", label, "attack", "norm", "epsilon", "attacked", "8 bits", "blurred",
              "mean", "barycenter", "95 %", "recovered", "broken", "failed");
    }
    print_row(out, row);
  }
  bd_job_free(job);
}
