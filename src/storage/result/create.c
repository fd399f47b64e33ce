#include "storage/hdf5/file.h"
#include "storage/hdf5/h5.h"
#include "storage/result/fields.h"
#include "storage/result/result.h"

#include <barydef/result.h>
#include <barydef/solver.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- contents ------------------------------------------------------------------ */

/* Contiguous, its space taken at once: blocks are raw data at known places. */
static hid_t create_dataset(hid_t location, const char *name, hid_t type, int rank,
                            const hsize_t *size, hid_t fill_type, const void *fill) {
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

static int create_records(hid_t group, int64_t count, bd_views_t views) {
  char pending[sizeof(bd_per_image_t)];
  fields_pending(views, pending);
  hid_t type = fields_per_image_type(views);
  hid_t dataset =
      create_dataset(group, "per_image", type, 1, (hsize_t[]){(hsize_t)count}, type, pending);
  h5_close(dataset);
  h5_close(type);
  return dataset >= 0;
}

static int create_marks(hid_t group, const char *name, int64_t count) {
  const uint64_t zero = 0;
  hid_t dataset = create_dataset(group, name, H5T_NATIVE_UINT64, 1, (hsize_t[]){(hsize_t)count},
                                 H5T_NATIVE_UINT64, &zero);
  h5_close(dataset);
  return dataset >= 0;
}

static int create_group(hid_t run, const bd_result_layout_t *layout, const bd_attack_t *attack) {
  const hsize_t size[4] = {(hsize_t)layout->count, (hsize_t)layout->info->channels,
                           (hsize_t)layout->info->height, (hsize_t)layout->info->width};
  hid_t group = H5Gcreate2(run, attack->name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int done = group >= 0 && create_records(group, layout->count, layout->views);
  if (done && layout->store_images) {
    hid_t images = create_dataset(group, "images", H5T_NATIVE_FLOAT, 4, size, -1, NULL);
    done = images >= 0;
    h5_close(images);
  }
  h5_close(group);
  return done;
}

static int create_runs(hid_t file, const bd_result_layout_t *layout) {
  hid_t runs = H5Gcreate2(file, "runs", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int done = runs >= 0;
  for (int r = layout->first_run; done && r < layout->first_run + layout->run_count; r++) {
    char name[16];
    snprintf(name, sizeof name, "%03d", r);
    hid_t run = H5Gcreate2(runs, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    done = run >= 0;
    for (int a = 0; done && a < layout->attack_count; a++)
      done = create_group(run, layout, &layout->attacks[a]);
    h5_close(run);
  }
  h5_close(runs);
  return done;
}

/* /checksums/input and /checksums/<run>, for each attack.  Beside /runs, whose bits they are not.
 */
static int create_checksums(hid_t file, const bd_result_layout_t *layout) {
  hid_t checksums = H5Gcreate2(file, "checksums", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int done = checksums >= 0;
  for (int r = -1; done && r < layout->run_count; r++) {
    char name[16] = "input";
    if (r >= 0) snprintf(name, sizeof name, "%03d", layout->first_run + r);
    hid_t group = H5Gcreate2(checksums, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    done = group >= 0;
    for (int a = 0; done && a < layout->attack_count; a++)
      done = create_marks(group, layout->attacks[a].name, layout->count);
    h5_close(group);
  }
  h5_close(checksums);
  return done;
}

/* The attacks in their order; no name holds a slash. */
static int put_attack_names(hid_t file, const bd_result_layout_t *layout) {
  char *names = calloc((size_t)layout->attack_count, BD_ATTACK_NAME + 1);
  for (int a = 0; names && a < layout->attack_count; a++)
    strcat(strcat(names, a ? "/" : ""), layout->attacks[a].name);
  int done = names && h5_put_text(file, "attacks", names, 0);
  free(names);
  return done;
}

static int create_contents(hid_t file, const bd_result_layout_t *layout) {
  char checksum[17];
  attributes_found_t found = {0};
  labels_checksum(layout->count, layout->labels, checksum);
  int done = h5_put_text(file, "schema", BD_RESULT_SCHEMA, 0) &&
             h5_put_integer(file, "schema_version", BD_RESULT_SCHEMA_VERSION) &&
             h5_put_integer(file, "complete", 0) && put_attack_names(file, layout) &&
             h5_put_text(file, "labels_checksum", checksum, 0);
  for (int i = 0; done && i < layout->attribute_count; i++)
    done = h5_put(file, &layout->attributes[i], H5_CREATE) != H5_FAILED;
  hid_t labels = create_dataset(file, "labels", H5T_NATIVE_INT64, 1,
                                (hsize_t[]){(hsize_t)layout->count}, -1, NULL);
  done = done && labels >= 0 &&
         H5Dwrite(labels, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, layout->labels) >= 0 &&
         H5Dflush(labels) >= 0; /* else they are written at the close, whose failure is not seen */
  h5_close(labels);
  hid_t type = fields_statistics_type(layout->views, FIELDS_PACKED);
  const hsize_t rows = (hsize_t)layout->run_count * (hsize_t)layout->attack_count;
  char *zero = calloc(1, H5Tget_size(type));
  hid_t statistics = zero ? create_dataset(file, "statistics", type, 1, &rows, type, zero) : -1;
  free(zero);
  done = done && statistics >= 0;
  h5_close(statistics);
  h5_close(type);
  return done && create_runs(file, layout) && create_checksums(file, layout) &&
         attributes_put(file, layout, H5_CREATE, &found);
}

/* ---- the file ------------------------------------------------------------------ */

/* What a killed run left of the creation of this result; HDF5 holds a lock on what is still
   being created. */
void create_remove_leftovers(const char *path) {
  glob_t found;
  char *pattern = malloc(2 * strlen(path) + 32), *end = pattern;
  if (!pattern) return;
  for (const char *c = path; *c; *end++ = *c++)
    if (strchr("*?[]\\", *c)) *end++ = '\\';
  strcpy(end, ".*.creating");
  if (glob(pattern, 0, NULL, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; i++) {
      int file = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
      if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0) unlink(found.gl_pathv[i]);
      if (file >= 0) close(file);
    }
    globfree(&found);
  }
  free(pattern);
}

static int is_cause_of_user(int number) {
  return number == ENOENT || number == ENOTDIR || number == EISDIR;
}

/* Space now rather than an error after hours. */
static bd_status_t reserve(const char *temporary, const char *path, struct stat *made,
                           bd_error_t *error) {
  int file = open(temporary, O_RDWR | O_CLOEXEC);
  if (file < 0 || fstat(file, made) != 0) {
    if (file >= 0) close(file);
    return bd_fail(error, BD_FAILED, "%s: cannot be created: %m", path);
  }
  bd_status_t result = BD_OK;
  /* What was taken beyond the end is given back. */
  if (ftruncate(file, made->st_size) != 0)
    result = bd_fail(error, BD_FAILED, "%s: cannot be written: %m", path);
  else result = file_take_room(file, made->st_size, path, error);
  if (result == BD_OK && fsync(file) != 0)
    result = bd_fail(error, BD_FAILED, "%s: cannot be written: %m", path);
  close(file);
  return result;
}

/* The new name on the disk too. */
static void sync_folder(const char *path) {
  char *copy = strdup(path);
  int folder = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (folder >= 0) {
    (void)fsync(folder); /* not every file system can */
    close(folder);
  }
  free(copy);
}

/* What stands under the path, which a writer holds the lock of (bd_result_begin_writing); what
 * cannot be opened, nobody writes. */
typedef struct old {
  int exists, descriptor;
  struct stat file, made; /* and what has taken its place */
} old_t;

/* Its lock is kept until it has been replaced, so that of two who create one comes after the other.
 */
static bd_status_t lock_old(const char *path, old_t *old, bd_error_t *error) {
  old->exists = lstat(path, &old->file) == 0;
  old->descriptor = old->exists ? open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK) : -1;
  if (old->descriptor < 0) return BD_OK;
  bd_status_t status = file_lock(old->descriptor, LOCK_SECONDS, path, error);
  if (status == BD_OK && fstat(old->descriptor, &old->file) != 0)
    status = bd_fail(error, BD_FAILED, "%s: cannot be created: %m", path);
  return status;
}

/* The rank of a killed mpirun that was creating it may come to this late, when another run has
   created its own: nothing is replaced but what stood there from the start. */
static bd_status_t put_in_place(const char *temporary, const char *path, const old_t *old,
                                bd_error_t *error) {
  struct stat there;
  int failed = 1;
  if (old->descriptor >= 0 && (stat(path, &there) != 0 || !file_is_same(&there, &old->file)))
    errno = EEXIST;
  else if (old->exists) failed = rename(temporary, path);
  else if ((failed = renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE)) != 0 &&
           (errno == EINVAL || errno == ENOSYS)) {
    /* A file system that knows no such call: a moment remains. */
    if (lstat(path, &there) == 0) errno = EEXIST;
    else failed = rename(temporary, path);
  }
  if (!failed) return BD_OK;
  if (errno == EEXIST || errno == ENOENT)
    return bd_fail(error, BD_FAILED, "%s: another run has created it meanwhile", path);
  return bd_fail(error, BD_FAILED, "%s: cannot be created: %m", path);
}

/* From an empty temporary file to the result under its name. */
static bd_status_t fill_and_place(hid_t file, const char *temporary, const char *path, old_t *old,
                                  bd_fill_t *fill, void *context, bd_error_t *error) {
  bd_status_t status = fill(file, path, context, error);
  if (H5Fclose(file) < 0 && status == BD_OK)
    status = bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", path, h5_reason());
  if (status == BD_OK) status = reserve(temporary, path, &old->made, error);
  if (status == BD_OK) status = put_in_place(temporary, path, old, error);
  if (status != BD_OK) unlink(temporary);
  else sync_folder(path);
  return status;
}

static bd_status_t create_beside(const char *path, old_t *old, bd_fill_t *fill, void *context,
                                 bd_error_t *error) {
  create_remove_leftovers(path);
  char *temporary = malloc(strlen(path) + 40);
  if (!temporary) return bd_fail(error, BD_FAILED, "%s: no memory", path);
  /* A name nobody else has: what stands there is not ours to truncate. */
  sprintf(temporary, "%s.%ld.creating", path, (long)getpid());
  errno = 0;
  hid_t file = H5Fcreate(temporary, H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT);
  if (file < 0) {
    int number = errno;
    free(temporary);
    return bd_fail(error, is_cause_of_user(number) ? BD_BAD_INPUT : BD_FAILED,
                   "%s: cannot be created: %s", path, number ? strerror(number) : h5_reason());
  }
  bd_status_t status = fill_and_place(file, temporary, path, old, fill, context, error);
  free(temporary);
  return status;
}

bd_status_t create_file(const char *path, bd_existing_t existing, bd_fill_t *fill, void *context,
                        struct stat *made, bd_error_t *error) {
  old_t old = {0};
  h5_silence();
  if (existing != BD_EXISTING_REPLACED && access(path, F_OK) == 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: exists; --overwrite replaces it", path);
  bd_status_t status = lock_old(path, &old, error);
  if (status == BD_OK) status = create_beside(path, &old, fill, context, error);
  if (old.descriptor >= 0) close(old.descriptor);
  *made = old.made;
  return status;
}

static bd_status_t fill_layout(hid_t file, const char *path, void *layout, bd_error_t *error) {
  return create_contents(file, layout)
             ? BD_OK
             : bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", path, h5_reason());
}

bd_status_t bd_result_create(const char *path, bd_existing_t existing,
                             const bd_result_layout_t *layout, bd_result_t **result,
                             bd_error_t *error) {
  struct stat made, opened;
  *result = NULL;
  bd_status_t status =
      create_file(path, existing, fill_layout, (void *)(uintptr_t)layout, &made, error);
  if (status == BD_OK) status = bd_result_open(path, result, error);
  if (status != BD_OK ||
      (fstat((*result)->descriptor, &opened) == 0 && file_is_same(&made, &opened)))
    return status;
  bd_result_close(*result);
  *result = NULL;
  return bd_fail(error, BD_FAILED, "%s: another run has created it meanwhile", path);
}
