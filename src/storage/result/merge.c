#include "job/compare.h"
#include "storage/hdf5/file.h"
#include "storage/hdf5/isolate.h"
#include "storage/result/fields.h"
#include "storage/result/result.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct merge {
  int count;
  bd_result_t **parts;      /* by first run */
  volatile int *is_writing; /* shared with the parent, who does not hear what a crash was about */
} merge_t;

static bd_status_t open_parts(merge_t *merge, const char *const *paths, bd_error_t *error) {
  bd_status_t status = BD_OK;
  for (int i = 0; status == BD_OK && i < merge->count; i++) {
    status = bd_result_open(paths[i], &merge->parts[i], error);
    if (status == BD_OK && !merge->parts[i]->shape.complete)
      status = bd_fail(error, BD_BAD_INPUT, "%s: not complete; --resume of its job goes on with it",
                       paths[i]);
    for (int j = i; status == BD_OK && j > 0 &&
                    merge->parts[j]->shape.first_run < merge->parts[j - 1]->shape.first_run;
         j--) {
      bd_result_t *earlier = merge->parts[j];
      merge->parts[j] = merge->parts[j - 1];
      merge->parts[j - 1] = earlier;
    }
  }
  return status;
}

/* ---- do they belong together? -------------------------------------------------- */

/* The first image whose checksums at these places of two results differ; -1 where none does. */
static bd_status_t find_difference(const bd_result_t *one, int64_t place, const bd_result_t *other,
                                   int64_t other_place, int64_t *image, bd_error_t *error) {
  const int64_t n = one->shape.count;
  const size_t size = (size_t)n * sizeof(uint64_t);
  uint64_t *a = malloc(size), *b = malloc(size);
  bd_status_t status =
      a && b ? BD_OK : bd_fail(error, BD_FAILED, "no memory to compare %s", other->path);
  if (status == BD_OK) status = read_at(one, place, a, size, error);
  if (status == BD_OK) status = read_at(other, other_place, b, size, error);
  *image = 0;
  while (status == BD_OK && *image < n && a[*image] == b[*image]) ++*image;
  if (*image == n) *image = -1;
  free(a);
  free(b);
  return status;
}

/* The pixels the parts were made from. */
static bd_status_t compare_pixels(const bd_result_t *first, const bd_result_t *other,
                                  bd_error_t *error) {
  bd_status_t status = BD_OK;
  for (int attack = 0; status == BD_OK && attack < first->shape.attack_count; attack++) {
    int64_t image;
    status = find_difference(first, input_place(first, attack), other, input_place(other, attack),
                             &image, error);
    if (status == BD_OK && image >= 0)
      status = bd_fail(error, BD_BAD_INPUT,
                       "%s: no part of the same sweep as %s: made from other pixels (image %" PRId64
                       " of %s)",
                       other->path, first->path, image, first->names[attack]);
  }
  return status;
}

/* All runs that left the choice of instructions open must have met the same. */
static bd_status_t compare_instructions(const merge_t *merge, bd_error_t *error) {
  char wanted[32] = "", used[32], asked[32] = "";
  for (int i = 0; i < merge->count; i++) {
    const bd_result_t *part = merge->parts[i];
    for (int run = part->shape.first_run; run < part->shape.first_run + part->shape.run_count;
         run++) {
      bd_result_text(part, run, "solver.instructions", asked, sizeof asked);
      if (strcmp(asked, "auto") ||
          !bd_result_text(part, run, "instructions_used", used, sizeof used))
        continue;
      if (!*wanted) memcpy(wanted, used, sizeof wanted);
      if (strcmp(wanted, used))
        return bd_fail(error, BD_BAD_INPUT,
                       "%s: computed with %s, others with %s: solver.instructions = %s would have "
                       "kept them alike",
                       part->path, used, wanted, strcmp(used, "avx512") ? used : wanted);
    }
  }
  return BD_OK;
}

static bd_status_t compare(const bd_result_t *first, const bd_result_t *other, bd_error_t *error) {
  enum { LARGEST = 1 << 20 };
  const char *names[] = {"job",           "program_version", "input_digest", "labels_checksum",
                         "victim_digest", "victim_library",  "attacks"};
  char *a = calloc(1, LARGEST), *b = calloc(1, LARGEST);
  bd_status_t status =
      a && b ? BD_OK : bd_fail(error, BD_FAILED, "no memory to compare %s", other->path);
  for (size_t i = 0; status == BD_OK && i < sizeof names / sizeof *names; i++) {
    int there = bd_result_text(first, -1, names[i], a, LARGEST) &&
                bd_result_text(other, -1, names[i], b, LARGEST);
    if (there && i == 0) job_text_reduce(a), job_text_reduce(b);
    if (!there || strcmp(a, b))
      status =
          bd_fail(error, BD_BAD_INPUT, "%s: no part of the same sweep as %s: attribute %s differs",
                  other->path, first->path, names[i]);
  }
  free(a);
  free(b);
  return status;
}

/* Every image done and whole. */
static bd_status_t verify(bd_result_t *part, bd_error_t *error) {
  enum { PORTION = 256 };
  uint8_t states[PORTION];
  uint64_t input_marks[PORTION];
  const bd_result_shape_t *shape = &part->shape;
  const char *wrong = NULL;
  bd_status_t status = bd_result_verify_tables(part, &wrong, error);
  for (int g = 0; status == BD_OK && !wrong && g < shape->run_count * shape->attack_count; g++)
    for (int64_t first = 0, n; status == BD_OK && !wrong && first < shape->count; first += n) {
      n = shape->count - first < PORTION ? shape->count - first : PORTION;
      const bd_rows_t rows = {shape->first_run + g / shape->attack_count, g % shape->attack_count,
                              first, n};
      status = bd_result_verify(part, rows, BD_VERIFY_CONTENTS, states, input_marks, error);
      for (int64_t i = 0; status == BD_OK && i < n; i++)
        if (states[i] != BD_ROW_DONE) wrong = "an image";
    }
  if (status != BD_OK || !wrong) return status;
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: damaged (%.*s; \"barydef check\" tells all); --resume of its job mends it",
                 part->path, (int)strcspn(wrong, "\n"), wrong);
}

/* i of "i/n", as the attribute of the root says; 0 where there is none. */
static long part_of(const bd_result_t *part, long *n) {
  char text[32] = "", *rest;
  bd_result_text(part, -1, "part", text, sizeof text);
  const long number = strtol(text, &rest, 10);
  *n = *rest == '/' ? strtol(rest + 1, NULL, 10) : 0;
  return number;
}

/* As many as the sweep was cut into, which each of them tells; else the message says which are not
 * there. */
static bd_status_t check_count(const merge_t *merge, const char *path, bd_error_t *error) {
  char missing[512] = "";
  long expected, n;
  part_of(merge->parts[0], &expected);
  /* What is no part of anything is refused with its name, later. */
  if (expected < 1 || expected == merge->count) return BD_OK;
  for (long part = 1; part <= expected && strlen(missing) + 64 < sizeof missing; part++) {
    int there = 0;
    for (int i = 0; i < merge->count; i++) there |= part_of(merge->parts[i], &n) == part;
    if (!there)
      sprintf(missing + strlen(missing), "%s %ld/%ld", *missing ? "," : "; missing:", part,
              expected);
  }
  return bd_fail(error, BD_BAD_INPUT, "%s: the sweep has %ld part%s, %d given%s", path, expected,
                 expected == 1 ? "" : "s", merge->count, missing);
}

/* Of the same version they are joined, but not in silence. */
static void compare_revisions(const merge_t *merge, FILE *out) {
  char first[64] = "", other[64] = "";
  bd_result_text(merge->parts[0], -1, "git_revision", first, sizeof first);
  for (int i = 1; i < merge->count; i++) {
    bd_result_text(merge->parts[i], -1, "git_revision", other, sizeof other);
    if (strcmp(first, other) == 0) continue;
    fprintf(out, "%s: computed by revision %s of the program, %s by %s", merge->parts[i]->path,
            other, merge->parts[0]->path, first);
    return;
  }
}

/* Part i of n, as the attribute of the root says, and runs without a gap. */
static bd_status_t check_parts(const merge_t *merge, bd_error_t *error) {
  bd_status_t status = BD_OK;
  int next = 0;
  for (int i = 0; status == BD_OK && i < merge->count; i++) {
    const bd_result_t *one = merge->parts[i];
    long parts, part = part_of(one, &parts);
    status = compare(merge->parts[0], one, error);
    if (status == BD_OK && (part != i + 1 || parts != merge->count || one->shape.first_run != next))
      status = bd_fail(
          error, BD_BAD_INPUT,
          "%s: is part %ld/%ld of its sweep where part %d/%d should come: each part once, please",
          one->path, part, parts, i + 1, merge->count);
    next = one->shape.first_run + one->shape.run_count;
    if (status == BD_OK && (one->shape.store_images != merge->parts[0]->shape.store_images ||
                            one->shape.count != merge->parts[0]->shape.count))
      status = bd_fail(error, BD_BAD_INPUT, "%s: other images than in %s", one->path,
                       merge->parts[0]->path);
    if (status == BD_OK) status = compare_pixels(merge->parts[0], one, error);
  }
  if (status == BD_OK) status = compare_instructions(merge, error);
  for (int i = 0; status == BD_OK && i < merge->count; i++) status = verify(merge->parts[i], error);
  return status;
}

/* ---- is it merged already? ----------------------------------------------------- */

/* Images and records of a part, by their checksums. */
static bd_status_t compare_marks(const bd_result_t *part, const bd_result_t *whole,
                                 bd_error_t *error) {
  const bd_result_shape_t *shape = &part->shape;
  bd_status_t status = BD_OK;
  for (int g = 0; status == BD_OK && g < shape->run_count * shape->attack_count; g++) {
    const int run = shape->first_run + g / shape->attack_count, attack = g % shape->attack_count;
    int64_t image;
    status = find_difference(part, group_place(part, run, attack, MARKS), whole,
                             group_place(whole, run, attack, MARKS), &image, error);
    if (status == BD_OK && image >= 0)
      status = bd_fail(error, BD_BAD_INPUT, "other numbers than in %s (run %03d, %s)", part->path,
                       run, part->names[attack]);
  }
  return status;
}

/* A result that is there must be what joining the parts would give. */
static bd_status_t check_merged(const merge_t *merge, const char *path, bd_error_t *error) {
  bd_result_t *whole = NULL;
  long parts;
  bd_error_t why = {BD_OK, ""};
  bd_status_t status = bd_result_open(path, &whole, &why);
  if (status == BD_OK) status = compare(merge->parts[0], whole, &why);
  if (status == BD_OK) {
    const bd_result_shape_t *s = &whole->shape, *first = &merge->parts[0]->shape,
                            *last = &merge->parts[merge->count - 1]->shape;
    if (!s->complete || part_of(whole, &parts) != 1 || parts != 1 || s->first_run != 0 ||
        s->run_count != last->first_run + last->run_count || s->count != first->count ||
        s->store_images != first->store_images)
      status = bd_fail(&why, BD_BAD_INPUT, "not complete, or of other runs");
  }
  for (int i = 0; status == BD_OK && i < merge->count; i++)
    status = compare_marks(merge->parts[i], whole, &why);
  if (status == BD_OK) status = verify(whole, &why);
  bd_result_close(whole);
  if (status == BD_OK) return BD_OK;
  return bd_fail(error, status,
                 "%s: exists, and is not what its parts give (%.800s); --overwrite replaces it",
                 path, why.message);
}

/* ---- joining ------------------------------------------------------------------- */

/* Attributes of the first part's root, as this program writes them: single numbers and texts. */
static herr_t copy_attribute(hid_t root, const char *name, const H5A_info_t *info, void *to) {
  hid_t from = H5Aopen(root, name, H5P_DEFAULT), type = H5Aget_type(from),
        space = H5Aget_space(from);
  if (H5Sget_simple_extent_npoints(space) != 1 || H5Tis_variable_str(type) ||
      H5Tget_size(type) != info->data_size) {
    h5_close(space);
    h5_close(type);
    h5_close(from);
    return 0;
  }
  void *value = calloc(1, H5Tget_size(type));
  hid_t made = H5Acreate2(*(hid_t *)to, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  int done = value && H5Aread(from, type, value) >= 0 && H5Awrite(made, type, value) >= 0;
  free(value);
  h5_close(made);
  h5_close(space);
  h5_close(type);
  h5_close(from);
  return done ? 0 : -1;
}

static int join_statistics(hid_t file, const merge_t *merge) {
  hid_t type = fields_statistics_type(merge->parts[0]->shape.views, FIELDS_PACKED);
  const size_t size = H5Tget_size(type);
  hsize_t rows = 0;
  for (int i = 0; i < merge->count; i++)
    rows += (hsize_t)(merge->parts[i]->shape.run_count * merge->parts[i]->shape.attack_count);
  // A part has a run.  NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI)
  char *all = malloc(rows * size), *to = all;
  int done = all != NULL;
  for (int i = 0; done && i < merge->count; i++) {
    hid_t dataset = H5Dopen2(merge->parts[i]->file, "/statistics", H5P_DEFAULT);
    done = H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0;
    h5_close(dataset);
    to += size * (size_t)(merge->parts[i]->shape.run_count * merge->parts[i]->shape.attack_count);
  }
  hid_t space = H5Screate_simple(1, &rows, NULL), plan = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_alloc_time(plan, H5D_ALLOC_TIME_EARLY);
  hid_t dataset = H5Dcreate2(file, "statistics", type, space, H5P_DEFAULT, plan, H5P_DEFAULT);
  done = done && dataset >= 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, all) >= 0 &&
         H5Dflush(dataset) >= 0; /* else the close writes them, whose failure is not seen */
  h5_close(dataset);
  h5_close(plan);
  h5_close(space);
  h5_close(type);
  free(all);
  return done;
}

static int copy(hid_t from, hid_t to, const char *group, int run) {
  char path[32];
  snprintf(path, sizeof path, "%s/%03d", group, run);
  return H5Ocopy(from, path, to, path, H5P_DEFAULT, H5P_DEFAULT) >= 0;
}

/* Nothing but what a result should hold, where all that is there would be copied.  (What should be
 * there is: bd_result_open.) */
static bd_status_t check_links(const bd_result_t *part, const char *path, int count,
                               bd_error_t *error) {
  H5G_info_t group;
  if (H5Gget_info_by_name(part->file, path, &group, H5P_DEFAULT) >= 0 &&
      group.nlinks == (hsize_t)count)
    return BD_OK;
  return bd_fail(error, BD_BAD_INPUT, "%s: %s holds more than it does in a result", part->path,
                 path);
}

static bd_status_t check_groups(const bd_result_t *part, bd_error_t *error) {
  char path[BD_ATTACK_NAME + 32];
  const bd_result_shape_t *shape = &part->shape;
  bd_status_t status = check_links(part, "/checksums/input", shape->attack_count, error);
  for (int run = shape->first_run; status == BD_OK && run < shape->first_run + shape->run_count;
       run++) {
    snprintf(path, sizeof path, "/checksums/%03d", run);
    status = check_links(part, path, shape->attack_count, error);
    snprintf(path, sizeof path, "/runs/%03d", run);
    if (status == BD_OK) status = check_links(part, path, shape->attack_count, error);
    for (int a = 0; status == BD_OK && a < shape->attack_count; a++) {
      snprintf(path, sizeof path, "/runs/%03d/%s", run, part->names[a]);
      status = check_links(part, path, 1 + shape->store_images, error);
    }
  }
  return status;
}

static int join_runs(hid_t file, const merge_t *merge) {
  hid_t runs = H5Gcreate2(file, "runs", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  hid_t checksums = H5Gcreate2(file, "checksums", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  int done = runs >= 0 && H5Ocopy(merge->parts[0]->file, "checksums/input", file, "checksums/input",
                                  H5P_DEFAULT, H5P_DEFAULT) >= 0;
  for (int i = 0; done && i < merge->count; i++) {
    const bd_result_shape_t *shape = &merge->parts[i]->shape;
    for (int run = shape->first_run; done && run < shape->first_run + shape->run_count; run++)
      done = copy(merge->parts[i]->file, file, "/runs", run) &&
             copy(merge->parts[i]->file, file, "/checksums", run);
  }
  h5_close(checksums);
  h5_close(runs);
  return done;
}

/* HDF5 1.10 crashes where a copy finds the disk full: what the parts need is taken before (and what
   is too much given back: create_file). What would take more, since their data lies in holes or
   twice in one place, is no result. */
static bd_status_t take_room(hid_t file, const char *path, const merge_t *merge,
                             bd_error_t *error) {
  enum { MORE = 1 << 24 }; /* HDF5 packs metadata in its own way */
  struct stat part;
  int64_t room = 0;
  void *descriptor;
  for (int i = 0; i < merge->count; i++)
    room += fstat(merge->parts[i]->descriptor, &part) == 0 ? part.st_size : 0;
  isolate_keep_length(room + MORE);
  return H5Fget_vfd_handle(file, H5P_DEFAULT, &descriptor) >= 0
             ? file_take_room(*(int *)descriptor, room, path, error)
             : BD_OK;
}

static bd_status_t join(hid_t file, const char *path, void *context, bd_error_t *error) {
  const merge_t *merge = context;
  for (int i = 0; i < merge->count; i++)
    if ((merge->parts[i]->file = h5_open_descriptor(merge->parts[i]->descriptor, 0)) < 0)
      return bd_fail(error, BD_FAILED, "%s: cannot be opened (%s)", merge->parts[i]->path,
                     h5_reason());
  bd_status_t status = BD_OK;
  for (int i = 0; status == BD_OK && i < merge->count; i++)
    status = check_groups(merge->parts[i], error);
  if (status == BD_OK) status = take_room(file, path, merge, error);
  if (status != BD_OK) return status;
  *merge->is_writing = 1;
  hid_t first = merge->parts[0]->file;
  int done = H5Aiterate2(first, H5_INDEX_NAME, H5_ITER_INC, NULL, copy_attribute, &file) >= 0 &&
             H5Ocopy(first, "labels", file, "labels", H5P_DEFAULT, H5P_DEFAULT) >= 0 &&
             join_statistics(file, merge) && join_runs(file, merge) &&
             H5Adelete(file, "part") >= 0 && h5_put_text(file, "part", "1/1", 0);
  *merge->is_writing = 0;
  return done ? BD_OK : bd_fail(error, BD_FAILED, "%s: cannot be written (%s)", path, h5_reason());
}

typedef struct request {
  int part_count;
  bd_existing_t existing;
  const char *const *parts, *path;
  volatile int *is_writing;
} request_t;

/* HDF5 opens and copies the parts, which may be made up, in a child. */
static bd_status_t merge_here(void *context, FILE *out, bd_error_t *error) {
  const request_t *r = context;
  struct stat made;
  if (r->part_count < 1) return bd_fail(error, BD_BAD_INPUT, "%s: of no parts", r->path);
  merge_t merge = {r->part_count, calloc((size_t)r->part_count, sizeof(bd_result_t *)),
                   r->is_writing};
  if (!merge.parts) return bd_fail(error, BD_FAILED, "no memory for %d parts", r->part_count);
  bd_status_t status = open_parts(&merge, r->parts, error);
  if (status == BD_OK) status = check_count(&merge, r->path, error);
  if (status == BD_OK) status = check_parts(&merge, error);
  if (status == BD_OK && r->existing == BD_EXISTING_KEPT && access(r->path, F_OK) == 0)
    status = check_merged(&merge, r->path, error);
  else if (status == BD_OK) status = create_file(r->path, r->existing, join, &merge, &made, error);
  if (status == BD_OK) compare_revisions(&merge, out);
  for (int i = 0; i < merge.count; i++) bd_result_close(merge.parts[i]);
  free(merge.parts);
  return status;
}

bd_status_t bd_result_merge(int part_count, const char *const *parts, const char *path,
                            bd_existing_t existing, bd_error_t *note, bd_error_t *error) {
  request_t request = {part_count, existing, parts, path, NULL};
  struct stat part, there;
  const int exists = stat(path, &there) == 0;
  int64_t bytes = 0;
  void *found = NULL;
  size_t size = 0;
  for (int i = 0; i < part_count; i++) {
    if (stat(parts[i], &part) != 0) continue;
    if (exists && file_is_same(&part, &there))
      return bd_fail(error, BD_BAD_INPUT, "%s: is one of the parts that it would replace", path);
    bytes += isolate_size(&part);
  }
  if (exists && existing == BD_EXISTING_KEPT) bytes += isolate_size(&there);
  void *shared = mmap(NULL, sizeof *request.is_writing, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return bd_fail(error, BD_FAILED, "%s: no memory", path);
  request.is_writing = shared;
  bd_status_t status =
      isolate(merge_here, &request, path, bytes, 2 * (int64_t)RESULT_MEMORY, &found, &size, error);
  if (*request.is_writing)
    status = bd_fail(error, BD_FAILED,
                     "%s: cannot be written: HDF5 crashed where it copied the parts", path);
  if (status != BD_OK) create_remove_leftovers(path);
  munmap(shared, sizeof *request.is_writing);
  bd_fail(note, BD_OK, "%.*s", status == BD_OK ? (int)size : 0, found ? (const char *)found : "");
  free(found);
  return status;
}
