#include "pipeline/seen.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

bd_status_t seen_create(bd_victim_t *victim, int batch, int block, int most, size_t size,
                        bd_seen_t *seen, bd_error_t *error) {
  const size_t answers = (size_t)block * (size_t)most;
  *seen = (bd_seen_t){.victim = victim, .block = block, .most = most, .batch = batch, .size = size};
  if (!victim) return BD_OK;
  seen->answers = malloc(answers * sizeof *seen->answers);
  seen->pixels = malloc(answers * size * sizeof *seen->pixels);
  seen->rows = malloc((size_t)batch * size * sizeof *seen->rows);
  seen->classes = malloc((size_t)batch * sizeof *seen->classes);
  seen->taken = malloc((size_t)batch * sizeof *seen->taken);
  if (!seen->answers || !seen->pixels || !seen->rows || !seen->classes || !seen->taken)
    return bd_fail(error, BD_FAILED,
                   "no memory for the answers of the victim; a smaller run.block needs less");
  seen_forget(seen, 0);
  return BD_OK;
}

void seen_free(bd_seen_t *seen) {
  free(seen->answers);
  free(seen->pixels);
  free(seen->rows);
  free(seen->classes);
  free(seen->taken);
  free(seen->requests);
  memset(seen, 0, sizeof *seen);
}

double seen_bytes(int batch, int block, int most, size_t size) {
  return ((double)block * most + batch) * (double)size * sizeof(float);
}

void seen_forget(bd_seen_t *seen, int64_t first) {
  seen->first = first;
  seen->request_count = seen->pending = 0;
  for (size_t i = 0; seen->answers && i < (size_t)seen->block * (size_t)seen->most; i++)
    seen->answers[i] = (seen_answer_t){.class_number = SEEN_FREE};
}

/* ---- asking ---------------------------------------------------------------------- */

/* The answer for these pixels of image i, or NULL. */
static seen_answer_t *find(bd_seen_t *seen, int i, const float *pixels, uint64_t hash) {
  for (int j = 0; j < seen->most; j++) {
    const size_t at = (size_t)i * (size_t)seen->most + (size_t)j;
    seen_answer_t *answer = &seen->answers[at];
    if (answer->class_number != SEEN_FREE && answer->hash == hash &&
        memcmp(seen->pixels + at * seen->size, pixels, seen->size * sizeof *pixels) == 0)
      return answer;
  }
  return NULL;
}

/* Make an answer for these pixels, which is pending. */
static bd_status_t add(bd_seen_t *seen, int i, const float *pixels, uint64_t hash,
                       seen_answer_t **answer, bd_error_t *error) {
  const size_t first = (size_t)i * (size_t)seen->most;
  size_t at = first;
  bd_status_t status = BD_OK;
  for (size_t j = first; j < first + (size_t)seen->most; j++)
    if (seen->answers[j].used < seen->answers[at].used) at = j;
  *answer = &seen->answers[at];
  if ((*answer)->class_number == SEEN_PENDING) status = seen_answer_all(seen, error);
  **answer = (seen_answer_t){.hash = hash, .class_number = SEEN_PENDING};
  memcpy(seen->pixels + at * seen->size, pixels, seen->size * sizeof *pixels);
  seen->pending++;
  return status;
}

static bd_status_t wait_for(bd_seen_t *seen, const seen_answer_t *answer, int32_t *class_number,
                            bd_error_t *error) {
  if (seen->request_count == seen->request_room) {
    const int room = 2 * seen->request_room + seen->block;
    seen_request_t *more = realloc(seen->requests, (size_t)room * sizeof *more);
    if (!more) return bd_fail(error, BD_FAILED, "no memory for the answers of the victim");
    seen->requests = more;
    seen->request_room = room;
  }
  seen->requests[seen->request_count++] =
      (seen_request_t){(size_t)(answer - seen->answers), class_number};
  return BD_OK;
}

bd_status_t seen_ask(bd_seen_t *seen, int i, const float *pixels, int32_t *class_number,
                     bd_error_t *error) {
  const uint64_t hash = XXH3_64bits(pixels, seen->size * sizeof *pixels);
  seen_answer_t *answer = find(seen, i, pixels, hash);
  bd_status_t status = BD_OK;
  if (answer) seen->counts.shared++;
  else status = add(seen, i, pixels, hash, &answer, error);
  if (status != BD_OK) return status;
  answer->used = ++seen->asked;
  /* An answer that is there may make way before the next are asked for. */
  *class_number = answer->class_number;
  return *class_number == SEEN_PENDING ? wait_for(seen, answer, class_number, error) : BD_OK;
}

/* ---- answering ------------------------------------------------------------------- */

static void fill_row(bd_seen_t *seen, size_t row, size_t answer) {
  memcpy(seen->rows + row * seen->size, seen->pixels + answer * seen->size,
         seen->size * sizeof *seen->rows);
}

/* The j-th pending answer of each row, as a batch.  Rows without one are copies of one that is
   there.  Returns how many there are; seen->taken names them. */
static int fill_rows(bd_seen_t *seen) {
  const size_t none = (size_t)-1, most = (size_t)seen->most;
  size_t first = none;
  int used = 0;
  for (int row = 0; row < seen->batch; row++) seen->taken[row] = none;
  for (size_t at = 0; at < (size_t)seen->block * most; at++) {
    const size_t row = (size_t)((seen->first + (int64_t)(at / most)) % seen->batch);
    if (seen->answers[at].class_number != SEEN_PENDING || seen->taken[row] != none) continue;
    fill_row(seen, row, at);
    seen->taken[row] = at;
    if (first == none) first = at;
    used++;
  }
  for (size_t row = 0; used && row < (size_t)seen->batch; row++)
    if (seen->taken[row] == none) fill_row(seen, row, first);
  return used;
}

bd_status_t seen_answer_all(bd_seen_t *seen, bd_error_t *error) {
  bd_status_t status = BD_OK;
  while (status == BD_OK && seen->pending > 0) {
    seen->pending -= fill_rows(seen);
    status = bd_victim_predict(seen->victim, seen->first - seen->first % seen->batch, seen->batch,
                               seen->rows, seen->classes, error);
    seen->counts.rows += seen->batch;
    for (int row = 0; status == BD_OK && row < seen->batch; row++) {
      if (seen->taken[row] == (size_t)-1) continue;
      seen->answers[seen->taken[row]].class_number = seen->classes[row];
      seen->counts.predicted++;
    }
  }
  for (int i = 0; status == BD_OK && i < seen->request_count; i++)
    *seen->requests[i].class_number = seen->answers[seen->requests[i].answer].class_number;
  seen->request_count = 0;
  return status;
}
