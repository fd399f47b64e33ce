/* Preloaded into a run: fails or kills it at one call that changes a file.

   FAULT_FILE  only calls on files whose path contains this
   FAULT_RANK  only in this rank of an mpirun
   FAULT_AT    the number of the call, from 1
   FAULT       kill (SIGKILL before the call), or the name of an error: ENOSPC, EIO, EDQUOT;
               from that call on all fail, or with FAULT_ONCE set that call alone */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_watched(const char *path) {
  const char *file = getenv("FAULT_FILE"), *only = getenv("FAULT_RANK"), *rank = getenv("OMPI_COMM_WORLD_RANK");
  if (only && (!rank || strcmp(only, rank))) return 0;
  return file && path && strstr(path, file);
}

/* The errno to fail with, or 0. */
static int fault(const char *path) {
  static long calls;
  const char *kind = getenv("FAULT"), *at = getenv("FAULT_AT");
  if (!kind || !at || !is_watched(path) || ++calls < atol(at) || (getenv("FAULT_ONCE") && calls > atol(at))) return 0;
  if (!strcmp(kind, "kill")) kill(getpid(), SIGKILL);
  return !strcmp(kind, "ENOSPC") ? ENOSPC : !strcmp(kind, "EDQUOT") ? EDQUOT : EIO;
}

static int fault_of(int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fault(path);
}

#define WRAP(type, name, parameters, arguments, found)                     \
  type name parameters {                                                   \
    type(*real) parameters = (type(*) parameters)dlsym(RTLD_NEXT, #name);  \
    int number = found;                                                    \
    if (number) return errno = number, -1;                                 \
    return real arguments;                                                 \
  }
WRAP(ssize_t, pwrite, (int file, const void *bytes, size_t size, off_t place), (file, bytes, size, place), fault_of(file))
WRAP(ssize_t, pwrite64, (int file, const void *bytes, size_t size, off64_t place), (file, bytes, size, place), fault_of(file))
WRAP(int, ftruncate, (int file, off_t size), (file, size), fault_of(file))
WRAP(int, ftruncate64, (int file, off64_t size), (file, size), fault_of(file))
WRAP(int, fallocate64, (int file, int mode, off64_t place, off64_t size), (file, mode, place, size), fault_of(file))
WRAP(int, fallocate, (int file, int mode, off_t place, off_t size), (file, mode, place, size), fault_of(file))
WRAP(int, fsync, (int file), (file), fault_of(file))
WRAP(int, fdatasync, (int file), (file), fault_of(file))
WRAP(int, rename, (const char *from, const char *to), (from, to), fault(from))
