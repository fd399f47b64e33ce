#include "storage/hdf5/isolate.h"

#include "clock.h"
#include "storage/hdf5/file.h"
#include "storage/hdf5/isolate_child.h"
#include "storage/limits.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int64_t isolate_size(const struct stat *file) {
  const int64_t stored = file_on_disk(file), least = stored > HOLES_MOST ? stored : HOLES_MOST;
  return file->st_size < least ? file->st_size : least;
}

/* How long one look at the pipe may take, in seconds. */
static const double slice = 0.1;

typedef struct watch {
  pid_t process;
  double seconds; /* of processor time that it starts with */
  double waited;  /* seconds by the clock */
  int is_late;
} watch_t;

/* Seconds by the clock that the child may take. */
static double patience(const watch_t *watch) {
  struct rlimit time;
  double seconds = watch->seconds;
  /* The child may have extended its limits (isolate_more_time), or not have set them yet. */
  if (prlimit(watch->process, RLIMIT_CPU, NULL, &time) == 0 &&
      (double)time.rlim_cur <= seconds + CHILD_SECONDS_MORE)
    seconds = (double)time.rlim_cur;
  return CHILD_CLOCK_LEAST + CHILD_CLOCK_TIMES * seconds;
}

/* Wait until there is something to read, or for `most` seconds.  No more than these are counted,
   because a child that was suspended together with this process did not get the time either. */
static int wait_for(watch_t *watch, int pipe, double most) {
  struct pollfd end = {.fd = pipe, .events = POLLIN};
  const double start = clock_seconds();
  int ready = poll(&end, 1, (int)(1000 * most));
  watch->waited += fmin(clock_seconds() - start, most);
  watch->is_late = watch->waited > patience(watch);
  return ready > 0;
}

/* How much of what a child says was read. */
typedef enum heard {
  HEARD_PART, /* there is more than allowed, memory is short, or the child is late */
  HEARD_ALL
} heard_t;

/* Read all that comes out of the pipe, up to `most` bytes. */
static heard_t read_all(watch_t *watch, int pipe, size_t most, parcel_t *parcel) {
  size_t room = 0;
  for (;;) {
    if (parcel->size == room) {
      if (room == most) return HEARD_PART;
      room = room ? 2 * room : 65536;
      if (room > most) room = most;
      void *larger = realloc(parcel->bytes, room);
      if (!larger) return HEARD_PART;
      parcel->bytes = larger;
    }
    while (!watch->is_late && !wait_for(watch, pipe, slice)) {}
    if (watch->is_late) return HEARD_PART;
    ssize_t got = read(pipe, (char *)parcel->bytes + parcel->size, room - parcel->size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0 ? HEARD_ALL : HEARD_PART;
    parcel->size += (size_t)got;
  }
}

/* Wait for the end of the child.  Kill it where it has more to say, or is late.  Returns its status
   as waitpid has it. */
static int end_of(watch_t *watch, heard_t heard) {
  int kill_it = heard == HEARD_PART;
  int ended = 127 << 8; /* as where the exit status is unknown */
  pid_t process = 0;
  while (!kill_it && (process = waitpid(watch->process, &ended, WNOHANG)) == 0) {
    wait_for(watch, -1, 0.001);
    kill_it = watch->is_late;
  }
  if (!kill_it) return process == watch->process ? ended : 127 << 8;
  kill(watch->process, SIGKILL);
  while (waitpid(watch->process, &ended, 0) < 0 && errno == EINTR) {}
  return ended;
}

/* The status that the child's end and its last words stand for.  Takes these off the parcel. */
static bd_status_t judge(const char *path, const watch_t *watch, heard_t heard, int ended,
                         parcel_t *parcel, bd_error_t *error) {
  bd_error_t said;
  if (watch->is_late)
    return bd_fail(error, BD_FAILED, "%s: the process that opened it did not answer for %.0f s",
                   path, watch->waited);
  if (heard == HEARD_PART)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: it holds more than can be listed within run.max_memory", path);
  if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL)
    return bd_fail(error, BD_FAILED, "%s: the process that opened it was killed", path);
  if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGXCPU)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: HDF5 does not finish reading it: damaged, or made to harm", path);
  if (WIFSIGNALED(ended))
    return bd_fail(error, BD_BAD_INPUT, "%s: HDF5 crashes on it (%s): damaged, or made to harm",
                   path, strsignal(WTERMSIG(ended)));
  if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0 || parcel->size < sizeof said)
    return bd_fail(error, BD_BAD_INPUT, "%s: HDF5 fails on it: damaged, or made to harm", path);
  parcel->size -= sizeof said;
  memcpy(&said, (char *)parcel->bytes + parcel->size, sizeof said);
  said.message[sizeof said.message - 1] = 0;
  if (said.status == BD_OK) return BD_OK;
  return bd_fail(error, said.status == BD_FAILED ? BD_FAILED : BD_BAD_INPUT, "%s", said.message);
}

bd_status_t isolate(const isolation_t *isolation, parcel_t *parcel, bd_error_t *error) {
  const char *path = isolation->path;
  int ends[2];
  *parcel = (parcel_t){0};
  if (pipe(ends) != 0)
    return bd_fail(error, BD_FAILED, "%s: cannot start a process to read it: %m", path);
  fflush(NULL);
  pid_t process = fork();
  if (process == 0) {
    close(ends[0]);
    isolate_child(isolation, ends[1]);
  }
  close(ends[1]);
  if (process < 0) {
    close(ends[0]);
    return bd_fail(error, BD_FAILED, "%s: cannot start a process to read it: %m", path);
  }
  watch_t watch = {.process = process, .seconds = isolate_child_seconds(isolation->file_size)};
  heard_t heard =
      read_all(&watch, ends[0], (size_t)isolation->most_bytes + CHILD_PARCEL_MORE, parcel);
  close(ends[0]);
  int ended = end_of(&watch, heard);
  bd_status_t status = judge(path, &watch, heard, ended, parcel, error);
  if (status != BD_OK) parcel_free(parcel);
  return status;
}
