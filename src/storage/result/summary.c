#include "storage/hdf5/file.h"
#include "storage/hdf5/isolate.h"
#include "storage/result/fields.h"
#include "storage/result/result.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ATTRIBUTES_MAX = 1000, ROWS_MAX = 1 << 20, JOB_MAX = 1 << 17 };

/* What a child reads. */
typedef struct source {
  const char *path;
  int descriptor;
} source_t;

/* All in a child process (isolate.h), which hands over what it has read. */
static bd_status_t in_child(isolated_t *work, const char *path, void **bytes, size_t *size,
                            bd_error_t *error) {
  struct stat file;
  source_t source = {.path = path};
  *bytes = NULL;
  bd_status_t status = file_open(path, &source.descriptor, &file, error);
  if (status == BD_OK)
    status = isolate(work, &source, path, isolate_size(&file), RESULT_MEMORY, bytes, size, error);
  if (source.descriptor >= 0) close(source.descriptor);
  return status;
}

static bd_status_t open_h5(const source_t *source, hid_t *file, bd_error_t *error) {
  *file = h5_open_descriptor(source->descriptor, 0);
  isolate_close_doors();
  return *file >= 0 ? BD_OK
                    : bd_fail(error, BD_BAD_INPUT, "%s: not an HDF5 file, or damaged (%s)",
                              source->path, h5_reason());
}

static bd_status_t read_kind(void *source, FILE *out, bd_error_t *error) {
  hid_t file = -1;
  char schema[64];
  bd_status_t status = open_h5(source, &file, error);
  if (status == BD_OK && h5_get_text(file, "schema", schema, sizeof schema))
    fprintf(out, "%s", schema);
  h5_close(file);
  return status;
}

bd_status_t bd_file_kind(const char *path, bd_file_kind_t *kind, bd_error_t *error) {
  void *schema;
  size_t size;
  bd_status_t status = in_child(read_kind, path, &schema, &size, error);
  *kind = BD_FILE_OTHER;
  if (status == BD_OK && size == strlen("attacked-images") &&
      !memcmp(schema, "attacked-images", size))
    *kind = BD_FILE_IMAGES;
  if (status == BD_OK && size == strlen("barydef-result") &&
      !memcmp(schema, "barydef-result", size))
    *kind = BD_FILE_RESULT;
  free(schema);
  return status;
}

/* ---- attributes as text -------------------------------------------------------- */

static int append(bd_result_summary_t *summary, const char *name, const char *text) {
  if (summary->attribute_count == ATTRIBUTES_MAX) return 1;
  void *grown = realloc(summary->attributes,
                        ((size_t)summary->attribute_count + 1) * sizeof *summary->attributes);
  if (!grown) return 0;
  summary->attributes = grown;
  memset(&summary->attributes[summary->attribute_count], 0, sizeof *summary->attributes);
  snprintf(summary->attributes[summary->attribute_count].name, sizeof summary->attributes->name,
           "%.63s", name);
  snprintf(summary->attributes[summary->attribute_count].value, sizeof summary->attributes->value,
           "%.255s", text);
  summary->attribute_count++;
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

/* What the runs have under a name, each once: kernels, say, can differ with gamma. */
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
  summary->job = calloc(1, JOB_MAX);
  return summary->job && h5_get_text(file, "job", summary->job, JOB_MAX);
}

static int read_rows(hid_t file, bd_result_summary_t *summary) {
  if (!h5_has(file, "/statistics") || !h5_has(file, "/labels")) return 0;
  hid_t dataset = H5Dopen2(file, "/statistics", H5P_DEFAULT), space = H5Dget_space(dataset);
  hid_t labels = H5Dopen2(file, "/labels", H5P_DEFAULT), label_space = H5Dget_space(labels);
  summary->views = fields_views_of(file);
  hid_t type = fields_statistics_type(summary->views, FIELDS_AS_IN_MEMORY);
  summary->row_count = H5Sget_simple_extent_npoints(space);
  summary->count = H5Sget_simple_extent_npoints(label_space);
  int done = summary->row_count > 0 && summary->row_count <= ROWS_MAX && summary->count >= 0;
  if (done) summary->rows = calloc((size_t)summary->row_count, sizeof *summary->rows);
  /* What the file has no column for stays as it is. */
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

static bd_status_t read_summary(const source_t *source, bd_result_summary_t *summary,
                                bd_error_t *error) {
  const char *path = source->path;
  hid_t file = -1;
  bd_status_t status = open_h5(source, &file, error);
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
  if (status == BD_OK && (H5Gget_info_by_name(file, "/runs", &runs, H5P_DEFAULT) < 0 ||
                          runs.nlinks < 1 || (hsize_t)summary->row_count % runs.nlinks != 0))
    status =
        bd_fail(error, BD_BAD_INPUT,
                "%s: a damaged result: /statistics has not a row for each run and attack", path);
  if (status == BD_OK) {
    summary->run_count = (int)runs.nlinks;
    summary->attack_count = (int)(summary->row_count / summary->run_count);
    if (!add_of_runs(file, "kernel_used", summary) ||
        !add_of_runs(file, "instructions_used", summary))
      status = bd_fail(error, BD_FAILED, "%s: no memory", path);
  }
  summary->complete = complete == 1;
  h5_close(file);
  return status;
}

/* One after the other: the summary, its rows, attributes and job. */
static bd_status_t hand_over(void *source, FILE *out, bd_error_t *error) {
  bd_result_summary_t summary = {0};
  bd_status_t status = read_summary(source, &summary, error);
  if (status == BD_OK) {
    fwrite(&summary, sizeof summary, 1, out);
    fwrite(summary.rows, sizeof *summary.rows, (size_t)summary.row_count, out);
    fwrite(summary.attributes, sizeof *summary.attributes, (size_t)summary.attribute_count, out);
    fwrite(summary.job, 1, JOB_MAX, out);
  }
  bd_result_summary_free(&summary);
  return status;
}

/* A copy of the next part of what was handed over. */
static void *part(const char **from, size_t size) {
  void *copy = malloc(size + 1);
  if (copy) memcpy(copy, *from, size);
  *from += size;
  return copy;
}

static void end_and_clean(char *text, size_t size) {
  text[size - 1] = 0;
  text_clean(text);
}

/* Counts of images, which are added up later. */
static int are_counts(const bd_result_summary_t *summary) {
  int right = summary->count <= INT64_C(1) << 40;
  for (int64_t i = 0; i < summary->row_count; i++) {
    const bd_statistics_t *row = &summary->rows[i];
    const int64_t counts[] = {row->images,          row->failed,    row->recovered,
                              row->broken,          row->converged, row->infeasible_window,
                              row->objective_rises, row->fallbacks, row->unstable};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
      right &= counts[c] >= 0 && counts[c] <= summary->count;
  }
  return right;
}

/* Texts of the file's author, which the child has handed over as they are. */
static void clean_texts(bd_result_summary_t *summary) {
  for (int64_t i = 0; i < summary->row_count; i++) {
    bd_statistics_t *row = &summary->rows[i];
    end_and_clean(row->attack, sizeof row->attack);
    end_and_clean(row->norm, sizeof row->norm);
  }
  for (int i = 0; i < summary->attribute_count; i++) {
    end_and_clean(summary->attributes[i].name, sizeof summary->attributes->name);
    end_and_clean(summary->attributes[i].value, sizeof summary->attributes->value);
  }
  summary->job[JOB_MAX - 1] = 0;
  for (char *line = summary->job, *end; line; line = end) { /* line by line */
    if ((end = strchr(line, '\n'))) *end = 0;
    text_clean(line);
    if (end) *end++ = '\n';
  }
}

bd_status_t bd_result_read_summary(const char *path, bd_result_summary_t *summary,
                                   bd_error_t *error) {
  void *bytes;
  size_t size;
  *summary = (bd_result_summary_t){0};
  bd_status_t status = in_child(hand_over, path, &bytes, &size, error);
  if (status != BD_OK) return status;
  bd_result_summary_t there = {0};
  if (size >= sizeof there) memcpy(&there, bytes, sizeof there);
  const size_t rows = (size_t)there.row_count * sizeof *there.rows,
               attributes = (size_t)there.attribute_count * sizeof *there.attributes;
  if (there.row_count < 1 || there.row_count > ROWS_MAX || there.attribute_count < 0 ||
      there.attribute_count > ATTRIBUTES_MAX || there.run_count < 1 ||
      (int64_t)there.run_count * there.attack_count != there.row_count ||
      size != sizeof there + rows + attributes + JOB_MAX)
    status = bd_fail(error, BD_BAD_INPUT,
                     "%s: HDF5 reads nonsense from it: damaged, or made to harm", path);
  const char *from = (const char *)bytes + sizeof there;
  if (status == BD_OK) {
    *summary = there;
    summary->rows = part(&from, rows);
    summary->attributes = part(&from, attributes);
    summary->job = part(&from, JOB_MAX);
    if (!summary->rows || !summary->attributes || !summary->job)
      status = bd_fail(error, BD_FAILED, "%s: no memory", path);
    else if (!are_counts(summary))
      status = bd_fail(error, BD_BAD_INPUT,
                       "%s: a damaged result: /statistics counts images that there are not", path);
    else clean_texts(summary);
  }
  free(bytes);
  if (status != BD_OK) bd_result_summary_free(summary);
  return status;
}

void bd_result_summary_free(bd_result_summary_t *summary) {
  free(summary->job);
  free(summary->attributes);
  free(summary->rows);
  *summary = (bd_result_summary_t){0};
}
