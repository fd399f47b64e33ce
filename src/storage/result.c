#include "h5.h"

#include <barydef/result.h>
#include <barydef/solver.h>

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bd_result {
  char *path;
  hid_t file, record_type;
  int run_count, attack_count, store_images;
  int64_t count;
  hsize_t image[3];     /* C, H, W */
  bd_attack_t *attacks; /* for the statistics */
  hid_t *images, *records; /* [run_count * attack_count] */
};

static bd_status_t write_failed(const bd_result_t *result, bd_error_t *error) {
  return bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", result->path, h5_reason());
}

/* ---- creation ------------------------------------------------------------------ */

static int put_attribute(hid_t object, const bd_attribute_t *attribute) {
  switch (attribute->kind) {
    case BD_ATTRIBUTE_TEXT: return h5_put_text(object, attribute->name, attribute->text);
    case BD_ATTRIBUTE_INTEGER: return h5_put_integer(object, attribute->name, attribute->integer);
    case BD_ATTRIBUTE_REAL: return h5_put_real(object, attribute->name, attribute->real);
  }
  return 0;
}

/* A contiguous dataset, its space taken at once: once all of them stand and the file has
   been closed, blocks are raw data at known places and no metadata changes any more, so
   that a killed writer leaves a file that opens. */
static hid_t create_dataset(hid_t location, const char *name, hid_t type, int rank, const hsize_t *size,
                            hid_t fill_type, const void *fill) {
  hid_t space = H5Screate_simple(rank, size, NULL), plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_layout(plan, H5D_CONTIGUOUS);
  H5Pset_alloc_time(plan, H5D_ALLOC_TIME_EARLY);
  if (fill) H5Pset_fill_value(plan, fill_type, fill);
  H5Pset_fill_time(plan, fill ? H5D_FILL_TIME_ALLOC : H5D_FILL_TIME_NEVER);
  hid_t dataset = H5Dcreate2(location, name, type, space, H5P_DEFAULT, plan, H5P_DEFAULT);
  h5_close(plan);
  h5_close(space);
  return dataset;
}

/* "0 ok, 1 pending, ..." */
static int put_names(hid_t dataset, const char *attribute, const char *name_of(int code)) {
  char names[512] = "";
  for (int code = 0; name_of(code); code++)
    snprintf(names + strlen(names), sizeof names - strlen(names), "%s%d %s", code ? ", " : "", code, name_of(code));
  return h5_put_text(dataset, attribute, names);
}

static int create_records(hid_t group, int64_t count) {
  const bd_per_image_t pending = {.label = -1, .status = BD_IMAGE_PENDING, .residual = NAN, .mass_defect = NAN,
                                  .l2_to_attacked = NAN, .linf_to_attacked = NAN, .l2_to_clean = NAN,
                                  .linf_to_clean = NAN, .predicted_attacked = -1, .predicted_rounded = -1,
                                  .predicted_blurred = -1, .predicted_mean = -1, .predicted_purified = -1,
                                  .objective = NAN, .safe_tau = NAN};
  hid_t file_type = h5_per_image_type(1), memory_type = h5_per_image_type(0);
  hid_t dataset = create_dataset(group, "per_image", file_type, 1, (hsize_t[]){(hsize_t)count}, memory_type, &pending);
  int done = dataset >= 0 && put_names(dataset, "status_names", bd_image_status_name) &&
             put_names(dataset, "convergence_names", bd_convergence_name);
  h5_close(dataset);
  h5_close(memory_type);
  h5_close(file_type);
  return done;
}

static int create_group(hid_t run, const bd_result_layout_t *layout, const bd_attack_t *attack) {
  const hsize_t size[4] = {(hsize_t)layout->count, (hsize_t)layout->info->channels,
                           (hsize_t)layout->info->height, (hsize_t)layout->info->width};
  hid_t group = H5Gcreate2(run, attack->name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int done = group >= 0 && create_records(group, layout->count) && h5_put_text(group, "norm", attack->norm) &&
             h5_put_real(group, "epsilon", attack->epsilon) && h5_put_text(group, "source", attack->source);
  if (done && layout->store_images) {
    hid_t images = create_dataset(group, "images", H5T_IEEE_F32LE, 4, size, -1, NULL);
    done = images >= 0;
    h5_close(images);
  }
  h5_close(group);
  return done;
}

static int create_runs(hid_t file, const bd_result_layout_t *layout) {
  hid_t runs = H5Gcreate2(file, "runs", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int done = runs >= 0;
  for (int r = 0; done && r < layout->run_count; r++) {
    char name[16];
    bd_attribute_t attributes[64];
    int attribute_count = layout->run_attributes(layout->context, r, attributes);
    snprintf(name, sizeof name, "%03d", r);
    hid_t run = H5Gcreate2(runs, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    done = run >= 0;
    for (int i = 0; done && i < attribute_count; i++) done = put_attribute(run, &attributes[i]);
    for (int a = 0; done && a < layout->attack_count; a++) done = create_group(run, layout, &layout->attacks[a]);
    h5_close(run);
  }
  h5_close(runs);
  return done;
}

static int create_contents(hid_t file, const bd_result_layout_t *layout) {
  int done = h5_put_text(file, "schema", "barydef-result") && h5_put_integer(file, "schema_version", 1) &&
             h5_put_integer(file, "complete", 0);
  for (int i = 0; done && i < layout->attribute_count; i++) done = put_attribute(file, &layout->attributes[i]);
  hid_t labels = create_dataset(file, "labels", H5T_STD_I64LE, 1, (hsize_t[]){(hsize_t)layout->count}, -1, NULL);
  done = done && labels >= 0 &&
         H5Dwrite(labels, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, layout->labels) >= 0;
  h5_close(labels);
  hid_t type = h5_statistics_type(1);
  const hsize_t rows = (hsize_t)layout->run_count * (hsize_t)layout->attack_count;
  char *zero = calloc(1, H5Tget_size(type));
  hid_t statistics = zero ? create_dataset(file, "statistics", type, 1, &rows, type, zero) : -1;
  free(zero);
  done = done && statistics >= 0;
  h5_close(statistics);
  h5_close(type);
  return done && create_runs(file, layout);
}

/* ---- opening a result for writing ---------------------------------------------- */

/* Without a sieve buffer every block goes to the file when it is written. */
static hid_t open_for_writing(const char *path) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_sieve_buf_size(access, 0);
  hid_t file = H5Fopen(path, H5F_ACC_RDWR, access);
  h5_close(access);
  return file;
}

static bd_status_t open_datasets(bd_result_t *result, const bd_result_layout_t *layout, bd_error_t *error) {
  size_t groups = (size_t)layout->run_count * (size_t)layout->attack_count;
  result->attacks = malloc((size_t)layout->attack_count * sizeof *result->attacks);
  result->images = malloc(groups * sizeof *result->images);
  result->records = malloc(groups * sizeof *result->records);
  if (!result->attacks || !result->images || !result->records)
    return bd_fail(error, BD_FAILED, "%s: no memory for %zu groups", result->path, groups);
  for (size_t g = 0; g < groups; g++) result->images[g] = result->records[g] = -1;
  memcpy(result->attacks, layout->attacks, (size_t)layout->attack_count * sizeof *result->attacks);
  result->run_count = layout->run_count;
  result->attack_count = layout->attack_count;
  for (size_t g = 0; g < groups; g++) {
    char path[BD_ATTACK_NAME + 64];
    int run = (int)(g / (size_t)layout->attack_count), attack = (int)(g % (size_t)layout->attack_count);
    snprintf(path, sizeof path, "/runs/%03d/%s/per_image", run, layout->attacks[attack].name);
    result->records[g] = H5Dopen2(result->file, path, H5P_DEFAULT);
    snprintf(path, sizeof path, "/runs/%03d/%s/images", run, layout->attacks[attack].name);
    result->images[g] = layout->store_images ? H5Dopen2(result->file, path, H5P_DEFAULT) : -1;
    if (result->records[g] < 0 || (layout->store_images && result->images[g] < 0))
      return write_failed(result, error);
  }
  return BD_OK;
}

bd_status_t bd_result_create(const char *path, int overwrite, const bd_result_layout_t *layout,
                             bd_result_t **out, bd_error_t *error) {
  *out = NULL;
  h5_silence();
  if (!overwrite && access(path, F_OK) == 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: exists; --overwrite replaces it", path);
  bd_result_t *result = calloc(1, sizeof *result);
  char *temporary = malloc(strlen(path) + 40);
  bd_status_t status = BD_OK;
  int created = 0;
  if (result) result->path = strdup(path);
  if (!result || !temporary || !result->path) status = bd_fail(error, BD_FAILED, "%s: no memory", path);
  if (status == BD_OK) {
    /* A name nobody else has: what stands there is not ours to truncate. */
    sprintf(temporary, "%s.%ld.creating", path, (long)getpid());
    result->file = result->record_type = -1;
    errno = 0;
    hid_t file = H5Fcreate(temporary, H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT);
    created = file >= 0;
    if (file < 0) status = bd_fail(error, BD_BAD_INPUT, "%s: cannot be created: %s", path, errno ? strerror(errno) : h5_reason());
    else if (!create_contents(file, layout)) status = write_failed(result, error);
    if (file >= 0 && H5Fclose(file) < 0 && status == BD_OK) status = write_failed(result, error);
  }
  if (status == BD_OK && rename(temporary, path) != 0)
    status = bd_fail(error, BD_FAILED, "%s: cannot be created: %m", path);
  if (status != BD_OK && created) unlink(temporary);
  free(temporary);
  if (status == BD_OK) {
    result->count = layout->count;
    result->store_images = layout->store_images;
    result->image[0] = (hsize_t)layout->info->channels;
    result->image[1] = (hsize_t)layout->info->height;
    result->image[2] = (hsize_t)layout->info->width;
    result->record_type = h5_per_image_type(0);
    result->file = open_for_writing(path);
    status = result->file < 0 ? write_failed(result, error) : open_datasets(result, layout, error);
  }
  if (status != BD_OK) {
    bd_result_close(result, NULL);
    return status;
  }
  *out = result;
  return BD_OK;
}

bd_status_t bd_result_close(bd_result_t *result, bd_error_t *error) {
  if (!result) return BD_OK;
  bd_status_t status = BD_OK;
  for (int g = 0; g < result->run_count * result->attack_count; g++) {
    h5_close(result->records[g]);
    h5_close(result->images[g]);
  }
  h5_close(result->record_type);
  if (result->file >= 0 && H5Fclose(result->file) < 0) status = write_failed(result, error);
  free(result->attacks);
  free(result->images);
  free(result->records);
  free(result->path);
  free(result);
  return status;
}

/* ---- writing ------------------------------------------------------------------- */

static int transfer(hid_t dataset, hid_t type, int rank, const hsize_t *start, const hsize_t *size,
                    const void *from, void *to) {
  hid_t memory = H5Screate_simple(rank, size, NULL), space = H5Dget_space(dataset);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL);
  herr_t done = from ? H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, from)
                     : H5Dread(dataset, type, memory, space, H5P_DEFAULT, to);
  h5_close(space);
  h5_close(memory);
  return done >= 0;
}

bd_status_t bd_result_write(bd_result_t *result, int run, int attack, int64_t first, int64_t count,
                            const float *images, const bd_per_image_t *records, bd_error_t *error) {
  int g = run * result->attack_count + attack;
  const hsize_t start[4] = {(hsize_t)first};
  const hsize_t size[4] = {(hsize_t)count, result->image[0], result->image[1], result->image[2]};
  if ((result->store_images && !transfer(result->images[g], H5T_NATIVE_FLOAT, 4, start, size, images, NULL)) ||
      !transfer(result->records[g], result->record_type, 1, start, size, records, NULL))
    return write_failed(result, error);
  return BD_OK;
}

/* The row of one run and attack, from its records, a portion at a time. */
static int summarise(bd_result_t *result, int g, double tau, int has_victim, bd_statistics_t *row, int64_t *by_status) {
  enum { PORTION = 4096 };
  bd_per_image_t *records = malloc(PORTION * sizeof *records);
  bd_tally_t tally = {0};
  int done = records != NULL;
  for (int64_t first = 0; done && first < result->count; first += PORTION) {
    hsize_t start = (hsize_t)first, size = PORTION;
    if (first + PORTION > result->count) size = (hsize_t)(result->count - first);
    done = transfer(result->records[g], result->record_type, 1, &start, &size, NULL, records);
    if (done) bd_tally_add(&tally, tau, size, records);
  }
  free(records);
  const bd_attack_t *attack = &result->attacks[g % result->attack_count];
  row->run = g / result->attack_count;
  memcpy(row->attack, attack->name, sizeof row->attack);
  memcpy(row->norm, attack->norm, sizeof row->norm);
  row->epsilon = attack->epsilon;
  bd_tally_finish(&tally, has_victim, row);
  for (int status = 0; status < BD_STATUSES_MAX; status++) by_status[status] += tally.by_status[status];
  return done;
}

/* The rows of one run, and its count of fallbacks as an attribute. */
static int finish_run(bd_result_t *result, int run, int has_victim, hid_t statistics, hid_t type, int64_t *by_status) {
  char path[32], method[16] = "";
  double tau = 0;
  int64_t fallbacks = 0;
  snprintf(path, sizeof path, "/runs/%03d", run);
  hid_t group = H5Gopen2(result->file, path, H5P_DEFAULT);
  /* Only forward-backward steps have the length tau. */
  int done = group >= 0 && h5_get_text(group, "solver.method", method, sizeof method) && h5_get_real(group, "solver.tau", &tau);
  if (strcmp(method, "fb")) tau = 0;
  for (int a = 0; done && a < result->attack_count; a++) {
    int g = run * result->attack_count + a;
    const hsize_t start = (hsize_t)g, one = 1;
    bd_statistics_t row = {0};
    done = summarise(result, g, tau, has_victim, &row, by_status) && transfer(statistics, type, 1, &start, &one, &row, NULL);
    fallbacks += row.fallbacks;
  }
  done = done && h5_put_integer(group, "fallbacks", fallbacks);
  h5_close(group);
  return done;
}

bd_status_t bd_result_finish(bd_result_t *result, int has_victim, int attribute_count,
                             const bd_attribute_t *attributes, int64_t *by_status, bd_error_t *error) {
  hid_t statistics = H5Dopen2(result->file, "/statistics", H5P_DEFAULT), type = h5_statistics_type(0);
  int done = statistics >= 0;
  memset(by_status, 0, BD_STATUSES_MAX * sizeof *by_status);
  for (int run = 0; done && run < result->run_count; run++)
    done = finish_run(result, run, has_victim, statistics, type, by_status);
  h5_close(type);
  h5_close(statistics);
  for (int i = 0; done && i < attribute_count; i++) done = put_attribute(result->file, &attributes[i]);
  done = done && H5Fflush(result->file, H5F_SCOPE_GLOBAL) >= 0 && h5_put_integer(result->file, "complete", 1) &&
         H5Fflush(result->file, H5F_SCOPE_GLOBAL) >= 0;
  return done ? BD_OK : write_failed(result, error);
}
