/* The lock that keeps two writers of a file apart.

   It is an open file description lock (fcntl(2)) on the whole file.  A lock of flock(2) would stop
   HDF5's readers, which take one too.  On NFS both kinds are one and the same. */
#ifndef BD_LOCK_H
#define BD_LOCK_H

#include <barydef/error.h>

/* Take the writer's lock of a file, and hold it until the descriptor, which may write, is closed.
   Waits at most so many seconds for another process that has it.  On a file system without locks
   the call succeeds, and the message of `note`, which may be NULL, says that two runs are not kept
   apart there; otherwise `note` stays as it is.  Errors: BD_FAILED, naming the file. */
bd_status_t lock_take(int descriptor, double seconds, const char *path, bd_error_t *note,
                      bd_error_t *error);

/* Is it certain that no process holds the lock?  The descriptor may read. */
int lock_is_free(int descriptor);

/* Does a call that locks say by this errno that the file system has no locks?  Returns the name of
   the errno, or NULL. */
const char *lock_is_missing(int number);

#endif
