/* Files by their descriptors, without HDF5. */
#ifndef BD_FILE_H
#define BD_FILE_H

#include <barydef/error.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Open a file to read it.  Refuses pipes, devices and folders, without waiting for the other end
   of a pipe.  The caller closes *descriptor, also after an error; it is -1 if no file is open.
   Errors: BD_BAD_INPUT, naming the file. */
bd_status_t file_open(const char *path, int *descriptor, struct stat *file, bd_error_t *error);

/* Read all of `size` bytes at `place`.  Returns 0 or the errno, which is ENODATA if the file ends
   too early. */
int file_read(int descriptor, uint64_t place, void *bytes, size_t size);

/* Reserve space on the disk for the first `size` bytes, also beyond the end of the file, which does
   not move.  A file system that cannot promise space is assumed to have it.  Errors: BD_FAILED,
   naming the file. */
bd_status_t file_take_room(int descriptor, int64_t size, const char *path, bd_error_t *error);

/* Bytes of a file that are not holes, or all bytes if the file system does not tell. */
static inline int64_t file_on_disk(const struct stat *file) {
  return file->st_blocks ? 512 * (int64_t)file->st_blocks : (int64_t)file->st_size;
}

static inline int file_is_same(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

#endif
