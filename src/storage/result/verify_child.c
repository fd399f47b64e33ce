#include "storage/result/verify_child.h"

#include "storage/hdf5/h5.h"
#include "storage/result/attributes.h"
#include "storage/result/checksums.h"
#include "storage/result/fields.h"
#include "storage/result/open_child.h"
#include "storage/result/statistics_child.h"
#include "storage/result/worst_child.h"

#include <stdlib.h>
#include <string.h>

static bd_status_t verify_labels(const open_child_t *open, FILE *out, bd_error_t *error) {
  char stored[CHECKSUM_TEXT] = "", computed[CHECKSUM_TEXT];
  int64_t *labels;
  bd_status_t status = result_read_labels(open->result, &labels, error);
  if (status != BD_OK) return status;
  checksum_labels(open->result->shape.count, labels, computed);
  free(labels);
  if (!h5_get_text(open->file, "labels_checksum", stored, sizeof stored) ||
      strcmp(stored, computed) != 0)
    fprintf(out, "/labels\n");
  return BD_OK;
}

/* Are the attributes of a run that are sums of columns right? */
static void verify_sums(hid_t file, int run, const int64_t sums[FIELDS_SUMS], FILE *out) {
  hid_t group = open_child_run(file, run);
  for (int i = 0; i < FIELDS_SUMS; i++) {
    int64_t there = -1;
    h5_get_integer(group, fields_sums[i].name, &there);
    if (there != sums[i]) fprintf(out, "attribute %s of /runs/%03d\n", fields_sums[i].name, run);
  }
  h5_close(group);
}

/* The rows of /statistics, packed as in the file, and a converter to that form. */
typedef struct packed_rows {
  hid_t type, packed;
  size_t size;
  char *stored, *again, *background;
} packed_rows_t;

static bd_status_t read_rows(const open_child_t *open, packed_rows_t *rows, bd_error_t *error) {
  const bd_result_shape_t *shape = &open->result->shape;
  const size_t count = (size_t)shape->run_count * (size_t)shape->attack_count;
  rows->type = fields_statistics_type(shape->views, FIELDS_AS_IN_MEMORY);
  rows->packed = fields_statistics_type(shape->views, FIELDS_PACKED);
  rows->size = H5Tget_size(rows->packed);
  rows->stored = malloc(count * rows->size);
  rows->again = malloc(sizeof(bd_statistics_t));
  rows->background = calloc(1, sizeof(bd_statistics_t));
  if (!rows->stored || !rows->again || !rows->background)
    return bd_fail(error, BD_FAILED, "%s: no memory", open->result->path);
  hid_t dataset = H5Dopen2(open->file, "/statistics", H5P_DEFAULT);
  const int done = H5Dread(dataset, rows->packed, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows->stored) >= 0;
  h5_close(dataset);
  return done ? BD_OK
              : bd_fail(error, BD_FAILED, "%s: /statistics cannot be read (%s)", open->result->path,
                        h5_reason());
}

static int is_row(const packed_rows_t *rows, size_t index, const bd_statistics_t *computed) {
  memcpy(rows->again, computed, sizeof *computed);
  H5Tconvert(rows->type, rows->packed, 1, rows->again, rows->background, H5P_DEFAULT);
  return memcmp(rows->again, rows->stored + index * rows->size, rows->size) == 0;
}

static void free_rows(packed_rows_t *rows) {
  free(rows->background);
  free(rows->again);
  free(rows->stored);
  h5_close(rows->type);
  h5_close(rows->packed);
}

/* Compute the statistics again, and compare. */
static bd_status_t verify_statistics(const open_child_t *open, FILE *out, bd_error_t *error) {
  const bd_result_shape_t *shape = &open->result->shape;
  int64_t by_status[BD_STATUSES_MAX] = {0}, sums[FIELDS_SUMS] = {0};
  char library[64] = "none";
  packed_rows_t rows;
  int right = 1;
  h5_get_text(open->file, "victim_library", library, sizeof library);
  bd_status_t status = read_rows(open, &rows, error);
  bd_job_t *job = fields_job_of(open->file);
  for (int g = 0; status == BD_OK && g < shape->run_count * shape->attack_count; g++) {
    const statistics_of_t of = {open->result,
                                open->file,
                                job,
                                shape->first_run + g / shape->attack_count,
                                g % shape->attack_count,
                                strcmp(library, "none") != 0};
    bd_statistics_t computed;
    status = statistics_child_row(&of, &computed, by_status, error);
    if (of.attack == 0) memset(sums, 0, sizeof sums);
    fields_add(&computed, sums);
    if (status == BD_OK && of.attack + 1 == shape->attack_count)
      verify_sums(open->file, of.run, sums, out);
    right &= is_row(&rows, (size_t)g, &computed);
  }
  if (!right) fprintf(out, "/statistics\n");
  if (status == BD_OK)
    status = worst_child_verify(open->result, open->file, strcmp(library, "none") != 0, out, error);
  bd_job_free(job);
  free_rows(&rows);
  return status;
}

bd_status_t verify_child(void *opened, FILE *out, bd_error_t *error) {
  open_child_t open;
  bd_status_t status = open_child(opened, &open, error);
  if (status == BD_OK) status = verify_labels(&open, out, error);
  if (status == BD_OK) attributes_verify(open.file, open.result, out);
  if (status == BD_OK && open.result->shape.complete) status = verify_statistics(&open, out, error);
  open_child_close(&open);
  return status;
}
