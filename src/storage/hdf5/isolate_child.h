/* What a child process does for its own isolation. */
#ifndef BD_ISOLATE_CHILD_H
#define BD_ISOLATE_CHILD_H

#include "storage/hdf5/isolate.h"

/* Processor time that a child begins with, in seconds. */
double isolate_child_seconds(int64_t file_size);

/* The whole life of the child: set its limits, work, put the findings and the error into `pipe`. */
_Noreturn void isolate_child(const isolation_t *isolation, int pipe);

/* Allow so many seconds more of processor time, for work whose length is known to be bounded. */
void isolate_more_time(double seconds);

/* Open no more files from here on, whatever a file may say of others. */
void isolate_close_doors(void);

/* Make no file longer than this from here on. */
void isolate_keep_length(int64_t length);

#endif
