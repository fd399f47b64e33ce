#include "storage/result/attributes.h"

#include "storage/result/checksums.h"
#include "storage/result/fields.h"

#include <barydef/solver.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- checksums ----------------------------------------------------------------- */

/* Add a name and its value.  For kinds that this program does not write, add the name alone. */
static herr_t add_attribute(hid_t object, const char *name, const H5A_info_t *info, void *state) {
  for (int i = 0; i < FIELDS_SUMS; i++) /* bd_result_finish takes them from the records */
    if (!strcmp(name, fields_sums[i].name)) return 0;
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(attribute),
        space = H5Aget_space(attribute);
  const H5T_class_t class = H5Tget_class(type);
  const size_t size = H5Tget_size(type);
  const int is_plain = (class == H5T_INTEGER || class == H5T_FLOAT || class == H5T_STRING) &&
                       !H5Tis_variable_str(type) && H5Sget_simple_extent_npoints(space) == 1 &&
                       size == info->data_size;
  const int32_t what[2] = {is_plain, (int32_t) class};
  void *value = calloc(1, size + 1);
  int done = value != NULL && XXH3_64bits_update(state, name, strlen(name) + 1) == XXH_OK &&
             XXH3_64bits_update(state, what, sizeof what) == XXH_OK;
  if (done && is_plain)
    done = H5Aread(attribute, type, value) >= 0 && XXH3_64bits_update(state, value, size) == XXH_OK;
  free(value);
  h5_close(space);
  h5_close(type);
  h5_close(attribute);
  return done ? 0 : -1;
}

static int add_object(hid_t file, const char *path, XXH3_state_t *state) {
  hid_t object = h5_has(file, path) ? H5Oopen(file, path, H5P_DEFAULT) : -1;
  int done = object >= 0 &&
             H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, add_attribute, state) >= 0;
  h5_close(object);
  return done;
}

/* Write "/top/run" or "/top/run/attack". */
static void path_of(char path[BD_ATTACK_NAME + 64], const char *top, int run, const char *attack) {
  snprintf(path, BD_ATTACK_NAME + 64, "/%s/%03d%s%.*s", top, run, attack ? "/" : "", BD_ATTACK_NAME,
           attack ? attack : "");
}

/* Create, compare or mend the checksum of the attributes of a run or of one of its attacks. */
static h5_found_t seal(hid_t file, int run, const char *attack, h5_how_t how) {
  char path[BD_ATTACK_NAME + 64], text[CHECKSUM_TEXT];
  XXH3_state_t *state = XXH3_createState();
  path_of(path, "runs", run, attack);
  int done = state && XXH3_64bits_reset(state) == XXH_OK && add_object(file, path, state);
  if (attack) done = done && add_object(file, strcat(path, "/per_image"), state);
  if (done) checksum_text(XXH3_64bits_digest(state), text);
  XXH3_freeState(state);
  path_of(path, "checksums", run, attack);
  hid_t object = done && h5_has(file, path) ? H5Oopen(file, path, H5P_DEFAULT) : -1;
  const bd_attribute_t sum = {
      .name = "attributes_checksum", .kind = BD_ATTRIBUTE_TEXT, .text = text};
  h5_found_t found = object >= 0 ? h5_put(object, &sum, how) : H5_FAILED;
  h5_close(object);
  return found;
}

/* Results of early versions have none of them, which is not damage.  Lacking only some is. */
static int has_seals(hid_t file, int run, const char *attack) {
  char path[BD_ATTACK_NAME + 64];
  path_of(path, "checksums", run, NULL);
  int has = H5Aexists_by_name(file, path, "attributes_checksum", H5P_DEFAULT) > 0;
  path_of(path, "checksums", run, attack);
  return has || H5Aexists_by_name(file, path, "attributes_checksum", H5P_DEFAULT) > 0;
}

void attributes_verify(hid_t file, const bd_result_t *result, FILE *out) {
  const bd_result_shape_t *shape = &result->shape;
  if (!has_seals(file, shape->first_run, result->names[0])) return;
  for (int run = shape->first_run; run < shape->first_run + shape->run_count; run++)
    for (int a = -1; a < shape->attack_count; a++) {
      const char *attack = a < 0 ? NULL : result->names[a];
      if (seal(file, run, attack, H5_COMPARE) != H5_SAME)
        fprintf(out, "an attribute of /runs/%03d%s%s\n", run, attack ? "/" : "",
                attack ? attack : "");
    }
}

/* ---- the table ----------------------------------------------------------------- */

typedef struct walk {
  hid_t file;
  h5_how_t how;
  int is_sealed; /* there are checksums */
  int is_known;  /* 1: the checksum of some run confirms which instructions were used */
  attributes_found_t *found;
} walk_t;

/* Note what was found.  Returns 0 if an attribute cannot be created, is missing or has another
   type. */
static int note(const walk_t *walk, h5_found_t found, const char *name, const char *path) {
  attributes_found_t *all = walk->found;
  if (found != H5_SAME && (all->differing++ == 0 || found == H5_FAILED))
    snprintf(all->name, sizeof all->name, "attribute %s of %s", name, path);
  all->is_hopeless |= found == H5_FAILED;
  return found != H5_FAILED;
}

static int put_all(const walk_t *walk, const char *path, int count,
                   const bd_attribute_t *attributes) {
  const int is_root = !path[1]; /* the root, to which no link leads */
  hid_t object = is_root || h5_has(walk->file, path) ? H5Oopen(walk->file, path, H5P_DEFAULT) : -1;
  int done = object >= 0 || note(walk, H5_FAILED, "of all names", path);
  for (int i = 0; done && i < count; i++)
    done = note(walk, h5_put(object, &attributes[i], walk->how), attributes[i].name, path);
  h5_close(object);
  return done;
}

/* What is known of the attributes that a checksum covers. */
typedef enum covered {
  COVERED_KNOWN,  /* all of them, and they are what they should be */
  COVERED_OPEN,   /* one is known from the file alone */
  COVERED_DIFFERS /* one differs, and the checksum with it, which is no damage of its own */
} covered_t;

/* Create, compare or mend a checksum. */
static int put_seal(const walk_t *walk, int run, const char *attack, covered_t covered) {
  char path[BD_ATTACK_NAME + 64];
  if (!walk->is_sealed) return 1;
  const h5_found_t found = seal(walk->file, run, attack, walk->how);
  if (found == H5_DIFFERS && covered == COVERED_DIFFERS) return 1;
  path_of(path, "runs", run, attack);
  if (found == H5_DIFFERS && covered == COVERED_OPEN)
    return note(walk, H5_FAILED, "instructions_used (or the checksum)", path);
  path_of(path, "checksums", run, attack);
  return note(walk, found, "attributes_checksum", path);
}

/* An attribute such as "0 ok, 1 pending". */
static bd_attribute_t list_names(const char *attribute, const char *name_of(int), char names[512]) {
  *names = 0;
  for (int code = 0; name_of(code); code++)
    snprintf(names + strlen(names), 512 - strlen(names), "%s%d %s", code ? ", " : "", code,
             name_of(code));
  return (bd_attribute_t){.name = attribute, .kind = BD_ATTRIBUTE_TEXT, .text = names};
}

static int put_attack(const walk_t *walk, int run, const bd_attack_t *attack) {
  char path[BD_ATTACK_NAME + 64], status[512], convergence[512];
  const bd_attribute_t about[] = {
      {.name = "norm", .kind = BD_ATTRIBUTE_TEXT, .text = attack->norm},
      {.name = "epsilon", .kind = BD_ATTRIBUTE_REAL, .real = attack->epsilon},
      {.name = "source", .kind = BD_ATTRIBUTE_TEXT, .text = attack->source},
      {.name = "through", .kind = BD_ATTRIBUTE_TEXT, .text = attack->through},
      {.name = "gradient", .kind = BD_ATTRIBUTE_TEXT, .text = attack->gradient}};
  const int count = 3 + (*attack->through != 0) + (*attack->gradient != 0);
  const bd_attribute_t names[] = {
      list_names("status_names", bd_image_status_name, status),
      list_names("convergence_names", bd_convergence_name, convergence)};
  const int before = walk->found->differing;
  path_of(path, "runs", run, attack->name);
  return put_all(walk, path, count, about) && put_all(walk, strcat(path, "/per_image"), 2, names) &&
         put_seal(walk, run, attack->name,
                  walk->found->differing > before ? COVERED_DIFFERS : COVERED_KNOWN);
}

/* Does the job leave the instructions open? If so, only the file knows which were used. */
static int is_open(int count, const bd_attribute_t *attributes) {
  for (int i = 0; i < count; i++)
    if (!strcmp(attributes[i].name, "solver.instructions") && !strcmp(attributes[i].text, "auto"))
      return 1;
  return 0;
}

/* Does any run that leaves the instructions open have its checksum? The resume has checked that all
   such runs used the same. */
static int has_whole_run(hid_t file, const bd_result_layout_t *layout) {
  bd_attribute_t attributes[BD_RUN_ATTRIBUTES_MAX];
  for (int run = layout->first_run; run < layout->first_run + layout->run_count; run++) {
    const int count = layout->run_attributes(layout->context, run, attributes);
    if (is_open(count, attributes) && seal(file, run, NULL, H5_COMPARE) == H5_SAME) return 1;
  }
  return 0;
}

/* Sums are taken at the end.  Only their room matters here, not their value. */
static int put_sums(const walk_t *walk, const char *path) {
  hid_t run = H5Oopen(walk->file, path, H5P_DEFAULT);
  int done = 1;
  for (int i = 0; done && i < FIELDS_SUMS; i++) {
    const bd_attribute_t sum = {.name = fields_sums[i].name, .kind = BD_ATTRIBUTE_INTEGER};
    done =
        walk->how == H5_CREATE ? h5_put(run, &sum, H5_CREATE) != H5_FAILED : h5_can_set(run, &sum);
    done = note(walk, done ? H5_SAME : H5_FAILED, sum.name, path);
  }
  h5_close(run);
  return done;
}

/* Is there room for what bd_result_finish writes?  Without it a run would fail after hours. */
static int has_room_to_finish(const walk_t *walk) {
  static const bd_attribute_t written[] = {{.name = "finished", .kind = BD_ATTRIBUTE_TEXT},
                                           {.name = "seconds", .kind = BD_ATTRIBUTE_REAL},
                                           {.name = "computed", .kind = BD_ATTRIBUTE_INTEGER},
                                           {.name = "hosts", .kind = BD_ATTRIBUTE_TEXT},
                                           {.name = "ranks", .kind = BD_ATTRIBUTE_INTEGER},
                                           {.name = "labels_checksum", .kind = BD_ATTRIBUTE_TEXT}};
  int done = 1;
  for (size_t i = 0; done && i < sizeof written / sizeof *written; i++)
    done =
        note(walk, h5_can_set(walk->file, &written[i]) ? H5_SAME : H5_FAILED, written[i].name, "/");
  return done;
}

static int put_run(const walk_t *walk, const bd_result_layout_t *layout, int run) {
  char path[BD_ATTACK_NAME + 64];
  bd_attribute_t attributes[BD_RUN_ATTRIBUTES_MAX];
  const int count = layout->run_attributes(layout->context, run, attributes),
            before = walk->found->differing;
  path_of(path, "runs", run, NULL);
  if (!put_all(walk, path, count, attributes) || !put_sums(walk, path)) return 0;
  const covered_t covered = walk->found->differing > before                 ? COVERED_DIFFERS
                            : walk->is_known || !is_open(count, attributes) ? COVERED_KNOWN
                                                                            : COVERED_OPEN;
  int done = put_seal(walk, run, NULL, covered);
  for (int a = 0; done && a < layout->attack_count; a++) {
    bd_attack_t about = layout->attacks[a];
    if (layout->attack) layout->attack(layout->context, run, a, &about);
    done = put_attack(walk, run, &about);
  }
  return done;
}

int attributes_put(hid_t file, const bd_result_layout_t *layout, h5_how_t how,
                   attributes_found_t *found) {
  const int is_sealed =
      how == H5_CREATE || has_seals(file, layout->first_run, layout->attacks[0].name);
  const walk_t walk = {file, how, is_sealed, how != H5_COMPARE || has_whole_run(file, layout),
                       found};
  const bd_attribute_t dataset = {
      .name = "dataset", .kind = BD_ATTRIBUTE_TEXT, .text = layout->info->dataset};
  *found = (attributes_found_t){0};
  int done = put_all(&walk, "/", 1, &dataset) && (how == H5_CREATE || has_room_to_finish(&walk));
  for (int run = layout->first_run; done && run < layout->first_run + layout->run_count; run++)
    done = put_run(&walk, layout, run);
  return done;
}
