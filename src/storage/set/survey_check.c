#include "storage/set/survey.h"

#include "storage/hdf5/file.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

bd_attack_t *survey_attacks(const survey_t *survey) { return (bd_attack_t *)(survey + 1); }
place_t *survey_places(const survey_t *survey) {
  return (place_t *)(survey_attacks(survey) + survey->attack_count);
}
int64_t *survey_labels(const survey_t *survey) {
  return (int64_t *)(survey_places(survey) + survey->attack_count);
}
chunk_t *survey_chunks(const survey_t *survey) {
  return (chunk_t *)(survey_labels(survey) + survey->count);
}

int64_t chunks_along(const place_t *place, int d) {
  return (place->shape[d] - 1) / place->chunk[d] + 1;
}

int64_t chunks_of(const place_t *place) {
  int64_t all = place->chunk[0] != 0;
  for (int d = 0; d < 4 && all; d++)
    if (__builtin_mul_overflow(all, chunks_along(place, d), &all)) return INT64_MAX;
  return all;
}

int64_t chunk_bytes(const place_t *place) {
  int64_t bytes = (int64_t)element_size(place->element);
  for (int d = 0; d < 4; d++) bytes *= place->chunk[d];
  return bytes;
}

/* ---- one group ----------------------------------------------------------------- */

static bd_status_t refuse(const survey_request_t *request, const char *attack, const char *why,
                          bd_error_t *error) {
  return bd_fail(error, BD_BAD_INPUT, "%s: %s%s/images %s", request->path,
                 strcmp(attack, "clean") ? "/attacks/" : "/", attack, why);
}

bd_status_t survey_check_name(const survey_request_t *request, const bd_attack_t *attacks,
                              int index, bd_error_t *error) {
  const char *name = attacks[index].name;
  if (!*name || !text_is_clean(name, 0))
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: the name of attack \"%s\" has control characters or is no UTF-8",
                   request->path, name);
  if (!text_is_name(name) || !strcmp(name, "clean"))
    return bd_fail(error, BD_BAD_INPUT, "%s: an attack cannot be named \"%s\"", request->path,
                   name);
  for (int i = 0; i < index; i++)
    if (!strcmp(attacks[i].name, name))
      return bd_fail(error, BD_BAD_INPUT, "%s: two attacks are named \"%s\"", request->path, name);
  return BD_OK;
}

/* No product of these but the count of chunks overflows: counts up to 2^40, images up to 2^45
 * bytes, chunks up to the memory. */
static bd_status_t check_shape(const survey_request_t *request, const survey_t *head,
                               const char *name, const place_t *place, const place_t *first,
                               bd_error_t *error) {
  char why[160];
  const int64_t *shape = place->shape, *other = first->shape;
  if (shape[0] < 0 || shape[1] < 1 || shape[2] < 1 || shape[3] < 1 || shape[1] > 4096 ||
      shape[2] > 32768 || shape[3] > 32768)
    return refuse(request, name, "is not of shape [images][channels][height][width]", error);
  if (shape[0] != head->count) {
    snprintf(why, sizeof why, "has %" PRId64 " images, /labels has %" PRId64, shape[0],
             head->count);
    return refuse(request, name, why, error);
  }
  if (shape[1] == other[1] && shape[2] == other[2] && shape[3] == other[3]) return BD_OK;
  snprintf(why, sizeof why, "has images of %d x %d x %d, other groups of %d x %d x %d",
           (int)shape[1], (int)shape[2], (int)shape[3], (int)other[1], (int)other[2],
           (int)other[3]);
  return refuse(request, name, why, error);
}

static bd_status_t check_chunks(const survey_request_t *request, const char *name,
                                const place_t *place, bd_error_t *error) {
  int deflate = 0, shuffle = 0, fletcher = 0;
  int64_t bytes = (int64_t)element_size(place->element), slab = bytes;
  char why[160];
  if (place->chunk[0] == 0) return BD_OK;
  for (int d = 0; d < 4; d++) {
    int too_many = place->chunk[d] < 1 || __builtin_mul_overflow(bytes, place->chunk[d], &bytes) ||
                   __builtin_mul_overflow(slab, d ? place->shape[d] : place->chunk[d], &slab);
    if (!too_many && bytes <= request->most_bytes / 8 && slab <= request->most_bytes / 8) continue;
    snprintf(why, sizeof why,
             "is in chunks that do not fit into an eighth of run.max_memory (%.0f MiB)",
             (double)request->most_bytes / (1 << 20));
    return refuse(request, name, why, error);
  }
  for (int i = 0; i < place->filter_count; i++) {
    deflate += place->filters[i] == FILTER_DEFLATE;
    shuffle += place->filters[i] == FILTER_SHUFFLE;
    fletcher += place->filters[i] == FILTER_FLETCHER32;
  }
  if (deflate > 1 || shuffle > 1 || fletcher > 1)
    return refuse(request, name, "goes through a filter twice", error);
  return BD_OK;
}

bd_status_t survey_check_shapes(const survey_request_t *request, const survey_t *head,
                                const bd_attack_t *attacks, const place_t *places,
                                bd_error_t *error) {
  bd_status_t status =
      head->count < (INT64_C(1) << 40)
          ? BD_OK
          : bd_fail(error, BD_BAD_INPUT, "%s: /labels has too many labels", request->path);
  for (int a = 0; status == BD_OK && a < head->attack_count; a++) {
    status = check_shape(request, head, attacks[a].name, &places[a], &places[0], error);
    if (status == BD_OK) status = check_chunks(request, attacks[a].name, &places[a], error);
  }
  return status;
}

/* ---- the whole ----------------------------------------------------------------- */

/* `stored` counts over all groups: what shares its bytes would let a small file stand for a huge
 * set. */
static bd_status_t check_addresses(const survey_request_t *request, const survey_t *survey,
                                   int attack, uint64_t *stored, bd_error_t *error) {
  const place_t *place = &survey_places(survey)[attack];
  const char *name = survey_attacks(survey)[attack].name;
  const uint64_t file = (uint64_t)request->file_size;
  if (place->chunk[0] == 0) {
    const int64_t image =
        place->shape[1] * place->shape[2] * place->shape[3] * (int64_t)element_size(place->element);
    int64_t bytes;
    if (!__builtin_mul_overflow(image, place->shape[0], &bytes) && place->address <= file &&
        (uint64_t)bytes <= file - place->address && (*stored += (uint64_t)bytes) <= file)
      return BD_OK;
    return refuse(request, name, "declares more than is stored: damaged, or never written", error);
  }
  const chunk_t *chunks = survey_chunks(survey) + place->first_chunk;
  for (int64_t i = 0, all = chunks_of(place); i < all; i++) {
    if (chunks[i].size == 0 || chunks[i].address > file ||
        chunks[i].size > file - chunks[i].address || (*stored += chunks[i].size) > file)
      return refuse(request, name, "has chunks that are not in the file", error);
    /* A filter that makes data longer is left out by HDF5. */
    if (place->filter_count == 0 ? chunks[i].size != chunk_bytes(place)
                                 : chunks[i].size > chunk_bytes(place) + 1024)
      return refuse(request, name, "has chunks of another size than declared", error);
  }
  return BD_OK;
}

/* It ends, and the child has cleaned it. */
static int is_text(const char *text, size_t size) {
  return memchr(text, 0, size) != NULL && text_is_clean(text, 0);
}

bd_status_t survey_check(const survey_request_t *request, const survey_t *survey, size_t size,
                         bd_error_t *error) {
  int64_t chunks = 0;
  bd_status_t made_up =
      bd_fail(error, BD_BAD_INPUT, "%s: HDF5 lists nonsense of it: damaged, or made to harm",
              request->path);
  if (size < sizeof *survey || survey->attack_count < 1 ||
      survey->attack_count > SURVEY_ATTACKS_MAX + 1 || survey->count < 1 ||
      survey->count > request->most_bytes / 128 || survey->chunk_count < 0 ||
      survey->chunk_count > request->most_bytes / 256 || survey->has_clean < 0 ||
      survey->has_clean > 1 ||
      size != sizeof *survey +
                  (size_t)survey->attack_count * (sizeof(bd_attack_t) + sizeof(place_t)) +
                  (size_t)survey->count * sizeof(int64_t) +
                  (size_t)survey->chunk_count * sizeof(chunk_t) ||
      !is_text(survey->dataset, sizeof survey->dataset))
    return made_up;
  for (int a = 0; a < survey->attack_count; a++) {
    const bd_attack_t *attack = &survey_attacks(survey)[a];
    const place_t *place = &survey_places(survey)[a];
    if (!memchr(attack->name, 0, sizeof attack->name) ||
        !is_text(attack->norm, sizeof attack->norm) ||
        !is_text(attack->source, sizeof attack->source) ||
        (unsigned)place->element >= ELEMENT_OTHER || place->filter_count < 0 ||
        place->filter_count > SURVEY_FILTERS_MAX)
      return made_up;
  }
  bd_status_t status = BD_OK;
  for (int a = 0; status == BD_OK && a < survey->attack_count - survey->has_clean; a++)
    status = survey_check_name(request, survey_attacks(survey), a, error);
  if (status == BD_OK && survey->has_clean &&
      strcmp(survey_attacks(survey)[survey->attack_count - 1].name, "clean") != 0)
    return made_up;
  if (status == BD_OK)
    status =
        survey_check_shapes(request, survey, survey_attacks(survey), survey_places(survey), error);
  for (int a = 0; status == BD_OK && a < survey->attack_count; a++) {
    if (survey_places(survey)[a].first_chunk != chunks) return made_up;
    const int64_t more = chunks_of(&survey_places(survey)[a]);
    if (more > survey->chunk_count - chunks) return made_up;
    chunks += more;
  }
  if (status == BD_OK && chunks != survey->chunk_count) return made_up;
  uint64_t stored = 0;
  for (int a = 0; status == BD_OK && a < survey->attack_count; a++) {
    status = check_addresses(request, survey, a, &stored, error);
    /* Holes are zeros that nobody wrote: as many, beyond a gigabyte, as the best compression would
     * make of what is on the disk. */
    if (status == BD_OK && stored > HOLES_MOST &&
        stored / SURVEY_COMPRESSION_MOST > (uint64_t)request->on_disk)
      status = refuse(request, survey_attacks(survey)[a].name,
                      "declares more than is stored: damaged, or never written", error);
  }
  return status;
}
