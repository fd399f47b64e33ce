/* Opens a file of attacked images, by HDF5 in a child process, and reads some of every attack
   without HDF5.  libFuzzer sees the second part only, and survey.c goes deeper there. */
#include "fuzz.h"
#include "read.h"

long fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  char path[64];
  bd_error_t error;
  bd_images_t *images;
  memory_file(bytes, size, path);
  if (bd_images_open(path, INT64_C(32) << 20, &images, &error) == BD_OK) {
    fuzz_accepted++;
    read_some(images);
    bd_images_close(images);
  } else if (images) abort();
  unlink(path);
  return 0;
}
