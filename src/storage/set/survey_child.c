#include "storage/set/survey_child.h"

#include "storage/hdf5/h5.h"
#include "storage/hdf5/isolate_child.h"
#include "storage/set/survey_check.h"
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct taking {
  const survey_request_t *request;
  hid_t file;
  survey_head_t head;
  survey_t survey; /* the set whose head this is */
  FILE *out;
} taking_t;

static bd_status_t refuse(const taking_t *t, const char *object, const char *why,
                          bd_error_t *error) {
  return bd_fail(error, BD_BAD_INPUT, "%s: %s %s", t->request->path, object, why);
}

/* ---- what a file may hold ------------------------------------------ */

static bd_status_t check_links(const taking_t *t, const char *path, bd_error_t *error) {
  char part[512];
  size_t length;
  const char *problem = h5_link_problem(t->file, path, &length);
  snprintf(part, sizeof part, "%.*s", (int)length, path);
  return problem ? refuse(t, part, problem, error) : BD_OK;
}

/* Describe the first unknown filter of a dataset, or give "" if all are known. */
static void find_unknown_filter(hid_t plan, char unknown[160]) {
  const int filters = H5Pget_nfilters(plan);
  char name[64] = "";
  *unknown = 0;
  for (int i = 0; i < filters && !*unknown; i++) {
    unsigned flags, config;
    size_t values = 0;
    H5Z_filter_t filter =
        H5Pget_filter2(plan, (unsigned)i, &flags, &values, NULL, sizeof name, name, &config);
    name[sizeof name - 1] = 0;
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE &&
        filter != H5Z_FILTER_FLETCHER32)
      snprintf(unknown, 160,
               "is compressed by filter %d (%s); deflate, shuffle and fletcher32 can be read",
               (int)filter, name);
  }
}

/* Check that the data lies in the file itself, contiguous or in chunks, behind known filters. */
static bd_status_t check_storage(const taking_t *t, const char *path, hid_t dataset,
                                 bd_error_t *error) {
  hid_t plan = H5Dget_create_plist(dataset);
  const H5D_layout_t layout = H5Pget_layout(plan);
  const int filters = H5Pget_nfilters(plan), external = H5Pget_external_count(plan);
  char unknown[160];
  find_unknown_filter(plan, unknown);
  h5_close(plan);
  if (external != 0)
    return refuse(t, path, "keeps its data in other files (external storage), which are not read",
                  error);
  if (layout == H5D_VIRTUAL)
    return refuse(t, path, "is a virtual dataset, made of other files, which are not read", error);
  if (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
    return refuse(t, path, "is neither contiguous nor in chunks", error);
  if (filters > FILTERS_MAX) return refuse(t, path, "has more filters than make sense", error);
  return *unknown ? refuse(t, path, unknown, error) : BD_OK;
}

/* Open a dataset that passes this check. */
static bd_status_t open_dataset(const taking_t *t, const char *path, hid_t *dataset,
                                bd_error_t *error) {
  bd_status_t status = check_links(t, path, error);
  *dataset = -1;
  if (status == BD_OK && (*dataset = H5Dopen2(t->file, path, H5P_DEFAULT)) < 0)
    status = refuse(t, path, "is not a dataset", error);
  if (status == BD_OK) status = check_storage(t, path, *dataset, error);
  return status;
}

/* ---- what there is ------------------------------------------------------------- */

static bd_status_t open_file(taking_t *t, bd_error_t *error) {
  const char *path = t->request->path;
  char schema[64];
  int64_t version;
  hsize_t block = 0;
  t->file = h5_open_descriptor(t->request->descriptor, 0);
  isolate_close_doors();
  if (t->file < 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: not an HDF5 file, or damaged (%s)", path, h5_reason());
  hid_t plan = H5Fget_create_plist(t->file);
  H5Pget_userblock(plan, &block);
  h5_close(plan);
  if (block)
    return bd_fail(error, BD_BAD_INPUT, "%s: has a user block, which is not supported", path);
  if (!h5_get_text(t->file, "schema", schema, sizeof schema) || strcmp(schema, BD_IMAGES_SCHEMA))
    return bd_fail(
        error, BD_BAD_INPUT,
        "%s: not a file of attacked images: attribute schema of / is not \"" BD_IMAGES_SCHEMA "\"",
        path);
  if (!h5_get_integer(t->file, "schema_version", &version) || version != BD_IMAGES_SCHEMA_VERSION)
    return bd_fail(error, BD_BAD_INPUT, "%s: attribute schema_version of / is not %d", path,
                   BD_IMAGES_SCHEMA_VERSION);
  h5_get_text(t->file, "dataset", t->head.dataset, sizeof t->head.dataset);
  text_clean(t->head.dataset);
  return BD_OK;
}

/* Count the labels.  All of them must be stored, since HDF5 would fill in those that are not. */
static bd_status_t count_labels(taking_t *t, hid_t dataset, bd_error_t *error) {
  const char *path = t->request->path;
  hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  hsize_t count = 0;
  const hsize_t stored = H5Dget_storage_size(dataset), each = H5Tget_size(type);
  const int fits =
      H5Tget_class(type) == H5T_INTEGER && each <= 8 && H5Sget_simple_extent_ndims(space) == 1;
  if (fits) H5Sget_simple_extent_dims(space, &count, NULL);
  h5_close(space);
  h5_close(type);
  t->head.count = (int64_t)count;
  if (!fits) return refuse(t, "/labels", "is not a one-dimensional dataset of integers", error);
  if (count == 0) return refuse(t, "/labels", "is empty", error);
  if (count > (hsize_t)t->request->most_bytes / LABELS_SHARE)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: /labels declares %" PRIu64 " labels, more than run.max_memory allows", path,
                   (uint64_t)count);
  if (stored < count * each / COMPRESSION_MOST)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: /labels declares %" PRIu64 " labels, but only %" PRIu64 " bytes are stored",
                   path, (uint64_t)count, (uint64_t)stored);
  return BD_OK;
}

static bd_status_t read_labels(taking_t *t, bd_error_t *error) {
  const char *path = t->request->path;
  hid_t dataset = -1;
  bd_status_t status = open_dataset(t, "/labels", &dataset, error);
  if (status == BD_OK) status = count_labels(t, dataset, error);
  if (status == BD_OK &&
      !(t->survey.labels = malloc((size_t)t->head.count * sizeof *t->survey.labels)))
    status = bd_fail(error, BD_FAILED, "%s: no memory for %" PRId64 " labels", path, t->head.count);
  if (status == BD_OK &&
      H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, t->survey.labels) < 0)
    status = bd_fail(error, BD_BAD_INPUT, "%s: /labels cannot be read (%s)", path, h5_reason());
  h5_close(dataset);
  return status;
}

static element_t element_of(hid_t type, int *is_swapped) {
  const struct {
    hid_t type;
    element_t element;
    int is_big;
  } known[] = {{H5T_IEEE_F32LE, ELEMENT_FLOAT32, 0}, {H5T_IEEE_F32BE, ELEMENT_FLOAT32, 1},
               {H5T_IEEE_F64LE, ELEMENT_FLOAT64, 0}, {H5T_IEEE_F64BE, ELEMENT_FLOAT64, 1},
               {H5T_STD_U8LE, ELEMENT_UINT8, 0},     {H5T_STD_U8BE, ELEMENT_UINT8, 0}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (H5Tequal(type, known[i].type) > 0) {
      *is_swapped = known[i].is_big == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) &&
                    known[i].element != ELEMENT_UINT8;
      return known[i].element;
    }
  return ELEMENT_OTHER;
}

static void read_filters(hid_t plan, place_t *place) {
  place->filter_count = H5Pget_nfilters(plan);
  for (int i = 0; i < place->filter_count; i++) {
    unsigned flags, config;
    size_t values = 0;
    H5Z_filter_t filter =
        H5Pget_filter2(plan, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
    place->filters[i] = filter == H5Z_FILTER_DEFLATE   ? FILTER_DEFLATE
                        : filter == H5Z_FILTER_SHUFFLE ? FILTER_SHUFFLE
                                                       : FILTER_FLETCHER32;
  }
}

/* Read type, shape and layout.  The list of chunks follows later. */
static bd_status_t read_place(taking_t *t, const char *path, place_t *place, bd_error_t *error) {
  hid_t dataset = -1;
  hsize_t size[4] = {0}, chunk[4] = {0};
  bd_status_t status = open_dataset(t, path, &dataset, error);
  hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset),
        plan = H5Dget_create_plist(dataset);
  if (status == BD_OK && (place->element = element_of(type, &place->is_swapped)) == ELEMENT_OTHER)
    status = refuse(t, path, "is not a dataset of float32, float64 or uint8", error);
  if (status == BD_OK && H5Sget_simple_extent_ndims(space) != 4)
    status = refuse(t, path, "is not of shape [images][channels][height][width]", error);
  if (status == BD_OK) {
    H5Sget_simple_extent_dims(space, size, NULL);
    if (H5Pget_layout(plan) == H5D_CHUNKED && H5Pget_chunk(plan, 4, chunk) == 4)
      read_filters(plan, place);
    else place->address = H5Dget_offset(dataset);
    for (int i = 0; i < 4; i++) {
      place->shape[i] = size[i] > INT64_MAX ? -1 : (int64_t)size[i];
      place->chunk[i] = chunk[i] > INT64_MAX ? -1 : (int64_t)chunk[i];
    }
  }
  h5_close(plan);
  h5_close(space);
  h5_close(type);
  h5_close(dataset);
  return status;
}

static bd_status_t read_group(taking_t *t, const char *name, int index, bd_error_t *error) {
  bd_attack_t *attack = &t->survey.attacks[index];
  char path[BD_ATTACK_NAME + 32];
  if (strlen(name) >= BD_ATTACK_NAME)
    return bd_fail(error, BD_BAD_INPUT, "%s: the name of attack \"%.80s\" is longer than %d bytes",
                   t->request->path, name, BD_ATTACK_NAME - 1);
  snprintf(attack->name, sizeof attack->name, "%s", name);
  snprintf(path, sizeof path, "/attacks/%s", name);
  bd_status_t status = survey_check_name(t->request, t->survey.attacks, index, error);
  if (status == BD_OK) status = check_links(t, path, error);
  if (status != BD_OK) return status;
  hid_t group = H5Oopen(t->file, path, H5P_DEFAULT);
  attack->epsilon = NAN;
  if (group >= 0) {
    h5_get_text(group, "norm", attack->norm, sizeof attack->norm);
    h5_get_text(group, "source", attack->source, sizeof attack->source);
    h5_get_real(group, "epsilon", &attack->epsilon);
  }
  h5_close(group);
  text_clean(attack->norm);
  text_clean(attack->source);
  snprintf(path, sizeof path, "/attacks/%s/images", name);
  return read_place(t, path, &t->survey.places[index], error);
}

/* Count the groups that there are. */
static bd_status_t count_groups(taking_t *t, int *attacks, bd_error_t *error) {
  const char *path = t->request->path;
  H5G_info_t group;
  bd_status_t status = BD_OK;
  *attacks = 0;
  if (H5Lexists(t->file, "/clean", H5P_DEFAULT) > 0) {
    status = check_links(t, "/clean", error);
    t->head.has_clean = status == BD_OK && H5Lexists(t->file, "/clean/images", H5P_DEFAULT) > 0;
  }
  if (status == BD_OK && H5Lexists(t->file, "/attacks", H5P_DEFAULT) > 0) {
    status = check_links(t, "/attacks", error);
    if (status != BD_OK) return status;
    if (H5Gget_info_by_name(t->file, "/attacks", &group, H5P_DEFAULT) < 0 ||
        group.nlinks > BD_ATTACKS_MAX)
      return bd_fail(error, BD_BAD_INPUT, "%s: /attacks is not a group of at most %d attacks", path,
                     BD_ATTACKS_MAX);
    *attacks = (int)group.nlinks;
  }
  t->head.attack_count = *attacks + t->head.has_clean;
  if (status == BD_OK && t->head.attack_count == 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: has neither a group below /attacks nor /clean/images",
                   path);
  return status;
}

static bd_status_t read_groups(taking_t *t, bd_error_t *error) {
  int attacks;
  bd_status_t status = count_groups(t, &attacks, error);
  if (status != BD_OK) return status;
  t->survey.attacks = calloc((size_t)t->head.attack_count, sizeof *t->survey.attacks);
  t->survey.places = calloc((size_t)t->head.attack_count, sizeof *t->survey.places);
  if (!t->survey.attacks || !t->survey.places)
    return bd_fail(error, BD_FAILED, "%s: no memory", t->request->path);
  for (int a = 0; a < attacks; a++) {
    char name[256] = "";
    H5Lget_name_by_idx(t->file, "/attacks", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)a, name,
                       sizeof name, H5P_DEFAULT);
    status = read_group(t, name, a, error);
    if (status != BD_OK) return status;
  }
  if (!t->head.has_clean) return BD_OK;
  snprintf(t->survey.attacks[attacks].name, sizeof t->survey.attacks->name, "clean");
  snprintf(t->survey.attacks[attacks].norm, sizeof t->survey.attacks->norm, "none");
  return read_place(t, "/clean/images", &t->survey.places[attacks], error);
}

/* ---- handing it over ----------------------------------------------------------- */

/* HDF5 1.10 goes through all chunks of a group for each of them.  One takes 19 ns, measured on an
   idle core. */
static double listing_seconds(int64_t chunks) { return 40e-9 * (double)chunks * (double)chunks; }

/* Listing the chunks of a set may take as long as it does for 65,536 chunks, and one more second
   for each 64 MiB of the file, since computing a large file takes longer still. */
static double listing_seconds_most(int64_t file_size) {
  return listing_seconds(65536) + (double)file_size / (64 << 20);
}

static bd_status_t put_chunk(taking_t *t, const char *path, hid_t dataset, const place_t *p,
                             int64_t index, bd_error_t *error) {
  hsize_t at[4], rest = (hsize_t)index, size = 0;
  haddr_t address = HADDR_UNDEF;
  chunk_t chunk = {0};
  for (int d = 3; d >= 0; d--) {
    const hsize_t grid = (hsize_t)chunks_along(p, d);
    at[d] = rest % grid * (hsize_t)p->chunk[d];
    rest /= grid;
  }
  if (H5Dget_chunk_info_by_coord(dataset, at, &chunk.skipped, &address, &size) < 0 ||
      size > UINT32_MAX)
    return refuse(t, path, "has a list of chunks that cannot be read", error);
  if (address == HADDR_UNDEF)
    return refuse(t, path, "is not whole: chunks of it were never written", error);
  chunk.address = address;
  chunk.size = (uint32_t)size;
  parcel_put(t->out, &chunk, 1, sizeof chunk);
  return BD_OK;
}

static bd_status_t put_chunks(taking_t *t, int attack, bd_error_t *error) {
  const place_t *p = &t->survey.places[attack];
  char path[BD_ATTACK_NAME + 32];
  const int is_clean = t->head.has_clean && attack == t->head.attack_count - 1;
  snprintf(path, sizeof path, is_clean ? "/%s/images" : "/attacks/%s/images",
           t->survey.attacks[attack].name);
  const int64_t all = chunks_of(p);
  if (all > t->request->file_size / CHUNK_INDEX_BYTES)
    return refuse(t, path, "is not whole: chunks of it were never written", error);
  hid_t dataset = H5Dopen2(t->file, path, H5P_DEFAULT);
  bd_status_t status = BD_OK;
  isolate_more_time(listing_seconds(all));
  for (int64_t i = 0; status == BD_OK && i < all; i++)
    status = put_chunk(t, path, dataset, p, i, error);
  h5_close(dataset);
  return status;
}

/* Number the chunks of all groups, and refuse too many. */
static bd_status_t count_chunks(taking_t *t, bd_error_t *error) {
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

/* Put the parts in the order of survey_take_apart. */
static bd_status_t hand_over(taking_t *t, bd_error_t *error) {
  const survey_head_t *head = &t->head;
  const size_t groups = (size_t)head->attack_count;
  parcel_put(t->out, head, 1, sizeof *head);
  parcel_put(t->out, t->survey.attacks, groups, sizeof *t->survey.attacks);
  parcel_put(t->out, t->survey.places, groups, sizeof *t->survey.places);
  parcel_put(t->out, t->survey.labels, (size_t)head->count, sizeof *t->survey.labels);
  bd_status_t status = BD_OK;
  for (int a = 0; status == BD_OK && a < head->attack_count; a++)
    if (t->survey.places[a].chunk[0]) status = put_chunks(t, a, error);
  return status;
}

bd_status_t survey_child(void *request, FILE *out, bd_error_t *error) {
  taking_t t = {.request = request, .file = -1, .out = out};
  t.survey.head = &t.head;
  t.head.file_size = t.request->file_size;
  bd_status_t status = open_file(&t, error);
  if (status == BD_OK) status = read_labels(&t, error);
  if (status == BD_OK) status = read_groups(&t, error);
  if (status == BD_OK) status = survey_check_shapes(t.request, &t.survey, error);
  if (status == BD_OK) status = count_chunks(&t, error);
  if (status == BD_OK) status = hand_over(&t, error);
  h5_close(t.file);
  free(t.survey.attacks);
  free(t.survey.places);
  free(t.survey.labels);
  return status;
}
