#include "storage/result/worst_child.h"

#include "storage/hdf5/h5.h"

#include <stdlib.h>
#include <string.h>

hid_t worst_type(void) {
  hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(bd_worst_case_t));
#define AT(member) offsetof(bd_worst_case_t, member)
  H5Tinsert(type, "run", AT(run), H5T_NATIVE_INT32);
  H5Tinsert(type, "attacks", AT(attacks), H5T_NATIVE_INT32);
  H5Tinsert(type, "images", AT(images), H5T_NATIVE_INT64);
#define BD_VIEW(NAME, name, label, accuracy, asked, on, meaning)                                   \
  H5Tinsert(type, #accuracy, AT(accuracy.value), H5T_NATIVE_DOUBLE);                               \
  H5Tinsert(type, #accuracy "_low", AT(accuracy.low), H5T_NATIVE_DOUBLE);                          \
  H5Tinsert(type, #accuracy "_high", AT(accuracy.high), H5T_NATIVE_DOUBLE);
#define BD_VIEW_ADDED(...)
#include <barydef/views.def>
#undef AT
  return type;
}

/* Take the records of one attack into account. */
static bd_status_t add_attack(const bd_result_t *result, int run, int attack, char *records,
                              bd_worst_image_t *images, bd_error_t *error) {
  const int64_t size = result->shape.record_bytes,
                place = result_group_place(result, run, attack, DATASET_RECORDS);
  bd_status_t status =
      result_read(result, place, records, (size_t)(result->shape.count * size), error);
  for (int64_t i = 0; status == BD_OK && i < result->shape.count; i++) {
    bd_per_image_t record;
    bd_record_unpack(result->shape.views, records + i * size, &record);
    bd_worst_case_add(&images[i], 1, &record);
  }
  return status;
}

static bd_status_t compute_row(const bd_result_t *result, bd_worst_case_t *row, char *records,
                               bd_worst_image_t *images, bd_views_t asked, bd_error_t *error) {
  bd_status_t status = BD_OK;
  for (int64_t i = 0; i < result->shape.count; i++)
    images[i] = (bd_worst_image_t){~(bd_views_t)0, ~(bd_views_t)0};
  for (int a = 0; status == BD_OK && a < result->shape.attack_count; a++)
    status = add_attack(result, row->run, a, records, images, error);
  bd_worst_case_finish(images, asked, row);
  return status;
}

bd_status_t worst_child_rows(const bd_result_t *result, bd_predictions_t predictions,
                             bd_worst_case_t *rows, bd_error_t *error) {
  const bd_result_shape_t *shape = &result->shape;
  char *records = malloc((size_t)(shape->count * shape->record_bytes));
  bd_worst_image_t *images = malloc((size_t)shape->count * sizeof *images);
  bd_status_t status =
      records && images ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  for (int r = 0; status == BD_OK && r < shape->run_count; r++) {
    rows[r] = (bd_worst_case_t){
        .run = shape->first_run + r, .attacks = shape->attack_count, .images = shape->count};
    status = compute_row(result, &rows[r], records, images,
                         predictions == BD_PREDICTIONS_PRESENT ? shape->views : 0, error);
  }
  free(images);
  free(records);
  return status;
}

bd_status_t worst_child_write(const bd_result_t *result, hid_t file, bd_predictions_t predictions,
                              bd_error_t *error) {
  if (!worst_is_there(result->shape.views)) return BD_OK;
  bd_worst_case_t *rows = calloc((size_t)result->shape.run_count, sizeof *rows);
  if (!rows) return bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  bd_status_t status = worst_child_rows(result, predictions, rows, error);
  hid_t dataset = H5Dopen2(file, "/worst_case", H5P_DEFAULT), type = worst_type();
  if (status == BD_OK &&
      (H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) < 0 || H5Dflush(dataset) < 0))
    status = bd_fail(error, BD_FAILED, "%s: /worst_case cannot be written (%s)", result->path,
                     h5_reason());
  h5_close(type);
  h5_close(dataset);
  free(rows);
  return status;
}

bd_status_t worst_child_verify(const bd_result_t *result, hid_t file, bd_predictions_t predictions,
                               FILE *out, bd_error_t *error) {
  if (!worst_is_there(result->shape.views)) return BD_OK;
  const size_t runs = (size_t)result->shape.run_count;
  bd_worst_case_t *rows = calloc(2 * runs, sizeof *rows);
  if (!rows) return bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  bd_worst_case_t *stored = rows + runs;
  bd_status_t status = worst_child_rows(result, predictions, rows, error);
  hid_t dataset = H5Dopen2(file, "/worst_case", H5P_DEFAULT), type = worst_type();
  const int is_read = H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, stored) >= 0;
  if (status == BD_OK && (!is_read || memcmp(rows, stored, runs * sizeof *rows) != 0))
    fprintf(out, "/worst_case\n");
  h5_close(type);
  h5_close(dataset);
  free(rows);
  return status;
}
