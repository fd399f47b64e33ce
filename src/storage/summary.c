#include "h5.h"

#include <barydef/result.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bd_status_t open_h5(const char *path, hid_t *file, bd_error_t *error) {
  FILE *probe = fopen(path, "rb");
  if (!probe) return bd_fail(error, BD_BAD_INPUT, "%s: cannot be opened: %m", path);
  fclose(probe);
  *file = h5_open(path, 0);
  if (*file < 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: not an HDF5 file, or damaged (%s)", path, h5_reason());
  return BD_OK;
}

bd_status_t bd_file_kind(const char *path, int *kind, bd_error_t *error) {
  hid_t file;
  bd_status_t status = open_h5(path, &file, error);
  if (status != BD_OK) return status;
  char schema[64];
  *kind = 0;
  if (h5_get_text(file, "schema", schema, sizeof schema))
    *kind = !strcmp(schema, "attacked-images") ? 1 : !strcmp(schema, "barydef-result") ? 2 : 0;
  h5_close(file);
  return BD_OK;
}

/* ---- root attributes as text --------------------------------------------------- */

static herr_t add_attribute(hid_t root, const char *name, const H5A_info_t *info, void *context) {
  (void)info;
  bd_result_summary_t *summary = context;
  char text[sizeof summary->attributes->value];
  int64_t integer;
  double real;
  if (!strcmp(name, "job")) return 0;
  if (h5_get_integer(root, name, &integer)) snprintf(text, sizeof text, "%" PRId64, integer);
  else if (h5_get_real(root, name, &real)) snprintf(text, sizeof text, "%g", real);
  else if (!h5_get_text(root, name, text, sizeof text)) return 0;
  void *grown = realloc(summary->attributes, ((size_t)summary->attribute_count + 1) * sizeof *summary->attributes);
  if (!grown) return -1;
  summary->attributes = grown;
  snprintf(summary->attributes[summary->attribute_count].name, sizeof summary->attributes->name, "%s", name);
  memcpy(summary->attributes[summary->attribute_count].value, text, sizeof text);
  summary->attribute_count++;
  return 0;
}

static int read_job(hid_t file, bd_result_summary_t *summary) {
  const size_t size = 1 << 17;
  summary->job = malloc(size);
  return summary->job && h5_get_text(file, "job", summary->job, size);
}

static int read_rows(hid_t file, bd_result_summary_t *summary) {
  if (!h5_has(file, "/statistics") || !h5_has(file, "/labels")) return 0;
  hid_t dataset = H5Dopen2(file, "/statistics", H5P_DEFAULT), space = H5Dget_space(dataset);
  hid_t labels = H5Dopen2(file, "/labels", H5P_DEFAULT), label_space = H5Dget_space(labels);
  hid_t type = h5_statistics_type(0);
  summary->row_count = H5Sget_simple_extent_npoints(space);
  summary->count = H5Sget_simple_extent_npoints(label_space);
  int done = summary->row_count > 0 && summary->row_count < 1 << 24;
  if (done) summary->rows = calloc((size_t)summary->row_count, sizeof *summary->rows);
  done = done && summary->rows && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, summary->rows) >= 0;
  h5_close(type);
  h5_close(label_space);
  h5_close(labels);
  h5_close(space);
  h5_close(dataset);
  return done;
}

bd_status_t bd_result_read_summary(const char *path, bd_result_summary_t *summary, bd_error_t *error) {
  *summary = (bd_result_summary_t){0};
  hid_t file;
  bd_status_t status = open_h5(path, &file, error);
  if (status != BD_OK) return status;
  char schema[64];
  int64_t version = 0, complete = 0;
  if (!h5_get_text(file, "schema", schema, sizeof schema) || strcmp(schema, "barydef-result") ||
      !h5_get_integer(file, "schema_version", &version) || version != 1 ||
      !h5_get_integer(file, "complete", &complete))
    status = bd_fail(error, BD_BAD_INPUT, "%s: not a result of barydef", path);
  else if (!read_job(file, summary) || !read_rows(file, summary) ||
           H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, NULL, add_attribute, summary) < 0)
    status = bd_fail(error, BD_BAD_INPUT, "%s: a damaged result (%s)", path, h5_reason());
  H5G_info_t runs;
  if (status == BD_OK && H5Gget_info_by_name(file, "/runs", &runs, H5P_DEFAULT) >= 0 && runs.nlinks > 0) {
    summary->run_count = (int)runs.nlinks;
    summary->attack_count = (int)(summary->row_count / summary->run_count);
  }
  summary->complete = (int)complete;
  h5_close(file);
  if (status != BD_OK) bd_result_summary_free(summary);
  return status;
}

void bd_result_summary_free(bd_result_summary_t *summary) {
  free(summary->job);
  free(summary->attributes);
  free(summary->rows);
  *summary = (bd_result_summary_t){0};
}
