#include "storage/result/statistics_child.h"

#include "storage/hdf5/h5.h"
#include "storage/result/missed_child.h"
#include "storage/result/open_child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The step length of a run.  It is 0 unless the method is forward-backward, the only one that has
   a step length. */
static double tau_of(hid_t file, int run) {
  char method[16] = "";
  double tau = 0;
  hid_t group = open_child_run(file, run);
  if (h5_get_text(group, "solver.method", method, sizeof method) && !strcmp(method, "fb"))
    h5_get_real(group, "solver.tau", &tau);
  h5_close(group);
  return tau;
}

/* Read the records in portions, so that memory does not grow with the set. */
static bd_status_t tally_records(const statistics_of_t *of, bd_tally_t *tally, bd_error_t *error) {
  enum { PORTION = 4096 };
  const bd_result_t *result = of->result;
  const int64_t images = result->shape.count, size = result->shape.record_bytes,
                place = result_group_place(result, of->run, of->attack, DATASET_RECORDS);
  const double tau = tau_of(of->file, of->run);
  char *records = malloc((size_t)(PORTION * size));
  bd_status_t status = records ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  for (int64_t first = 0, count; status == BD_OK && first < images; first += count) {
    count = images - first < PORTION ? images - first : PORTION;
    status = result_read(result, place + first * size, records, (size_t)(count * size), error);
    for (int64_t i = 0; status == BD_OK && i < count; i++) {
      bd_per_image_t record;
      bd_record_unpack(result->shape.views, records + i * size, &record);
      bd_tally_add(tally, tau, 1, &record);
    }
  }
  free(records);
  return status;
}

bd_status_t statistics_child_row(const statistics_of_t *of, bd_statistics_t *row,
                                 int64_t *by_status, bd_error_t *error) {
  const char *name = of->result->names[of->attack];
  char path[BD_ATTACK_NAME + 32];
  bd_tally_t tally = {0};
  memset(row, 0, sizeof *row);
  bd_status_t status = tally_records(of, &tally, error);
  snprintf(path, sizeof path, "/runs/%03d/%s", of->run, name);
  hid_t group = h5_has(of->file, path) ? H5Gopen2(of->file, path, H5P_DEFAULT) : -1;
  h5_get_text(group, "norm", row->norm, sizeof row->norm);
  h5_get_real(group, "epsilon", &row->epsilon);
  if (of->result->shape.views & BD_VIEWS_MADE)
    h5_get_text(group, "through", row->through, sizeof row->through);
  h5_close(group);
  row->run = of->run;
  // The result was opened, not joined.  NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker)
  memcpy(row->attack, name, sizeof row->attack);
  bd_tally_finish(&tally, of->predictions == BD_PREDICTIONS_PRESENT ? of->result->shape.views : 0,
                  row);
  for (int s = 0; s < BD_STATUSES_MAX; s++) by_status[s] += tally.by_status[s];
  if (status == BD_OK && of->result->shape.views & BD_VIEWS_MADE)
    status = missed_child(of, row, error);
  return status;
}
