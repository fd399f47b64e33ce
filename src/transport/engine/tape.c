#include "transport/engine/tape.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- room ------------------------------------------------------------------------- */

/* Planes of a checkpoint: the potentials, v, and the two that implied potentials share. */
static size_t checkpoint_planes(const bd_tape_t *t) { return (size_t)t->marginals + 3; }

/* Iterations of a segment when there are so many segments. */
static size_t segment_length(const bd_tape_t *t, int segments) {
  return ((size_t)t->iterations + (size_t)segments - 1) / (size_t)segments;
}

/* Planes that so many segments need.  Nobody goes back to the beginning of a single one. */
static size_t planes_of(const bd_tape_t *t, int segments) {
  return segment_length(t, segments) * (size_t)t->marginals +
         (segments > 1 ? (size_t)segments * checkpoint_planes(t) : 0);
}

/* As few segments as fit into so many planes.  0 where none do, with the least that would. */
static int choose_segments(const bd_tape_t *t, double planes, size_t *least) {
  *least = planes_of(t, 1);
  for (int segments = 1; segments <= t->iterations; segments++) {
    const size_t need = planes_of(t, segments);
    if ((double)need <= planes) return segments;
    if (need < *least) *least = need;
  }
  return 0;
}

/* Bytes of a huge page, on the machines that have them. */
enum { HUGE_PAGE = 2 * 1024 * 1024 };

/* Memory for planes, freed by free().  It is written once from end to end, so the faults of its
   pages cost more than the copies.  Huge pages have 512 times fewer.  Where the system has none,
   nothing changes. */
static void *allocate_planes(size_t bytes) {
  void *planes = NULL;
  if (bytes < HUGE_PAGE) return lanes_allocate(bytes);
  if (posix_memalign(&planes, HUGE_PAGE, bytes)) return NULL;
#ifdef MADV_HUGEPAGE
  madvise(planes, bytes, MADV_HUGEPAGE);
#endif
  return planes;
}

static bd_status_t allocate(bd_tape_t *t, bd_error_t *error) {
  const size_t segments = (size_t)t->segments, saved = segments > 1 ? segments : 0;
  const size_t entries = (size_t)t->iterations * (size_t)t->marginals;
  t->room = segment_length(t, t->segments) * (size_t)t->marginals;
  t->entries = lanes_allocate(entries * sizeof *t->entries);
  t->checkpoints = lanes_allocate(segments * sizeof *t->checkpoints);
  t->planes = allocate_planes(planes_of(t, t->segments) * t->pixels * sizeof *t->planes);
  if (!t->entries || !t->checkpoints || !t->planes)
    return bd_fail(error, BD_FAILED, "no memory for the gradient of %d iterations",
                   t->iterations - 1);
  for (size_t i = 0; i < saved; i++)
    t->checkpoints[i].planes = t->planes + (t->room + i * checkpoint_planes(t)) * t->pixels;
  return BD_OK;
}

bd_status_t BD_X(tape_create)(const bd_iterate_t *it, double memory, bd_tape_t *t,
                              bd_error_t *error) {
  const bd_setup_t *s = it->setup;
  const bd_iterations_t *list = &s->options.iterations;
  *t = (bd_tape_t){.marginals = s->marginals,
                   .iterations = list->values[list->count - 1] + 1,
                   .pixels = s->pixels};
  const double plane = (double)t->pixels * sizeof *t->planes,
               entries = (double)t->iterations * t->marginals * sizeof *t->entries;
  size_t least;
  t->segments =
      choose_segments(t, ((memory > 0 ? memory : BD_VJP_MEMORY) - entries) / plane, &least);
  if (!t->segments && memory == 0) t->segments = choose_segments(t, (double)least, &least);
  if (t->segments) return allocate(t, error);
  return bd_fail(error, BD_FAILED,
                 "the gradient of %d iterations on images of %d x %d pixels needs %.0f bytes, more "
                 "than the %.0f that it may take",
                 t->iterations - 1, s->shape.height, shape_columns(&s->shape),
                 (double)least * plane + entries, memory);
}

void BD_X(tape_free)(bd_tape_t *t) {
  free(t->entries);
  free(t->checkpoints);
  free(t->planes);
  *t = (bd_tape_t){0};
}

/* ---- checkpoints ------------------------------------------------------------------ */

typedef enum direction { SAVE, RESTORE } direction_t;

/* Copy a plane of the iterate to the next one of a checkpoint, or back. */
static void exchange(bd_lanes_t **kept, bd_lanes_t *plane, size_t pixels, direction_t direction) {
  const size_t bytes = pixels * sizeof *plane;
  if (plane && direction == SAVE) memcpy(*kept, plane, bytes);
  if (plane && direction == RESTORE) memcpy(plane, *kept, bytes);
  *kept += pixels;
}

static void exchange_all(const bd_tape_t *t, const bd_iterate_t *it, bd_lanes_t *kept,
                         direction_t direction) {
  for (int k = 0; k < t->marginals; k++) exchange(&kept, it->at.u[k], t->pixels, direction);
  exchange(&kept, it->at.v, t->pixels, direction);
  exchange(&kept, it->implied.sum, t->pixels, direction);
  exchange(&kept, it->implied.drift, t->pixels, direction);
}

static void begin_segment(bd_tape_t *t, const bd_iterate_t *it, int iteration) {
  bd_checkpoint_t *c = &t->checkpoints[t->begun++];
  c->iteration = t->first = iteration;
  t->used = 0;
  if (t->segments == 1) return;
  c->at = it->at;
  c->implied = it->implied;
  exchange_all(t, it, c->planes, SAVE);
}

int BD_X(tape_rewind)(bd_tape_t *t, bd_iterate_t *it) {
  const int end = t->first;
  t->begun--;
  const bd_checkpoint_t *c = &t->checkpoints[t->begun - 1];
  it->at = c->at;
  it->implied = c->implied;
  exchange_all(t, it, c->planes, RESTORE);
  t->first = t->next = c->iteration;
  t->used = 0;
  return end;
}

/* ---- the forward pass ------------------------------------------------------------- */

void BD_X(tape_begin)(bd_tape_t *t, const bd_iterate_t *it, int iteration) {
  if (iteration == 0) t->begun = 0;
  if (iteration == 0 || t->room - t->used < (size_t)t->marginals) begin_segment(t, it, iteration);
  t->next = iteration;
}

/* Bytes of a tape from which planes are stored past the caches.  Fewer are read back from there:
   16 MB within 2 MB an image are slower by a tenth when streamed. */
enum { STREAMED_FROM = 16 * 1024 * 1024 };

/* Store past the caches, for what is not read soon. */
BD_INLINE void lanes_stream(bd_lanes_t *to, bd_lanes_t a) {
#if defined __AVX512F__
  _mm512_stream_si512((__m512i *)to, (__m512i)a);
#elif defined __AVX__
  _mm256_stream_si256((__m256i *)to, (__m256i)a);
#elif defined __SSE2__
  _mm_stream_si128((__m128i *)to, (__m128i)a);
#else
  *to = a;
#endif
}

void BD_X(tape_keep)(bd_tape_t *t, const bd_evaluation_t *e) {
  bd_lanes_t *u = NULL;
  if (lanes_any(~e->known)) {
    u = t->planes + t->used++ * t->pixels;
    if (t->used * t->pixels * sizeof *u <= STREAMED_FROM)
      memcpy(u, e->at->u[e->k], t->pixels * sizeof *u);
    else
      for (size_t i = 0; i < t->pixels; i++) lanes_stream(u + i, e->at->u[e->k][i]);
  }
  t->entries[(size_t)t->next * (size_t)t->marginals + (size_t)e->k] =
      (bd_taped_t){u, e->at->max[e->k], e->at->min[e->k], e->known};
}
