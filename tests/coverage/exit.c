/* Linked into library and program of a coverage build, each of which has counters of its own: what
   ends by _exit (children that read files, a second signal, a victim out of time) is counted all
   the same. */
#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void __gcov_dump(void);

void _exit(int status) {
  void (*next)(int) = (void (*)(int))dlsym(RTLD_NEXT, "_exit");
  struct rlimit files;
  /* A child that reads a file has closed its doors: RLIMIT_NOFILE is 0. */
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  __gcov_dump();
  if (next) next(status);
  for (;;) syscall(SYS_exit_group, status);
}
