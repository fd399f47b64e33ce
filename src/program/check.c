#include "program/program.h"

#include <inttypes.h>
#include <string.h>

const manual_t manual_check = {
    .description = "Verify a result: each image and record that is done against its checksum, the "
                   "labels, and the statistics against the records.",
    .parse = parse_one_file,
    .endings = (const ending_t[]){{BD_OK, "it is complete, and nothing is damaged"},
                                  {BD_FAILED, "it is not complete, or something is damaged and is "
                                              "named; --resume of the job goes on with it and "
                                              "mends it, or names what it cannot"},
                                  {BD_BAD_INPUT, "bad usage, or the file is no result"},
                                  {0}},
    .examples =
        (const topic_t[]){{"barydef check result.h5", "Every image against its checksum."}, {0}},
};

typedef struct count {
  int64_t all, done, damaged;
} count_t;

static void name_damage(const bd_result_t *result, int run, int attack, int64_t first,
                        int64_t end) {
  printf("run %03d, %s: ", run, bd_result_attack(result, attack));
  if (end - first == 1) printf("image %" PRId64 " is damaged\n", first);
  else printf("images %" PRId64 " to %" PRId64 " are damaged\n", first, end - 1);
}

/* In a complete result a missing mark is damage. */
static int is_damaged(const bd_result_t *result, int state) {
  return state == BD_ROW_DAMAGED || (state == BD_ROW_MISSING && bd_result_shape(result)->complete);
}

static bd_status_t check_group(bd_result_t *result, int run, int attack, count_t *count,
                               bd_error_t *error) {
  enum { PORTION = 256 };
  uint8_t states[PORTION];
  uint64_t input_marks[PORTION];
  const int64_t images = bd_result_shape(result)->count;
  int64_t damaged_from = -1;
  for (int64_t first = 0; first < images; first += PORTION) {
    int64_t n = images - first < PORTION ? images - first : PORTION;
    bd_status_t status = bd_result_verify(result, (bd_rows_t){run, attack, first, n},
                                          BD_VERIFY_CONTENTS, states, input_marks, error);
    if (status != BD_OK) return status;
    for (int64_t i = 0; i < n; i++) {
      count->all++;
      count->done += states[i] == BD_ROW_DONE;
      count->damaged += is_damaged(result, states[i]);
      if (is_damaged(result, states[i]) && damaged_from < 0) damaged_from = first + i;
      if (!is_damaged(result, states[i]) && damaged_from >= 0) {
        name_damage(result, run, attack, damaged_from, first + i);
        damaged_from = -1;
      }
    }
  }
  if (damaged_from >= 0) name_damage(result, run, attack, damaged_from, images);
  return BD_OK;
}

static bd_status_t check(const char *path, bd_error_t *error) {
  bd_result_t *result;
  count_t count = {0};
  const char *wrong = NULL;
  bd_status_t status = bd_result_open(path, &result, error);
  if (status != BD_OK) return status;
  const bd_result_shape_t *shape = bd_result_shape(result);
  for (int run = shape->first_run; status == BD_OK && run < shape->first_run + shape->run_count;
       run++)
    for (int a = 0; status == BD_OK && a < shape->attack_count; a++)
      status = check_group(result, run, a, &count, error);
  if (status == BD_OK) status = bd_result_verify_tables(result, &wrong, error);
  if (status == BD_OK) {
    int64_t all = count.all;
    for (const char *line = wrong, *end; line; line = *end ? end + 1 : NULL) {
      end = line + strcspn(line, "\n");
      printf("%.*s is damaged\n", (int)(end - line), line);
    }
    if (count.damaged || wrong)
      status = bd_fail(error, BD_FAILED,
                       "%s: damaged: %" PRId64 " of %" PRId64
                       " images%s%.*s; --resume of its job mends it, or names what it cannot",
                       path, count.damaged, all, wrong ? ", and " : "",
                       wrong ? (int)strcspn(wrong, "\n") : 0, wrong ? wrong : "");
    else if (shape->complete)
      printf("%s: complete, %" PRId64 " images, all checksums are right\n", path, all);
    else {
      printf("%s: NOT COMPLETE: %" PRId64 " of %" PRId64
             " images are done, all their checksums are right\n",
             path, count.done, all);
      status =
          bd_fail(error, BD_FAILED, "%s: not complete; --resume of its job goes on with it", path);
    }
  }
  bd_result_close(result);
  return status;
}

int command_check(int argc, char **argv) {
  const char *path = NULL;
  bd_error_t error;
  int status;
  if (!arguments_take(argc, argv, &path, &status)) return status;
  status = (int)check(path, &error);
  fflush(stdout);
  return status == BD_OK ? BD_OK : complain(&error);
}
