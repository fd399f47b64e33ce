#include "h5.h"

#include <barydef/images.h>

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

struct bd_images {
  char *path;
  hid_t file;
  bd_images_info_t info;
  bd_attack_t *attacks;
  hid_t dataset[2]; /* open for reading: of open_attack, of the clean images */
  int open_attack;
  int64_t *labels;
};

const bd_images_info_t *bd_images_info(const bd_images_t *images) { return &images->info; }
const int64_t *bd_images_labels(const bd_images_t *images) { return images->labels; }

int bd_images_find(const bd_images_t *images, const char *name) {
  for (int a = 0; a < images->info.attack_count; a++)
    if (!strcmp(images->attacks[a].name, name)) return a;
  return -1;
}

void bd_images_close(bd_images_t *images) {
  if (!images) return;
  h5_close(images->dataset[0]);
  h5_close(images->dataset[1]);
  h5_close(images->file);
  free(images->attacks);
  free(images->labels);
  free(images->path);
  free(images);
}

/* ---- opening ------------------------------------------------------------------- */

static bd_status_t open_file(bd_images_t *images, bd_error_t *error) {
  FILE *probe = fopen(images->path, "rb");
  if (!probe) return bd_fail(error, BD_BAD_INPUT, "%s: cannot be opened: %m", images->path);
  fclose(probe);
  h5_silence();
  images->file = H5Fopen(images->path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (images->file < 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: not an HDF5 file, or damaged (%s)", images->path, h5_reason());
  char schema[64];
  int64_t version;
  if (!h5_get_text(images->file, "schema", schema, sizeof schema) || strcmp(schema, "attacked-images"))
    return bd_fail(error, BD_BAD_INPUT, "%s: not a file of attacked images: attribute schema of / is not \"attacked-images\"",
                   images->path);
  if (!h5_get_integer(images->file, "schema_version", &version) || version != 1)
    return bd_fail(error, BD_BAD_INPUT, "%s: attribute schema_version of / is not 1", images->path);
  if (!h5_get_text(images->file, "dataset", images->info.dataset, sizeof images->info.dataset))
    images->info.dataset[0] = 0;
  return BD_OK;
}

static bd_status_t read_labels(bd_images_t *images, bd_error_t *error) {
  if (!h5_has(images->file, "/labels"))
    return bd_fail(error, BD_BAD_INPUT, "%s: no dataset /labels", images->path);
  hid_t dataset = H5Dopen2(images->file, "/labels", H5P_DEFAULT);
  hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  hsize_t count = 0;
  bd_status_t status = BD_OK;
  if (dataset < 0 || H5Tget_class(type) != H5T_INTEGER || H5Sget_simple_extent_ndims(space) != 1)
    status = bd_fail(error, BD_BAD_INPUT, "%s: /labels is not a one-dimensional dataset of integers", images->path);
  else {
    H5Sget_simple_extent_dims(space, &count, NULL);
    images->info.count = (int64_t)count;
    images->labels = calloc(count + 1, sizeof *images->labels);
    if (count == 0)
      status = bd_fail(error, BD_BAD_INPUT, "%s: /labels is empty", images->path);
    else if (!images->labels)
      status = bd_fail(error, BD_FAILED, "%s: no memory for %" PRIu64 " labels", images->path, (uint64_t)count);
    else if (H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, images->labels) < 0)
      status = bd_fail(error, BD_BAD_INPUT, "%s: /labels cannot be read (%s)", images->path, h5_reason());
  }
  h5_close(space);
  h5_close(type);
  h5_close(dataset);
  if (status != BD_OK) return status;
  images->info.label_min = images->info.label_max = images->labels[0];
  for (int64_t i = 1; i < images->info.count; i++) {
    if (images->labels[i] < images->info.label_min) images->info.label_min = images->labels[i];
    if (images->labels[i] > images->info.label_max) images->info.label_max = images->labels[i];
  }
  return BD_OK;
}

static const char *type_name(hid_t type) {
  if (H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) == 4) return "float32";
  if (H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) == 8) return "float64";
  if (H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 1 && H5Tget_sign(type) == H5T_SGN_NONE)
    return "uint8";
  return NULL;
}

/* Name of a filter of the dataset this reader does not have, or NULL. */
static const char *unknown_filter(hid_t dataset, char name[64]) {
  hid_t plan = H5Dget_create_plist(dataset);
  int found = 0;
  for (int i = 0; i < H5Pget_nfilters(plan) && !found; i++) {
    unsigned flags, config;
    size_t values = 0;
    H5Z_filter_t filter = H5Pget_filter2(plan, (unsigned)i, &flags, &values, NULL, 64, name, &config);
    found = filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32;
    if (found && !*name) snprintf(name, 64, "filter %d", (int)filter);
  }
  h5_close(plan);
  return found ? name : NULL;
}

static double chunk_bytes(hid_t dataset) {
  hid_t plan = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
  hsize_t chunk[H5S_MAX_RANK];
  double bytes = 0;
  if (H5Pget_layout(plan) == H5D_CHUNKED) {
    int rank = H5Pget_chunk(plan, H5S_MAX_RANK, chunk);
    bytes = (double)H5Tget_size(type);
    for (int i = 0; i < rank; i++) bytes *= (double)chunk[i];
  }
  h5_close(type);
  h5_close(plan);
  return bytes;
}

/* The dataset of an attack.  One attack and the clean images are kept open, each with a
   cache for one chunk, so that no block inflates the chunk of the block before again, and
   memory does not grow with the number of attacks. */
static hid_t dataset_of(bd_images_t *images, int attack) {
  const int slot = images->info.has_clean && attack == images->info.attack_count - 1; /* 1: clean */
  if (images->dataset[slot] >= 0 && (slot || images->open_attack == attack)) return images->dataset[slot];
  char path[BD_ATTACK_NAME + 32] = "/clean/images";
  if (!slot) snprintf(path, sizeof path, "/attacks/%s/images", images->attacks[attack].name);
  h5_close(images->dataset[slot]);
  hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  H5Pset_chunk_cache(access, 101, (size_t)fmax(images->info.chunk_bytes, 1 << 20), 1);
  images->dataset[slot] = H5Dopen2(images->file, path, access);
  h5_close(access);
  if (!slot) images->open_attack = attack;
  return images->dataset[slot];
}

/* Check the dataset of one group against the labels and the groups before it. */
static bd_status_t check_dataset(bd_images_t *images, const char *path, hid_t dataset, bd_attack_t *attack, bd_error_t *error) {
  bd_images_info_t *info = &images->info;
  hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  hsize_t size[4] = {0};
  int rank = H5Sget_simple_extent_ndims(space);
  const char *name = dataset < 0 ? NULL : type_name(type);
  if (rank == 4) H5Sget_simple_extent_dims(space, size, NULL);
  h5_close(type);
  h5_close(space);
  if (!name)
    return bd_fail(error, BD_BAD_INPUT, "%s: %s is not a dataset of float32, float64 or uint8", images->path, path);
  if (rank != 4 || !size[1] || !size[2] || !size[3] || size[1] > 4096 || size[2] > 32768 || size[3] > 32768)
    return bd_fail(error, BD_BAD_INPUT, "%s: %s is not of shape [images][channels][height][width]", images->path, path);
  if ((int64_t)size[0] != info->count)
    return bd_fail(error, BD_BAD_INPUT, "%s: %s has %" PRIu64 " images, /labels has %" PRId64, images->path,
                   path, (uint64_t)size[0], info->count);
  char filter[64] = "";
  if (unknown_filter(dataset, filter))
    return bd_fail(error, BD_BAD_INPUT, "%s: %s is compressed by \"%s\"; deflate, shuffle and fletcher32 can be read", images->path,
                   path, filter);
  info->chunk_bytes = fmax(info->chunk_bytes, chunk_bytes(dataset));
  snprintf(attack->type, sizeof attack->type, "%s", name);
  if (info->channels == 0) {
    info->channels = (int)size[1];
    info->height = (int)size[2];
    info->width = (int)size[3];
  }
  if ((int)size[1] != info->channels || (int)size[2] != info->height || (int)size[3] != info->width)
    return bd_fail(error, BD_BAD_INPUT, "%s: %s has images of %d x %d x %d, other groups of %d x %d x %d",
                   images->path, path, (int)size[1], (int)size[2], (int)size[3], info->channels,
                   info->height, info->width);
  return BD_OK;
}

static bd_status_t open_images(bd_images_t *images, const char *path, bd_attack_t *attack, bd_error_t *error) {
  if (!h5_has(images->file, path)) return bd_fail(error, BD_BAD_INPUT, "%s: no dataset %s", images->path, path);
  hid_t dataset = H5Dopen2(images->file, path, H5P_DEFAULT);
  bd_status_t status = check_dataset(images, path, dataset, attack, error);
  h5_close(dataset);
  return status;
}

static bd_status_t open_attack(bd_images_t *images, const char *name, int index, bd_error_t *error) {
  bd_attack_t *attack = &images->attacks[index];
  char path[BD_ATTACK_NAME + 32];
  if (strlen(name) >= BD_ATTACK_NAME)
    return bd_fail(error, BD_BAD_INPUT, "%s: the name of attack \"%.80s\" is longer than %d bytes", images->path,
                   name, BD_ATTACK_NAME - 1);
  if (!strcmp(name, "clean"))
    return bd_fail(error, BD_BAD_INPUT, "%s: an attack cannot be named \"clean\"", images->path);
  snprintf(attack->name, sizeof attack->name, "%s", name);
  snprintf(path, sizeof path, "/attacks/%s", name);
  hid_t group = H5Oopen(images->file, path, H5P_DEFAULT);
  attack->epsilon = NAN;
  if (group >= 0) {
    h5_get_text(group, "norm", attack->norm, sizeof attack->norm);
    h5_get_text(group, "source", attack->source, sizeof attack->source);
    h5_get_real(group, "epsilon", &attack->epsilon);
  }
  h5_close(group);
  snprintf(path, sizeof path, "/attacks/%s/images", name);
  return open_images(images, path, attack, error);
}

static bd_status_t open_groups(bd_images_t *images, bd_error_t *error) {
  H5G_info_t group;
  int attacks = 0, has_clean = h5_has(images->file, "/clean/images");
  if (h5_has(images->file, "/attacks")) {
    if (H5Gget_info_by_name(images->file, "/attacks", &group, H5P_DEFAULT) < 0 || group.nlinks > 10000)
      return bd_fail(error, BD_BAD_INPUT, "%s: /attacks is not a group of at most 10000 attacks", images->path);
    attacks = (int)group.nlinks;
  }
  if (attacks + has_clean == 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: neither a group below /attacks nor /clean/images", images->path);
  images->attacks = calloc((size_t)attacks + 1, sizeof *images->attacks);
  if (!images->attacks) return bd_fail(error, BD_FAILED, "%s: no memory", images->path);
  images->info.attacks = images->attacks;
  images->info.attack_count = attacks + has_clean;
  images->info.has_clean = has_clean;
  for (int a = 0; a < attacks; a++) {
    char name[256] = "";
    H5Lget_name_by_idx(images->file, "/attacks", H5_INDEX_NAME, H5_ITER_INC, (hsize_t)a, name, sizeof name, H5P_DEFAULT);
    bd_status_t status = open_attack(images, name, a, error);
    if (status != BD_OK) return status;
  }
  if (!has_clean) return BD_OK;
  bd_attack_t *clean = &images->attacks[attacks];
  snprintf(clean->name, sizeof clean->name, "clean");
  snprintf(clean->norm, sizeof clean->norm, "none");
  return open_images(images, "/clean/images", clean, error);
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
    const bd_attack_t *attack = &images->attacks[a];
    length = snprintf(line, sizeof line, "%s %s %s %a %s\n", attack->name, attack->type, attack->norm,
                      attack->epsilon, attack->source);
    XXH3_128bits_update(state, line, (size_t)length);
  }
  XXH3_128bits_update(state, images->labels, (size_t)info->count * sizeof *images->labels);
  XXH128_hash_t hash = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  snprintf(info->digest, sizeof info->digest, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
}

bd_status_t bd_images_open(const char *path, bd_images_t **out, bd_error_t *error) {
  *out = NULL;
  bd_images_t *images = calloc(1, sizeof *images);
  if (!images) return bd_fail(error, BD_FAILED, "%s: no memory", path);
  images->file = images->dataset[0] = images->dataset[1] = -1;
  images->path = strdup(path);
  bd_status_t status = images->path ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory", path);
  if (status == BD_OK) status = open_file(images, error);
  if (status == BD_OK) status = read_labels(images, error);
  if (status == BD_OK) status = open_groups(images, error);
  if (status != BD_OK) {
    bd_images_close(images);
    return status;
  }
  compute_digest(images);
  *out = images;
  return BD_OK;
}

/* ---- fetching ahead ------------------------------------------------------------ */

static void fetch(bd_images_t *images, haddr_t place, hsize_t size) {
  int *descriptor;
  if (place == HADDR_UNDEF || H5Fget_vfd_handle(images->file, H5P_DEFAULT, (void **)&descriptor) < 0) return;
  posix_fadvise(*descriptor, (off_t)place, (off_t)size, POSIX_FADV_WILLNEED);
}

/* The chunks that hold images first .. end - 1. */
static void fetch_chunks(bd_images_t *images, hid_t dataset, const hsize_t *chunk, hsize_t first, hsize_t end) {
  const bd_images_info_t *info = &images->info;
  for (hsize_t n = first / chunk[0] * chunk[0]; n < end; n += chunk[0])
    for (hsize_t c = 0; c < (hsize_t)info->channels; c += chunk[1])
      for (hsize_t y = 0; y < (hsize_t)info->height; y += chunk[2])
        for (hsize_t x = 0; x < (hsize_t)info->width; x += chunk[3]) {
          unsigned mask;
          haddr_t place = HADDR_UNDEF;
          hsize_t size = 0;
          if (H5Dget_chunk_info_by_coord(dataset, (hsize_t[]){n, c, y, x}, &mask, &place, &size) >= 0) fetch(images, place, size);
        }
}

void bd_images_expect(bd_images_t *images, int attack, int64_t first, int64_t count) {
  const bd_images_info_t *info = &images->info;
  char path[BD_ATTACK_NAME + 32] = "/clean/images";
  if (!info->has_clean || attack < info->attack_count - 1) snprintf(path, sizeof path, "/attacks/%s/images", images->attacks[attack].name);
  hid_t dataset = H5Dopen2(images->file, path, H5P_DEFAULT), plan = H5Dget_create_plist(dataset), type = H5Dget_type(dataset);
  hsize_t chunk[4], row = H5Tget_size(type) * (hsize_t)info->channels * (hsize_t)info->height * (hsize_t)info->width;
  if (H5Pget_layout(plan) == H5D_CHUNKED && H5Pget_chunk(plan, 4, chunk) == 4)
    fetch_chunks(images, dataset, chunk, (hsize_t)first, (hsize_t)(first + count));
  else if (H5Pget_layout(plan) == H5D_CONTIGUOUS && H5Dget_offset(dataset) != HADDR_UNDEF)
    fetch(images, H5Dget_offset(dataset) + row * (hsize_t)first, row * (hsize_t)count);
  h5_close(type);
  h5_close(plan);
  h5_close(dataset);
}

/* ---- reading ------------------------------------------------------------------- */

bd_status_t bd_images_read(bd_images_t *images, int attack, int64_t first, int64_t count, double *pixels,
                           bd_error_t *error) {
  const bd_images_info_t *info = &images->info;
  hsize_t start[4] = {(hsize_t)first, 0, 0, 0};
  hsize_t size[4] = {(hsize_t)count, (hsize_t)info->channels, (hsize_t)info->height, (hsize_t)info->width};
  hid_t dataset = dataset_of(images, attack), memory = H5Screate_simple(4, size, NULL), space = H5Dget_space(dataset);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, size, NULL);
  herr_t read = H5Dread(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, pixels);
  h5_close(space);
  h5_close(memory);
  if (read < 0)
    return bd_fail(error, BD_FAILED, "%s: images %" PRId64 " to %" PRId64 " of %s cannot be read (%s)",
                   images->path, first, first + count - 1, images->attacks[attack].name, h5_reason());
  if (!strcmp(images->attacks[attack].type, "uint8")) {
    size_t n = (size_t)count * size[1] * size[2] * size[3];
    for (size_t i = 0; i < n; i++) pixels[i] /= 255;
  }
  return BD_OK;
}
