/* Read files that others made, and finish results that may be theirs.  HDF5's own maintainers say
   that the library is not safe on files made to harm.  So HDF5 parses such a file in a child
   process.  The child may crash, loop or ask for all memory without harm to the run.  It hands
   over plain items (parcel.h).  The files named *_child.c run in the child only. */
#ifndef BD_ISOLATE_H
#define BD_ISOLATE_H

#include "storage/hdf5/parcel.h"

#include <barydef/error.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

/* The work of the child.  It puts its findings into `out` and returns a status. */
typedef bd_status_t isolated_t(void *context, FILE *out, bd_error_t *error);

typedef struct isolation {
  isolated_t *work;
  void *context;      /* handed to `work` */
  const char *path;   /* for messages */
  int64_t file_size;  /* bytes that must be read (isolate_size) */
  int64_t most_bytes; /* of memory beyond what the process has */
} isolation_t;

/* The bytes of a file that count for the time to read it.  At most a gigabyte of holes counts,
   because a terabyte of them takes no disk and would allow the child days. */
int64_t isolate_size(const struct stat *file);

/* Run the work in a child with
     - at most most_bytes more memory than the process has, and little more than that of output;
     - processor time for a file of file_size bytes: 2 s, and 1 s for each 4 MiB;
     - 30 s by the clock and ten times its processor time;
     - no right to open anything once isolate_close_doors has been called.
   Its status and error become this call's.  After BD_OK the caller frees the parcel, which holds
   the findings; after an error there is none.  Not collective. Errors besides those of the work:
   BD_BAD_INPUT, naming the path, where the child crashed or met a limit; BD_FAILED where no child
   could be made, or where it was killed or did not answer. */
bd_status_t isolate(const isolation_t *isolation, parcel_t *parcel, bd_error_t *error);

#endif
