#include "pipeline/done.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bd_status_t done_create(const bd_plan_t *plan, bd_done_t *done, bd_error_t *error) {
  const size_t groups = (size_t)plan->point_count * (size_t)plan->attack_count;
  *done = (bd_done_t){.rows = calloc(groups, (size_t)plan->count)};
  return done->rows ? BD_OK : bd_fail(error, BD_FAILED, "no memory for the map of what is done");
}

bd_item_t done_unit(const bd_plan_t *plan, int64_t index) {
  const int64_t first = index % plan_blocks(plan) * plan->block;
  return (bd_item_t){
      .attack = (int)(index / plan_blocks(plan)),
      .count = (int)(plan->count - first < plan->block ? plan->count - first : plan->block),
      .first = first};
}

/* Images that are done must have been made from the pixels of the input. */
static bd_status_t compare_pixels(const bd_output_t *output, bd_worker_t *w, const bd_item_t *unit,
                                  const uint8_t *states, const uint64_t *input_marks,
                                  bd_error_t *error) {
  const bd_plan_t *plan = output->plan;
  const bd_images_info_t *info = bd_images_info(output->images);
  const int rows = plan->point_count * unit->count;
  int any = 0;
  for (int i = 0; i < rows; i++) any |= states[i] == BD_ROW_DONE;
  if (!any) return BD_OK;
  bd_status_t status = worker_read(w, unit, error);
  for (int i = 0; status == BD_OK && i < rows; i++) {
    const int image = i % unit->count;
    if (states[i] != BD_ROW_DONE) continue;
    if (worker_input_mark(w, image) != input_marks[image])
      status = bd_fail(error, BD_BAD_INPUT,
                       "%s: cannot be resumed: the pixels of image %" PRId64
                       " of %s in %s are not those it was begun with",
                       output->parameters->output_file, unit->first + image,
                       plan_attack(plan, info, plan->first_point, unit->attack).name,
                       output->parameters->input_file);
  }
  return status;
}

/* A unit being checked. */
typedef struct check {
  const bd_output_t *output;
  const bd_item_t *unit;
  uint8_t *one;          /* [count] states of one snapshot */
  uint64_t *input_marks; /* [count] */
} check_t;

/* Set states[image] to the worst state among the snapshots of a point. */
static bd_status_t verify_point(const check_t *check, int point, uint8_t *states,
                                bd_error_t *error) {
  const bd_output_t *output = check->output;
  const bd_item_t *unit = check->unit;
  const int first = bd_job_first_run(output->plan->job, point);
  const bd_verify_t how = output->parameters->verify;
  bd_status_t status = BD_OK;
  memset(states, BD_ROW_DONE, (size_t)unit->count);
  for (int s = 0; status == BD_OK && s < plan_snapshots(output->plan, point); s++) {
    const bd_rows_t rows = {first + s, unit->attack, unit->first, unit->count};
    status = bd_result_verify(output->result, rows, how, check->one, check->input_marks, error);
    for (int i = 0; status == BD_OK && i < unit->count; i++)
      if (check->one[i] == BD_ROW_DAMAGED || states[i] == BD_ROW_DONE) states[i] = check->one[i];
  }
  return status;
}

bd_status_t done_verify(const bd_output_t *output, bd_worker_t *worker, const bd_item_t *unit,
                        uint8_t *states, bd_error_t *error) {
  const bd_plan_t *plan = output->plan;
  const size_t count = (size_t)unit->count;
  const check_t check = {output, unit, malloc(count), calloc(count, sizeof(uint64_t))};
  bd_status_t status = check.one && check.input_marks
                           ? BD_OK
                           : bd_fail(error, BD_FAILED, "no memory to check the result");
  for (int p = 0; status == BD_OK && p < plan->point_count; p++)
    status = verify_point(&check, plan->first_point + p, states + (size_t)p * count, error);
  if (status == BD_OK)
    status = compare_pixels(output, worker, unit, states, check.input_marks, error);
  free(check.one);
  free(check.input_marks);
  return status;
}

void done_keep(bd_done_t *done, const bd_plan_t *plan, const bd_item_t *unit,
               const uint8_t *states) {
  for (int p = 0; p < plan->point_count; p++) {
    uint8_t *rows =
        done->rows + ((int64_t)p * plan->attack_count + unit->attack) * plan->count + unit->first;
    const int snapshots = plan_snapshots(plan, plan->first_point + p);
    for (int i = 0; i < unit->count; i++) {
      rows[i] = states[p * unit->count + i];
      done->done += (rows[i] == BD_ROW_DONE) * snapshots;
      done->damaged += (rows[i] == BD_ROW_DAMAGED) * snapshots;
    }
  }
}

bd_status_t done_unmark_damaged(bd_done_t *done, const bd_output_t *output, bd_error_t *error) {
  const bd_plan_t *plan = output->plan;
  const int64_t rows = (int64_t)plan->point_count * plan->attack_count * plan->count;
  bd_status_t status = BD_OK;
  if (done->damaged == 0) return BD_OK;
  for (int64_t row = 0; status == BD_OK && row < rows; row++) {
    if (done->rows[row] != BD_ROW_DAMAGED) continue;
    const int64_t group = row / plan->count;
    const int point = plan->first_point + (int)(group / plan->attack_count),
              attack = (int)(group % plan->attack_count);
    done->rows[row] = BD_ROW_MISSING;
    for (int s = 0; status == BD_OK && s < plan_snapshots(plan, point); s++) {
      const bd_rows_t image = {bd_job_first_run(plan->job, point) + s, attack, row % plan->count,
                               1};
      status = bd_result_unmark(output->result, image, error);
    }
  }
  return status == BD_OK ? bd_result_flush(output->result, error) : status;
}
