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

static bd_status_t inspect_result(const char *path, bd_error_t *error) {
  bd_result_summary_t summary;
  bd_status_t status = bd_result_read_summary(path, &summary, error);
  if (status != BD_OK) return status;
  printf("%s: a result of barydef, %s\n%" PRId64 " images, %d attacks, %d runs\n\n", path,
         summary.complete ? "complete" : "NOT COMPLETE", summary.count, summary.attack_count,
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
