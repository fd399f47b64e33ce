#include "pipeline/schedule.h"
#include "pipeline/chain.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
  GRAIN = 8,    /* images, one register of the widest instruction set in float64 */
  CAUTION = 10, /* slowdown assumed of a rank whose speed has not been measured */
  CERTAIN = 3   /* items of made attacks, after which the speed of a rank is taken as known */
};

typedef struct piece {
  int point, attack, count, given;
  int64_t first;
  int64_t start; /* of its block; together with the attack this says which pixels */
} piece_t;

/* What the schedule knows of an attack. */
typedef struct kind {
  bool is_made;          /* its images are attacked, which takes long, and may stop early */
  int unit;              /* images that a block is cut into, if they are not split further; or 0 */
  double seconds, units; /* that were spent on it, for units of cost */
} kind_t;

struct schedule {
  piece_t *pieces;
  int64_t count, capacity;
  int64_t fresh;  /* the first piece of the first block nobody has begun */
  int64_t low;    /* all pieces before it have been handed out */
  int64_t left;   /* images x snapshots */
  double work;    /* what is left, in units of cost */
  int64_t open;   /* pieces of made attacks that have not been handed out whole */
  double *cost;   /* [points] of an image: marginals x iterations */
  kind_t *kinds;  /* [attacks] */
  int *snapshots; /* [points] */
  int first_point, ranks, known;
  bool makes;         /* some attacks are made */
  double known_speed; /* sum over the ranks whose speed has been measured */
  struct worker {
    int64_t at; /* its last piece, or -1 */
    int held;   /* items that it has not reported */
    int items;  /* that it has reported */
    double work, seconds;
  } * workers;
};

/* ---- the list ------------------------------------------------------------------ */

static int add(schedule_t *s, int point, int attack, int64_t start, int64_t first, int64_t count) {
  if (s->count == s->capacity) {
    int64_t capacity = s->capacity ? 2 * s->capacity : 256;
    void *grown = realloc(s->pieces, (size_t)capacity * sizeof *s->pieces);
    if (!grown) return 0;
    s->pieces = grown;
    s->capacity = capacity;
  }
  s->pieces[s->count++] = (piece_t){point, attack, (int)count, 0, first, start};
  s->left += count * s->snapshots[point - s->first_point];
  s->work += (double)count * s->cost[point - s->first_point];
  s->open += s->kinds[attack].is_made;
  return 1;
}

/* The images of one block and point that are not done, as ranges. */
static int add_block(schedule_t *s, const bd_plan_t *plan, const uint8_t *done, int point,
                     int attack, int64_t first, int64_t end) {
  const int64_t begin = first;
  if (!done) return add(s, point, attack, begin, first, end - first);
  done += ((int64_t)(point - plan->first_point) * plan->attack_count + attack) * plan->count;
  for (int64_t i = first, start; i < end;) {
    while (i < end && done[i]) i++;
    for (start = i; i < end && !done[i];) i++;
    if (i > start && !add(s, point, attack, begin, start, i - start)) return 0;
  }
  return 1;
}

/* One block, or a part of one, at all points. */
static int add_points(schedule_t *s, const bd_plan_t *plan, const uint8_t *done, int attack,
                      int64_t first, int64_t end) {
  for (int i = 0; i < plan->point_count; i++)
    if (!add_block(s, plan, done,
                   plan->order ? plan->order[attack * plan->point_count + i]
                               : plan->first_point + i,
                   attack, first, end))
      return 0;
  return 1;
}

static int fill(schedule_t *s, const bd_plan_t *plan, const uint8_t *done) {
  for (int attack = 0; attack < plan->attack_count; attack++)
    for (int64_t block = 0; block < plan_blocks(plan); block++) {
      const int64_t first = block * plan->block, unit = s->kinds[attack].unit,
                    end = first + plan->block < plan->count ? first + plan->block : plan->count;
      for (int64_t i = first, next; i < end; i = next) {
        next = unit && i + unit < end ? i + unit : end;
        if (!add_points(s, plan, done, attack, i, next)) return 0;
      }
    }
  return 1;
}

/* A victim takes as long for a part of a batch as for all of it.  So where it does most of the work
   of an attack, items are whole batches. */
static int unit_of(const bd_plan_t *plan, const bd_made_attack_t *made) {
  const int batch = bd_job_point(plan->job, plan->first_point)->victim_batch;
  if (!made || chain_iterates(made)) return 0;
  return batch < 2 * GRAIN ? 2 * GRAIN / batch * batch : batch;
}

static void set_kinds(schedule_t *s, const bd_plan_t *plan) {
  for (int a = 0; a < plan->attack_count; a++) {
    const bd_made_attack_t *made =
        plan->made && plan->made[a] ? &plan->made[a][plan->first_point] : NULL;
    s->kinds[a] = (kind_t){.is_made = made, .unit = unit_of(plan, made)};
    s->makes |= s->kinds[a].is_made;
  }
}

schedule_t *schedule_create(const bd_plan_t *plan, const uint8_t *done, int ranks) {
  schedule_t *s = calloc(1, sizeof *s);
  if (s) {
    s->first_point = plan->first_point;
    s->ranks = ranks;
    s->cost = calloc((size_t)plan->point_count, sizeof *s->cost);
    s->snapshots = calloc((size_t)plan->point_count, sizeof *s->snapshots);
    s->kinds = calloc((size_t)plan->attack_count, sizeof *s->kinds);
    s->workers = calloc((size_t)ranks, sizeof *s->workers);
  }
  int ready = s && s->cost && s->snapshots && s->kinds && s->workers;
  for (int i = 0; ready && i < plan->point_count; i++) {
    const bd_solver_options_t *solver = &bd_job_point(plan->job, plan->first_point + i)->solver;
    const bd_iterations_t *iterations = &solver->iterations;
    s->snapshots[i] = iterations->count;
    s->cost[i] = solver->marginals.count * (1.0 + iterations->values[iterations->count - 1]);
  }
  for (int r = 0; ready && r < ranks; r++) s->workers[r].at = -1;
  if (ready) set_kinds(s, plan);
  if (ready && fill(s, plan, done)) return s;
  schedule_free(s);
  return NULL;
}

void schedule_free(schedule_t *s) {
  if (!s) return;
  free(s->pieces);
  free(s->cost);
  free(s->snapshots);
  free(s->kinds);
  free(s->workers);
  free(s);
}

/* ---- giving -------------------------------------------------------------------- */

static int is_open(const schedule_t *s, int64_t i) {
  return s->pieces[i].given < s->pieces[i].count;
}

static int same_pixels(const piece_t *a, const piece_t *b) {
  return a->attack == b->attack && a->start == b->start;
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
static bool is_slow_and_late(const schedule_t *s, int rank, const piece_t *piece) {
  const kind_t *kind = &s->kinds[piece->attack];
  const double its = share(s, rank), cost = s->cost[piece->point - s->first_point];
  /* The first items of an attack say little about speed, since some images stop early. */
  if (kind->is_made && s->workers[rank].items < CERTAIN) return false;
  return s->workers[rank].seconds > 0 && its < 0.5 / s->ranks &&
         its * s->work < cost * (kind->unit ? kind->unit : 2 * GRAIN);
}

/* Would one of the last items of made attacks wait for this rank, which is still busy with another,
   while other ranks have nothing to do? */
static bool is_busy_and_late(const schedule_t *s, int rank, const piece_t *piece) {
  return s->kinds[piece->attack].is_made && s->workers[rank].held > 0 && s->open < s->ranks;
}

/* How many images of a piece a rank should take. */
static int portion(const schedule_t *s, int rank, const piece_t *piece) {
  const double cost = s->cost[piece->point - s->first_point],
               caution = s->workers[rank].seconds > 0 ? 1 : CAUTION;
  const kind_t *kind = &s->kinds[piece->attack];
  const int left = piece->count - piece->given;
  /* A slow rank may get a single grain.  The others get at least two, so that the victim sees full
     batches, but not where attacking takes most of the time. */
  const int grain = kind->is_made || share(s, rank) < 0.5 / s->ranks ? GRAIN : 2 * GRAIN;
  if (s->ranks == 1 || kind->unit) return left;
  const double most = floor(share(s, rank) * s->work / cost / (3 * grain * caution)) * grain;
  const int count = most < grain ? grain : most < left ? (int)most : left;
  return count < left ? count : left;
}

int schedule_take(schedule_t *s, int rank, schedule_company_t company, bd_item_t *item) {
  int64_t i = choose(s, rank);
  if (i < 0 || (company == SCHEDULE_SHARED && (is_slow_and_late(s, rank, &s->pieces[i]) ||
                                               is_busy_and_late(s, rank, &s->pieces[i]))))
    return 0;
  piece_t *piece = &s->pieces[i];
  const int point = piece->point - s->first_point, count = portion(s, rank, piece);
  *item = (bd_item_t){.point = piece->point,
                      .attack = piece->attack,
                      .count = count,
                      .first = piece->first + piece->given};
  piece->given += count;
  if (!is_open(s, i)) s->open -= s->kinds[piece->attack].is_made;
  if (i == s->fresh) /* its block is begun */
    while (s->fresh < s->count && same_pixels(&s->pieces[s->fresh], piece)) s->fresh++;
  s->workers[rank].at = i;
  s->workers[rank].held++;
  s->left -= (int64_t)count * s->snapshots[point];
  s->work -= count * s->cost[point];
  return 1;
}

/* The work of an item, in which attacks that take longer count for more. */
static double work_of(schedule_t *s, const bd_item_t *item, double seconds) {
  const double units = item->count * s->cost[item->point - s->first_point];
  kind_t *kind = &s->kinds[item->attack];
  kind->seconds += seconds;
  kind->units += units;
  return s->makes ? units * kind->seconds / kind->units : units;
}

void schedule_report(schedule_t *s, int rank, const bd_item_t *item, double seconds) {
  struct worker *worker = &s->workers[rank];
  worker->held--;
  worker->items++;
  if (seconds <= 0) return;
  if (worker->seconds > 0) s->known_speed -= worker->work / worker->seconds;
  else s->known++;
  worker->work += work_of(s, item, seconds);
  worker->seconds += seconds;
  s->known_speed += worker->work / worker->seconds;
}

int64_t schedule_left(const schedule_t *s) { return s->left; }
