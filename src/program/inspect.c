#include "program/program.h"

#include <inttypes.h>

const manual_t manual_inspect = {
    .description = "Show what is in a file of attacked images, or in a result: its job, its "
                   "attributes, and the accuracies of a complete one.",
    .parse = parse_one_file,
    .endings = (const ending_t[]){{BD_OK, ""},
                                  {BD_FAILED, "standard output cannot be written"},
                                  {BD_BAD_INPUT, "bad usage, or a file of another kind"},
                                  {0}},
    .examples =
        (const topic_t[]){{"barydef inspect result.h5", "The tables of a result again."}, {0}},
};

static bd_status_t inspect_images(const char *path, bd_error_t *error) {
  bd_images_t *images;
  bd_status_t status = bd_images_open(path, BD_IMAGES_MEMORY, &images, error);
  if (status != BD_OK) return status;
  const bd_images_info_t *info = bd_images_info(images);
  printf("%s: attacked images of \"%s\"\n%" PRId64
         " images of %d x %d x %d (channels, height, width), labels %" PRId64 " to %" PRId64
         ", digest %s\n\n%-24s %-6s %10s  %-8s  %s\n",
         path, info->dataset, info->count, info->channels, info->height, info->width,
         info->label_min, info->label_max, info->digest, "attack", "norm", "epsilon", "type",
         "source");
  for (int a = 0; a < info->attack_count; a++)
    printf("%-24s %-6s %10.5g  %-8s  %s\n", info->attacks[a].name, info->attacks[a].norm,
           info->attacks[a].epsilon, info->attacks[a].type, info->attacks[a].source);
  if (*info->notes) printf("\n%s\n", info->notes);
  for (int a = 0; status == BD_OK && a < info->attack_count; a++)
    if (bd_images_check_scale(images, a, info->count, error) != BD_OK)
      printf("\n%s\n", error->message);
  bd_images_close(images);
  return BD_OK;
}

/* Count the images that are marked as done, which is quick. */
static bd_status_t count_done(const char *path, int64_t *done, int64_t *all, bd_error_t *error) {
  enum { PORTION = 256 };
  uint8_t states[PORTION];
  uint64_t input_marks[PORTION];
  bd_result_t *result;
  bd_status_t status = bd_result_open(path, &result, error);
  if (status != BD_OK) return status;
  const bd_result_shape_t *shape = bd_result_shape(result);
  *done = *all = 0;
  for (int run = shape->first_run; run < shape->first_run + shape->run_count; run++)
    for (int a = 0; a < shape->attack_count; a++)
      for (int64_t first = 0; status == BD_OK && first < shape->count; first += PORTION) {
        const int64_t n = shape->count - first < PORTION ? shape->count - first : PORTION;
        status = bd_result_verify(result, (bd_rows_t){run, a, first, n}, BD_VERIFY_MARKS, states,
                                  input_marks, error);
        for (int64_t i = 0; status == BD_OK && i < n; i++) *done += states[i] == BD_ROW_DONE;
        *all += n;
      }
  bd_result_close(result);
  return status;
}

static bd_status_t inspect_result(const char *path, bd_error_t *error) {
  bd_result_summary_t summary;
  bd_status_t status = bd_result_read_summary(path, &summary, error);
  if (status != BD_OK) return status;
  int64_t done = 0, all = 0;
  bd_error_t unknown; /* a damaged result is shown as far as it can be */
  printf("%s: a result of barydef, %s", path, summary.complete ? "complete" : "NOT COMPLETE");
  if (!summary.complete && count_done(path, &done, &all, &unknown) == BD_OK)
    printf(": %" PRId64 " of %" PRId64 " images are done (%.0f %%)", done, all,
           100 * (double)done / (double)(all ? all : 1));
  printf("\n%" PRId64 " images, %d attacks, %d runs\n\n", summary.count, summary.attack_count,
         summary.run_count);
  for (int i = 0; i < summary.attribute_count; i++)
    printf("%-17s %s\n", summary.attributes[i].name, summary.attributes[i].value);
  printf("\n%s\n", summary.job);
  if (summary.complete) print_statistics(stdout, &summary);
  bd_result_summary_free(&summary);
  return BD_OK;
}

int command_inspect(int argc, char **argv) {
  const char *path = NULL;
  bd_error_t error;
  bd_file_kind_t kind;
  int ended;
  if (!arguments_take(argc, argv, &path, &ended)) return ended;
  bd_status_t status = bd_file_kind(path, &kind, &error);
  if (status == BD_OK && kind == BD_FILE_OTHER)
    status =
        bd_fail(&error, BD_BAD_INPUT,
                "%s: neither a file of attacked images nor a result of barydef; barydef convert "
                "reads files of other layouts",
                path);
  if (status == BD_OK)
    status = kind == BD_FILE_IMAGES ? inspect_images(path, &error) : inspect_result(path, &error);
  return status == BD_OK ? BD_OK : complain(&error);
}
