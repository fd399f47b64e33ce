/* Checks the survey that a child made of a file, which the parent does not believe, and reads the
   file by it where it passes.  This needs neither HDF5 nor a child.  An input begins with the
   length of the survey, in four bytes, little-endian.  The survey and the file follow. */
#include "fuzz.h"
#include "read.h"

#include "storage/set/survey_check.h"

#include <string.h>
#include <xxhash.h>

/* What bd_images_join() compares with the file.  Nothing that was changed would be read without. */
static uint64_t digest_ends(const uint8_t *bytes, size_t size) {
  const size_t length = size < 65536 ? size : 65536;
  const uint64_t digest = XXH3_64bits_withSeed(bytes, length, size);
  return XXH3_64bits_withSeed(bytes + size - length, length, digest);
}

long fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  char path[64];
  bd_error_t error;
  bd_images_t *images;
  uint32_t length;
  if (size < sizeof length) return 0;
  memcpy(&length, bytes, sizeof length);
  bytes += sizeof length;
  size -= sizeof length;
  if (length > size) length = (uint32_t)size;
  survey_t survey;
  void *taken = malloc(length + 1);
  if (!taken) return 0;
  memcpy(taken, bytes, length);
  bytes += length;
  size -= length;
  memory_file(bytes, size, path);
  const survey_request_t request = {
      .path = path, .descriptor = -1, .file_size = (int64_t)size, .most_bytes = INT64_C(32) << 20};
  if (survey_check(&request, taken, length, &survey, &error) == BD_OK) {
    survey.head->file_size = (int64_t)size;
    survey.head->ends_digest = digest_ends(bytes, size);
    if (bd_images_join(path, taken, length, &images, &error) != BD_OK) abort();
    fuzz_accepted++;
    read_some(images);
    bd_images_close(images);
  }
  unlink(path);
  free(taken);
  return 0;
}
