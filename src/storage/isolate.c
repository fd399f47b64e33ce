#include "isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Coverage counters of a build that has them would be lost by _exit. */
extern void __gcov_dump(void) __attribute__((weak)); // NOLINT(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

enum { SECONDS_AT_LEAST = 2, SECONDS_MORE = 600, BYTES_A_SECOND = 4 << 20, ROOM = 1 << 20 };

static void allow_files(int allowed) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = allowed ? files.rlim_max : 0;
  setrlimit(RLIMIT_NOFILE, &files);
}

void isolate_close_doors(void) { allow_files(0); }

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
  if (getrlimit(RLIMIT_CPU, &time) == 0) set_seconds((double)time.rlim_cur + seconds, (double)time.rlim_max);
}

/* ---- the child ----------------------------------------------------------------- */

static void limit(int what, uint64_t value) {
  const struct rlimit both = {(rlim_t)value, (rlim_t)value};
  setrlimit(what, &both);
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
  const double seconds = SECONDS_AT_LEAST + (double)file_size / BYTES_A_SECOND;
  set_seconds(seconds, seconds + SECONDS_MORE);
#ifndef __SANITIZE_ADDRESS__ /* which reserves terabytes of addresses */
  char pages[64];
  FILE *used = fopen("/proc/self/statm", "r");
  if (used && fgets(pages, sizeof pages, used))
    limit(RLIMIT_AS, (uint64_t)strtoul(pages, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) + (uint64_t)most_bytes);
  if (used) fclose(used);
#else
  (void)most_bytes;
#endif
  /* What the C library says of a corrupt heap is for nobody. */
  int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere >= 0) dup2(nowhere, 2);
}

static _Noreturn void child(isolated_t *work, void *context, int pipe, int64_t file_size, int64_t most_bytes) {
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
  if (__gcov_dump) allow_files(1), __gcov_dump();
  _exit(failed ? 127 : 0);
}

/* ---- the parent ---------------------------------------------------------------- */

/* All that comes out of the pipe, up to `most` bytes; 0 where it is more, or memory is short. */
static int read_all(int pipe, size_t most, char **bytes, size_t *size) {
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
    ssize_t got = read(pipe, *bytes + *size, room - *size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    *size += (size_t)got;
  }
}

static bd_status_t judge(const char *path, int whole, int ended, const char *bytes, size_t *size, bd_error_t *error) {
  bd_error_t said;
  if (!whole) return bd_fail(error, BD_BAD_INPUT, "%s: there is more in it to be listed than run.max_memory allows", path);
  if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL)
    return bd_fail(error, BD_FAILED, "%s: the process that read it was killed", path);
  if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGXCPU)
    return bd_fail(error, BD_BAD_INPUT, "%s: HDF5 does not come to an end with it: damaged, or made to harm", path);
  if (WIFSIGNALED(ended))
    return bd_fail(error, BD_BAD_INPUT, "%s: HDF5 crashes on it (%s): damaged, or made to harm", path, strsignal(WTERMSIG(ended)));
  if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0 || *size < sizeof said)
    return bd_fail(error, BD_BAD_INPUT, "%s: HDF5 fails on it: damaged, or made to harm", path);
  *size -= sizeof said;
  memcpy(&said, bytes + *size, sizeof said);
  said.message[sizeof said.message - 1] = 0;
  if (said.status == BD_OK) return BD_OK;
  return bd_fail(error, said.status == BD_FAILED ? BD_FAILED : BD_BAD_INPUT, "%s", said.message);
}

bd_status_t isolate(isolated_t *work, void *context, const char *path, int64_t file_size, int64_t most_bytes,
                    void **bytes, size_t *size, bd_error_t *error) {
  int ends[2], ended = 0;
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
  int whole = read_all(ends[0], (size_t)most_bytes + ROOM, &got, size);
  close(ends[0]);
  if (!whole) kill(process, SIGKILL);
  pid_t waited;
  while ((waited = waitpid(process, &ended, 0)) < 0 && errno == EINTR) {}
  if (waited != process) ended = 127 << 8; /* nobody knows how it ended */
  bd_status_t status = judge(path, whole, ended, got, size, error);
  if (status == BD_OK) *bytes = got;
  else free(got);
  return status;
}
