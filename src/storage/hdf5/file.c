#include "storage/hdf5/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bd_status_t file_open(const char *path, int *descriptor, struct stat *file, bd_error_t *error) {
  *descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*descriptor < 0 || fstat(*descriptor, file) != 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: cannot be opened: %m%s", path,
                   strstr(path, " #") ? "; \"#\" begins no comment behind a value, \";\" does"
                                      : "");
  return S_ISREG(file->st_mode) ? BD_OK : bd_fail(error, BD_BAD_INPUT, "%s: not a file", path);
}

int file_read(int descriptor, uint64_t place, void *bytes, size_t size) {
  for (char *to = bytes; size > 0;) {
    ssize_t got = pread(descriptor, to, size, (off_t)place);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got ? errno : ENODATA;
    to += got;
    place += (uint64_t)got;
    size -= (size_t)got;
  }
  return 0;
}

bd_status_t file_take_room(int descriptor, int64_t size, const char *path, bd_error_t *error) {
  if (fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, size) == 0 ||
      (errno != ENOSPC && errno != EDQUOT && errno != EFBIG))
    return BD_OK;
  return bd_fail(error, BD_FAILED, "%s: no room for %.1f MB: %m", path, 1e-6 * (double)size);
}
