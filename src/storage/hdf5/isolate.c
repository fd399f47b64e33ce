#include "storage/hdf5/isolate.h"

#include "storage/hdf5/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SECONDS_AT_LEAST = 2, SECONDS_MORE = 200, BYTES_A_SECOND = 4 << 20, ROOM = 1 << 20 };

static double seconds_for(int64_t file_size) {
  return SECONDS_AT_LEAST + (double)file_size / BYTES_A_SECOND;
}

int64_t isolate_size(const struct stat *file) {
  const int64_t stored = file_on_disk(file), least = stored > HOLES_MOST ? stored : HOLES_MOST;
  return file->st_size < least ? file->st_size : least;
}

void isolate_close_doors(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = 0;
  setrlimit(RLIMIT_NOFILE, &files);
}

/* A child of a child has no right to more than its parent. */
static void set_seconds(double seconds, double most) {
  struct rlimit time;
  if (getrlimit(RLIMIT_CPU, &time) != 0) return;
  if (most < (double)time.rlim_max) time.rlim_max = (rlim_t)most;
  time.rlim_cur = seconds < (double)time.rlim_max ? (rlim_t)seconds : time.rlim_max;
  setrlimit(RLIMIT_CPU, &time);
}

void isolate_more_time(double seconds) {
  struct rlimit time;
  if (getrlimit(RLIMIT_CPU, &time) == 0)
    set_seconds((double)time.rlim_cur + seconds, (double)time.rlim_max);
}

/* ---- the child ----------------------------------------------------------------- */

static void limit(int what, uint64_t value) {
  const struct rlimit both = {(rlim_t)value, (rlim_t)value};
  setrlimit(what, &both);
}

void isolate_keep_length(int64_t length) {
  signal(SIGXFSZ, SIG_IGN); /* an error of the call is enough */
  limit(RLIMIT_FSIZE, (uint64_t)length);
}

static void set_limits(int64_t file_size, int64_t most_bytes) {
  /* Handlers of MPI would print a trace where the child crashes: its parent tells of it. */
  const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU, SIGPIPE};
  for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) signal(crashes[i], SIG_DFL);
  /* To be asked to stop is the parent's business, which hears of it as well. */
  const int requests[] = {SIGTERM, SIGINT, SIGUSR1};
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) signal(requests[i], SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  limit(RLIMIT_CORE, 0);
  set_seconds(seconds_for(file_size), seconds_for(file_size) + SECONDS_MORE);
#ifndef __SANITIZE_ADDRESS__ /* which reserves terabytes of addresses */
  char pages[64];
  FILE *used = fopen("/proc/self/statm", "r");
  if (used && fgets(pages, sizeof pages, used))
    limit(RLIMIT_AS, (uint64_t)strtoul(pages, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) +
                         (uint64_t)most_bytes);
  if (used) fclose(used);
#else
  (void)most_bytes;
#endif
  /* What the C library says of a corrupt heap is for nobody. */
  int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere >= 0) dup2(nowhere, 2);
}

static _Noreturn void child(isolated_t *work, void *context, int pipe, int64_t file_size,
                            int64_t most_bytes) {
  bd_error_t error = {BD_OK, ""};
  set_limits(file_size, most_bytes);
  FILE *out = fdopen(pipe, "w");
  if (!out) _exit(127);
  bd_status_t status = work(context, out, &error);
  error.status = status;
  /* The error comes last: findings that it calls good are whole. */
  fwrite(&error, sizeof error, 1, out);
  int failed = ferror(out);
  failed |= fclose(out);
  _exit(failed ? 127 : 0);
}

/* ---- the parent ---------------------------------------------------------------- */

/* By the clock a child has half a minute, and ten times its processor time. */
enum { CLOCK_AT_LEAST = 30, CLOCK_TIMES = 10 };
static const double slice = 0.1;

typedef struct watch {
  pid_t process;
  double seconds, waited; /* the processor time it begins with; what has been waited for it */
  int is_late;
} watch_t;

static double clock_seconds(const watch_t *watch) {
  struct rlimit time;
  double seconds = watch->seconds;
  /* It may have got more (isolate_more_time), or not have set its limits yet. */
  if (prlimit(watch->process, RLIMIT_CPU, NULL, &time) == 0 &&
      (double)time.rlim_cur <= seconds + SECONDS_MORE)
    seconds = (double)time.rlim_cur;
  return CLOCK_AT_LEAST + CLOCK_TIMES * seconds;
}

/* Until something is to be read, or `most` seconds have passed, of which no more count: in a job
   that is suspended as a whole and continued the child did not get its time either. */
static int wait_for(watch_t *watch, int pipe, double most) {
  struct timespec from, to;
  struct pollfd end = {.fd = pipe, .events = POLLIN};
  clock_gettime(CLOCK_MONOTONIC, &from);
  int ready = poll(&end, 1, (int)(1000 * most));
  clock_gettime(CLOCK_MONOTONIC, &to);
  watch->waited +=
      fmin((double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec), most);
  watch->is_late = watch->waited > clock_seconds(watch);
  return ready > 0;
}

/* All that comes out of the pipe, up to `most` bytes; 0 where it is more, or memory is short, or it
 * takes too long. */
static int read_all(watch_t *watch, int pipe, size_t most, char **bytes, size_t *size) {
  size_t room = 0;
  for (;;) {
    if (*size == room) {
      if (room == most) return 0;
      room = room ? 2 * room : 65536;
      if (room > most) room = most;
      char *larger = realloc(*bytes, room);
      if (!larger) return 0;
      *bytes = larger;
    }
    while (!watch->is_late && !wait_for(watch, pipe, slice)) {}
    if (watch->is_late) return 0;
    ssize_t got = read(pipe, *bytes + *size, room - *size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    *size += (size_t)got;
  }
}

/* How it ended; killed where it has to be. */
static int end_of(watch_t *watch, int kill_it) {
  int ended = 127 << 8; /* as if nobody knew */
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

static bd_status_t judge(const char *path, const watch_t *watch, int whole, int ended,
                         const char *bytes, size_t *size, bd_error_t *error) {
  bd_error_t said;
  if (watch->is_late)
    return bd_fail(error, BD_FAILED, "%s: the process that opened it did not answer for %.0f s",
                   path, watch->waited);
  if (!whole)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: there is more in it to be listed than run.max_memory allows", path);
  if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL)
    return bd_fail(error, BD_FAILED, "%s: the process that opened it was killed", path);
  if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGXCPU)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: HDF5 does not come to an end with it: damaged, or made to harm", path);
  if (WIFSIGNALED(ended))
    return bd_fail(error, BD_BAD_INPUT, "%s: HDF5 crashes on it (%s): damaged, or made to harm",
                   path, strsignal(WTERMSIG(ended)));
  if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0 || *size < sizeof said)
    return bd_fail(error, BD_BAD_INPUT, "%s: HDF5 fails on it: damaged, or made to harm", path);
  *size -= sizeof said;
  memcpy(&said, bytes + *size, sizeof said);
  said.message[sizeof said.message - 1] = 0;
  if (said.status == BD_OK) return BD_OK;
  return bd_fail(error, said.status == BD_FAILED ? BD_FAILED : BD_BAD_INPUT, "%s", said.message);
}

bd_status_t isolate(isolated_t *work, void *context, const char *path, int64_t file_size,
                    int64_t most_bytes, void **bytes, size_t *size, bd_error_t *error) {
  int ends[2];
  char *got = NULL;
  *bytes = NULL;
  *size = 0;
  if (pipe(ends) != 0) return bd_fail(error, BD_FAILED, "%s: no process to read it in: %m", path);
  fflush(NULL);
  pid_t process = fork();
  if (process == 0) {
    close(ends[0]);
    child(work, context, ends[1], file_size, most_bytes);
  }
  close(ends[1]);
  if (process < 0) {
    close(ends[0]);
    return bd_fail(error, BD_FAILED, "%s: no process to read it in: %m", path);
  }
  watch_t watch = {.process = process, .seconds = seconds_for(file_size)};
  int whole = read_all(&watch, ends[0], (size_t)most_bytes + ROOM, &got, size);
  close(ends[0]);
  int ended = end_of(&watch, !whole);
  bd_status_t status = judge(path, &watch, whole, ended, got, size, error);
  if (status == BD_OK) *bytes = got;
  else free(got);
  return status;
}
