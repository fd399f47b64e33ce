/* The survey that a child made of a file, which the parent does not believe: checked, and where it
   passes, read by.  Neither HDF5 nor a process in it.  The input: bytes of the survey (4,
   little-endian), the survey, the file. */
#include "fuzz.h"
#include "read.h"

#include "storage/set/survey_check.h"

#include <string.h>
#include <xxhash.h>

/* As bd_images_join wants it: else nothing that is changed would be read. */
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
