#include "storage/hdf5/file.h"
#include "storage/hdf5/isolate.h"
#include "storage/set/chunk.h"
#include "storage/set/survey_check.h"
#include "storage/set/survey_child.h"

#include <byteswap.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

/* The decoded images of a row of chunks, which begins at image chunk[0] * index. */
typedef struct slab {
  int attack;
  int64_t index; /* -1: none */
  unsigned char *bytes;
  size_t room;
} slab_t;

struct bd_images {
  char *path;
  int descriptor;
  struct stat opened;
  bd_images_info_t info;
  void *survey_bytes; /* holds the parts of the survey */
  size_t survey_size;
  survey_t survey;
  slab_t slabs[2]; /* of the attack read last, and of the clean images, which every attack needs */
  unsigned char *stored, *plain, *space; /* of one chunk */
  size_t stored_room, chunk_room;
};

const bd_images_info_t *bd_images_info(const bd_images_t *images) { return &images->info; }
const char *bd_images_path(const bd_images_t *images) { return images->path; }
const int64_t *bd_images_labels(const bd_images_t *images) { return images->survey.labels; }

int bd_images_find(const bd_images_t *images, const char *name) {
  for (int a = 0; a < images->info.attack_count; a++)
    if (!strcmp(images->info.attacks[a].name, name)) return a;
  return -1;
}

void bd_images_close(bd_images_t *images) {
  if (!images) return;
  if (images->descriptor >= 0) close(images->descriptor);
  free(images->slabs[0].bytes);
  free(images->slabs[1].bytes);
  free(images->stored);
  free(images->plain);
  free(images->space);
  free(images->survey_bytes);
  free(images->path);
  free(images);
}

/* ---- opening ------------------------------------------------------------------- */

/* This is enough to tell two files apart unless one is made to deceive.  Pixels are compared block
   by block. */
static uint64_t digest_ends(const bd_images_t *images) {
  enum { END = 65536 };
  const uint64_t size = (uint64_t)images->opened.st_size, length = size < END ? size : END;
  uint64_t digest = size;
  unsigned char *bytes = malloc(END);
  for (int end = 0; bytes && end < 2; end++)
    if (file_read(images->descriptor, end ? size - length : 0, bytes, length) == 0)
      digest = XXH3_64bits_withSeed(bytes, length, digest);
  free(bytes);
  return digest;
}

static bd_status_t open_file(const char *path, bd_images_t **out, bd_error_t *error) {
  bd_images_t *images = *out = calloc(1, sizeof *images);
  if (images) images->descriptor = -1;
  if (!images || !(images->path = strdup(path)))
    return bd_fail(error, BD_FAILED, "%s: no memory", path);
  images->slabs[0].index = images->slabs[1].index = -1;
  return file_open(path, &images->descriptor, &images->opened, error);
}

static void compute_digest(bd_images_t *images) {
  bd_images_info_t *info = &images->info;
  XXH3_state_t *state = XXH3_createState();
  XXH3_128bits_reset(state);
  char line[512];
  int length = snprintf(line, sizeof line, "%s %" PRId64 " %d %d %d\n", info->dataset, info->count,
                        info->channels, info->height, info->width);
  XXH3_128bits_update(state, line, (size_t)length);
  for (int a = 0; a < info->attack_count; a++) {
    const bd_attack_t *attack = &info->attacks[a];
    length = snprintf(line, sizeof line, "%s %s %s %a %s\n", attack->name, attack->type,
                      attack->norm, attack->epsilon, attack->source);
    XXH3_128bits_update(state, line, (size_t)length);
  }
  XXH3_128bits_update(state, bd_images_labels(images), (size_t)info->count * sizeof(int64_t));
  XXH128_hash_t hash = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  snprintf(info->digest, sizeof info->digest, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
}

/* Bytes of memory that reading takes, for the survey, two slabs, and three buffers for a chunk. */
static double memory_for(const bd_images_t *images) {
  double chunk = 0, slab = 0;
  for (int a = 0; a < images->survey.head->attack_count; a++) {
    const place_t *place = &images->survey.places[a];
    if (place->chunk[0] == 0) continue;
    chunk = fmax(chunk, (double)chunk_bytes(place));
    slab = fmax(slab, (double)(place->chunk[0] * image_bytes(place)));
  }
  return (double)images->survey_size + 2 * slab + 3 * chunk;
}

/* Describe the images to the user, once the survey has been checked. */
static void describe(bd_images_t *images) {
  static const char *const types[] = {
      [ELEMENT_FLOAT32] = "float32",
      [ELEMENT_FLOAT64] = "float64",
      [ELEMENT_UINT8] = "uint8",
      [ELEMENT_FLOAT16] = "float16",
  };
  const survey_t *survey = &images->survey;
  const int64_t *labels = survey->labels;
  bd_images_info_t *info = &images->info;
  *info = (bd_images_info_t){.count = survey->head->count,
                             .channels = (int)survey->places->shape[1],
                             .height = (int)survey->places->shape[2],
                             .width = (int)survey->places->shape[3],
                             .attack_count = survey->head->attack_count,
                             .attacks = survey->attacks,
                             .has_clean = survey->head->has_clean,
                             .notes = survey->head->notes,
                             .label_min = labels[0],
                             .label_max = labels[0],
                             .bytes = memory_for(images)};
  memcpy(info->dataset, survey->head->dataset, sizeof info->dataset);
  for (int a = 0; a < info->attack_count; a++)
    snprintf(survey->attacks[a].type, sizeof survey->attacks->type, "%s",
             types[survey->places[a].element]);
  for (int64_t i = 1; i < info->count; i++) {
    if (labels[i] < info->label_min) info->label_min = labels[i];
    if (labels[i] > info->label_max) info->label_max = labels[i];
  }
  compute_digest(images);
}

/* The parent's part of a survey. */
static bd_status_t take_survey(bd_images_t *images, int64_t most_bytes, bd_error_t *error) {
  parcel_t parcel;
  survey_request_t request = {.path = images->path,
                              .descriptor = images->descriptor,
                              .file_size = images->opened.st_size,
                              .on_disk = file_on_disk(&images->opened),
                              .most_bytes = most_bytes};
  const isolation_t isolation = {.work = survey_child,
                                 .context = &request,
                                 .path = images->path,
                                 .file_size = isolate_size(&images->opened),
                                 .most_bytes = most_bytes};
  bd_status_t status = isolate(&isolation, &parcel, error);
  if (status != BD_OK) return status;
  images->survey_bytes = parcel.bytes;
  images->survey_size = parcel.size;
  status = survey_check(&request, parcel.bytes, parcel.size, &images->survey, error);
  if (status != BD_OK) return status;
  images->survey.head->file_size = request.file_size;
  images->survey.head->ends_digest = digest_ends(images);
  return BD_OK;
}

/* Join a survey that another process has made and checked. */
static bd_status_t copy_survey(bd_images_t *images, const void *survey, size_t size,
                               bd_error_t *error) {
  images->survey_bytes = malloc(size);
  if (!images->survey_bytes) return bd_fail(error, BD_FAILED, "%s: no memory", images->path);
  images->survey_size = size;
  memcpy(images->survey_bytes, survey, size);
  if (survey_take_apart(images->survey_bytes, size, &images->survey) &&
      images->survey.head->file_size == images->opened.st_size &&
      images->survey.head->ends_digest == digest_ends(images))
    return BD_OK;
  return bd_fail(error, BD_BAD_INPUT, "%s: another rank sees another file than rank 0",
                 images->path);
}

/* Describe the images, or close them if they could not be opened. */
static bd_status_t finish_open(bd_images_t **images, bd_status_t status) {
  if (status == BD_OK) describe(*images);
  else {
    bd_images_close(*images);
    *images = NULL;
  }
  return status;
}

bd_status_t bd_images_open(const char *path, int64_t most_bytes, bd_images_t **images,
                           bd_error_t *error) {
  bd_status_t status = open_file(path, images, error);
  if (status == BD_OK) status = take_survey(*images, most_bytes, error);
  return finish_open(images, status);
}

const void *bd_images_survey(const bd_images_t *images, size_t *size) {
  *size = images->survey_size;
  return images->survey_bytes;
}

bd_status_t bd_images_join(const char *path, const void *survey, size_t size, bd_images_t **images,
                           bd_error_t *error) {
  bd_status_t status = open_file(path, images, error);
  if (status == BD_OK) status = copy_survey(*images, survey, size, error);
  return finish_open(images, status);
}

/* ---- reading ------------------------------------------------------------------- */

static bd_status_t unreadable(const bd_images_t *images, int attack, int64_t first, int64_t count,
                              const char *why, bd_error_t *error) {
  return bd_fail(error, BD_FAILED,
                 "%s: images %" PRId64 " to %" PRId64 " of %s cannot be read (%s)", images->path,
                 first, first + count - 1, images->info.attacks[attack].name, why);
}

/* The value of a float16 (IEEE 754, binary16). */
static double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double size = exponent == 31 ? (mantissa ? (double)NAN : INFINITY)
                      : exponent     ? ldexp(1024 + mantissa, exponent - 25)
                                     : ldexp(mantissa, -24);
  return bits >> 15 ? -size : size;
}

static void convert(const place_t *place, const unsigned char *from, int64_t count, double *to) {
  if (place->element == ELEMENT_FLOAT16)
    for (int64_t i = 0; i < count; i++) {
      uint16_t bits;
      memcpy(&bits, from + i * 2, 2);
      to[i] = half_value(place->is_swapped ? bswap_16(bits) : bits);
    }
  else if (place->element == ELEMENT_UINT8)
    for (int64_t i = 0; i < count; i++) to[i] = (double)from[i] / 255;
  else if (place->element == ELEMENT_FLOAT32)
    for (int64_t i = 0; i < count; i++) {
      uint32_t bits;
      float value;
      memcpy(&bits, from + i * 4, 4);
      if (place->is_swapped) bits = bswap_32(bits);
      memcpy(&value, &bits, 4);
      to[i] = (double)value;
    }
  else
    for (int64_t i = 0; i < count; i++) {
      uint64_t bits;
      memcpy(&bits, from + i * 8, 8);
      if (place->is_swapped) bits = bswap_64(bits);
      memcpy(&to[i], &bits, 8);
    }
}

/* Read and convert.  Returns 0 or the errno. */
static int read_contiguous(const bd_images_t *images, const place_t *place, int64_t first,
                           int64_t count, double *pixels) {
  enum { PORTION = 8192 };
  unsigned char bytes[PORTION * 8];
  const int64_t image = place->shape[1] * place->shape[2] * place->shape[3],
                element = (int64_t)element_size(place->element);
  for (int64_t at = first * image, end = (first + count) * image, n; at < end;
       at += n, pixels += n) {
    n = end - at < PORTION ? end - at : PORTION;
    const int number = file_read(images->descriptor, place->address + (uint64_t)(at * element),
                                 bytes, (size_t)(n * element));
    if (number) return number;
    convert(place, bytes, n, pixels);
  }
  return 0;
}

static int make_room(unsigned char **bytes, size_t *room, size_t wanted) {
  if (*room >= wanted) return 1;
  free(*bytes);
  *bytes = malloc(wanted);
  *room = *bytes ? wanted : 0;
  return *bytes != NULL;
}

/* Copy the part of a chunk that lies inside the shape to its place in the slab. */
static void copy_chunk(const place_t *p, const int64_t at[4], const unsigned char *plain,
                       unsigned char *slab) {
  const int64_t element = (int64_t)element_size(p->element), *c = p->chunk, *shape = p->shape;
  int64_t inside[4];
  for (int d = 0; d < 4; d++) inside[d] = shape[d] - at[d] < c[d] ? shape[d] - at[d] : c[d];
  for (int64_t n = 0; n < inside[0]; n++)
    for (int64_t k = 0; k < inside[1]; k++)
      for (int64_t y = 0; y < inside[2]; y++)
        memcpy(slab + (((n * shape[1] + at[1] + k) * shape[2] + at[2] + y) * shape[3] + at[3]) *
                          element,
               plain + ((n * c[1] + k) * c[2] + y) * c[3] * element, (size_t)(inside[3] * element));
}

/* Read and decode a row of chunks.  Returns NULL, or what is wrong. */
static const char *load_slab(bd_images_t *images, int attack, slab_t *slab, int64_t index) {
  const place_t *p = &images->survey.places[attack];
  const int64_t grid[4] = {0, chunks_along(p, 1), chunks_along(p, 2), chunks_along(p, 3)},
                each = grid[1] * grid[2] * grid[3];
  slab->index = -1;
  if (images->chunk_room < chunk_room(p)) {
    size_t room = 0;
    free(images->space);
    images->space = malloc(chunk_room(p));
    if (!images->space || !make_room(&images->plain, &room, chunk_room(p)))
      return "no memory for a chunk";
    images->chunk_room = room;
  }
  if (!make_room(&slab->bytes, &slab->room, (size_t)(p->chunk[0] * image_bytes(p))))
    return "no memory for its chunks";
  for (int64_t i = 0; i < each; i++) {
    const chunk_t *chunk = &images->survey.chunks[p->first_chunk + index * each + i];
    const int64_t at[4] = {index * p->chunk[0], i / (grid[2] * grid[3]) * p->chunk[1],
                           i / grid[3] % grid[2] * p->chunk[2], i % grid[3] * p->chunk[3]};
    if (!make_room(&images->stored, &images->stored_room, chunk->size))
      return "no memory for a chunk";
    const int number = file_read(images->descriptor, chunk->address, images->stored, chunk->size);
    if (number) return strerror(number);
    const char *wrong = chunk_decode(p, chunk, images->stored, images->space, images->plain);
    if (wrong) return wrong;
    copy_chunk(p, at, images->plain, slab->bytes);
  }
  slab->attack = attack;
  slab->index = index;
  return NULL;
}

static const char *read_chunks(bd_images_t *images, int attack, int64_t first, int64_t count,
                               double *pixels) {
  const place_t *p = &images->survey.places[attack];
  const int64_t image = p->shape[1] * p->shape[2] * p->shape[3];
  slab_t *slab = &images->slabs[images->info.has_clean && attack == images->info.attack_count - 1];
  for (int64_t at = first, n; at < first + count; at += n) {
    const int64_t index = at / p->chunk[0], within = at % p->chunk[0];
    n = p->chunk[0] - within < first + count - at ? p->chunk[0] - within : first + count - at;
    if (slab->index != index || slab->attack != attack) {
      const char *wrong = load_slab(images, attack, slab, index);
      if (wrong) return wrong;
    }
    convert(p, slab->bytes + within * image_bytes(p), n * image, pixels + (at - first) * image);
  }
  return NULL;
}

bd_status_t bd_images_read(bd_images_t *images, int attack, int64_t first, int64_t count,
                           double *pixels, bd_error_t *error) {
  const place_t *place = &images->survey.places[attack];
  const int number = place->chunk[0] ? 0 : read_contiguous(images, place, first, count, pixels);
  const char *wrong = place->chunk[0] ? read_chunks(images, attack, first, count, pixels)
                      : number        ? strerror(number)
                                      : NULL;
  struct stat now;
  if (wrong) return unreadable(images, attack, first, count, wrong, error);
  if (fstat(images->descriptor, &now) == 0 && now.st_size == images->opened.st_size &&
      now.st_mtim.tv_sec == images->opened.st_mtim.tv_sec &&
      now.st_mtim.tv_nsec == images->opened.st_mtim.tv_nsec &&
      now.st_ctim.tv_sec == images->opened.st_ctim.tv_sec &&
      now.st_ctim.tv_nsec == images->opened.st_ctim.tv_nsec)
    return BD_OK;
  return unreadable(images, attack, first, count, "the file was changed meanwhile", error);
}

void bd_images_expect(bd_images_t *images, int attack, int64_t first, int64_t count) {
  const place_t *p = &images->survey.places[attack];
  if (p->chunk[0] == 0) {
    const int64_t image = image_bytes(p);
    posix_fadvise(images->descriptor, (off_t)p->address + first * image, count * image,
                  POSIX_FADV_WILLNEED);
    return;
  }
  const int64_t each = chunks_along(p, 1) * chunks_along(p, 2) * chunks_along(p, 3);
  for (int64_t i = first / p->chunk[0] * each; i < ((first + count - 1) / p->chunk[0] + 1) * each;
       i++) {
    const chunk_t *chunk = &images->survey.chunks[p->first_chunk + i];
    posix_fadvise(images->descriptor, (off_t)chunk->address, chunk->size, POSIX_FADV_WILLNEED);
  }
}
