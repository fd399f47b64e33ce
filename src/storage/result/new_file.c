#include "storage/result/new_file.h"

#include "storage/hdf5/file.h"
#include "storage/hdf5/h5.h"
#include "storage/hdf5/lock.h"
#include "storage/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file that is still being created is locked.  Where there are no locks, nothing is removed. */
void new_file_remove_leftovers(const char *path) {
  glob_t found;
  char *pattern = malloc(2 * strlen(path) + 32), *end = pattern;
  if (!pattern) return;
  for (const char *c = path; *c; *end++ = *c++)
    if (strchr("*?[]\\", *c)) *end++ = '\\';
  strcpy(end, ".*.creating");
  if (glob(pattern, 0, NULL, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; i++) {
      int file = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
      if (file >= 0 && lock_is_free(file)) unlink(found.gl_pathv[i]);
      if (file >= 0) close(file);
    }
    globfree(&found);
  }
  free(pattern);
}

static int is_cause_of_user(int number) {
  return number == ENOENT || number == ENOTDIR || number == EISDIR;
}

/* Reserve space now rather than fail after hours. */
static bd_status_t reserve(int descriptor, const char *path, struct stat *made, bd_error_t *error) {
  if (fstat(descriptor, made) != 0)
    return bd_fail(error, BD_FAILED, "%s: cannot be created: %m", path);
  bd_status_t result = BD_OK;
  /* This gives back what was reserved beyond the end (merge_child.c). */
  if (ftruncate(descriptor, made->st_size) != 0)
    result = bd_fail(error, BD_FAILED, "%s: cannot be written: %m", path);
  else result = file_take_room(descriptor, made->st_size, path, error);
  if (result == BD_OK && fsync(descriptor) != 0)
    result = bd_fail(error, BD_FAILED, "%s: cannot be written: %m", path);
  return result;
}

/* Bring the new name to the disk. */
static void sync_folder(const char *path) {
  char *copy = strdup(path);
  int folder = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (folder >= 0) {
    (void)fsync(folder); /* not every file system can */
    close(folder);
  }
  free(copy);
}

/* Open the file that stands under the path.  Its writer holds its lock (bd_result_begin_writing).
   A file that cannot be opened has no writer. */
typedef struct old {
  int exists, descriptor;
  struct stat file;
  struct stat made; /* what has taken its place */
} old_t;

/* Keep its lock until it has been replaced, so that two creators of a file take turns. */
static bd_status_t lock_old(const new_file_t *new_file, old_t *old, bd_error_t *error) {
  const char *path = new_file->path;
  old->exists = lstat(path, &old->file) == 0;
  old->descriptor = old->exists ? open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK) : -1;
  if (old->descriptor < 0) return BD_OK;
  bd_status_t status = lock_take(old->descriptor, LOCK_SECONDS, path, new_file->note, error);
  if (status == BD_OK && fstat(old->descriptor, &old->file) != 0)
    status = bd_fail(error, BD_FAILED, "%s: cannot be created: %m", path);
  return status;
}

/* Replace only the file that was there from the start.  A rank of a killed mpirun may come here
   late, after another run has created its own file. */
static bd_status_t put_in_place(const char *temporary, const char *path, const old_t *old,
                                bd_error_t *error) {
  struct stat there;
  int failed = 1;
  if (old->descriptor >= 0 && (stat(path, &there) != 0 || !file_is_same(&there, &old->file)))
    errno = EEXIST;
  else if (old->exists) failed = rename(temporary, path);
  else if ((failed = renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE)) != 0 &&
           (errno == EINVAL || errno == ENOSYS)) {
    /* The file system does not know the call, so another process may slip in for a moment. */
    if (lstat(path, &there) == 0) errno = EEXIST;
    else failed = rename(temporary, path);
  }
  if (!failed) return BD_OK;
  if (errno == EEXIST || errno == ENOENT)
    return bd_fail(error, BD_FAILED, "%s: another run has created it meanwhile", path);
  return bd_fail(error, BD_FAILED, "%s: cannot be created: %m", path);
}

static bd_status_t fill(const new_file_t *new_file, int descriptor, bd_error_t *error) {
  const char *path = new_file->path;
  hid_t file = h5_open_descriptor(descriptor, H5_TO_CREATE);
  if (file < 0) return bd_fail(error, BD_FAILED, "%s: cannot be created: %s", path, h5_reason());
  bd_status_t status = new_file->fill(file, path, new_file->context, error);
  if (H5Fclose(file) < 0 && status == BD_OK)
    status = bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", path, h5_reason());
  return status;
}

/* Take the temporary file from empty to the result under its name. */
static bd_status_t fill_and_place(const new_file_t *new_file, int descriptor, const char *temporary,
                                  old_t *old, bd_error_t *error) {
  const char *path = new_file->path;
  bd_status_t status = lock_take(descriptor, 0, path, NULL, error);
  if (status == BD_OK) status = fill(new_file, descriptor, error);
  if (status == BD_OK) status = reserve(descriptor, path, &old->made, error);
  if (status == BD_OK) status = put_in_place(temporary, path, old, error);
  if (status != BD_OK) unlink(temporary);
  else sync_folder(path);
  return status;
}

static bd_status_t create_beside(const new_file_t *new_file, old_t *old, bd_error_t *error) {
  const char *path = new_file->path;
  new_file_remove_leftovers(path);
  char *temporary = malloc(strlen(path) + 40);
  if (!temporary) return bd_fail(error, BD_FAILED, "%s: no memory", path);
  /* The name is this process's own, and a file that has it is not truncated. */
  sprintf(temporary, "%s.%ld.creating", path, (long)getpid());
  const int descriptor = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  bd_status_t status = descriptor < 0
                           ? bd_fail(error, is_cause_of_user(errno) ? BD_BAD_INPUT : BD_FAILED,
                                     "%s: cannot be created: %m", path)
                           : fill_and_place(new_file, descriptor, temporary, old, error);
  if (descriptor >= 0) close(descriptor);
  free(temporary);
  return status;
}

bd_status_t new_file_create(const new_file_t *new_file, struct stat *made, bd_error_t *error) {
  old_t old = {0};
  h5_silence();
  if (new_file->existing != BD_EXISTING_REPLACED && access(new_file->path, F_OK) == 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: exists; --overwrite replaces it", new_file->path);
  bd_status_t status = lock_old(new_file, &old, error);
  if (status == BD_OK) status = create_beside(new_file, &old, error);
  if (old.descriptor >= 0) close(old.descriptor);
  *made = old.made;
  return status;
}
