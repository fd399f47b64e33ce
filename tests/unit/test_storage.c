/* Parcels from a child, the decoding of chunks, and a small result from its creation to its end. */
#include "storage/hdf5/parcel.h"
#include "storage/names.h"
#include "storage/set/chunk.h"
#include "storage/set/inflate.h"
#include "storage/set/lzf.h"

#include <barydef/barydef.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

/* ---- parcels ------------------------------------------------------------------- */

static parcel_t packed(const int64_t *numbers, size_t count, const char *text) {
  parcel_t parcel = {0};
  char *bytes = NULL;
  FILE *out = open_memstream(&bytes, &parcel.size);
  parcel_put(out, numbers, count, sizeof *numbers);
  if (text) parcel_put_text(out, text);
  fclose(out);
  parcel.bytes = bytes;
  return parcel;
}

static const int64_t three[] = {1, 2, 3};

Test(storage, what_is_put_is_taken_in_order) {
  parcel_t parcel = packed(three, 3, "hello");
  const int64_t *numbers = parcel_take(&parcel, 3, sizeof *numbers);
  cr_assert(numbers && !memcmp(numbers, three, sizeof three));
  const char *text = parcel_take_text(&parcel);
  cr_assert(text && !strcmp(text, "hello"));
  cr_assert(parcel_is_empty(&parcel));
  parcel_free(&parcel);
}

Test(storage, odd_items_leave_the_next_aligned) {
  parcel_t parcel = packed(three, 1, "seven c");
  cr_assert_not_null(parcel_take(&parcel, 1, sizeof *three));
  cr_assert_eq((uintptr_t)parcel_take_text(&parcel) % 8, 0);
  cr_assert_eq(parcel.size % 8, 0);
  parcel_free(&parcel);
}

Test(storage, truncated_parcel_is_refused) {
  parcel_t parcel = packed(three, 3, NULL);
  for (size_t size = 0; size < sizeof three; size++) {
    parcel_t cut = {.bytes = parcel.bytes, .size = size};
    cr_assert_null(parcel_take(&cut, 3, sizeof *three));
    cr_assert_eq(cut.taken, 0);
  }
  parcel_free(&parcel);
}

Test(storage, hostile_counts_are_refused) {
  parcel_t parcel = packed(three, 3, NULL);
  const int64_t counts[] = {-1, 4, INT64_MAX, INT64_MIN, INT64_MAX / 8 + 1};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    cr_assert_null(parcel_take(&parcel, counts[i], sizeof *three));
  cr_assert_null(parcel_take(&parcel, INT64_MAX, SIZE_MAX));
  cr_assert_not_null(parcel_take(&parcel, 3, sizeof *three));
  parcel_free(&parcel);
}

Test(storage, text_without_its_end_is_refused) {
  parcel_t parcel = packed(three, 0, "hello");
  uint64_t *length = parcel.bytes;
  const uint64_t lengths[] = {0, 5, 7, 9, 1000, INT64_MAX, UINT64_MAX};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    *length = lengths[i];
    cr_assert_null(parcel_take_text(&parcel), "length %llu", (unsigned long long)lengths[i]);
    cr_assert_eq(parcel.taken, 0);
  }
  *length = 6;
  cr_assert_not_null(parcel_take_text(&parcel));
  parcel_free(&parcel);
}

/* ---- names --------------------------------------------------------------------- */

Test(storage, names_that_are_no_parts_of_paths_are_told_apart) {
  const char names[][BD_ATTACK_NAME] = {"fgsm", "a/b", ".", "", "\x1b[2J", "fgsm", "pgd"};
  const name_problem_t expected[] = {NAME_IS_GOOD,      NAME_IS_NO_PART,   NAME_IS_NO_PART,
                                     NAME_IS_NOT_CLEAN, NAME_IS_NOT_CLEAN, NAME_IS_TAKEN,
                                     NAME_IS_GOOD};
  for (int i = 0; i < 7; i++) cr_assert_eq(name_problem(names, sizeof *names, i), expected[i]);
  char endless[BD_ATTACK_NAME];
  memset(endless, 'a', sizeof endless);
  cr_assert_eq(name_problem(endless, sizeof endless, 0), NAME_IS_NOT_CLEAN);
}

/* ---- chunks -------------------------------------------------------------------- */

enum { VALUES = 48, BYTES = VALUES * 4, ROOM = BYTES + 4 };

static place_t place_with(int count, filter_t first, filter_t second) {
  return (place_t){.shape = {3, 1, 4, 4},
                   .chunk = {3, 1, 4, 4},
                   .element = ELEMENT_FLOAT32,
                   .filter_count = count,
                   .filters = {first, second}};
}

static void fill(unsigned char *plain) {
  for (int i = 0; i < BYTES; i++) plain[i] = (unsigned char)(i * i % 251);
}

static const char *decode(const place_t *place, const void *stored, size_t size,
                          unsigned char *plain) {
  const chunk_t chunk = {.size = (uint32_t)size};
  unsigned char *copy = malloc(size + 1), space[ROOM];
  memcpy(copy, stored, size);
  const char *wrong = chunk_decode(place, &chunk, copy, space, plain);
  free(copy);
  return wrong;
}

static size_t deflated(const unsigned char *plain, size_t size, unsigned char *stored,
                       size_t room) {
  uLongf length = room;
  cr_assert_eq(compress(stored, &length, plain, size), Z_OK);
  return length;
}

Test(storage, deflated_and_shuffled_chunk_is_restored) {
  const place_t place = place_with(2, FILTER_SHUFFLE, FILTER_DEFLATE);
  unsigned char plain[BYTES], shuffled[BYTES], stored[2 * BYTES], back[ROOM];
  fill(plain);
  for (int i = 0; i < VALUES; i++)
    for (int k = 0; k < 4; k++) shuffled[k * VALUES + i] = plain[4 * i + k];
  const size_t size = deflated(shuffled, BYTES, stored, sizeof stored);
  cr_assert_null(decode(&place, stored, size, back));
  cr_assert_eq(memcmp(back, plain, BYTES), 0);
}

Test(storage, truncated_deflate_is_refused) {
  const place_t place = place_with(1, FILTER_DEFLATE, 0);
  unsigned char plain[BYTES], stored[2 * BYTES], back[ROOM];
  fill(plain);
  const size_t size = deflated(plain, BYTES, stored, sizeof stored);
  for (size_t cut = 0; cut < size; cut++) cr_assert_not_null(decode(&place, stored, cut, back));
}

/* "abcabcabcabcX" as liblzf writes it: three letters, a piece of nine from three back, a letter. */
static const unsigned char repeated[] = {2, 'a', 'b', 'c', 7 << 5, 0, 2, 0, 'X'};

Test(storage, lzf_repeats_what_it_has_just_made) {
  unsigned char plain[13];
  size_t got = 0;
  cr_assert_null(lzf_into(repeated, sizeof repeated, plain, sizeof plain, &got));
  cr_assert_eq(got, sizeof plain);
  cr_assert_eq(memcmp(plain, "abcabcabcabcX", sizeof plain), 0);
}

Test(storage, lzf_stays_within_its_bounds) {
  unsigned char plain[13], changed[sizeof repeated];
  size_t got = 0;
  for (size_t room = 0; room < sizeof plain; room++)
    cr_assert_not_null(lzf_into(repeated, sizeof repeated, plain, room, &got));
  cr_assert_not_null(lzf_into(repeated, 4 + 1, plain, sizeof plain, &got));
  /* A piece from before the beginning. */
  cr_assert_not_null(lzf_into((const unsigned char[]){0, 'a', 1 << 5, 1}, 4, plain, 13, &got));
  for (size_t i = 0; i < sizeof repeated; i++)
    for (int byte = 0; byte < 256; byte++) {
      memcpy(changed, repeated, sizeof repeated);
      changed[i] = (unsigned char)byte;
      const char *wrong = lzf_into(changed, sizeof changed, plain, sizeof plain, &got);
      cr_assert(wrong || got <= sizeof plain);
    }
}

Test(storage, a_word_that_is_nearly_right_is_found) {
  static const char *const words[] = {"gamma", "theta", "tau", "iterations"};
  cr_assert_str_eq(bd_closest("gama", words, 4), "gamma");
  cr_assert_str_eq(bd_closest("GAMMA", words, 4), "gamma");
  cr_assert_str_eq(bd_closest("thtea", words, 4), "theta");
  cr_assert_str_eq(bd_closest("iteratoin", words, 4), "iterations");
  cr_assert_null(bd_closest("", words, 4));
  cr_assert_null(bd_closest("colour", words, 4));
  cr_assert_null(bd_closest("x", words, 4));
}

Test(storage, rounding_is_clipped_and_nothing_else) {
  double pixels[] = {-1e-6, -1.1e-6, 0, 0.5, 1, 1 + 9e-7, 1.1, -3};
  const double wanted[] = {0, -1.1e-6, 0, 0.5, 1, 1, 1.1, -3};
  cr_assert_eq(bd_pixels_clip(8, pixels), 1);
  cr_assert_eq(memcmp(pixels, wanted, sizeof pixels), 0);
  cr_assert_eq(bd_pixels_clip(8, pixels), 0);
}

#ifdef BD_HAS_LIBDEFLATE
/* The same source, built for zlib (tests/CMakeLists.txt). */
const char *inflate_by_zlib(const unsigned char *from, size_t size, unsigned char *to, size_t room,
                            size_t *got);

static void expect_the_same(const unsigned char *stored, size_t size, size_t room) {
  static unsigned char one[1 << 16], other[1 << 16];
  size_t got = 0, gotten = 0;
  const char *wrong = inflate_into(stored, size, one, room, &got);
  const char *amiss = inflate_by_zlib(stored, size, other, room, &gotten);
  cr_assert_eq(!wrong, !amiss, "%zu bytes, room %zu: %s, %s", size, room, wrong, amiss);
  if (!wrong) cr_assert(got == gotten && memcmp(one, other, got) == 0);
}

Test(storage, libdeflate_and_zlib_inflate_alike) {
  enum { MOST = 40000 };
  static unsigned char plain[MOST], stored[2 * MOST];
  uint32_t state = 1;
  for (int i = 0; i < MOST; i++) { /* random bytes, then ever longer runs of one */
    if (i % (1 + i / 1000) == 0) state = state * 1664525 + 1013904223;
    plain[i] = (unsigned char)(state >> 24);
  }
  for (int level = 0; level <= 9; level++)
    for (size_t length = 0; length <= MOST; length += MOST / 4) {
      uLongf size = sizeof stored;
      cr_assert_eq(compress2(stored, &size, plain + MOST - length, length, level), Z_OK);
      size_t got = 0;
      static unsigned char back[MOST];
      cr_assert_null(inflate_by_zlib(stored, size, back, length, &got));
      cr_assert(got == length && memcmp(back, plain + MOST - length, length) == 0);
      expect_the_same(stored, size, length + 100);
      expect_the_same(stored, size + 5, length); /* bytes behind the end */
      if (length) expect_the_same(stored, size, length - 1);
      for (size_t cut = 0; cut < size; cut += 1 + size / 50) expect_the_same(stored, cut, length);
      for (int i = 0; i < 200; i++) { /* one bit is another */
        state = state * 1664525 + 1013904223;
        const size_t at = (state >> 8) % size;
        const unsigned char bit = (unsigned char)(1 << (state >> 29));
        stored[at] ^= bit;
        expect_the_same(stored, size, length);
        stored[at] ^= bit;
      }
    }
}
#endif

Test(storage, chunk_of_another_size_is_refused) {
  const place_t deflate = place_with(1, FILTER_DEFLATE, 0), none = place_with(0, 0, 0),
                shuffle = place_with(1, FILTER_SHUFFLE, 0);
  unsigned char plain[4 * BYTES] = {0}, stored[8 * BYTES], back[ROOM];
  for (size_t length = BYTES - 4; length <= 4 * BYTES; length += BYTES)
    cr_assert_not_null(
        decode(&deflate, stored, deflated(plain, length, stored, sizeof stored), back));
  cr_assert_not_null(decode(&none, plain, BYTES - 1, back));
  cr_assert_not_null(decode(&none, plain, BYTES + 1, back));
  cr_assert_not_null(decode(&shuffle, plain, 4 * BYTES, back));
}

Test(storage, checksum_of_a_chunk_is_compared) {
  const place_t place = place_with(1, FILTER_FLETCHER32, 0);
  unsigned char stored[ROOM] = {0}, back[ROOM];
  cr_assert_null(decode(&place, stored, ROOM, back)); /* zeros have the checksum 0 */
  stored[7] = 1;
  cr_assert_not_null(decode(&place, stored, ROOM, back));
  cr_assert_not_null(decode(&place, stored, 3, back));
}

/* ---- a result ------------------------------------------------------------------ */

enum { COUNT = 3, H = 2, W = 2, PIXELS = H * W };

static char folder[64], path[128];

static void make_folder(void) {
  snprintf(folder, sizeof folder, "/tmp/barydef-storage-XXXXXX");
  cr_assert_not_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/result.h5", folder);
}

static void remove_folder(void) {
  unlink(path);
  rmdir(folder);
}

static double gamma_of_run = 0.5;

static int run_attributes(void *context, int run, bd_attribute_t *attributes) {
  (void)context;
  (void)run;
  attributes[0] =
      (bd_attribute_t){.name = "solver.gamma", .kind = BD_ATTRIBUTE_REAL, .real = gamma_of_run};
  attributes[1] = (bd_attribute_t){
      .name = "solver.instructions", .kind = BD_ATTRIBUTE_TEXT, .text = "baseline"};
  return 2;
}

static const bd_attack_t attack = {.name = "fgsm", .norm = "linf", .epsilon = 0.1};
static const int64_t labels[COUNT] = {7, 8, 9};
static const bd_images_info_t info = {.dataset = "toys", .channels = 1, .height = H, .width = W};
static const bd_attribute_t root[] = {
    {.name = "job", .kind = BD_ATTRIBUTE_TEXT, .text = "[input]\nfile = a\n[output]\nfile = b\n"},
    {.name = "finished", .kind = BD_ATTRIBUTE_TEXT, .text = "", .room = 32},
    {.name = "seconds", .kind = BD_ATTRIBUTE_REAL},
    {.name = "computed", .kind = BD_ATTRIBUTE_INTEGER},
    {.name = "hosts", .kind = BD_ATTRIBUTE_TEXT, .text = "", .room = 32},
    {.name = "ranks", .kind = BD_ATTRIBUTE_INTEGER}};

/* The views of a job that names none, as root has it. */
static bd_views_t default_views(void) {
  bd_job_t *job;
  cr_assert_eq(bd_job_parse(root[0].text, "job", "", 0, NULL, &job, NULL), BD_OK);
  const bd_views_t views = bd_views_asked(bd_job_point(job, 0));
  bd_job_free(job);
  return views;
}

static bd_result_layout_t layout(void) {
  return (bd_result_layout_t){.info = &info,
                              .count = COUNT,
                              .labels = labels,
                              .attack_count = 1,
                              .attacks = &attack,
                              .run_count = 1,
                              .store_images = 1,
                              .views = default_views(),
                              .attribute_count = sizeof root / sizeof *root,
                              .attributes = root,
                              .run_attributes = run_attributes};
}

static const bd_rows_t all = {.count = COUNT};

static bd_result_t *created(void) {
  const bd_result_layout_t whole = layout();
  bd_result_t *result;
  bd_error_t error = {0};
  cr_assert_eq(bd_result_create(path, BD_EXISTING_REFUSED, &whole, &result, &error), BD_OK, "%s",
               error.message);
  cr_assert_eq(bd_result_begin_writing(result, BD_WRITER_ALONE, 0, &error), BD_OK);
  return result;
}

static void write_all(bd_result_t *result) {
  const bd_result_shape_t *shape = bd_result_shape(result);
  float images[COUNT * PIXELS] = {0};
  char records[COUNT * sizeof(bd_per_image_t)] = {0};
  uint64_t marks[COUNT], input_marks[COUNT] = {11, 12, 13};
  for (int i = 0; i < COUNT; i++) {
    char *record = records + (size_t)(i * shape->record_bytes);
    const bd_per_image_t one = {.label = labels[i], .status = BD_IMAGE_OK, .bits = 64};
    bd_record_pack(shape->views, &one, record);
    images[i * PIXELS] = (float)i;
    marks[i] = bd_result_mark(input_marks[i], record, (size_t)shape->record_bytes,
                              images + i * PIXELS, PIXELS);
  }
  cr_assert_eq(bd_result_write_images(result, all, images, NULL), BD_OK);
  cr_assert_eq(bd_result_write_records(result, all, records, marks, input_marks, NULL), BD_OK);
}

static void expect_states(bd_result_t *result, int first, int second, int third) {
  uint8_t states[COUNT];
  uint64_t input_marks[COUNT];
  cr_assert_eq(bd_result_verify(result, all, BD_VERIFY_CONTENTS, states, input_marks, NULL), BD_OK);
  cr_assert_eq(states[0], first);
  cr_assert_eq(states[1], second);
  cr_assert_eq(states[2], third);
}

static bd_result_t *reopened(bd_result_t *result) {
  bd_error_t error = {0};
  bd_result_close(result);
  cr_assert_eq(bd_result_open(path, &result, &error), BD_OK, "%s", error.message);
  return result;
}

TestSuite(storage_result, .init = make_folder, .fini = remove_folder);

Test(storage_result, a_new_one_has_nothing_done) {
  bd_result_t *result = reopened(created());
  const bd_result_shape_t *shape = bd_result_shape(result);
  cr_assert(shape->count == COUNT && shape->run_count == 1 && !shape->complete);
  cr_assert_str_eq(bd_result_attack(result, 0), "fgsm");
  expect_states(result, BD_ROW_MISSING, BD_ROW_MISSING, BD_ROW_MISSING);
  bd_result_close(result);
}

Test(storage_result, one_that_exists_stays) {
  const bd_result_layout_t whole = layout();
  bd_result_t *result = created(), *other;
  cr_assert_eq(bd_result_create(path, BD_EXISTING_REFUSED, &whole, &other, NULL), BD_BAD_INPUT);
  cr_assert_null(other);
  bd_result_close(result);
}

Test(storage_result, rows_are_done_after_a_sync_and_not_before) {
  bd_result_t *result = created();
  write_all(result);
  expect_states(result, BD_ROW_MISSING, BD_ROW_MISSING, BD_ROW_MISSING);
  cr_assert_eq(bd_result_sync(result, BD_SYNC_NOW, NULL), BD_OK);
  result = reopened(result);
  expect_states(result, BD_ROW_DONE, BD_ROW_DONE, BD_ROW_DONE);
  bd_result_close(result);
}

Test(storage_result, torn_row_is_damaged_and_unmarked_one_missing) {
  bd_result_t *result = created();
  const float torn = 5;
  write_all(result);
  cr_assert_eq(bd_result_sync(result, BD_SYNC_NOW, NULL), BD_OK);
  const int64_t images = bd_result_places(result)[2];
  FILE *file = fopen(path, "r+");
  cr_assert(file && fseek(file, images + 4 * PIXELS, SEEK_SET) == 0);
  cr_assert_eq(fwrite(&torn, sizeof torn, 1, file), 1);
  fclose(file);
  cr_assert_eq(bd_result_unmark(result, (bd_rows_t){.first = 2, .count = 1}, NULL), BD_OK);
  expect_states(result, BD_ROW_DONE, BD_ROW_DAMAGED, BD_ROW_MISSING);
  bd_result_close(result);
}

Test(storage_result, attributes_that_differ_are_named_and_mended) {
  bd_result_t *result = created();
  const bd_result_layout_t whole = layout();
  bd_attributes_differing_t differing;
  bd_error_t error = {0};
  const bd_attributes_how_t how[] = {BD_ATTRIBUTES_COMPARED, BD_ATTRIBUTES_MENDED,
                                     BD_ATTRIBUTES_COMPARED};
  const int expected[] = {1, 1, 0};
  gamma_of_run = 0.25;
  for (int i = 0; i < 3; i++) {
    cr_assert_eq(bd_result_compare_attributes(result, &whole, how[i], &differing, &error), BD_OK,
                 "%s", error.message);
    cr_assert_eq(differing.count > 0, expected[i]);
    if (expected[i]) cr_assert_str_eq(differing.first, "attribute solver.gamma of /runs/000");
  }
  bd_result_close(result);
}

Test(storage_result, finished_one_is_complete_and_whole) {
  bd_result_t *result = created();
  int64_t by_status[BD_STATUSES_MAX];
  const char *wrong;
  bd_error_t error = {0};
  write_all(result);
  cr_assert_eq(bd_result_finish(result, BD_PREDICTIONS_ABSENT, 0, NULL, by_status, &error), BD_OK,
               "%s", error.message);
  cr_assert_eq(by_status[BD_IMAGE_OK], COUNT);
  cr_assert_eq(bd_result_open(path, &result, NULL), BD_OK);
  cr_assert(bd_result_shape(result)->complete);
  cr_assert_eq(bd_result_verify_tables(result, &wrong, NULL), BD_OK);
  cr_assert_null(wrong, "%s", wrong);
  bd_result_close(result);
}
