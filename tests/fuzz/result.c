/* Reads of a result what check, inspect and --resume read. */
#include "fuzz.h"

#include <barydef/result.h>
#include <string.h>

static void verify(bd_result_t *result) {
  enum { PORTION = 4 };
  const bd_result_shape_t *shape = bd_result_shape(result);
  uint8_t states[PORTION];
  uint64_t marks[PORTION];
  char text[4096];
  const char *wrong;
  bd_error_t error;
  for (int run = shape->first_run;
       run < shape->first_run + shape->run_count && run < shape->first_run + 3; run++) {
    bd_result_text(result, run, "solver.kernel_used", text, sizeof text);
    for (int a = 0; a < shape->attack_count && a < 3; a++) {
      if (!bd_result_attack(result, a)) abort();
      const bd_rows_t rows = {run, a, 0, shape->count < PORTION ? shape->count : PORTION};
      bd_result_verify(result, rows, a ? BD_VERIFY_CONTENTS : BD_VERIFY_MARKS, states, marks,
                       &error);
    }
  }
  bd_result_text(result, -1, "job", text, sizeof text);
  bd_result_verify_tables(result, &wrong, &error);
}

long fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  char path[64];
  bd_file_kind_t kind;
  bd_error_t error;
  bd_result_t *result;
  bd_result_summary_t summary;
  memory_file(bytes, size, path);
  bd_file_kind(path, &kind, &error);
  if (bd_result_read_summary(path, &summary, &error) == BD_OK) bd_result_summary_free(&summary);
  if (bd_result_open(path, &result, &error) == BD_OK) {
    fuzz_accepted++;
    verify(result);
    bd_result_close(result);
  } else if (result) abort();
  unlink(path);
  return 0;
}
