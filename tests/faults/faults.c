/* Preloaded into a run: fails or kills it at one call that changes a file, makes a file slow, or
   tells what work is done.

   FAULT_FILE  only calls on files whose path contains this
   FAULT_RANK  only in this rank of an mpirun
   FAULT_AT    the number of the call, from 1
   FAULT       kill (SIGKILL before the call; to the parent too where the call is a child's), stop
   (SIGSTOP before it), or the name of an error: ENOSPC, EIO, EDQUOT; from that call on all fail, or
   with FAULT_ONCE set that call alone

   FAULT_LOCK  the errno that locking the file fails with, FAULT_LOCK_TIMES times or always
   FAULT_LOCK_CALL  fcntl or flock: only that call fails; otherwise both

   SLOW_READ, SLOW_WRITE   nanoseconds more for each byte, of rank 0, 1 ...: 0,2000; the last one
   counts for all that follow

   dlopen() comes from here in any case, as from the hooks of UCX: the RUNPATH of the caller does
   not count.

   TRACE       a file that gets a line for each read ("read RANK PLACE") and each transform of FFTW
   ("transform RANK"); not of children */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static pid_t process; /* which made the children */
__attribute__((constructor)) static void remember(void) { process = getpid(); }

static int is_watched(const char *path) {
  const char *file = getenv("FAULT_FILE"), *only = getenv("FAULT_RANK"),
             *rank = getenv("OMPI_COMM_WORLD_RANK");
  if (only && (!rank || strcmp(only, rank))) return 0;
  return file && path && strstr(path, file);
}

/* The errno to fail with, or 0. */
static int fault(const char *path) {
  static long calls;
  const char *kind = getenv("FAULT"), *at = getenv("FAULT_AT");
  if (!kind || !at || !is_watched(path) || ++calls < atol(at) ||
      (getenv("FAULT_ONCE") && calls > atol(at)))
    return 0;
  if (!strcmp(kind, "stop")) return calls == atol(at) && raise(SIGSTOP);
  if (!strcmp(kind, "kill")) kill(process, SIGKILL), kill(getpid(), SIGKILL);
  return !strcmp(kind, "ENOSPC") ? ENOSPC : !strcmp(kind, "EDQUOT") ? EDQUOT : EIO;
}

/* Of an open file; "" where it has none. */
static void path_of(int descriptor, char path[4096]) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, 4095);
  path[length < 0 ? 0 : length] = 0;
}

static int fault_of(int descriptor) {
  char path[4096];
  path_of(descriptor, path);
  return fault(path);
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Sleeps, so that the time taken is the same on a busy machine: what that adds to a sleep is taken
   off the next, but not a stop of the process. */
static void linger(const char *name, int descriptor, ssize_t size) {
  const char *pace = getenv(name), *rank = getenv("OMPI_COMM_WORLD_RANK");
  char path[4096];
  if (!pace || size <= 0) return;
  path_of(descriptor, path);
  if (!is_watched(path)) return;
  for (int r = rank ? atoi(rank) : 0; r > 0 && strchr(pace, ','); r--) pace = strchr(pace, ',') + 1;
  static long long late;
  const long long second = 1000000000, time = (long long)(atof(pace) * (double)size), start = now(),
                  wanted = time > late ? time - late : 0;
  struct timespec left = {wanted / second, wanted % second};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
  late += now() - start - time;
  if (late > second / 4) late = 0;
}

static void trace(const char *what, long place) {
  const char *path = getenv("TRACE"), *rank = getenv("OMPI_COMM_WORLD_RANK");
  const int number = errno, file = path && getpid() == process
                                       ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
                                       : -1;
  if (file >= 0) {
    dprintf(file, place < 0 ? "%s %s\n" : "%s %s %ld\n", what, rank ? rank : "0", place);
    close(file);
  }
  errno = number;
}

static void trace_read(int descriptor, long place) {
  char path[4096];
  path_of(descriptor, path);
  if (is_watched(path)) trace("read", place);
}

void fftw_execute(void *plan);
void fftw_execute(void *plan) {
  trace("transform", -1);
  ((void (*)(void *))dlsym(RTLD_NEXT, "fftw_execute"))(plan);
}

#define WRAP(type, name, parameters, arguments, found)                                             \
  type name parameters {                                                                           \
    type(*real) parameters = (type(*) parameters)dlsym(RTLD_NEXT, #name);                          \
    int number = found;                                                                            \
    if (number) return errno = number, -1;                                                         \
    return real arguments;                                                                         \
  }
#define WRITE (linger("SLOW_WRITE", file, (ssize_t)size), fault_of(file))
#define READ (linger("SLOW_READ", file, (ssize_t)size), trace_read(file, (long)place), 0)
WRAP(ssize_t, pwrite, (int file, const void *bytes, size_t size, off_t place),
     (file, bytes, size, place), WRITE)
WRAP(ssize_t, pwrite64, (int file, const void *bytes, size_t size, off64_t place),
     (file, bytes, size, place), WRITE)
WRAP(ssize_t, pread, (int file, void *bytes, size_t size, off_t place), (file, bytes, size, place),
     READ)
WRAP(ssize_t, pread64, (int file, void *bytes, size_t size, off64_t place),
     (file, bytes, size, place), READ)
WRAP(int, ftruncate, (int file, off_t size), (file, size), fault_of(file))
WRAP(int, ftruncate64, (int file, off64_t size), (file, size), fault_of(file))
WRAP(int, fallocate64, (int file, int mode, off64_t place, off64_t size), (file, mode, place, size),
     fault_of(file))
WRAP(int, fallocate, (int file, int mode, off_t place, off_t size), (file, mode, place, size),
     fault_of(file))
WRAP(int, fsync, (int file), (file), fault_of(file))
WRAP(int, fdatasync, (int file), (file), fault_of(file))
WRAP(int, rename, (const char *from, const char *to), (from, to), fault(from))
WRAP(int, renameat2, (int at, const char *from, int there, const char *to, unsigned flags),
     (at, from, there, to, flags), fault(from))

/* A volatile result keeps the compiler from a jump in place of the call, which would come from the
   caller of this function. */
void *dlopen(const char *file, int mode) {
  void *(*real)(const char *, int) = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
  void *volatile module = real(file, mode);
  return module;
}

/* `call` is fcntl or flock. */
static int lock_fault(int descriptor, const char *call) {
  char path[4096];
  static long calls;
  const char *number = getenv("FAULT_LOCK"), *times = getenv("FAULT_LOCK_TIMES"),
             *only = getenv("FAULT_LOCK_CALL");
  if (!number || (only && strcmp(only, call) != 0)) return 0;
  path_of(descriptor, path);
  return is_watched(path) && (!times || calls++ < atol(times)) ? atoi(number) : 0;
}

WRAP(int, flock, (int file, int operation), (file, operation),
     (operation & LOCK_UN) ? 0 : lock_fault(file, "flock"))

static int is_lock(int command) {
  return command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_SETLK ||
         command == F_SETLKW;
}

#define FCNTL(name)                                                                                \
  int name(int file, int command, ...) {                                                           \
    int (*real)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_NEXT, #name);                  \
    va_list more;                                                                                  \
    va_start(more, command);                                                                       \
    void *argument = va_arg(more, void *);                                                         \
    va_end(more);                                                                                  \
    int number = is_lock(command) ? lock_fault(file, "fcntl") : 0;                                 \
    if (number) return errno = number, -1;                                                         \
    return real(file, command, argument);                                                          \
  }
FCNTL(fcntl)
FCNTL(fcntl64)
