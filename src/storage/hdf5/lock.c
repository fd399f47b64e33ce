#include "storage/hdf5/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <time.h>

/* The kernel's own ENOTSUPP has no name outside it, and yet some file systems let it out. */
enum { KERNEL_ENOTSUPP = 524 };

static const struct {
  int number;
  const char *name;
} missing[] = {
    {ENOSYS, "ENOSYS"},         /* Lustre that was mounted without `flock`; some of FUSE */
    {EOPNOTSUPP, "EOPNOTSUPP"}, /* some of FUSE, SMB; on Linux ENOTSUP has this number too */
    {ENOLCK, "ENOLCK"},         /* NFS without lockd or statd, Gluster, 9P */
    {EINVAL, "EINVAL"}, /* lockd whose server knows no locks; kernels before 3.15, gVisor and WSL,
                           which do not know F_OFD_SETLK */
    {EPFNOSUPPORT, "EPFNOSUPPORT"}, /* NFS whose server has no lock manager */
    {KERNEL_ENOTSUPP, "ENOTSUPP"}}; /* Cray DVS; NFS whose server says NOTSUPP */

const char *lock_is_missing(int number) {
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
    if (missing[i].number == number) return missing[i].name;
  return NULL;
}

/* Returns 0, or the errno. */
static int try_lock(int descriptor, short type) {
  struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
  return fcntl(descriptor, F_OFD_SETLK, &whole) == 0 ? 0 : errno;
}

bd_status_t lock_take(int descriptor, double seconds, const char *path, bd_error_t *note,
                      bd_error_t *error) {
  const double slice = 0.1;
  int number;
  for (int i = 0; (number = try_lock(descriptor, F_WRLCK)) != 0; i++) {
    if (lock_is_missing(number)) {
      bd_fail(note, BD_OK,
              "%s: its file system has no locks (%s), so two runs that write it are not kept apart",
              path, lock_is_missing(number));
      return BD_OK;
    }
    errno = number;
    if (number != EAGAIN && number != EACCES && number != EINTR)
      return bd_fail(error, BD_FAILED, "%s: cannot be locked: %m", path);
    if (i * slice >= seconds)
      return bd_fail(error, BD_FAILED, "%s: another run is writing it", path);
    nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * slice)}, NULL);
  }
  return BD_OK;
}

int lock_is_free(int descriptor) { return try_lock(descriptor, F_RDLCK) == 0; }
