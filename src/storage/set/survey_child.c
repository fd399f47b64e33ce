#include "storage/set/survey_child.h"

#include "storage/hdf5/isolate_child.h"
#include "storage/hdf5/parcel.h"
#include "storage/set/survey_check.h"
#include "storage/set/survey_taking.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

bd_status_t taking_refuse(const taking_t *t, const char *object, const char *why,
                          bd_error_t *error) {
  return bd_fail(error, BD_BAD_INPUT, "%s: %s %s", t->request->path, object, why);
}

void taking_note(taking_t *t, const bd_error_t *note) {
  char *notes = t->head.notes;
  const size_t used = strlen(notes), length = strlen(note->message);
  if (used + 1 + length < sizeof t->head.notes)
    snprintf(notes + used, sizeof t->head.notes - used, "%s%s", used ? "\n" : "", note->message);
}

/* ---- what there is ------------------------------------------------------------- */

static bd_status_t open_file(taking_t *t, bd_error_t *error) {
  hsize_t block = 0;
  t->file = h5_open_descriptor(t->request->descriptor, 0);
  isolate_close_doors();
  if (t->file < 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: not an HDF5 file, or damaged (%s)", t->request->path,
                   h5_reason());
  hid_t plan = H5Fget_create_plist(t->file);
  H5Pget_userblock(plan, &block);
  h5_close(plan);
  t->user_block = block;
  return taking_read_root(t, error);
}

/* Say why a group below /attacks has no images, and where they are. */
static bd_status_t refuse_group(const taking_t *t, const char *path, bd_error_t *error) {
  char found[256], images[OBJECT_PATH];
  hid_t object = H5Oopen(t->file, path, H5P_DEFAULT);
  const int is_group = H5Iget_type(object) == H5I_GROUP;
  h5_close(object);
  snprintf(images, sizeof images, "%s/images", path);
  if (!is_group)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: %s is not a group: its images belong into a dataset %s", t->request->path,
                   path, images);
  taking_find_images(t, path, found, sizeof found);
  if (!*found) return taking_refuse(t, images, "is missing", error);
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: %s is missing, but %s holds images; barydef convert OLD.h5 NEW.h5 puts them "
                 "into place",
                 t->request->path, images, found);
}

static bd_status_t read_group(taking_t *t, const char *name, int index, bd_error_t *error) {
  bd_attack_t *attack = &t->survey.attacks[index];
  char path[OBJECT_PATH - 8], images[OBJECT_PATH];
  if (strlen(name) >= BD_ATTACK_NAME)
    return bd_fail(error, BD_BAD_INPUT, "%s: the name of attack \"%.80s\" is longer than %d bytes",
                   t->request->path, name, BD_ATTACK_NAME - 1);
  snprintf(attack->name, sizeof attack->name, "%s", name);
  snprintf(path, sizeof path, "/attacks/%s", name);
  bd_status_t status = survey_check_name(t->request, t->survey.attacks, index, error);
  if (status == BD_OK) status = taking_check_links(t, path, error);
  if (status != BD_OK) return status;
  hid_t group = H5Oopen(t->file, path, H5P_DEFAULT);
  taking_read_attack(t, group, path, attack);
  h5_close(group);
  snprintf(images, sizeof images, "%s/images", path);
  if (H5Lexists(t->file, images, H5P_DEFAULT) <= 0) return refuse_group(t, path, error);
  return taking_read_place(t, images, &t->survey.places[index], error);
}

/* /clean has images, if it is there. */
static bd_status_t find_clean(taking_t *t, bd_error_t *error) {
  if (H5Lexists(t->file, "/clean", H5P_DEFAULT) <= 0) return BD_OK;
  bd_status_t status = taking_check_links(t, "/clean", error);
  if (status != BD_OK) return status;
  if (H5Lexists(t->file, "/clean/images", H5P_DEFAULT) <= 0)
    return refuse_group(t, "/clean", error);
  t->head.has_clean = 1;
  return BD_OK;
}

/* Count the groups that there are. */
static bd_status_t count_groups(taking_t *t, int *attacks, bd_error_t *error) {
  const char *path = t->request->path;
  H5G_info_t group;
  bd_status_t status = find_clean(t, error);
  *attacks = 0;
  if (status == BD_OK && H5Lexists(t->file, "/attacks", H5P_DEFAULT) > 0) {
    status = taking_check_links(t, "/attacks", error);
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
  return taking_read_place(t, "/clean/images", &t->survey.places[attacks], error);
}

/* ---- handing it over ----------------------------------------------------------- */

/* Put the parts in the order of survey_take_apart. */
static bd_status_t hand_over(taking_t *t, bd_error_t *error) {
  const survey_head_t *head = &t->head;
  const size_t groups = (size_t)head->attack_count;
  parcel_put(t->out, head, 1, sizeof *head);
  parcel_put(t->out, t->survey.attacks, groups, sizeof *t->survey.attacks);
  parcel_put(t->out, t->survey.places, groups, sizeof *t->survey.places);
  parcel_put(t->out, t->survey.labels, (size_t)head->count, sizeof *t->survey.labels);
  return taking_put_chunks(t, error);
}

bd_status_t survey_child(void *request, FILE *out, bd_error_t *error) {
  taking_t t = {.request = request, .file = -1, .out = out};
  t.survey.head = &t.head;
  t.head.file_size = t.request->file_size;
  bd_status_t status = open_file(&t, error);
  if (status == BD_OK) status = taking_read_labels(&t, error);
  if (status == BD_OK) status = taking_check_strays(&t, error);
  if (status == BD_OK) status = read_groups(&t, error);
  if (status == BD_OK) status = survey_check_shapes(t.request, &t.survey, error);
  if (status == BD_OK) status = taking_count_chunks(&t, error);
  if (status == BD_OK) status = hand_over(&t, error);
  h5_close(t.file);
  free(t.survey.attacks);
  free(t.survey.places);
  free(t.survey.labels);
  return status;
}
