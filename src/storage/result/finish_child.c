#include "storage/result/finish_child.h"

#include "storage/hdf5/h5.h"
#include "storage/hdf5/isolate_child.h"
#include "storage/result/checksums.h"
#include "storage/result/fields.h"
#include "storage/result/open_child.h"
#include "storage/result/statistics_child.h"
#include "storage/result/worst_child.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bd_status_t write_failed(const bd_result_t *result, bd_error_t *error) {
  return bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", result->path, h5_reason());
}

/* HDF5 buffers data until it is flushed, so a full disk does not show here. */
static bd_status_t set_failed(const bd_result_t *result, const char *attribute, bd_error_t *error) {
  return bd_fail(error, BD_FAILED, "%s: cannot be written: attribute %s is missing or damaged",
                 result->path, attribute);
}

/* Bring everything from HDF5's buffers and the kernel's memory to the disk. */
static bd_status_t flush(const bd_result_t *result, hid_t file, bd_error_t *error) {
  if (H5Fflush(file, H5F_SCOPE_GLOBAL) < 0) return write_failed(result, error);
  if (fdatasync(result->descriptor) == 0) return BD_OK;
  return bd_fail(error, BD_FAILED, "%s: cannot be written: %m", result->path);
}

static bd_status_t set_complete(const bd_result_t *result, hid_t file, int complete,
                                bd_error_t *error) {
  return h5_set_integer(file, "complete", complete) ? flush(result, file, error)
                                                    : write_failed(result, error);
}

/* ---- the file ------------------------------------------------------------------ */

static bd_status_t open_file(const bd_result_t *result, h5_access_t access, hid_t *file,
                             bd_error_t *error) {
  struct stat there;
  *file = -1;
  if (fstat(result->descriptor, &there) != 0)
    return bd_fail(error, BD_FAILED, "%s: cannot be read: %m", result->path);
  *file = h5_open_descriptor(result->descriptor, access);
  isolate_close_doors();
  isolate_keep_length(there.st_size);
  return *file >= 0 ? BD_OK : write_failed(result, error);
}

static bd_status_t close_file(const bd_result_t *result, hid_t file, bd_status_t status,
                              bd_error_t *error) {
  if (file >= 0 && H5Fclose(file) < 0 && status == BD_OK) status = write_failed(result, error);
  return status;
}

bd_status_t finish_child_reopen(void *context, FILE *out, bd_error_t *error) {
  (void)out;
  const bd_result_t *result = context;
  hid_t file;
  bd_status_t status = open_file(result, H5_TO_WRITE, &file, error);
  if (status == BD_OK) status = set_complete(result, file, 0, error);
  return close_file(result, file, status, error);
}

bd_status_t finish_child_compare(void *request, FILE *out, bd_error_t *error) {
  const compare_request_t *r = request;
  const int mends = r->how == BD_ATTRIBUTES_MENDED;
  attributes_found_t found = {0};
  hid_t file;
  bd_status_t status = open_file(r->result, mends ? H5_TO_WRITE : H5_TO_READ, &file, error);
  if (status == BD_OK && attributes_put(file, r->layout, mends ? H5_MEND : H5_COMPARE, &found) &&
      mends)
    status = flush(r->result, file, error);
  parcel_put(out, &found, 1, sizeof found);
  return close_file(r->result, file, status, error);
}

/* ---- finishing ----------------------------------------------------------------- */

static bd_status_t set_sums(const bd_result_t *result, hid_t file, int run,
                            const int64_t sums[FIELDS_SUMS], bd_error_t *error) {
  hid_t group = open_child_run(file, run);
  bd_status_t status = BD_OK;
  for (int i = 0; status == BD_OK && i < FIELDS_SUMS; i++)
    if (group < 0 || !h5_set_integer(group, fields_sums[i].name, sums[i]))
      status = set_failed(result, fields_sums[i].name, error);
  h5_close(group);
  return status;
}

/* Compute all rows, and write the sums of each run as its attributes. */
static bd_status_t compute_rows(const finish_request_t *r, hid_t file, bd_statistics_t *rows,
                                int64_t *by_status, bd_error_t *error) {
  const bd_result_shape_t *shape = &r->result->shape;
  bd_job_t *job = fields_job_of(file);
  bd_status_t status = BD_OK;
  for (int run = 0; status == BD_OK && run < shape->run_count; run++) {
    int64_t sums[FIELDS_SUMS] = {0};
    for (int a = 0; status == BD_OK && a < shape->attack_count; a++) {
      const statistics_of_t of = {r->result, file, job, shape->first_run + run, a, r->predictions};
      bd_statistics_t *row = &rows[run * shape->attack_count + a];
      status = statistics_child_row(&of, row, by_status, error);
      fields_add(row, sums);
    }
    if (status == BD_OK) status = set_sums(r->result, file, shape->first_run + run, sums, error);
  }
  bd_job_free(job);
  return status;
}

static bd_status_t write_statistics(const finish_request_t *r, hid_t file, int64_t *by_status,
                                    bd_error_t *error) {
  const bd_result_shape_t *shape = &r->result->shape;
  bd_statistics_t *rows =
      calloc((size_t)shape->run_count * (size_t)shape->attack_count, sizeof *rows);
  if (!rows) return bd_fail(error, BD_FAILED, "%s: no memory", r->result->path);
  bd_status_t status = compute_rows(r, file, rows, by_status, error);
  hid_t dataset = H5Dopen2(file, "/statistics", H5P_DEFAULT),
        type = fields_statistics_type(shape->views, FIELDS_AS_IN_MEMORY);
  /* Flush here, since a failure to write during the close would not be seen. */
  if (status == BD_OK &&
      (H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) < 0 || H5Dflush(dataset) < 0))
    status = write_failed(r->result, error);
  h5_close(type);
  h5_close(dataset);
  free(rows);
  return status;
}

/* A resume has written the labels again.  The checksum may have been damaged too. */
static bd_status_t write_labels_checksum(const bd_result_t *result, hid_t file, bd_error_t *error) {
  char checksum[CHECKSUM_TEXT];
  int64_t *labels;
  bd_status_t status = result_read_labels(result, &labels, error);
  if (status != BD_OK) return status;
  checksum_labels(result->shape.count, labels, checksum);
  free(labels);
  return h5_set_text(file, "labels_checksum", checksum)
             ? BD_OK
             : set_failed(result, "labels_checksum", error);
}

static int set_attribute(hid_t file, const bd_attribute_t *attribute) {
  switch (attribute->kind) {
    case BD_ATTRIBUTE_TEXT: return h5_set_text(file, attribute->name, attribute->text);
    case BD_ATTRIBUTE_INTEGER: return h5_set_integer(file, attribute->name, attribute->integer);
    case BD_ATTRIBUTE_REAL: return h5_set_real(file, attribute->name, attribute->real);
  }
  return 0;
}

static bd_status_t write_attributes(const finish_request_t *r, hid_t file, bd_error_t *error) {
  for (int i = 0; i < r->attribute_count; i++)
    if (!set_attribute(file, &r->attributes[i]))
      return set_failed(r->result, r->attributes[i].name, error);
  return BD_OK;
}

bd_status_t finish_child(void *request, FILE *out, bd_error_t *error) {
  const finish_request_t *r = request;
  int64_t by_status[BD_STATUSES_MAX] = {0};
  hid_t file;
  bd_status_t status = open_file(r->result, H5_TO_WRITE, &file, error);
  if (status == BD_OK) status = write_statistics(r, file, by_status, error);
  if (status == BD_OK) status = worst_child_write(r->result, file, r->predictions, error);
  if (status == BD_OK) status = write_labels_checksum(r->result, file, error);
  if (status == BD_OK) status = write_attributes(r, file, error);
  if (status == BD_OK) status = flush(r->result, file, error);
  if (status == BD_OK) status = set_complete(r->result, file, 1, error);
  parcel_put(out, by_status, BD_STATUSES_MAX, sizeof *by_status);
  return close_file(r->result, file, status, error);
}
