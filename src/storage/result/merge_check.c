#include "storage/result/merge_check.h"

#include "job/compare.h"
#include "storage/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- do they belong together? -------------------------------------------------- */

/* Find the first image whose checksums at these places of two results differ.  Returns -1 if there
   is none. */
static bd_status_t find_difference(const bd_result_t *one, int64_t place, const bd_result_t *other,
                                   int64_t other_place, int64_t *image, bd_error_t *error) {
  const int64_t n = one->shape.count;
  const size_t size = (size_t)n * sizeof(uint64_t);
  uint64_t *a = malloc(size), *b = malloc(size);
  bd_status_t status =
      a && b ? BD_OK : bd_fail(error, BD_FAILED, "no memory to compare %s", other->path);
  if (status == BD_OK) status = result_read(one, place, a, size, error);
  if (status == BD_OK) status = result_read(other, other_place, b, size, error);
  *image = 0;
  while (status == BD_OK && *image < n && a[*image] == b[*image]) ++*image;
  if (*image == n) *image = -1;
  free(a);
  free(b);
  return status;
}

/* Check that two parts were made from the same pixels. */
static bd_status_t compare_pixels(const bd_result_t *first, const bd_result_t *other,
                                  bd_error_t *error) {
  bd_status_t status = BD_OK;
  for (int attack = 0; status == BD_OK && attack < first->shape.attack_count; attack++) {
    int64_t image;
    status = find_difference(first, result_input_place(first, attack), other,
                             result_input_place(other, attack), &image, error);
    if (status == BD_OK && image >= 0)
      status =
          bd_fail(error, BD_BAD_INPUT,
                  "%s: not a part of the same sweep as %s: made from other pixels (image %" PRId64
                  " of %s)",
                  other->path, first->path, image, first->names[attack]);
  }
  return status;
}

/* Check that all runs that left the choice of instructions open have used the same. */
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
                       "%s: computed with %s, others with %s; the setting solver.instructions = %s "
                       "would have made them alike",
                       part->path, used, wanted, strcmp(used, "avx512") ? used : wanted);
    }
  }
  return BD_OK;
}

/* Check that two results have the same job, input, victim and program. */
static bd_status_t compare(const bd_result_t *first, const bd_result_t *other, bd_error_t *error) {
  const char *names[] = {"job",           "program_version", "input_digest", "labels_checksum",
                         "victim_digest", "victim_library",  "attacks"};
  char *a = calloc(1, RESULT_TEXT_MAX), *b = calloc(1, RESULT_TEXT_MAX);
  bd_status_t status =
      a && b ? BD_OK : bd_fail(error, BD_FAILED, "no memory to compare %s", other->path);
  for (size_t i = 0; status == BD_OK && i < sizeof names / sizeof *names; i++) {
    int there = bd_result_text(first, -1, names[i], a, RESULT_TEXT_MAX) &&
                bd_result_text(other, -1, names[i], b, RESULT_TEXT_MAX);
    if (there && i == 0) job_text_reduce(a), job_text_reduce(b);
    if (!there || strcmp(a, b))
      status = bd_fail(error, BD_BAD_INPUT,
                       "%s: not a part of the same sweep as %s: attribute %s differs", other->path,
                       first->path, names[i]);
  }
  free(a);
  free(b);
  return status;
}

/* Check that every image is done and whole. */
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

/* Read i of "i/n" from the attribute of the root.  Returns 0 if there is none. */
static long part_of(const bd_result_t *part, long *n) {
  char text[32] = "", *rest;
  bd_result_text(part, -1, "part", text, sizeof text);
  const long number = strtol(text, &rest, 10);
  *n = *rest == '/' ? strtol(rest + 1, NULL, 10) : 0;
  return number;
}

/* Check that there are as many parts as each of them says.  The message names those that are
   missing. */
static bd_status_t check_count(const merge_t *merge, const char *path, bd_error_t *error) {
  char missing[512] = "";
  long expected, n;
  part_of(merge->parts[0], &expected);
  /* A result that is not a part of anything is refused later, by name. */
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

/* Check that part i is the i-th, follows without a gap between the runs, and has the same
   images. */
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
          "%s: is part %ld/%ld of its sweep where part %d/%d should come; give each part once",
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

bd_status_t merge_check(const merge_t *merge, const char *path, bd_error_t *error) {
  bd_status_t status = check_count(merge, path, error);
  return status == BD_OK ? check_parts(merge, error) : status;
}

/* ---- is it merged already? ----------------------------------------------------- */

/* Check by the marks that the whole holds the images and records of a part. */
static bd_status_t compare_marks(const bd_result_t *part, const bd_result_t *whole,
                                 bd_error_t *error) {
  const bd_result_shape_t *shape = &part->shape;
  bd_status_t status = BD_OK;
  for (int g = 0; status == BD_OK && g < shape->run_count * shape->attack_count; g++) {
    const int run = shape->first_run + g / shape->attack_count, attack = g % shape->attack_count;
    int64_t image;
    status = find_difference(part, result_group_place(part, run, attack, DATASET_MARKS), whole,
                             result_group_place(whole, run, attack, DATASET_MARKS), &image, error);
    if (status == BD_OK && image >= 0)
      status = bd_fail(error, BD_BAD_INPUT, "other numbers than in %s (run %03d, %s)", part->path,
                       run, part->names[attack]);
  }
  return status;
}

bd_status_t merge_check_existing(const merge_t *merge, const char *path, bd_error_t *error) {
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
