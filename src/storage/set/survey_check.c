#include "storage/set/survey_check.h"

#include "storage/names.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bd_status_t refuse(const survey_request_t *request, const char *attack, const char *why,
                          bd_error_t *error) {
  return bd_fail(error, BD_BAD_INPUT, "%s: %s%s/images %s", request->path,
                 strcmp(attack, "clean") ? "/attacks/" : "/", attack, why);
}

/* ---- one group ----------------------------------------------------------------- */

bd_status_t survey_check_name(const survey_request_t *request, const bd_attack_t *attacks,
                              int index, bd_error_t *error) {
  const char *path = request->path, *name = attacks[index].name;
  switch (name_problem(attacks, sizeof *attacks, index)) {
    case NAME_IS_NOT_CLEAN:
      return bd_fail(error, BD_BAD_INPUT,
                     "%s: the name of attack \"%.*s\" has control characters or is not UTF-8", path,
                     BD_ATTACK_NAME - 1, name);
    case NAME_IS_NO_PART: break;
    case NAME_IS_TAKEN:
      return bd_fail(error, BD_BAD_INPUT, "%s: two attacks are named \"%s\"", path, name);
    case NAME_IS_GOOD:
      if (strcmp(name, "clean") != 0) return BD_OK;
  }
  return bd_fail(error, BD_BAD_INPUT, "%s: an attack cannot be named \"%s\"", path, name);
}

/* Do the axes seem to be [height][width][channels], as other programs keep images?  The last has 1,
   3 or 4, or a few after two of the same length, and the others are longer. */
static int looks_transposed(const survey_head_t *head, const int64_t shape[4]) {
  enum { BANDS_MOST = 16 };
  const int64_t last = shape[3];
  if (head->is_settled || shape[1] <= last || shape[2] <= last) return 0;
  return last == 1 || last == 3 || last == 4 || (last <= BANDS_MOST && shape[1] == shape[2]);
}

/* Except for the count of chunks, no product of these overflows.  There are up to 2^40 images of
   up to 2^45 bytes, and chunks fit into the memory. */
static bd_status_t check_shape(const survey_request_t *request, const survey_t *survey, int attack,
                               bd_error_t *error) {
  const survey_head_t *head = survey->head;
  const char *name = survey->attacks[attack].name;
  char why[256];
  const int64_t *shape = survey->places[attack].shape, *other = survey->places[0].shape;
  if (shape[0] < 0 || shape[1] < 1 || shape[2] < 1 || shape[3] < 1 || shape[1] > BD_CHANNELS_MAX ||
      shape[2] > BD_SIDE_MAX || shape[3] > BD_SIDE_MAX)
    return refuse(request, name, "is not of shape [images][channels][height][width]", error);
  if (shape[0] != head->count) {
    snprintf(why, sizeof why, "has %" PRId64 " images, /labels has %" PRId64, shape[0],
             head->count);
    return refuse(request, name, why, error);
  }
  if (looks_transposed(head, shape)) {
    snprintf(why, sizeof why,
             "is of %" PRId64 " x %" PRId64 " x %" PRId64
             " after the images, which looks like [height][width][channels]; barydef convert "
             "OLD.h5 NEW.h5 --layout nhwc moves the channels, --layout nchw keeps the axes",
             shape[1], shape[2], shape[3]);
    return refuse(request, name, why, error);
  }
  if (shape[1] == other[1] && shape[2] == other[2] && shape[3] == other[3]) return BD_OK;
  snprintf(why, sizeof why,
           "has images of %d x %d x %d, other groups (%s%s/images) of %d x %d x %d", (int)shape[1],
           (int)shape[2], (int)shape[3], strcmp(survey->attacks->name, "clean") ? "/attacks/" : "/",
           survey->attacks->name, (int)other[1], (int)other[2], (int)other[3]);
  return refuse(request, name, why, error);
}

/* Allow each of the known filters once at most. */
static int has_a_filter_twice(const place_t *place) {
  int times[FILTER_KINDS] = {0};
  for (int i = 0; i < place->filter_count; i++)
    if (times[place->filters[i]]++) return 1;
  return 0;
}

static bd_status_t check_chunks(const survey_request_t *request, const char *name,
                                const place_t *place, bd_error_t *error) {
  int64_t bytes = (int64_t)element_size(place->element), slab = bytes;
  char why[160];
  if (place->chunk[0] == 0) return BD_OK;
  for (int d = 0; d < 4; d++) {
    int too_many = place->chunk[d] < 1 || __builtin_mul_overflow(bytes, place->chunk[d], &bytes) ||
                   __builtin_mul_overflow(slab, d ? place->shape[d] : place->chunk[d], &slab);
    if (!too_many && bytes <= request->most_bytes / CHUNK_SHARE &&
        slab <= request->most_bytes / CHUNK_SHARE)
      continue;
    snprintf(why, sizeof why,
             "is in chunks that do not fit into an eighth of run.max_memory (%.0f MiB)",
             (double)request->most_bytes / (1 << 20));
    return refuse(request, name, why, error);
  }
  return has_a_filter_twice(place) ? refuse(request, name, "goes through a filter twice", error)
                                   : BD_OK;
}

bd_status_t survey_check_shapes(const survey_request_t *request, const survey_t *survey,
                                bd_error_t *error) {
  const survey_head_t *head = survey->head;
  bd_status_t status =
      head->count < INT64_C(1) << IMAGES_MOST_BITS
          ? BD_OK
          : bd_fail(error, BD_BAD_INPUT, "%s: /labels has too many labels", request->path);
  for (int a = 0; status == BD_OK && a < head->attack_count; a++) {
    status = check_shape(request, survey, a, error);
    if (status == BD_OK)
      status = check_chunks(request, survey->attacks[a].name, &survey->places[a], error);
  }
  return status;
}

/* ---- the whole ----------------------------------------------------------------- */

static bd_status_t refuse_all(const survey_request_t *request, bd_error_t *error) {
  return bd_fail(error, BD_BAD_INPUT, "%s: HDF5 lists nonsense in it: damaged, or made to harm",
                 request->path);
}

static int has_sensible_counts(const survey_request_t *request, const survey_head_t *head) {
  return head->attack_count >= 1 && head->attack_count <= BD_ATTACKS_MAX + 1 && head->count >= 1 &&
         head->count <= request->most_bytes / LABELS_SHARE && head->chunk_count >= 0 &&
         head->chunk_count <= request->most_bytes / CHUNKS_SHARE &&
         (head->has_clean == 0 || head->has_clean == 1) &&
         (head->is_settled == 0 || head->is_settled == 1);
}

/* Check that a text ends, and that the child has cleaned it. */
static int is_text(const char *text, size_t size) {
  return memchr(text, 0, size) != NULL && text_is_clean(text, TEXT_WITHOUT_TABS);
}

/* The same of lines. */
static int are_lines(const char *text, size_t size) {
  if (!memchr(text, 0, size)) return 0;
  char line[SURVEY_NOTES];
  for (size_t length; *text; text += length + (text[length] == '\n')) {
    length = strcspn(text, "\n");
    snprintf(line, sizeof line, "%.*s", (int)length, text);
    if (!text_is_clean(line, TEXT_WITHOUT_TABS)) return 0;
  }
  return 1;
}

static int has_sensible_groups(const survey_t *survey) {
  for (int a = 0; a < survey->head->attack_count; a++) {
    const bd_attack_t *attack = &survey->attacks[a];
    const place_t *place = &survey->places[a];
    if (!memchr(attack->name, 0, sizeof attack->name) ||
        !is_text(attack->norm, sizeof attack->norm) ||
        !is_text(attack->source, sizeof attack->source) ||
        !is_text(attack->through, sizeof attack->through) ||
        !is_text(attack->gradient, sizeof attack->gradient) ||
        (unsigned)place->element >= ELEMENT_OTHER || place->filter_count < 0 ||
        place->filter_count > FILTERS_MAX)
      return 0;
    for (int i = 0; i < place->filter_count; i++)
      if ((unsigned)place->filters[i] >= FILTER_KINDS) return 0;
  }
  return 1;
}

static bd_status_t check_names(const survey_request_t *request, const survey_t *survey,
                               bd_error_t *error) {
  const survey_head_t *head = survey->head;
  for (int a = 0; a < head->attack_count - head->has_clean; a++) {
    bd_status_t status = survey_check_name(request, survey->attacks, a, error);
    if (status != BD_OK) return status;
  }
  return head->has_clean && strcmp(survey->attacks[head->attack_count - 1].name, "clean") != 0
             ? refuse_all(request, error)
             : BD_OK;
}

/* Do the groups, one after the other, use up the list of chunks? */
static int has_every_chunk(const survey_t *survey) {
  int64_t chunks = 0;
  for (int a = 0; a < survey->head->attack_count; a++) {
    const int64_t more = chunks_of(&survey->places[a]);
    if (survey->places[a].first_chunk != chunks || more > survey->head->chunk_count - chunks)
      return 0;
    chunks += more;
  }
  return chunks == survey->head->chunk_count;
}

/* Check that chunks lie inside the file, and count their stored bytes. */
static const char *chunks_problem(const survey_request_t *request, const survey_t *survey,
                                  const place_t *place, uint64_t *stored) {
  const uint64_t file = (uint64_t)request->file_size;
  const chunk_t *chunks = survey->chunks + place->first_chunk;
  for (int64_t i = 0, all = chunks_of(place); i < all; i++) {
    if (chunks[i].size == 0 || chunks[i].address > file ||
        chunks[i].size > file - chunks[i].address || (*stored += chunks[i].size) > file)
      return "has chunks that are not in the file";
    if (place->filter_count == 0 ? chunks[i].size != chunk_bytes(place)
                                 : chunks[i].size > chunk_bytes(place) + CHUNK_GROWTH_MOST)
      return "has chunks of another size than declared";
  }
  return NULL;
}

static const char *place_problem(const survey_request_t *request, const survey_t *survey,
                                 const place_t *place, uint64_t *stored) {
  const uint64_t file = (uint64_t)request->file_size;
  int64_t bytes;
  if (place->chunk[0]) return chunks_problem(request, survey, place, stored);
  if (!__builtin_mul_overflow(image_bytes(place), place->shape[0], &bytes) &&
      place->address <= file && (uint64_t)bytes <= file - place->address &&
      (*stored += (uint64_t)bytes) <= file)
    return NULL;
  return "declares more than is stored: damaged, or never written";
}

/* Are these the same bytes of the file, as two hard links to one dataset are? */
static int is_same_place(const survey_t *survey, const place_t *one, const place_t *other) {
  if (memcmp(one->shape, other->shape, sizeof one->shape) != 0 ||
      memcmp(one->chunk, other->chunk, sizeof one->chunk) != 0 || one->element != other->element)
    return 0;
  if (!one->chunk[0]) return one->address == other->address;
  return !memcmp(survey->chunks + one->first_chunk, survey->chunks + other->first_chunk,
                 (size_t)chunks_of(one) * sizeof *survey->chunks);
}

/* Has an earlier group of these images, and few enough of them? */
static int is_counted(const survey_t *survey, int attack) {
  int links = 0;
  for (int a = 0; a < attack && links <= LINKS_MOST; a++)
    links += is_same_place(survey, &survey->places[a], &survey->places[attack]);
  return links > 0 && links <= LINKS_MOST;
}

/* The stored bytes count over all groups, hard links to one dataset once. */
static bd_status_t check_places(const survey_request_t *request, const survey_t *survey,
                                bd_error_t *error) {
  uint64_t stored = 0;
  for (int a = 0; a < survey->head->attack_count; a++) {
    uint64_t again = 0;
    const char *problem = place_problem(request, survey, &survey->places[a],
                                        is_counted(survey, a) ? &again : &stored);
    /* Holes are zeros that nobody wrote.  There may be a gigabyte of them, and beyond that as many
       as the best compression would make of what is on the disk. */
    if (!problem && stored > HOLES_MOST && stored / COMPRESSION_MOST > (uint64_t)request->on_disk)
      problem = "declares more than is stored: damaged, or never written";
    if (problem) return refuse(request, survey->attacks[a].name, problem, error);
  }
  return BD_OK;
}

bd_status_t survey_check(const survey_request_t *request, void *bytes, size_t size,
                         survey_t *survey, bd_error_t *error) {
  if (!survey_take_apart(bytes, size, survey) || !has_sensible_counts(request, survey->head) ||
      !is_text(survey->head->dataset, sizeof survey->head->dataset) ||
      !are_lines(survey->head->notes, sizeof survey->head->notes) || !has_sensible_groups(survey))
    return refuse_all(request, error);
  bd_status_t status = check_names(request, survey, error);
  if (status == BD_OK) status = survey_check_shapes(request, survey, error);
  if (status == BD_OK && !has_every_chunk(survey)) return refuse_all(request, error);
  return status == BD_OK ? check_places(request, survey, error) : status;
}
