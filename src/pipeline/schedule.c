#include "pipeline/schedule.h"

#include <math.h>
#include <stdlib.h>

enum {
  GRAIN = 8,   /* images, one register of the widest instruction set in float64 */
  CAUTION = 10 /* slowdown assumed of a rank whose speed has not been measured */
};

typedef struct piece {
  int point, attack, count, given;
  int64_t first;
  int64_t block; /* together with the attack this says which pixels */
} piece_t;

struct schedule {
  piece_t *pieces;
  int64_t count, capacity;
  int64_t fresh;  /* the first piece of the first block nobody has begun */
  int64_t low;    /* all pieces before it have been handed out */
  int64_t left;   /* images x snapshots */
  double work;    /* what is left, in units of cost */
  double *cost;   /* [points] of an image: marginals x iterations */
  int *snapshots; /* [points] */
  int first_point, ranks, known;
  double known_speed; /* sum over the ranks whose speed has been measured */
  struct worker {
    int64_t at; /* its last piece, or -1 */
    double work, seconds;
  } * workers;
};

/* ---- the list ------------------------------------------------------------------ */

static int add(schedule_t *s, int point, int attack, int64_t block, int64_t first, int64_t count) {
  if (s->count == s->capacity) {
    int64_t capacity = s->capacity ? 2 * s->capacity : 256;
    void *grown = realloc(s->pieces, (size_t)capacity * sizeof *s->pieces);
    if (!grown) return 0;
    s->pieces = grown;
    s->capacity = capacity;
  }
  s->pieces[s->count++] = (piece_t){point, attack, (int)count, 0, first, block};
  s->left += count * s->snapshots[point - s->first_point];
  s->work += (double)count * s->cost[point - s->first_point];
  return 1;
}

/* The images of one block and point that are not done, as ranges. */
static int add_block(schedule_t *s, const bd_plan_t *plan, const uint8_t *done, int point,
                     int attack, int64_t block) {
  int64_t first = block * plan->block,
          end = first + plan->block < plan->count ? first + plan->block : plan->count;
  if (!done) return add(s, point, attack, block, first, end - first);
  done += ((int64_t)(point - plan->first_point) * plan->attack_count + attack) * plan->count;
  for (int64_t i = first, start; i < end;) {
    while (i < end && done[i]) i++;
    for (start = i; i < end && !done[i];) i++;
    if (i > start && !add(s, point, attack, block, start, i - start)) return 0;
  }
  return 1;
}

static int fill(schedule_t *s, const bd_plan_t *plan, const uint8_t *done) {
  for (int attack = 0; attack < plan->attack_count; attack++)
    for (int64_t block = 0; block < plan_blocks(plan); block++)
      for (int i = 0; i < plan->point_count; i++)
        if (!add_block(s, plan, done, plan->order ? plan->order[i] : plan->first_point + i, attack,
                       block))
          return 0;
  return 1;
}

schedule_t *schedule_create(const bd_plan_t *plan, const uint8_t *done, int ranks) {
  schedule_t *s = calloc(1, sizeof *s);
  if (s) {
    s->first_point = plan->first_point;
    s->ranks = ranks;
    s->cost = calloc((size_t)plan->point_count, sizeof *s->cost);
    s->snapshots = calloc((size_t)plan->point_count, sizeof *s->snapshots);
    s->workers = calloc((size_t)ranks, sizeof *s->workers);
  }
  int ready = s && s->cost && s->snapshots && s->workers;
  for (int i = 0; ready && i < plan->point_count; i++) {
    const bd_solver_options_t *solver = &bd_job_point(plan->job, plan->first_point + i)->solver;
    const bd_iterations_t *iterations = &solver->iterations;
    s->snapshots[i] = iterations->count;
    s->cost[i] = solver->marginals.count * (1.0 + iterations->values[iterations->count - 1]);
  }
  for (int r = 0; ready && r < ranks; r++) s->workers[r].at = -1;
  if (ready && fill(s, plan, done)) return s;
  schedule_free(s);
  return NULL;
}

void schedule_free(schedule_t *s) {
  if (!s) return;
  free(s->pieces);
  free(s->cost);
  free(s->snapshots);
  free(s->workers);
  free(s);
}

/* ---- giving -------------------------------------------------------------------- */

static int is_open(const schedule_t *s, int64_t i) {
  return s->pieces[i].given < s->pieces[i].count;
}

static int same_pixels(const piece_t *a, const piece_t *b) {
  return a->attack == b->attack && a->block == b->block;
}

/* The piece that a rank should take next, or -1. */
static int64_t choose(schedule_t *s, int rank) {
  int64_t at = s->workers[rank].at;
  for (int64_t i = at; at >= 0 && i < s->count && same_pixels(&s->pieces[i], &s->pieces[at]); i++)
    if (is_open(s, i)) return i;
  if (s->fresh < s->count) return s->fresh;
  while (s->low < s->count && !is_open(s, s->low)) s->low++;
  return s->low < s->count ? s->low : -1;
}

/* The fraction of the remaining work that a rank should take.  A rank that has not been measured
   is assumed to be as fast as the average of those that have. */
static double share(const schedule_t *s, int rank) {
  const struct worker *worker = &s->workers[rank];
  if (s->known == 0 || s->known_speed <= 0) return 1.0 / s->ranks;
  double mean = s->known_speed / s->known;
  return (worker->seconds > 0 ? worker->work / worker->seconds : mean) /
         (s->known_speed + (s->ranks - s->known) * mean);
}

/* Would this slow rank still be busy with one more item when the others have finished the rest? */
static int is_late(const schedule_t *s, int rank, double cost) {
  double its = share(s, rank);
  return s->workers[rank].seconds > 0 && its < 0.5 / s->ranks && its * s->work < 2 * GRAIN * cost;
}

int schedule_take(schedule_t *s, int rank, schedule_company_t company, bd_item_t *item) {
  int64_t i = choose(s, rank);
  if (i < 0 || (company == SCHEDULE_SHARED &&
                is_late(s, rank, s->cost[s->pieces[i].point - s->first_point])))
    return 0;
  piece_t *piece = &s->pieces[i];
  const int point = piece->point - s->first_point;
  const double caution = s->workers[rank].seconds > 0 ? 1 : CAUTION;
  /* A slow rank may get a single grain.  The others get at least two, so that the victim sees full
     batches. */
  const int grain = share(s, rank) < 0.5 / s->ranks ? GRAIN : 2 * GRAIN;
  double most = floor(share(s, rank) * s->work / s->cost[point] / (3 * grain * caution)) * grain;
  int count = piece->count - piece->given;
  if (s->ranks > 1 && count > most) count = most < grain ? grain : (int)most;
  if (count > piece->count - piece->given) count = piece->count - piece->given;
  *item = (bd_item_t){.point = piece->point,
                      .attack = piece->attack,
                      .count = count,
                      .first = piece->first + piece->given};
  piece->given += count;
  if (i == s->fresh) /* its block is begun */
    while (s->fresh < s->count && same_pixels(&s->pieces[s->fresh], piece)) s->fresh++;
  s->workers[rank].at = i;
  s->left -= (int64_t)count * s->snapshots[point];
  s->work -= count * s->cost[point];
  return 1;
}

void schedule_report(schedule_t *s, int rank, const bd_item_t *item, double seconds) {
  struct worker *worker = &s->workers[rank];
  if (seconds <= 0) return;
  if (worker->seconds > 0) s->known_speed -= worker->work / worker->seconds;
  else s->known++;
  worker->work += item->count * s->cost[item->point - s->first_point];
  worker->seconds += seconds;
  s->known_speed += worker->work / worker->seconds;
}

int64_t schedule_left(const schedule_t *s) { return s->left; }
