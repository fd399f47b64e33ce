#include "storage/hdf5/file.h"
#include "storage/hdf5/isolate.h"
#include "storage/limits.h"
#include "storage/result/summary_child.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bd_status_t in_child(isolated_t *work, const char *path, parcel_t *parcel,
                            bd_error_t *error) {
  struct stat file;
  summary_source_t source = {.path = path};
  *parcel = (parcel_t){0};
  bd_status_t status = file_open(path, &source.descriptor, &file, error);
  if (status == BD_OK) {
    const isolation_t isolation = {work, &source, path, isolate_size(&file), CHILD_RESULT_MEMORY};
    status = isolate(&isolation, parcel, error);
  }
  if (source.descriptor >= 0) close(source.descriptor);
  return status;
}

bd_status_t bd_file_kind(const char *path, bd_file_kind_t *kind, bd_error_t *error) {
  parcel_t parcel;
  bd_status_t status = in_child(summary_child_kind, path, &parcel, error);
  const char *schema = status == BD_OK ? parcel_take_text(&parcel) : NULL;
  *kind = BD_FILE_OTHER;
  if (schema && !strcmp(schema, BD_IMAGES_SCHEMA)) *kind = BD_FILE_IMAGES;
  if (schema && !strcmp(schema, BD_RESULT_SCHEMA)) *kind = BD_FILE_RESULT;
  parcel_free(&parcel);
  return status;
}

/* ---- a summary, of which nothing is believed ------------------------------------- */

/* Are the counts of images possible? They are added up later. */
static int are_counts(const bd_result_summary_t *summary) {
  int right = summary->count <= INT64_C(1) << IMAGES_MOST_BITS;
  for (int64_t i = 0; i < summary->row_count; i++) {
    const bd_statistics_t *row = &summary->rows[i];
    const int64_t counts[] = {row->images,          row->failed,    row->recovered,
                              row->broken,          row->converged, row->infeasible_window,
                              row->objective_rises, row->fallbacks, row->unstable,
                              row->clipped};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
      right &= counts[c] >= 0 && counts[c] <= summary->count;
  }
  return right;
}

static void end_and_clean(char *text, size_t size) {
  text[size - 1] = 0;
  text_clean(text);
}

/* Check the texts, which are the file's author's and which the child hands over unchanged. */
static void clean_texts(bd_result_summary_t *summary) {
  for (int64_t i = 0; i < summary->row_count; i++) {
    bd_statistics_t *row = &summary->rows[i];
    end_and_clean(row->attack, sizeof row->attack);
    end_and_clean(row->norm, sizeof row->norm);
    end_and_clean(row->trust, sizeof row->trust);
    end_and_clean(row->through, sizeof row->through);
  }
  for (int i = 0; i < summary->attribute_count; i++) {
    end_and_clean(summary->attributes[i].name, sizeof summary->attributes->name);
    end_and_clean(summary->attributes[i].value, sizeof summary->attributes->value);
  }
  text_clean_lines(summary->job);
}

/* Where the parts of a summary lie in a parcel. */
typedef struct parts {
  const bd_result_summary_t *head;
  const bd_statistics_t *rows;
  const bd_attribute_text_t *attributes;
  const char *job;
} parts_t;

static int take_parts(parcel_t *parcel, parts_t *parts) {
  const bd_result_summary_t *head = parts->head = parcel_take(parcel, 1, sizeof *head);
  if (!head || head->row_count < 1 || head->row_count > SUMMARY_ROWS_MAX ||
      head->attribute_count < 0 || head->attribute_count > SUMMARY_ATTRIBUTES_MAX ||
      head->run_count < 1 || (head->views & ~BD_VIEWS_MADE) >= BD_VIEW_BIT(BD_VIEWS) ||
      (int64_t)head->run_count * head->attack_count != head->row_count)
    return 0;
  parts->rows = parcel_take(parcel, head->row_count, sizeof *parts->rows);
  parts->attributes = parcel_take(parcel, head->attribute_count, sizeof *parts->attributes);
  parts->job = parts->attributes ? parcel_take_text(parcel) : NULL;
  return parts->rows && parts->attributes && parts->job && parcel_is_empty(parcel);
}

/* 0 without memory. */
static int copy_parts(const parts_t *parts, bd_result_summary_t *summary) {
  const size_t rows = (size_t)parts->head->row_count * sizeof *parts->rows,
               attributes = (size_t)parts->head->attribute_count * sizeof *parts->attributes;
  *summary = *parts->head;
  summary->rows = malloc(rows);
  summary->attributes = malloc(attributes + 1);
  summary->job = strdup(parts->job);
  if (!summary->rows || !summary->attributes || !summary->job) return 0;
  memcpy(summary->rows, parts->rows, rows);
  memcpy(summary->attributes, parts->attributes, attributes);
  return 1;
}

bd_status_t bd_result_read_summary(const char *path, bd_result_summary_t *summary,
                                   bd_error_t *error) {
  parcel_t parcel;
  parts_t parts;
  *summary = (bd_result_summary_t){0};
  bd_status_t status = in_child(summary_child, path, &parcel, error);
  if (status != BD_OK) return status;
  if (!take_parts(&parcel, &parts))
    status = bd_fail(error, BD_BAD_INPUT,
                     "%s: HDF5 reads nonsense from it: damaged, or made to harm", path);
  else if (!copy_parts(&parts, summary)) status = bd_fail(error, BD_FAILED, "%s: no memory", path);
  else if (!are_counts(summary))
    status = bd_fail(error, BD_BAD_INPUT,
                     "%s: a damaged result: /statistics counts more images than there are", path);
  else clean_texts(summary);
  parcel_free(&parcel);
  if (status != BD_OK) bd_result_summary_free(summary);
  return status;
}

void bd_result_summary_free(bd_result_summary_t *summary) {
  free(summary->job);
  free(summary->attributes);
  free(summary->rows);
  *summary = (bd_result_summary_t){0};
}
