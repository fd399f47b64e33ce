/* Reading what others made, and finishing a result that may be theirs: HDF5's own maintainers say
   that the library is not safe on files made to harm.  What parses such a file therefore runs in a
   child process, which may crash, loop or ask for all memory without harm to the run, and hands
   over plain bytes. */
#ifndef BD_ISOLATE_H
#define BD_ISOLATE_H

#include <barydef/error.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

/* What the child does: read, put the findings into `out`, return a status. */
typedef bd_status_t isolated_t(void *context, FILE *out, bd_error_t *error);

/* What a file has to be read of: its holes are not, from a gigabyte on (a terabyte of them takes no
   disk, and would be given days). */
int64_t isolate_size(const struct stat *file);

/* Run `work` in a child with
     - at most most_bytes of memory beyond what the process has, and of output;
     - processor time for a file of file_size bytes: 2 s, and 1 s for each 4 MB;
     - by the clock 30 s, and ten times its processor time;
     - no right to open anything once isolate_close_doors has been called.
   Its status, error and findings become this call's; *bytes (the caller frees it) are [*size].
   Errors besides those of `work`: BD_BAD_INPUT, naming `path`, where the child crashed or met a
   limit; BD_FAILED where there can be no child, or it was killed or did not answer.  Not
   collective. */
bd_status_t isolate(isolated_t *work, void *context, const char *path, int64_t file_size,
                    int64_t most_bytes, void **bytes, size_t *size, bd_error_t *error);

/* In the child: so much more processor time, for work whose length is known to be bounded. */
void isolate_more_time(double seconds);

/* In the child, once its files are open: no file can be opened from here on, whatever a file
   may say of others. */
void isolate_close_doors(void);

/* From here on the child can make no file longer than this. */
void isolate_keep_length(int64_t length);

#endif
