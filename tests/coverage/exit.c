/* Linked into the library and the program of a coverage build, which have counters of their own.
   So processes that end by _exit() are counted too: children that read files, a second signal, a
   victim out of time. */
#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void __gcov_dump(void);

void _exit(int status) {
  void (*next)(int) = (void (*)(int))dlsym(RTLD_NEXT, "_exit");
  struct rlimit files;
  /* A child that reads a file may open nothing, since its RLIMIT_NOFILE is 0. */
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  __gcov_dump();
  if (next) next(status);
  for (;;) syscall(SYS_exit_group, status);
}
