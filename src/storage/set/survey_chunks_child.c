/* Listing the chunks of a set. */
#include "storage/hdf5/file.h"
#include "storage/hdf5/isolate_child.h"
#include "storage/hdf5/parcel.h"
#include "storage/set/survey_taking.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* HDF5 1.10 goes through all chunks of a group for each of them.  One takes 19 ns, measured on an
   idle core. */
static double listing_seconds(int64_t chunks) { return 40e-9 * (double)chunks * (double)chunks; }

/* Listing the chunks of a set may take as long as it does for 65,536 chunks, and one more second
   for each 64 MiB of the file, since computing a large file takes longer still. */
static double listing_seconds_most(int64_t file_size) {
  return listing_seconds(65536) + (double)file_size / (64 << 20);
}

/* Where a chunk begins in the dataset, whose axes may be three. */
static void find_corner(const place_t *p, int64_t index, hsize_t at[4]) {
  hsize_t corner[4], rest = (hsize_t)index;
  for (int d = 3; d >= 0; d--) {
    const hsize_t grid = (hsize_t)chunks_along(p, d);
    corner[d] = rest % grid * (hsize_t)p->chunk[d];
    rest /= grid;
  }
  if (p->axes == 3) memmove(corner + 1, corner + 2, 2 * sizeof *corner);
  memcpy(at, corner, sizeof corner);
}

/* Do the bytes of a chunk lie at this address of the file? */
static int lies_at(const taking_t *t, uint64_t address, const unsigned char *bytes, size_t size,
                   unsigned char *room) {
  return file_read(t->request->descriptor, address, room, size) == 0 && !memcmp(bytes, room, size);
}

/* HDF5 counts the addresses of chunks from the end of a user block, but later versions from the
   beginning of the file.  Compare a chunk that HDF5 reads with what lies at both, until they
   differ. */
static uint64_t chunk_base(taking_t *t, hid_t dataset, const hsize_t at[4], uint64_t address,
                           size_t size) {
  if (!t->user_block || t->is_base_known) return t->chunk_base;
  unsigned char *bytes = malloc(size), *room = malloc(size);
  uint32_t skipped;
  t->chunk_base = t->user_block;
  if (bytes && room && H5Dread_chunk(dataset, H5P_DEFAULT, at, &skipped, bytes) >= 0) {
    const int is_behind = lies_at(t, address + t->user_block, bytes, size, room),
              is_there = lies_at(t, address, bytes, size, room);
    t->is_base_known = is_behind != is_there;
    if (is_there && !is_behind) t->chunk_base = 0;
  }
  free(bytes);
  free(room);
  return t->chunk_base;
}

static bd_status_t put_chunk(taking_t *t, const char *path, hid_t dataset, const place_t *p,
                             int64_t index, bd_error_t *error) {
  hsize_t at[4], size = 0;
  haddr_t address = HADDR_UNDEF;
  chunk_t chunk = {0};
  find_corner(p, index, at);
  if (H5Dget_chunk_info_by_coord(dataset, at, &chunk.skipped, &address, &size) < 0 ||
      size > UINT32_MAX)
    return taking_refuse(t, path, "has a list of chunks that cannot be read", error);
  if (address == HADDR_UNDEF)
    return taking_refuse(t, path, "is not whole: chunks of it were never written", error);
  chunk.address = address + chunk_base(t, dataset, at, address, (size_t)size);
  chunk.size = (uint32_t)size;
  parcel_put(t->out, &chunk, 1, sizeof chunk);
  return BD_OK;
}

static bd_status_t put_chunks(taking_t *t, int attack, bd_error_t *error) {
  const place_t *p = &t->survey.places[attack];
  char path[OBJECT_PATH];
  const int is_clean = t->head.has_clean && attack == t->head.attack_count - 1;
  snprintf(path, sizeof path, is_clean ? "/%s/images" : "/attacks/%s/images",
           t->survey.attacks[attack].name);
  const int64_t all = chunks_of(p);
  if (all > t->request->file_size / CHUNK_INDEX_BYTES)
    return taking_refuse(t, path, "is not whole: chunks of it were never written", error);
  hid_t dataset = H5Dopen2(t->file, path, H5P_DEFAULT);
  bd_status_t status = BD_OK;
  isolate_more_time(listing_seconds(all));
  for (int64_t i = 0; status == BD_OK && i < all; i++)
    status = put_chunk(t, path, dataset, p, i, error);
  h5_close(dataset);
  return status;
}

bd_status_t taking_count_chunks(taking_t *t, bd_error_t *error) {
  const survey_request_t *request = t->request;
  double seconds = 0;
  for (int a = 0; a < t->head.attack_count; a++) {
    const int64_t chunks = chunks_of(&t->survey.places[a]);
    t->survey.places[a].first_chunk = t->head.chunk_count;
    if (chunks > request->most_bytes / CHUNKS_SHARE - t->head.chunk_count)
      return bd_fail(error, BD_BAD_INPUT,
                     "%s: the images of %s have more chunks than run.max_memory can list",
                     request->path, t->survey.attacks[a].name);
    t->head.chunk_count += chunks;
    if ((seconds += listing_seconds(chunks)) > listing_seconds_most(request->file_size))
      return bd_fail(error, BD_BAD_INPUT,
                     "%s: the images of %s lie in %" PRId64
                     " chunks: HDF5 cannot list so many in a sensible time; "
                     "h5repack -l CHUNK=... makes larger ones",
                     request->path, t->survey.attacks[a].name, chunks);
  }
  return BD_OK;
}

bd_status_t taking_put_chunks(taking_t *t, bd_error_t *error) {
  bd_status_t status = BD_OK;
  for (int a = 0; status == BD_OK && a < t->head.attack_count; a++)
    if (t->survey.places[a].chunk[0]) status = put_chunks(t, a, error);
  return status;
}
