/* Linked into the program under sanitizers.  Their reports are files (CMakePresets.json), which the
   test sanitizers.reports shows.  UBSan's runtime beside AddressSanitizer's writes to standard
   error only, where a test may not look.  So what UBSan finds becomes an error of AddressSanitizer,
   with its stack.  A child that reads a file keeps its limit of files, so that it can open its
   report. */
#include <stddef.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void __asan_report_error(void *pc, void *bp, void *sp, void *address, int is_write, size_t size);

void __ubsan_on_report(void);
void __ubsan_on_report(void) {
  void *frame = __builtin_frame_address(0);
  __asan_report_error(__builtin_return_address(0), frame, frame, NULL, 0, 1);
}

int setrlimit(__rlimit_resource_t what, const struct rlimit *both) {
  return what == RLIMIT_NOFILE ? 0 : (int)syscall(SYS_prlimit64, 0, what, both, NULL);
}
