#include "storage/hdf5/isolate.h"
#include "storage/limits.h"
#include "storage/result/finish_child.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Work in a child.  Whatever goes wrong there, the blocks stay in the file, which is not marked
   complete. */
static bd_status_t in_child(isolated_t *work, void *context, const bd_result_t *result,
                            parcel_t *parcel, bd_error_t *error) {
  struct stat file;
  *parcel = (parcel_t){0};
  bd_status_t status = result_check_in_place(result, error);
  if (status == BD_OK && fstat(result->descriptor, &file) != 0)
    status = bd_fail(error, BD_FAILED, "%s: cannot be read: %m", result->path);
  if (status == BD_OK) {
    const int64_t labels = result->shape.count * (int64_t)sizeof(int64_t);
    const isolation_t isolation = {work, context, result->path, isolate_size(&file),
                                   CHILD_RESULT_MEMORY + labels};
    status = isolate(&isolation, parcel, error);
  }
  if (status != BD_OK && error) error->status = BD_FAILED;
  return status == BD_OK ? BD_OK : BD_FAILED;
}

bd_status_t bd_result_reopen(bd_result_t *result, bd_error_t *error) {
  parcel_t nothing;
  bd_status_t status = in_child(finish_child_reopen, result, result, &nothing, error);
  parcel_free(&nothing);
  result->shape.complete = 0;
  return status;
}

static bd_status_t made_up(const bd_result_t *result, bd_error_t *error) {
  return bd_fail(error, BD_FAILED, "%s: HDF5 counts nonsense in it: damaged, or made to harm",
                 result->path);
}

bd_status_t bd_result_finish(bd_result_t *result, bd_predictions_t predictions, int attribute_count,
                             const bd_attribute_t *attributes, int64_t *by_status,
                             bd_error_t *error) {
  const size_t size = BD_STATUSES_MAX * sizeof *by_status;
  finish_request_t request = {result, predictions, attribute_count, attributes};
  parcel_t parcel = {0};
  memset(by_status, 0, size);
  bd_status_t status = bd_result_sync(result, BD_SYNC_NOW, error);
  if (status == BD_OK) status = in_child(finish_child, &request, result, &parcel, error);
  if (status == BD_OK) {
    const int64_t *counted = parcel_take(&parcel, BD_STATUSES_MAX, sizeof *counted);
    if (counted && parcel_is_empty(&parcel)) memcpy(by_status, counted, size);
    else status = made_up(result, error);
  }
  parcel_free(&parcel);
  bd_result_close(result);
  return status;
}

bd_status_t bd_result_compare_attributes(bd_result_t *result, const bd_result_layout_t *layout,
                                         bd_attributes_how_t how,
                                         bd_attributes_differing_t *differing, bd_error_t *error) {
  compare_request_t request = {result, layout, how};
  attributes_found_t found = {0};
  parcel_t parcel;
  bd_status_t status = in_child(finish_child_compare, &request, result, &parcel, error);
  if (status == BD_OK) {
    const attributes_found_t *there = parcel_take(&parcel, 1, sizeof *there);
    if (there) found = *there;
    else status = made_up(result, error);
  }
  parcel_free(&parcel);
  found.name[sizeof found.name - 1] = 0;
  text_clean(found.name);
  snprintf(differing->first, sizeof differing->first, "%s", found.name);
  differing->count = found.differing;
  if (status != BD_OK || !found.is_hopeless) return status;
  /* A resume compares before it mends, and has seen no damage. */
  if (how == BD_ATTRIBUTES_MENDED)
    return bd_fail(error, BD_FAILED, "%s: %s cannot be written", result->path, differing->first);
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: cannot be resumed: %s is damaged, or missing; --overwrite begins anew",
                 result->path, differing->first);
}
