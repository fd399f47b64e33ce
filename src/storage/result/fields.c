#include "storage/result/fields.h"

#include "storage/hdf5/h5.h"
#include "storage/limits.h"

#include <barydef/attack.h>
#include <barydef/solver.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* HDF5's names of the C types that occur in tables. */
#define H5_OF_int8_t H5T_NATIVE_INT8
#define H5_OF_int32_t H5T_NATIVE_INT32
#define H5_OF_int64_t H5T_NATIVE_INT64
#define H5_OF_double H5T_NATIVE_DOUBLE

hid_t fields_per_image_type(bd_views_t views) {
  hid_t type = H5Tcreate(H5T_COMPOUND, bd_record_bytes(views));
  size_t end = 0;
#define INSERT(type_, name)                                                                        \
  H5Tinsert(type, #name, offsetof(bd_per_image_t, name), H5_OF_##type_);                           \
  if (end < offsetof(bd_per_image_t, name) + sizeof(type_))                                        \
    end = offsetof(bd_per_image_t, name) + sizeof(type_);
#define BD_FIELD(type_, name, ...) INSERT(type_, name)
#define BD_FIELD_LAST(...)
#define BD_FIELD_ADDED(...)
#include <barydef/fields.def>
#define BD_FIELD_LAST(type_, name, ...) INSERT(type_, name)
#define BD_FIELD_ADDED(...)
#include <barydef/fields.def>
#define BD_FIELD_LAST(...)
#define BD_FIELD_ADDED(VIEW, type_, name, ...)                                                     \
  if (views & BD_VIEW_BIT(BD_VIEW_##VIEW)) {                                                       \
    H5Tinsert(type, #name, end, H5_OF_##type_);                                                    \
    end += sizeof(type_);                                                                          \
  }
#include <barydef/fields.def>
#undef INSERT
  (void)end;
  return type;
}

static void insert_text(hid_t type, const char *name, size_t at, size_t size) {
  hid_t text = H5Tcopy(H5T_C_S1);
  H5Tset_size(text, size);
  H5Tinsert(type, name, at, text);
  h5_close(text);
}

hid_t fields_statistics_type(bd_views_t views, fields_layout_t layout) {
  hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(bd_statistics_t));
#define AT(member) offsetof(bd_statistics_t, member)
#define BD_COLUMN(type_, name, meaning) H5Tinsert(type, #name, AT(name), H5_OF_##type_);
#define BD_COLUMN_TEXT(name, size, meaning) insert_text(type, #name, AT(name), size);
#define BD_COLUMN_TEXT_MADE(name, size, meaning)                                                   \
  if (views & BD_VIEWS_MADE) insert_text(type, #name, AT(name), size);
#define BD_COUNT(name, when, meaning) H5Tinsert(type, #name, AT(name), H5T_NATIVE_INT64);
#define BD_COLUMN_MADE(type_, name, meaning)                                                       \
  if (views & BD_VIEWS_MADE) H5Tinsert(type, #name, AT(name), H5_OF_##type_);
#define BD_COUNT_MADE(name, when, meaning) BD_COLUMN_MADE(int64_t, name, meaning)
#define BD_ACCURACY(VIEW, name, meaning)                                                           \
  H5Tinsert(type, #name, AT(name.value), H5T_NATIVE_DOUBLE);                                       \
  H5Tinsert(type, #name "_low", AT(name.low), H5T_NATIVE_DOUBLE);                                  \
  H5Tinsert(type, #name "_high", AT(name.high), H5T_NATIVE_DOUBLE);
#define BD_ACCURACY_ADDED(VIEW, name, meaning)                                                     \
  if (views & BD_VIEW_BIT(BD_VIEW_##VIEW)) {                                                       \
    BD_ACCURACY(VIEW, name, meaning)                                                               \
  }
#define BD_SPREAD(name)                                                                            \
  H5Tinsert(type, #name "_mean", AT(name.mean), H5T_NATIVE_DOUBLE);                                \
  H5Tinsert(type, #name "_max", AT(name.max), H5T_NATIVE_DOUBLE);
#include <barydef/statistics.def>
#undef AT
  (void)views;
  if (layout == FIELDS_PACKED) H5Tpack(type);
  return type;
}

void fields_pending(bd_views_t views, void *bytes) {
  /* It is static, so that the gaps between its fields are zeros. */
  static const bd_per_image_t record = {
#define BD_FIELD(type, name, pending, from, summary, meaning) .name = pending,
#include <barydef/fields.def>
  };
  bd_record_pack(views, &record, bytes);
}

bd_job_t *fields_job_of(hid_t file) {
  char *text = calloc(1, SUMMARY_JOB_MAX);
  bd_job_t *job = NULL;
  if (text && h5_get_text(file, "job", text, SUMMARY_JOB_MAX))
    bd_job_parse(text, "its job", "", 0, NULL, &job, NULL);
  free(text);
  return job;
}

bd_views_t fields_views_of(hid_t file) {
  static const char any[] = "[input]\nfile = a\n[output]\nfile = b\n";
  bd_job_t *job = fields_job_of(file);
  if (!job) bd_job_parse(any, "its job", "", 0, NULL, &job, NULL);
  bd_views_t views = job ? bd_views_asked(bd_job_point(job, 0)) : BD_VIEWS_ALWAYS;
  if (job && bd_job_made_count(job)) views |= BD_VIEWS_MADE;
  bd_job_free(job);
  return views;
}

const fields_sum_t fields_sums[FIELDS_SUMS] = {
    {"fallbacks", offsetof(bd_statistics_t, fallbacks)},
    {"evaluations_skipped", offsetof(bd_statistics_t, evaluations_skipped)},
    {"clipped", offsetof(bd_statistics_t, clipped)}};

void fields_add(const bd_statistics_t *row, int64_t sums[FIELDS_SUMS]) {
  for (int i = 0; i < FIELDS_SUMS; i++) {
    int64_t value;
    memcpy(&value, (const char *)row + fields_sums[i].at, sizeof value);
    sums[i] += value;
  }
}

bd_statistics_t fields_no_accuracy(void) {
  return (bd_statistics_t){
#define BD_ACCURACY(VIEW, name, meaning) .name = {NAN, NAN, NAN},
#include <barydef/statistics.def>
  };
}
