#include "isolate.h"
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

const bd_result_shape_t *bd_result_shape(const bd_result_t *result) { return &result->shape; }
const int64_t *bd_result_places(const bd_result_t *result) { return result->places; }
const char *bd_result_path(const bd_result_t *result) { return result->path; }
const char *bd_result_attack(const bd_result_t *result, int attack) { return result->names[attack]; }

size_t bd_result_place_count(const bd_result_shape_t *shape) {
  return 1 + (size_t)shape->attack_count + 3 * (size_t)shape->run_count * (size_t)shape->attack_count;
}

/* ---- opening ------------------------------------------------------------------- */

static hid_t open_run(const bd_result_t *result, int run, const char *attack) {
  char path[BD_ATTACK_NAME + 32] = "/";
  if (run >= 0) snprintf(path, sizeof path, "/runs/%03d%s%s", run, attack ? "/" : "", attack ? attack : "");
  return h5_has(result->file, run >= 0 ? path : "/labels") ? H5Oopen(result->file, path, H5P_DEFAULT) : -1;
}

int bd_result_text(const bd_result_t *result, int run, const char *name, char *text, size_t size) {
  hid_t group = open_run(result, run, NULL);
  int done = group >= 0 && h5_get_text(group, name, text, size);
  h5_close(group);
  return done;
}

static bd_status_t damaged(const bd_result_t *result, const char *what, bd_error_t *error) {
  return bd_fail(error, BD_BAD_INPUT, "%s: a damaged result: %s is not what it should be", result->path, what);
}

/* Place of a dataset that must be contiguous, of this type and shape, and inside the file;
   0 where it is not. */
static int64_t place_of(const bd_result_t *result, const char *path, hid_t type, int rank, const hsize_t *shape, int64_t file_size) {
  if (!h5_has(result->file, path)) return 0;
  hid_t dataset = H5Dopen2(result->file, path, H5P_DEFAULT);
  hid_t space = H5Dget_space(dataset), stored = H5Dget_type(dataset), plan = H5Dget_create_plist(dataset);
  hsize_t size[H5S_MAX_RANK] = {0};
  int fits = dataset >= 0 && H5Sget_simple_extent_ndims(space) == rank && H5Tequal(stored, type) > 0 &&
             H5Pget_layout(plan) == H5D_CONTIGUOUS && H5Pget_external_count(plan) == 0;
  int64_t bytes = (int64_t)H5Tget_size(type);
  if (fits) H5Sget_simple_extent_dims(space, size, NULL);
  for (int i = 0; fits && i < rank; i++)
    fits = size[i] == shape[i] && !__builtin_mul_overflow(bytes, (int64_t)size[i], &bytes);
  haddr_t place = fits ? H5Dget_offset(dataset) : HADDR_UNDEF;
  h5_close(plan);
  h5_close(stored);
  h5_close(space);
  h5_close(dataset);
  return place != HADDR_UNDEF && place <= (uint64_t)file_size && bytes <= file_size - (int64_t)place ? (int64_t)place : 0;
}

/* Count of images, runs, the first of them, and the names of the attacks. */
static bd_status_t read_structure(bd_result_t *result, bd_error_t *error) {
  bd_result_shape_t *shape = &result->shape;
  H5G_info_t runs;
  char first[16] = "", *names = calloc(1, 1 << 20);
  enum { ATTACKS_MAX = 1001 };
  hid_t dataset = h5_has(result->file, "/labels") ? H5Dopen2(result->file, "/labels", H5P_DEFAULT) : -1;
  hid_t space = H5Dget_space(dataset);
  shape->count = H5Sget_simple_extent_ndims(space) == 1 ? H5Sget_simple_extent_npoints(space) : 0;
  h5_close(space);
  h5_close(dataset);
  if (!names || !h5_get_text(result->file, "attacks", names, 1 << 20)) shape->count = 0;
  if (shape->count < 1 || !h5_has(result->file, "/runs") ||
      H5Gget_info_by_name(result->file, "/runs", &runs, H5P_DEFAULT) < 0 || runs.nlinks < 1 || runs.nlinks > 1000 ||
      H5Lget_name_by_idx(result->file, "/runs", H5_INDEX_NAME, H5_ITER_INC, 0, first, sizeof first, H5P_DEFAULT) < 0) {
    free(names);
    return damaged(result, "the structure of the file", error);
  }
  shape->run_count = (int)runs.nlinks;
  shape->first_run = (int)strtol(first, NULL, 10);
  for (const char *c = names; *c; c++) shape->attack_count += *c == '/';
  if (++shape->attack_count > ATTACKS_MAX) {
    free(names);
    return damaged(result, "the list of attacks", error);
  }
  result->names = calloc((size_t)shape->attack_count, sizeof *result->names);
  char *rest = names;
  for (int a = 0; result->names && a < shape->attack_count; a++) snprintf(result->names[a], sizeof *result->names, "%s", strsep(&rest, "/"));
  free(names);
  return result->names ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory", result->path);
}

/* Channels, height, width of the first group's images, where there are any. */
static bd_status_t read_image_shape(bd_result_t *result, bd_error_t *error) {
  bd_result_shape_t *shape = &result->shape;
  char path[BD_ATTACK_NAME + 64];
  hsize_t size[4] = {0};
  snprintf(path, sizeof path, "/runs/%03d/%s/images", shape->first_run, result->names[0]);
  if (!h5_has(result->file, path)) return H5Lexists(result->file, path, H5P_DEFAULT) > 0 ? damaged(result, path, error) : BD_OK;
  hid_t images = H5Dopen2(result->file, path, H5P_DEFAULT), space = H5Dget_space(images);
  if (H5Sget_simple_extent_ndims(space) == 4) H5Sget_simple_extent_dims(space, size, NULL);
  shape->store_images = 1;
  shape->channels = (int)size[1];
  shape->height = (int)size[2];
  shape->width = (int)size[3];
  h5_close(space);
  h5_close(images);
  return BD_OK;
}

static bd_status_t find_places(bd_result_t *result, int64_t file_size, bd_error_t *error) {
  const bd_result_shape_t *shape = &result->shape;
  const hsize_t count = (hsize_t)shape->count, runs = (hsize_t)shape->run_count * (hsize_t)shape->attack_count;
  const hsize_t images[4] = {count, (hsize_t)shape->channels, (hsize_t)shape->height, (hsize_t)shape->width};
  int64_t *place = result->places = calloc(bd_result_place_count(shape), sizeof *place);
  if (!place) return bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  char path[BD_ATTACK_NAME + 64];
  bd_status_t status = BD_OK;
  hid_t record = h5_per_image_type(), row = h5_statistics_type(1);
  if (!place_of(result, "/statistics", row, 1, &runs, file_size)) status = damaged(result, "/statistics", error);
  if (!(*place++ = place_of(result, "/labels", H5T_NATIVE_INT64, 1, &count, file_size))) status = damaged(result, "/labels", error);
  for (int a = 0; status == BD_OK && a < shape->attack_count; a++) {
    snprintf(path, sizeof path, "/checksums/input/%s", result->names[a]);
    if (!(*place++ = place_of(result, path, H5T_NATIVE_UINT64, 1, &count, file_size))) status = damaged(result, path, error);
  }
  for (int g = 0; status == BD_OK && g < shape->run_count * shape->attack_count; g++, place += 3) {
    const int run = shape->first_run + g / shape->attack_count;
    const char *attack = result->names[g % shape->attack_count];
    place[IMAGES] = -1;
    snprintf(path, sizeof path, "/runs/%03d/%s/images", run, attack);
    if (shape->store_images && !(place[IMAGES] = place_of(result, path, H5T_NATIVE_FLOAT, 4, images, file_size))) break;
    snprintf(path, sizeof path, "/runs/%03d/%s/per_image", run, attack);
    if (!(place[RECORDS] = place_of(result, path, record, 1, &count, file_size))) break;
    snprintf(path, sizeof path, "/checksums/%03d/%s", run, attack);
    if (!(place[MARKS] = place_of(result, path, H5T_NATIVE_UINT64, 1, &count, file_size))) break;
  }
  if (status == BD_OK && place != result->places + bd_result_place_count(shape)) status = damaged(result, path, error);
  h5_close(row);
  h5_close(record);
  return status;
}

static bd_result_t *allocate(const char *path, bd_error_t *error) {
  bd_result_t *result = calloc(1, sizeof *result);
  if (result) {
    result->file = result->descriptor = -1;
    result->path = strdup(path);
  }
  if (result && result->path) return result;
  bd_result_close(result);
  bd_fail(error, BD_FAILED, "%s: no memory", path);
  return NULL;
}

static bd_status_t open_here(const char *path, bd_result_t **out, bd_error_t *error) {
  char schema[64];
  int64_t version = 0, complete = -1;
  struct stat file;
  *out = NULL;
  bd_result_t *result = allocate(path, error);
  if (!result) return BD_FAILED;
  bd_status_t status = BD_OK;
  result->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (result->descriptor < 0 || fstat(result->descriptor, &file) != 0)
    status = bd_fail(error, BD_BAD_INPUT, "%s: cannot be opened: %m", path);
  if (status == BD_OK && !S_ISREG(file.st_mode)) status = bd_fail(error, BD_BAD_INPUT, "%s: not a file", path);
  if (status == BD_OK && (result->file = h5_open(path, 0)) < 0)
    status = bd_fail(error, BD_BAD_INPUT, "%s: not an HDF5 file, or damaged (%s)", path, h5_reason());
  if (status == BD_OK && (!h5_get_text(result->file, "schema", schema, sizeof schema) || strcmp(schema, "barydef-result")))
    status = bd_fail(error, BD_BAD_INPUT, "%s: not a result of barydef", path);
  if (status == BD_OK && (!h5_get_integer(result->file, "schema_version", &version) || version != 1))
    status = bd_fail(error, BD_BAD_INPUT, "%s: attribute schema_version of / is %" PRId64 ", this program writes 1", path, version);
  if (status == BD_OK && (!h5_get_integer(result->file, "complete", &complete) || complete < 0 || complete > 1))
    status = damaged(result, "attribute complete of /", error);
  result->shape.complete = (int)complete;
  if (status == BD_OK) status = read_structure(result, error);
  if (status == BD_OK) status = read_image_shape(result, error);
  if (status == BD_OK) status = find_places(result, file.st_size, error);
  if (status != BD_OK) {
    bd_result_close(result);
    return status;
  }
  *out = result;
  return BD_OK;
}

/* A result may be made up as well as an input: HDF5 does in a child first all that it will be asked to do here. */
static bd_status_t rehearse(void *path, FILE *out, bd_error_t *error) {
  enum { TEXT = 1 << 20 };
  (void)out;
  static const char *const names[] = {"job", "program_version", "input_digest", "victim_digest", "victim_library", "part", "labels_checksum", "attacks"};
  bd_result_t *result;
  bd_status_t status = open_here(path, &result, error);
  if (status != BD_OK) return status;
  isolate_close_doors();
  const size_t rows = (size_t)result->shape.run_count * (size_t)result->shape.attack_count;
  hid_t dataset = H5Dopen2(result->file, "/statistics", H5P_DEFAULT), type = h5_statistics_type(1);
  void *statistics = malloc(rows * H5Tget_size(type));
  if (!statistics || H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, statistics) < 0)
    status = bd_fail(error, BD_BAD_INPUT, "%s: a damaged result: /statistics cannot be read (%s)", result->path, h5_reason());
  free(statistics);
  h5_close(type);
  h5_close(dataset);
  char *text = malloc(TEXT);
  for (size_t i = 0; text && i < sizeof names / sizeof *names; i++) bd_result_text(result, -1, names[i], text, TEXT);
  for (int run = result->shape.first_run; text && run < result->shape.first_run + result->shape.run_count; run++)
    bd_result_text(result, run, "instructions_used", text, TEXT);
  free(text);
  bd_result_close(result);
  return status;
}

bd_status_t bd_result_open(const char *path, bd_result_t **out, bd_error_t *error) {
  enum { MEMORY = 1 << 29 };
  struct stat file;
  void *nothing;
  size_t size;
  *out = NULL;
  if (stat(path, &file) != 0 || access(path, R_OK) != 0) return bd_fail(error, BD_BAD_INPUT, "%s: cannot be opened: %m", path);
  if (!S_ISREG(file.st_mode)) return bd_fail(error, BD_BAD_INPUT, "%s: not a file", path);
  bd_status_t status = isolate(rehearse, (void *)(uintptr_t)path, path, file.st_size, MEMORY, &nothing, &size, error);
  free(nothing);
  return status == BD_OK ? open_here(path, out, error) : status;
}

bd_status_t bd_result_join(const char *path, const bd_result_shape_t *shape, const int64_t *places, bd_result_t **out,
                           bd_error_t *error) {
  *out = NULL;
  bd_result_t *result = allocate(path, error);
  if (!result) return BD_FAILED;
  size_t size = bd_result_place_count(shape) * sizeof *places;
  bd_status_t status = BD_OK;
  result->shape = *shape;
  result->places = malloc(size);
  if (!result->places) status = bd_fail(error, BD_FAILED, "%s: no memory", path);
  else memcpy(result->places, places, size);
  if (status == BD_OK && (result->descriptor = open(path, O_RDONLY | O_CLOEXEC)) < 0)
    status = bd_fail(error, BD_FAILED, "%s: cannot be opened: %m", path);
  if (status != BD_OK) {
    bd_result_close(result);
    return status;
  }
  *out = result;
  return BD_OK;
}

void bd_result_close(bd_result_t *result) {
  if (!result) return;
  h5_close(result->file);
  if (result->descriptor >= 0) close(result->descriptor);
  free(result->waiting);
  free(result->names);
  free(result->places);
  free(result->path);
  free(result);
}

/* ---- bytes --------------------------------------------------------------------- */

bd_status_t read_at(const bd_result_t *result, int64_t place, void *bytes, size_t size, bd_error_t *error) {
  for (char *to = bytes; size > 0;) {
    ssize_t got = pread(result->descriptor, to, size, place);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return bd_fail(error, BD_FAILED, "%s: cannot be read: %s", result->path, got ? strerror(errno) : "it ends too early");
    to += got;
    place += got;
    size -= (size_t)got;
  }
  return BD_OK;
}

bd_status_t write_at(const bd_result_t *result, int64_t place, const void *bytes, size_t size, bd_error_t *error) {
  for (const char *from = bytes; size > 0;) {
    ssize_t put = pwrite(result->descriptor, from, size, place);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return bd_fail(error, BD_FAILED, "%s: cannot be written: %s", result->path, strerror(put ? errno : EIO));
    from += put;
    place += put;
    size -= (size_t)put;
  }
  return BD_OK;
}

/* ---- writing ------------------------------------------------------------------- */

bd_status_t bd_result_begin_writing(bd_result_t *result, int alone, bd_error_t *error) {
  /* Not flock: HDF5's readers would respect it and fail. */
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  h5_close(result->file);
  result->file = -1;
  if (result->descriptor >= 0) close(result->descriptor);
  result->descriptor = open(result->path, O_RDWR | O_CLOEXEC);
  result->waiting = result->waiting ? result->waiting : malloc(WAITING_MAX * sizeof *result->waiting);
  if (!result->waiting) return bd_fail(error, BD_FAILED, "%s: no memory", result->path);
  if (result->descriptor < 0) return bd_fail(error, BD_FAILED, "%s: cannot be opened for writing: %m", result->path);
  if (alone && fcntl(result->descriptor, F_OFD_SETLK, &whole) != 0 && (errno == EAGAIN || errno == EACCES))
    return bd_fail(error, BD_FAILED, "%s: another run is writing it", result->path);
  return BD_OK;
}

uint64_t bd_result_mark(uint64_t input_mark, const bd_per_image_t *record, const float *image, size_t pixels) {
  uint64_t mark = XXH3_64bits_withSeed(record, sizeof *record, input_mark);
  if (image) mark = XXH3_64bits_withSeed(image, pixels * sizeof *image, mark);
  return mark ? mark : 1;
}

void labels_checksum(int64_t count, const int64_t *labels, char text[17]) {
  snprintf(text, 17, "%016" PRIx64, (uint64_t)XXH3_64bits(labels, (size_t)count * sizeof *labels));
}

bd_status_t bd_result_write_images(bd_result_t *result, int run, int attack, int64_t first, int64_t count,
                                   const float *images, bd_error_t *error) {
  size_t size = image_values(&result->shape) * sizeof *images;
  return write_at(result, group_place(result, run, attack, IMAGES) + first * (int64_t)size, images, (size_t)count * size, error);
}

bd_status_t bd_result_write_records(bd_result_t *result, int run, int attack, int64_t first, int64_t count,
                                    const bd_per_image_t *records, const uint64_t *marks, const uint64_t *input_marks,
                                    bd_error_t *error) {
  const int64_t mark_size = sizeof *marks;
  bd_status_t status = write_at(result, group_place(result, run, attack, RECORDS) + first * (int64_t)sizeof *records, records,
                                (size_t)count * sizeof *records, error);
  if (status == BD_OK)
    status = write_at(result, input_place(result, attack) + first * mark_size, input_marks, (size_t)(count * mark_size), error);
  for (int64_t i = 0; status == BD_OK && i < count; i++) {
    if (result->waiting_count == WAITING_MAX) status = bd_result_sync(result, 1, error);
    if (status != BD_OK) break;
    result->waiting[result->waiting_count++] =
        (waiting_t){group_place(result, run, attack, MARKS) + (first + i) * mark_size, marks[i]};
  }
  return status;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Seconds of finished work that a kill can cost, at most, on a disk that is slow to sync. */
static const double SYNC_INTERVAL_MAX = 2;

/* Marks beside each other in one write. */
static bd_status_t write_marks(bd_result_t *result, bd_error_t *error) {
  enum { TOGETHER = 512 };
  uint64_t marks[TOGETHER];
  for (int64_t i = 0, n; i < result->waiting_count; i += n) {
    const waiting_t *first = &result->waiting[i];
    for (n = 0; n < TOGETHER && i + n < result->waiting_count && first[n].place == first->place + n * 8; n++) marks[n] = first[n].mark;
    bd_status_t status = write_at(result, first->place, marks, (size_t)n * sizeof *marks, error);
    if (status != BD_OK) return status;
  }
  result->waiting_count = 0;
  return BD_OK;
}

bd_status_t bd_result_flush(bd_result_t *result, bd_error_t *error) {
  if (!result->is_broken && fdatasync(result->descriptor) == 0) return BD_OK;
  if (!result->is_broken) bd_fail(error, BD_FAILED, "%s: cannot be written: %m", result->path);
  else bd_fail(error, BD_FAILED, "%s: cannot be written: an earlier write failed", result->path);
  result->is_broken = 1;
  return BD_FAILED;
}

bd_status_t check_in_place(const bd_result_t *result, bd_error_t *error) {
  struct stat ours, there;
  if (fstat(result->descriptor, &ours) == 0 && stat(result->path, &there) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
    return BD_OK;
  return bd_fail(error, BD_FAILED, "%s: was removed or replaced while it was written", result->path);
}

bd_status_t bd_result_sync(bd_result_t *result, int at_once, bd_error_t *error) {
  double start = now();
  const double interval = 100 * result->sync_seconds < SYNC_INTERVAL_MAX ? 100 * result->sync_seconds : SYNC_INTERVAL_MAX;
  if (result->waiting_count == 0 || (!at_once && start - result->synced < interval)) return BD_OK;
  bd_status_t status = check_in_place(result, error);
  if (status == BD_OK) status = bd_result_flush(result, error);
  if (status == BD_OK) status = write_marks(result, error);
  if (status == BD_OK && at_once) status = bd_result_flush(result, error);
  if (status != BD_OK) result->waiting_count = 0;
  result->synced = now();
  result->sync_seconds = result->synced - start;
  return status;
}

bd_status_t bd_result_write_labels(bd_result_t *result, const int64_t *labels, bd_error_t *error) {
  return write_at(result, labels_place(result), labels, (size_t)result->shape.count * sizeof *labels, error);
}
