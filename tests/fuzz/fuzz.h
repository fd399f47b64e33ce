/* A fuzz target is one function on bytes, which memory_file() turns into a path where one is
   needed. Two drivers call it: libFuzzer (preset fuzz), and replay.c, which needs no clang. */
#ifndef BD_FUZZ_H
#define BD_FUZZ_H

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Inputs that were not refused.  Where there are none, the target tests nothing. */
extern long fuzz_accepted;

/* Makes a file in memory.  It is a new one each time, since HDF5 knows files by their inode, and
   has a name, since HDF5 wants a real path.  The caller unlinks it. */
static inline void memory_file(const uint8_t *bytes, size_t size, char path[64]) {
  snprintf(path, 64, "/dev/shm/barydef-fuzz-%d", (int)getpid());
  int file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0 && errno == EEXIST && unlink(path) == 0)
    file = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  while (file >= 0 && size > 0) {
    ssize_t put = write(file, bytes, size);
    if (put <= 0) abort();
    bytes += put;
    size -= (size_t)put;
  }
  if (file < 0) abort();
  close(file);
}

#endif
