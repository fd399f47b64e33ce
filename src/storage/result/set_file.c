#include "storage/result/set_file.h"

#include "storage/hdf5/h5.h"
#include "storage/result/new_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Write images block by block into a dataset in chunks with checksums. */
static bd_status_t write_images(hid_t group, const set_file_t *set, int attack, const char *path,
                                bd_error_t *error) {
  const bd_images_info_t *info = set->info;
  hsize_t size[4] = {(hsize_t)set->count, (hsize_t)info->channels, (hsize_t)info->height,
                     (hsize_t)info->width},
          chunk[4] = {(hsize_t)set->block, size[1], size[2], size[3]};
  const size_t values = (size_t)(chunk[0] * chunk[1] * chunk[2] * chunk[3]);
  float *pixels = malloc(values * sizeof *pixels);
  hid_t plan = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(4, size, NULL);
  H5Pset_chunk(plan, 4, chunk);
  H5Pset_fletcher32(plan);
  hid_t dataset =
      H5Dcreate2(group, "images", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, plan, H5P_DEFAULT);
  bd_status_t status = pixels ? BD_OK : bd_fail(error, BD_FAILED, "%s: no memory", path);
  for (int64_t first = 0; status == BD_OK && first < set->count; first += set->block) {
    hsize_t start[4] = {(hsize_t)first, 0, 0, 0}, part[4] = {chunk[0], size[1], size[2], size[3]};
    if (set->count - first < set->block) part[0] = (hsize_t)(set->count - first);
    status = set->read(set->context, attack, first, (int64_t)part[0], pixels, error);
    hid_t memory = H5Screate_simple(4, part, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, part, NULL);
    if (status == BD_OK &&
        H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, pixels) < 0)
      status = bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", path, h5_reason());
    h5_close(memory);
  }
  /* Flush here, since a failure to write during the close would not be seen. */
  if (status == BD_OK && H5Dflush(dataset) < 0)
    status = bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", path, h5_reason());
  h5_close(dataset);
  h5_close(space);
  h5_close(plan);
  free(pixels);
  return status;
}

static int put_about(hid_t group, const set_file_t *set, const bd_attack_t *attack) {
  const bd_attribute_t epsilon = {
      .name = "epsilon", .kind = BD_ATTRIBUTE_REAL, .real = attack->epsilon};
  const int is_defended = *attack->through && strcmp(attack->through, "victim") != 0;
  return h5_put_text(group, "norm", attack->norm, 0) &&
         h5_put(group, &epsilon, H5_CREATE) != H5_FAILED &&
         h5_put_text(group, "source", attack->source, 0) &&
         h5_put_text(group, "through", attack->through, 0) &&
         (!*attack->gradient || h5_put_text(group, "gradient", attack->gradient, 0)) &&
         (!is_defended || h5_put_text(group, "purifier", set->purifier, 0));
}

/* The clean images are attack -1. */
static bd_status_t write_group(hid_t parent, const set_file_t *set, int attack, const char *path,
                               bd_error_t *error) {
  const char *name = attack < 0 ? "clean" : set->attacks[attack].name;
  hid_t group = H5Gcreate2(parent, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  bd_status_t status = BD_OK;
  if (group < 0 || (attack >= 0 && !put_about(group, set, &set->attacks[attack])))
    status = bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", path, h5_reason());
  if (status == BD_OK) status = write_images(group, set, attack, path, error);
  h5_close(group);
  return status;
}

static int put_head(hid_t file, const set_file_t *set) {
  const hsize_t count = (hsize_t)set->count;
  hid_t space = H5Screate_simple(1, &count, NULL);
  hid_t labels =
      H5Dcreate2(file, "labels", H5T_NATIVE_INT64, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const int done =
      h5_put_text(file, "schema", BD_IMAGES_SCHEMA, 0) &&
      h5_put_integer(file, "schema_version", BD_IMAGES_SCHEMA_VERSION) &&
      h5_put_text(file, "dataset", set->info->dataset, 0) && labels >= 0 &&
      H5Dwrite(labels, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, set->labels) >= 0 &&
      H5Dflush(labels) >= 0;
  h5_close(labels);
  h5_close(space);
  return done;
}

static bd_status_t fill(hid_t file, const char *path, void *context, bd_error_t *error) {
  const set_file_t *set = context;
  if (!put_head(file, set))
    return bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", path, h5_reason());
  hid_t attacks = H5Gcreate2(file, "attacks", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  bd_status_t status = write_group(file, set, -1, path, error);
  for (int a = 0; status == BD_OK && a < set->attack_count; a++)
    status = write_group(attacks, set, a, path, error);
  h5_close(attacks);
  return status;
}

bd_status_t set_file_create(const char *path, bd_existing_t existing, const set_file_t *set,
                            bd_error_t *error) {
  struct stat made;
  const new_file_t new_file = {path, existing, fill, (void *)(uintptr_t)set, NULL};
  return new_file_create(&new_file, &made, error);
}
