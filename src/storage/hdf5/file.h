/* A file by its descriptor, without HDF5. */
#ifndef BD_FILE_H
#define BD_FILE_H

#include <barydef/error.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* Open to read what is a file: not a pipe, whose other end would be waited for, nor a device or a
   folder.  *descriptor is the caller's, also after an error (-1: there is none).  Errors:
   BD_BAD_INPUT, naming the file. */
bd_status_t file_open(const char *path, int *descriptor, struct stat *file, bd_error_t *error);

/* All of `size` bytes at `place`.  0, or the errno; ENODATA where the file ends too early. */
int file_read(int descriptor, uint64_t place, void *bytes, size_t size);

/* The lock of the one who writes a file, until the descriptor is closed.  Waits so many seconds for
   another who has it, as the ranks of a killed mpirun may: they take about two to notice
   (LOCK_SECONDS).  A file system that knows no locks is taken to have given it. Errors: BD_FAILED,
   naming the file. */
enum { LOCK_SECONDS = 5 };
bd_status_t file_lock(int descriptor, double seconds, const char *path, bd_error_t *error);

/* Room on the disk for the first `size` bytes, beyond the end too, which stays where it is.  A file
   system that can promise none is believed to have it.  Errors: BD_FAILED, naming the file. */
bd_status_t file_take_room(int descriptor, int64_t size, const char *path, bd_error_t *error);

/* So many bytes of holes are nobody's harm. */
enum { HOLES_MOST = 1 << 30 };

/* Bytes of it that are no holes; all, where the file system does not tell. */
static inline int64_t file_on_disk(const struct stat *file) {
  return file->st_blocks ? 512 * (int64_t)file->st_blocks : (int64_t)file->st_size;
}

static inline int file_is_same(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

#endif
