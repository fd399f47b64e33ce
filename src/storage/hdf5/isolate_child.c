#include "storage/hdf5/isolate_child.h"

#include "storage/limits.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

double isolate_child_seconds(int64_t file_size) {
  return CHILD_SECONDS_LEAST + (double)file_size / CHILD_BYTES_A_SECOND;
}

void isolate_close_doors(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = 0;
  setrlimit(RLIMIT_NOFILE, &files);
}

/* A child of a child may not have more than its parent. */
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

/* What is limited is an enumeration in glibc, so it is not signed. */
static void limit(unsigned what, uint64_t value) {
  const struct rlimit both = {(rlim_t)value, (rlim_t)value};
  setrlimit(what, &both);
}

void isolate_keep_length(int64_t length) {
  signal(SIGXFSZ, SIG_IGN); /* that the call fails is enough */
  limit(RLIMIT_FSIZE, (uint64_t)length);
}

static void set_signals(void) {
  /* MPI's handlers would print a trace if the child crashed.  The parent reports crashes. */
  const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGXCPU, SIGPIPE};
  for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) signal(crashes[i], SIG_DFL);
  /* A request to stop is meant for the parent, which receives it too. */
  const int requests[] = {SIGTERM, SIGINT, SIGUSR1};
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) signal(requests[i], SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void set_limits(int64_t file_size, int64_t most_bytes) {
  limit(RLIMIT_CORE, 0);
  const double seconds = isolate_child_seconds(file_size);
  set_seconds(seconds, seconds + CHILD_SECONDS_MORE);
#ifndef __SANITIZE_ADDRESS__ /* AddressSanitizer reserves terabytes of addresses */
  char pages[64];
  FILE *used = fopen("/proc/self/statm", "r");
  if (used && fgets(pages, sizeof pages, used))
    limit(RLIMIT_AS, (uint64_t)strtoul(pages, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) +
                         (uint64_t)most_bytes);
  if (used) fclose(used);
#else
  (void)most_bytes;
#endif
  /* Silence stderr, or glibc's heap diagnostics would reach the user. */
  int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere >= 0) dup2(nowhere, 2);
}

_Noreturn void isolate_child(const isolation_t *isolation, int pipe) {
  bd_error_t error = {BD_OK, ""};
  set_signals();
  set_limits(isolation->file_size, isolation->most_bytes);
  FILE *out = fdopen(pipe, "w");
  if (!out) _exit(127);
  error.status = isolation->work(isolation->context, out, &error);
  /* The error comes last, so that findings with a good status are whole. */
  fwrite(&error, sizeof error, 1, out);
  int failed = ferror(out);
  failed |= fclose(out);
  _exit(failed ? 127 : 0);
}
