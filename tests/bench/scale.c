/* Simulates the conversation of src/cluster/work.c for any number of ranks: the program's own
   schedule, and costs that were measured.  One line of figures on standard output.

     scale RANKS IMAGES ATTACKS RUNS BLOCK COMPUTE MESSAGE WRITE BYTE BYTES ALL_WRITE

   COMPUTE  seconds a rank needs for one image of one run
   MESSAGE  seconds rank 0 needs to take a block from its post and answer it
   WRITE    seconds rank 0 needs for a block besides its bytes
   BYTE     seconds a byte takes through the post and to the file
   BYTES    bytes of pixels of one image and run, which rank 0 writes unless ALL_WRITE is 1

   Ranks differ by up to 5 percent in speed.  Prints the seconds, the speed-up over one rank, the
   messages that rank 0 sent and received, the share of its time that messages and writing took, and
   the time that the other ranks waited for an answer, on average. */
#include "pipeline/schedule.h"

#include <barydef/statistics.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 2, RECORD_BYTES = sizeof(bd_per_image_t) + 16 };

typedef struct rank {
  double finish, idle_since, waited;
  bd_item_t current, held[TOKENS];
  int held_count, is_busy, is_over;
} rank_t;

typedef struct world {
  schedule_t *schedule;
  rank_t *ranks;
  int size, *heap, heap_count; /* busy ranks by their finish */
  double compute, message, write, byte, bytes;
  double now, served; /* the clock of rank 0, and its time for messages and writing */
  long messages;
} world_t;

/* ---- a heap of ranks ----------------------------------------------------------- */

static int before(const world_t *w, int a, int b) {
  return w->ranks[a].finish < w->ranks[b].finish;
}

static void push(world_t *w, int rank) {
  int i = w->heap_count++;
  for (; i > 0 && before(w, rank, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
    w->heap[i] = w->heap[(i - 1) / 2];
  w->heap[i] = rank;
}

static int pop(world_t *w) {
  int first = w->heap[0], last = w->heap[--w->heap_count], i = 0;
  for (int child; (child = 2 * i + 1) < w->heap_count; i = child) {
    if (child + 1 < w->heap_count && before(w, w->heap[child + 1], w->heap[child])) child++;
    if (!before(w, w->heap[child], last)) break;
    w->heap[i] = w->heap[child];
  }
  w->heap[i] = last;
  return first;
}

/* ---- ranks --------------------------------------------------------------------- */

static double duration(const world_t *w, int rank, const bd_item_t *item) {
  double slower = 1 + 0.05 * ((double)((unsigned)rank * 2654435761u % 1000) / 1000);
  return item->count * w->compute * slower;
}

static void begin(world_t *w, int rank, const bd_item_t *item, double time) {
  rank_t *r = &w->ranks[rank];
  r->current = *item;
  r->is_busy = 1;
  r->finish = time + duration(w, rank, item);
  if (rank > 0) push(w, rank);
}

static void give(world_t *w, int rank) {
  rank_t *r = &w->ranks[rank];
  bd_item_t item;
  w->messages++;
  if (!schedule_take(w->schedule, rank, SCHEDULE_SHARED, &item)) return;
  if (r->is_busy) r->held[r->held_count++] = item;
  else {
    r->waited += w->now - r->idle_since;
    begin(w, rank, &item, w->now);
  }
}

/* A rank has finished.  It goes on with what it holds, and its block waits for rank 0. */
static bd_item_t finish(world_t *w, int rank) {
  rank_t *r = &w->ranks[rank];
  bd_item_t done = r->current;
  r->is_busy = 0;
  r->idle_since = r->finish;
  if (r->held_count) {
    bd_item_t next = r->held[0];
    r->held_count--;
    begin(w, rank, &next, r->finish);
  }
  return done;
}

static void serve(world_t *w, double seconds) {
  w->now += seconds;
  w->served += seconds;
}

static void serve_block(world_t *w) {
  int rank = pop(w);
  double arrived = w->ranks[rank].finish;
  if (arrived > w->now) w->now = arrived;
  bd_item_t item = finish(w, rank);
  w->messages++;
  schedule_report(w->schedule, rank, &item, duration(w, rank, &item));
  serve(w, w->message);
  give(w, rank);
  serve(w, w->write + item.count * w->bytes * w->byte);
}

static void run(world_t *w) {
  double own = 0; /* what is left of rank 0's own item */
  bd_item_t item = {0};
  for (int token = 0; token < TOKENS; token++)
    for (int rank = 1; rank < w->size; rank++) {
      serve(w, w->message / 2);
      give(w, rank);
    }
  for (;;) {
    if (!item.count &&
        schedule_take(w->schedule, 0, w->heap_count > 0 ? SCHEDULE_SHARED : SCHEDULE_ALONE, &item))
      own = duration(w, 0, &item);
    double next = w->heap_count ? w->ranks[w->heap[0]].finish : 1e300;
    if (!item.count && !w->heap_count) return;
    if (item.count && next >= w->now + own) {
      w->now += own;
      schedule_report(w->schedule, 0, &item, duration(w, 0, &item));
      serve(w, w->write + item.count * w->bytes * w->byte);
      item.count = 0;
      continue;
    }
    if (item.count && next > w->now) own -= next - w->now, w->now = next;
    serve_block(w);
  }
}

int main(int argc, char **argv) {
  if (argc != 12) return fprintf(stderr, "see the head of tests/bench/scale.c\n"), 2;
  const int attacks = atoi(argv[3]), runs = atoi(argv[4]), all_write = atoi(argv[11]);
  const int64_t images = atoll(argv[2]);
  world_t w = {.size = atoi(argv[1]),
               .compute = atof(argv[6]),
               .message = atof(argv[7]),
               .write = atof(argv[8]),
               .byte = atof(argv[9])};
  w.bytes = RECORD_BYTES + (all_write ? 0 : atof(argv[10]));
  char text[8192] =
      "[input]\nfile = a\n[output]\nfile = b\n[solver]\niterations = 1\n[sweep]\nsolver.gamma = 1";
  for (int run = 1; run < runs; run++) sprintf(text + strlen(text), ", %d", run + 1);
  bd_job_t *job;
  bd_error_t error;
  if (bd_job_parse(text, "job", "", 0, NULL, &job, &error) != BD_OK)
    return fprintf(stderr, "%s\n", error.message), 1;
  bd_plan_t plan = {.job = job,
                    .point_count = runs,
                    .count = images,
                    .attack_count = attacks,
                    .block = atoi(argv[5])};
  w.schedule = schedule_create(&plan, NULL, w.size);
  w.ranks = calloc((size_t)w.size, sizeof *w.ranks);
  w.heap = calloc((size_t)w.size, sizeof *w.heap);
  if (!w.schedule || !w.ranks || !w.heap) return fprintf(stderr, "no memory\n"), 1;
  run(&w);
  double waited = 0;
  for (int rank = 1; rank < w.size; rank++)
    waited += w.ranks[rank].waited / (w.size > 1 ? w.size - 1 : 1);
  const double alone = (double)images * attacks * runs * (w.compute + w.bytes * w.byte) +
                       (double)images * attacks * runs / plan.block * w.write;
  printf("%g %g %ld %g %g\n", w.now, alone / w.now, w.messages + w.size - 1, w.served / w.now,
         waited);
  schedule_free(w.schedule);
  bd_job_free(job);
  free(w.ranks);
  free(w.heap);
  return 0;
}
