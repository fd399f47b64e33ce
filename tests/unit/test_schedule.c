/* The schedule gives each image once, whatever is done already, keeps ranks on their blocks,
   and lets ranks of different speed end together. */
#include "pipeline/schedule.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bd_job_t *job(const char *sweep) {
  char text[512];
  bd_job_t *found;
  bd_error_t error;
  snprintf(text, sizeof text,
           "[input]\nfile = a\n[output]\nfile = b\n[solver]\niterations = 5, 20\n%s", sweep);
  cr_assert_eq(bd_job_parse(text, "job", "", 0, NULL, &found, &error), BD_OK, "%s", error.message);
  return found;
}

static int attacks[3] = {0, 1, 2};
static const bd_made_attack_t *none_made[3];
static bd_plan_t plan_of(const bd_job_t *job, int64_t count, int block) {
  return (bd_plan_t){.job = job,
                     .point_count = bd_job_point_count(job),
                     .count = count,
                     .attack_count = 3,
                     .attacks = attacks,
                     .made = none_made,
                     .block = block};
}

/* What is done already: 1 where an image of an attack at a point needs no work. */
static uint8_t pattern(int kind, int64_t index) {
  return kind == 1 ? (uint8_t)(index % 3 == 0) : kind == 2 ? (uint8_t)(index / 50 % 2) : 1;
}

Test(schedule, gives_each_image_once) {
  bd_job_t *j = job("[sweep]\nsolver.gamma = 1, 2, 3\n");
  for (int kind = 0; kind < 4; kind++)
    for (int ranks = 1; ranks < 40; ranks = 3 * ranks + 1)
      for (int block = 1; block <= 1000; block *= 10) {
        bd_plan_t plan = plan_of(j, 201, block);
        const int64_t all = 3 * 3 * plan.count;
        uint8_t done[3 * 3 * 201], given[3 * 3 * 201] = {0};
        int64_t wanted = 0;
        for (int64_t i = 0; i < all; i++) done[i] = pattern(kind, i);
        for (int64_t i = 0; i < all; i++) wanted += kind == 0 || !done[i];
        schedule_t *s = schedule_create(&plan, kind ? done : NULL, ranks);
        cr_assert_eq(schedule_left(s), 2 * wanted);
        bd_item_t item;
        for (int turn = 0; schedule_take(s, turn % ranks, SCHEDULE_ALONE, &item); turn++) {
          cr_assert(item.count > 0 && item.count <= block && item.first >= 0 &&
                    item.first + item.count <= plan.count);
          for (int64_t i = item.first; i < item.first + item.count; i++)
            given[(item.point * 3 + item.attack) * plan.count + i]++;
          schedule_report(s, turn % ranks, &item, 0.01 * (1 + turn % ranks) * item.count);
        }
        for (int64_t i = 0; i < all; i++) cr_assert_eq(given[i], kind == 0 || !done[i]);
        cr_assert_eq(schedule_left(s), 0);
        schedule_free(s);
      }
  bd_job_free(j);
}

Test(schedule, keeps_a_rank_on_its_block) {
  bd_job_t *j = job("[sweep]\nsolver.gamma = 1, 2, 3, 4, 5, 6, 7, 8\n");
  bd_plan_t plan = plan_of(j, 6400, 64);
  schedule_t *s = schedule_create(&plan, NULL, 4);
  bd_item_t item, last[4];
  int changes = 0, items = 0;
  for (int rank = 0; schedule_take(s, rank, SCHEDULE_ALONE, &item);
       rank = (rank + 1) % 4, items++) {
    if (items >= 4)
      changes += item.first / 64 != last[rank].first / 64 || item.attack != last[rank].attack;
    last[rank] = item;
  }
  /* 300 blocks, each with 8 points. */
  cr_assert(changes < 330, "%d changes of the block in %d items", changes, items);
  schedule_free(s);
  bd_job_free(j);
}

/* An attack through the bare victim is made once for all points at which its keys agree. */
Test(schedule, points_of_one_attack_follow_one_another) {
  bd_job_t *j = job("[attack bare]\nseed = 0\n[attack exact]\nthrough = mean\n"
                    "[sweep]\nsolver.gamma = 1, 2\nattack.epsilon = 0.1, 8/255\n");
  static const int expected[3][4] = {{0, 1, 2, 3}, {0, 2, 1, 3}, {0, 1, 2, 3}};
  const bd_made_attack_t *made[3] = {NULL, bd_job_made(j, 0), bd_job_made(j, 1)};
  bd_plan_t plan = plan_of(j, 64, 64);
  plan.made = made;
  cr_assert_eq(plan_order(&plan, NULL), BD_OK);
  schedule_t *s = schedule_create(&plan, NULL, 1);
  bd_item_t item;
  int taken[3] = {0};
  while (schedule_take(s, 0, SCHEDULE_ALONE, &item)) {
    if (item.first) continue; /* the other half of a block, in the same order */
    const int i = taken[item.attack]++;
    cr_assert_lt(i, plan.point_count);
    cr_expect_eq(item.point, expected[item.attack][i], "attack %d: %d at %d", item.attack,
                 item.point, i);
  }
  for (int attack = 0; attack < 3; attack++) cr_expect_eq(taken[attack], plan.point_count);
  cr_expect(plan_is_same_attack(&plan, 1, 0, 2) && !plan_is_same_attack(&plan, 1, 0, 1));
  cr_expect_not(plan_is_same_attack(&plan, 2, 0, 2));
  schedule_free(s);
  free(plan.order);
  bd_job_free(j);
}

/* Whatever key of the sweep varies fastest, images that are moved alike follow one another. */
Test(schedule, points_that_move_alike_follow_one_another) {
  const struct {
    const char *sweep;
    int first, count, shares, order[6];
  } cases[] = {{"solver.gamma = 1, 2, 3\nmarginals.set = B4, B6\n", 0, 6, 1, {0, 2, 4, 1, 3, 5}},
               {"solver.gamma = 1, 2, 3\nmarginals.set = B4, B6\n", 1, 3, 1, {1, 3, 2}},
               {"marginals.set = B4, B6\nsolver.gamma = 1, 2, 3\n", 0, 6, 1, {0, 1, 2, 3, 4, 5}},
               {"marginals.set = B4, B6\nmarginals.interpolation = bilinear, nearest\n",
                0,
                4,
                0,
                {0, 1, 2, 3}}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    char sweep[256];
    snprintf(sweep, sizeof sweep, "[sweep]\n%s", cases[c].sweep);
    bd_job_t *j = job(sweep);
    bd_plan_t plan = plan_of(j, 64, 64);
    plan.first_point = cases[c].first;
    plan.point_count = cases[c].count;
    cr_assert_eq(plan_order(&plan, NULL), BD_OK);
    cr_expect_eq(plan.shares, cases[c].shares);
    schedule_t *s = schedule_create(&plan, NULL, 1);
    bd_item_t item;
    for (int attack = 0; attack < 3; attack++)
      for (int i = 0; i < plan.point_count; i++) {
        cr_assert(schedule_take(s, 0, SCHEDULE_ALONE, &item));
        cr_expect(item.attack == attack && item.point == cases[c].order[i], "%d: point %d", i,
                  item.point);
      }
    cr_expect_not(schedule_take(s, 0, SCHEDULE_ALONE, &item));
    schedule_free(s);
    free(plan.order);
    bd_job_free(j);
  }
}

/* How long a rank needs for an item. */
typedef double duration_t(int rank, const bd_item_t *item);

/* The time until all ranks have ended. */
static double time_of(const bd_plan_t *plan, int ranks, duration_t *duration) {
  schedule_t *s = schedule_create(plan, NULL, ranks);
  double ends[64] = {0}, last = 0;
  bd_item_t item[64][2];
  int held[64];
  for (int r = 0; r < ranks; r++)
    for (held[r] = 0; held[r] < 2 && schedule_take(s, r, SCHEDULE_SHARED, &item[r][held[r]]);
         held[r]++) {}
  for (;;) {
    int next = -1;
    double end = INFINITY;
    for (int r = 0; r < ranks; r++) {
      double finishes = held[r] ? ends[r] + duration(r, &item[r][0]) : INFINITY;
      if (finishes < end) end = finishes, next = r;
    }
    if (next < 0) break;
    schedule_report(s, next, &item[next][0], end - ends[next]);
    ends[next] = last = end;
    item[next][0] = item[next][1];
    held[next]--;
    if (schedule_take(s, next, next == 1 ? SCHEDULE_ALONE : SCHEDULE_SHARED,
                      &item[next][held[next]]))
      held[next]++;
  }
  cr_assert_eq(schedule_left(s), 0);
  schedule_free(s);
  return last;
}

static double slowdown; /* of the first rank */
static double by_images(int rank, const bd_item_t *item) {
  return item->count * (rank == 0 ? slowdown : 1);
}

/* The time until all have ended, relative to what it would be if work could be cut at will. */
static double efficiency(int ranks, double slow, int64_t count) {
  bd_job_t *j = job("");
  const bd_plan_t plan = plan_of(j, count, 64);
  slowdown = slow;
  const double last = time_of(&plan, ranks, by_images);
  bd_job_free(j);
  return last / (3 * (double)count / (ranks - 1 + 1 / slow));
}

Test(schedule, ranks_end_together) {
  cr_expect_lt(efficiency(2, 1, 1000), 1.01, "%g", efficiency(2, 1, 1000));
  cr_expect_lt(efficiency(8, 1, 10000), 1.01, "%g", efficiency(8, 1, 10000));
  cr_expect_lt(efficiency(64, 1, 10000), 1.05, "%g", efficiency(64, 1, 10000));
  /* A rank that is ten times slower costs its share, and a few percent at most. */
  cr_expect_lt(efficiency(2, 10, 1000), 1.1, "%g", efficiency(2, 10, 1000));
  cr_expect_lt(efficiency(8, 10, 10000), 1.02, "%g", efficiency(8, 10, 10000));
  cr_expect_lt(efficiency(64, 10, 10000), 1.1, "%g", efficiency(64, 10, 10000));
}

/* ---- attacks that are made ----------------------------------------------------- */

enum { BATCH = 32 };

static bd_made_attack_t made[2] = {{.through = BD_ATTACK_THROUGH_VICTIM},
                                   {.through = BD_ATTACK_THROUGH_PURIFIED}};

static bd_plan_t attacks_of(const bd_job_t *job, int64_t count, const bd_made_attack_t **those,
                            int those_count) {
  bd_plan_t plan = plan_of(job, count, 64);
  plan.made = those;
  plan.attack_count = those_count;
  return plan;
}

/* A victim is shown full batches.  It takes longer for some than for others, whose images stop
   early. */
static double by_batches(int rank, const bd_item_t *item) {
  double sum = 0;
  (void)rank;
  for (int64_t i = item->first; i < item->first + item->count; i += BATCH)
    sum += 0.5 + (double)(i / BATCH * 7 % 11) / 11;
  return sum;
}

static double by_early_stop(int rank, const bd_item_t *item) {
  (void)rank;
  double sum = 0;
  for (int64_t i = item->first; i < item->first + item->count; i++)
    sum += 0.5 + (double)(i / 8 * 7 % 11) / 11;
  return sum;
}

Test(schedule, two_ranks_attack_nearly_twice_as_fast) {
  bd_job_t *j = job("");
  const struct {
    const bd_made_attack_t *attack;
    duration_t *duration;
    int64_t count;
    double least;
  } cases[] = {{&made[0], by_batches, 1000, 1.9},
               {&made[0], by_batches, 500, 1.8},
               {&made[1], by_early_stop, 1000, 1.9},
               {&made[1], by_early_stop, 200, 1.8},
               {&made[1], by_images, 100, 1.8}};
  slowdown = 1;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    const bd_made_attack_t *those[] = {cases[c].attack};
    const bd_plan_t plan = attacks_of(j, cases[c].count, those, 1);
    const double one = time_of(&plan, 1, cases[c].duration),
                 two = time_of(&plan, 2, cases[c].duration);
    cr_expect_geq(one / two, cases[c].least, "case %zu: %g", c, one / two);
  }
  bd_job_free(j);
}

/* Else a rank would attack images anew that it has attacked already. */
Test(schedule, all_points_have_the_same_items_of_an_attack_on_the_victim) {
  bd_job_t *j = job("[sweep]\nsolver.gamma = 1, 2, 3\n");
  const bd_made_attack_t *those[] = {&made[0]};
  const bd_plan_t plan = attacks_of(j, 300, those, 1);
  for (int ranks = 1; ranks < 5; ranks++) {
    schedule_t *s = schedule_create(&plan, NULL, ranks);
    bd_item_t item;
    int seen[3][300] = {{0}}, items = 0;
    for (; schedule_take(s, items % ranks, SCHEDULE_ALONE, &item); items++) {
      cr_assert_eq(item.first % 64 % BATCH, 0);
      seen[item.point][item.first] = item.count;
      schedule_report(s, items % ranks, &item, item.count);
    }
    cr_assert_arr_eq(seen[0], seen[1], sizeof seen[0]);
    cr_assert_arr_eq(seen[0], seen[2], sizeof seen[0]);
    cr_assert_eq(items, 3 * 10);
    schedule_free(s);
  }
  bd_job_free(j);
}
