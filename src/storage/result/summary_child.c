#include "storage/result/summary_child.h"

#include "storage/hdf5/h5.h"
#include "storage/hdf5/isolate_child.h"
#include "storage/hdf5/parcel.h"
#include "storage/limits.h"
#include "storage/result/fields.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bd_status_t open_file(const summary_source_t *source, hid_t *file, bd_error_t *error) {
  *file = h5_open_descriptor(source->descriptor, H5_TO_READ);
  isolate_close_doors();
  return *file >= 0 ? BD_OK
                    : bd_fail(error, BD_BAD_INPUT, "%s: not an HDF5 file, or damaged (%s)",
                              source->path, h5_reason());
}

bd_status_t summary_child_kind(void *source, FILE *out, bd_error_t *error) {
  hid_t file;
  char schema[64];
  bd_status_t status = open_file(source, &file, error);
  if (status == BD_OK && h5_get_text(file, "schema", schema, sizeof schema))
    parcel_put_text(out, schema);
  h5_close(file);
  return status;
}

/* ---- the parts ----------------------------------------------------------------- */

static int append(bd_result_summary_t *summary, const char *name, const char *text) {
  if (summary->attribute_count == SUMMARY_ATTRIBUTES_MAX) return 1;
  void *grown = realloc(summary->attributes,
                        ((size_t)summary->attribute_count + 1) * sizeof *summary->attributes);
  if (!grown) return 0;
  summary->attributes = grown;
  bd_attribute_text_t *added = &summary->attributes[summary->attribute_count++];
  memset(added, 0, sizeof *added);
  snprintf(added->name, sizeof added->name, "%.63s", name);
  snprintf(added->value, sizeof added->value, "%.255s", text);
  return 1;
}

static herr_t add_attribute(hid_t root, const char *name, const H5A_info_t *info, void *context) {
  (void)info;
  bd_result_summary_t *summary = context;
  char text[sizeof summary->attributes->value] = "";
  int64_t integer;
  double real;
  if (!strcmp(name, "job")) return 0;
  if (h5_get_integer(root, name, &integer)) snprintf(text, sizeof text, "%" PRId64, integer);
  else if (h5_get_real(root, name, &real)) snprintf(text, sizeof text, "%g", real);
  else if (!h5_get_text(root, name, text, sizeof text)) return 0;
  return append(summary, name, text) ? 0 : -1;
}

/* List the values that the runs have under a name, each once.  Kernels, for instance, can differ
   with gamma. */
static int add_of_runs(hid_t file, const char *name, bd_result_summary_t *summary) {
  char first[16] = "", all[sizeof summary->attributes->value] = "", one[16], path[32];
  H5Lget_name_by_idx(file, "/runs", H5_INDEX_NAME, H5_ITER_INC, 0, first, sizeof first,
                     H5P_DEFAULT);
  for (long run = strtol(first, NULL, 10), end = run + summary->run_count; run < end; run++) {
    snprintf(path, sizeof path, "/runs/%03ld", run);
    hid_t group = h5_has(file, path) ? H5Gopen2(file, path, H5P_DEFAULT) : -1;
    const size_t used = strlen(all);
    if (group >= 0 && h5_get_text(group, name, one, sizeof one) && !strstr(all, one))
      snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", one);
    h5_close(group);
    if (group < 0) break;
  }
  return !*all || append(summary, name, all);
}

static int read_job(hid_t file, bd_result_summary_t *summary) {
  summary->job = calloc(1, SUMMARY_JOB_MAX);
  return summary->job && h5_get_text(file, "job", summary->job, SUMMARY_JOB_MAX);
}

static int read_rows(hid_t file, bd_result_summary_t *summary) {
  if (!h5_has(file, "/statistics") || !h5_has(file, "/labels")) return 0;
  hid_t dataset = H5Dopen2(file, "/statistics", H5P_DEFAULT), space = H5Dget_space(dataset);
  hid_t labels = H5Dopen2(file, "/labels", H5P_DEFAULT), label_space = H5Dget_space(labels);
  summary->views = fields_views_of(file);
  hid_t type = fields_statistics_type(summary->views, FIELDS_AS_IN_MEMORY);
  summary->row_count = H5Sget_simple_extent_npoints(space);
  summary->count = H5Sget_simple_extent_npoints(label_space);
  int done =
      summary->row_count > 0 && summary->row_count <= SUMMARY_ROWS_MAX && summary->count >= 0;
  if (done) summary->rows = calloc((size_t)summary->row_count, sizeof *summary->rows);
  /* A field without a column in the file stays as it is. */
  for (int64_t i = 0; summary->rows && i < summary->row_count; i++)
    summary->rows[i] = fields_no_accuracy();
  done = done && summary->rows &&
         H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, summary->rows) >= 0;
  h5_close(type);
  h5_close(label_space);
  h5_close(labels);
  h5_close(space);
  h5_close(dataset);
  return done;
}

static int is_result(hid_t file, bd_result_summary_t *summary) {
  char schema[64];
  int64_t version = 0, complete = 0;
  if (!h5_get_text(file, "schema", schema, sizeof schema) || strcmp(schema, BD_RESULT_SCHEMA) ||
      !h5_get_integer(file, "schema_version", &version) || version != BD_RESULT_SCHEMA_VERSION ||
      !h5_get_integer(file, "complete", &complete))
    return 0;
  summary->complete = complete == 1;
  return 1;
}

static int count_runs(hid_t file, bd_result_summary_t *summary) {
  H5G_info_t runs;
  if (H5Gget_info_by_name(file, "/runs", &runs, H5P_DEFAULT) < 0 || runs.nlinks < 1 ||
      (hsize_t)summary->row_count % runs.nlinks != 0)
    return 0;
  summary->run_count = (int)runs.nlinks;
  summary->attack_count = (int)(summary->row_count / summary->run_count);
  return 1;
}

/* ---- the whole ----------------------------------------------------------------- */

static bd_status_t read_summary(hid_t file, const char *path, bd_result_summary_t *summary,
                                bd_error_t *error) {
  if (!is_result(file, summary))
    return bd_fail(error, BD_BAD_INPUT, "%s: not a result of barydef", path);
  if (!read_job(file, summary) || !read_rows(file, summary) ||
      H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, NULL, add_attribute, summary) < 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: a damaged result (%s)", path, h5_reason());
  if (!count_runs(file, summary))
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: a damaged result: /statistics does not have a row for each run and attack",
                   path);
  if (!add_of_runs(file, "kernel_used", summary) ||
      !add_of_runs(file, "instructions_used", summary))
    return bd_fail(error, BD_FAILED, "%s: no memory", path);
  return BD_OK;
}

bd_status_t summary_child(void *context, FILE *out, bd_error_t *error) {
  const summary_source_t *source = context;
  bd_result_summary_t summary = {0};
  hid_t file;
  bd_status_t status = open_file(source, &file, error);
  if (status == BD_OK) status = read_summary(file, source->path, &summary, error);
  if (status == BD_OK) {
    parcel_put(out, &summary, 1, sizeof summary);
    parcel_put(out, summary.rows, (size_t)summary.row_count, sizeof *summary.rows);
    parcel_put(out, summary.attributes, (size_t)summary.attribute_count,
               sizeof *summary.attributes);
    parcel_put_text(out, summary.job);
  }
  h5_close(file);
  bd_result_summary_free(&summary);
  return status;
}
