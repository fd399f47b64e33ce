/* What lies in a set where nobody looks for it.  Images that are overlooked would be missing from a
   result without a word. */
#include "storage/set/survey_taking.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

/* How far and how much is looked at.  A file may hold groups without end. */
enum { DEPTH_MOST = 4, OBJECTS_MOST = 256, NAME_ROOM = 128, PATH_ROOM = 256 };

/* A search for images below a group. */
typedef struct search {
  hid_t file;
  int64_t count;         /* labels; 0: not known */
  int is_named;          /* 1: only datasets named images count */
  int objects;           /* that may still be looked at */
  char found[PATH_ROOM]; /* path of the first; "" where there is none */
} search_t;

/* The name of link `index` of a group.  Returns 0 if it is no hard link or has a long name. */
static int name_of(hid_t file, const char *group, hsize_t index, char name[NAME_ROOM]) {
  size_t length;
  const ssize_t size = H5Lget_name_by_idx(file, group, H5_INDEX_NAME, H5_ITER_INC, index, name,
                                          NAME_ROOM, H5P_DEFAULT);
  char path[PATH_ROOM + NAME_ROOM];
  snprintf(path, sizeof path, "%s/%s", strcmp(group, "/") ? group : "", name);
  return size > 0 && size < NAME_ROOM && !strchr(name, '/') &&
         h5_link_problem(file, path, &length) == NULL;
}

/* Is it a dataset of numbers with at least three axes? */
static int has_pixels(const search_t *s, hid_t dataset, const char *name) {
  hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  const H5T_class_t kind = H5Tget_class(type);
  const int axes = H5Sget_simple_extent_ndims(space);
  hsize_t size[H5S_MAX_RANK] = {0};
  if (axes >= 3) H5Sget_simple_extent_dims(space, size, NULL);
  h5_close(type);
  h5_close(space);
  if (axes < 3 || (kind != H5T_INTEGER && kind != H5T_FLOAT)) return 0;
  if (!strcmp(name, "images")) return 1;
  return !s->is_named && (s->count == 0 || size[0] == (hsize_t)s->count);
}

static void look_into(search_t *s, const char *group, int depth);

// No deeper than DEPTH_MOST.  NOLINTNEXTLINE(misc-no-recursion)
static void look_at(search_t *s, const char *group, const char *name, int depth) {
  char path[PATH_ROOM];
  if (snprintf(path, sizeof path, "%s/%s", strcmp(group, "/") ? group : "", name) >= PATH_ROOM)
    return;
  hid_t object = H5Oopen(s->file, path, H5P_DEFAULT);
  const H5I_type_t kind = object >= 0 ? H5Iget_type(object) : H5I_BADID;
  if (kind == H5I_DATASET && has_pixels(s, object, name)) memcpy(s->found, path, sizeof path);
  h5_close(object);
  if (kind == H5I_GROUP && depth < DEPTH_MOST) look_into(s, path, depth + 1);
}

/* Groups may contain themselves, but not deeper than is looked. */
// NOLINTNEXTLINE(misc-no-recursion)
static void look_into(search_t *s, const char *group, int depth) {
  H5G_info_t info;
  char name[NAME_ROOM];
  if (H5Gget_info_by_name(s->file, group, &info, H5P_DEFAULT) < 0) return;
  for (hsize_t i = 0; i < info.nlinks && !*s->found && s->objects-- > 0; i++)
    if (name_of(s->file, group, i, name)) look_at(s, group, name, depth);
}

void taking_find_images(const taking_t *t, const char *group, char *text, size_t size) {
  search_t s = {.file = t->file, .count = t->head.count, .objects = OBJECTS_MOST};
  look_into(&s, group, 0);
  text_clean(s.found);
  snprintf(text, size, "%s", s.found);
}

/* ---- the root ------------------------------------------------------------------ */

/* Dimensions of netCDF, which are no data. */
static int is_scale(hid_t file, const char *path) {
  char kind[32] = "";
  hid_t object = H5Oopen(file, path, H5P_DEFAULT);
  if (object >= 0) h5_get_text(object, "CLASS", kind, sizeof kind);
  h5_close(object);
  return !strcmp(kind, "DIMENSION_SCALE");
}

static bd_status_t refuse_place(const taking_t *t, const char *found, bd_error_t *error) {
  char name[PATH_ROOM];
  snprintf(name, sizeof name, "%s", found);
  text_clean(name);
  return taking_refuse(t, name,
                       "holds images, but not in /clean/images or /attacks/NAME/images, where they "
                       "belong; barydef convert OLD.h5 NEW.h5 puts them there",
                       error);
}

/* Refuse datasets named images below an object of the root that is not known; note others. */
static bd_status_t check_stray(taking_t *t, const char *name, bd_error_t *error) {
  bd_error_t note;
  char path[NAME_ROOM + 1];
  search_t s = {.file = t->file, .count = t->head.count, .is_named = 1, .objects = OBJECTS_MOST};
  snprintf(path, sizeof path, "/%s", name);
  look_at(&s, "/", name, 0);
  if (*s.found) return refuse_place(t, s.found, error);
  if (is_scale(t->file, path)) return BD_OK;
  text_clean(path);
  bd_fail(&note, BD_OK, "%s is no part of a set of attacked images, and is not read", path);
  taking_note(t, &note);
  return BD_OK;
}

bd_status_t taking_check_strays(taking_t *t, bd_error_t *error) {
  H5G_info_t root;
  char name[NAME_ROOM];
  bd_status_t status = BD_OK;
  if (H5Gget_info_by_name(t->file, "/", &root, H5P_DEFAULT) < 0) return BD_OK;
  for (hsize_t i = 0; status == BD_OK && i < root.nlinks && i < OBJECTS_MOST; i++)
    if (name_of(t->file, "/", i, name) && strcmp(name, "labels") && strcmp(name, "clean") &&
        strcmp(name, "attacks"))
      status = check_stray(t, name, error);
  return status;
}
