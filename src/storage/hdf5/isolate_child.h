/* What a child process does to isolate itself. */
#ifndef BD_ISOLATE_CHILD_H
#define BD_ISOLATE_CHILD_H

#include "storage/hdf5/isolate.h"

/* Processor time that a child starts with, in seconds. */
double isolate_child_seconds(int64_t file_size);

/* Run the child from start to end.  It sets its limits, works, and puts the findings and the error
   into `pipe`. */
_Noreturn void isolate_child(const isolation_t *isolation, int pipe);

/* Allow this many more seconds of processor time, for work whose length is known to be bounded. */
void isolate_more_time(double seconds);

/* Open no more files from now on, even if a file refers to others. */
void isolate_close_doors(void);

/* Make no file longer than this from now on. */
void isolate_keep_length(int64_t length);

#endif
