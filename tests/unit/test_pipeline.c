/* The layout of a block in one piece of memory, and a worker that fills it without a victim. */
#include "pipeline/worker.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bd_job_t *job(const char *more) {
  char text[1024];
  bd_job_t *found;
  bd_error_t error;
  snprintf(text, sizeof text,
           "[input]\nfile = " BD_DEMO_SET "\n[output]\nfile = b\n[solver]\ngamma = 0.1\n"
           "iterations = 0, 3\ninstructions = baseline\n%s",
           more);
  cr_assert_eq(bd_job_parse(text, "job", "", 0, NULL, &found, &error), BD_OK, "%s", error.message);
  return found;
}

static int attacks[1] = {0};
static const bd_made_attack_t *made[1] = {NULL};
static bd_plan_t plan_of(const bd_job_t *job, int block) {
  return (bd_plan_t){.job = job,
                     .point_count = bd_job_point_count(job),
                     .count = 20,
                     .attack_count = 1,
                     .attacks = attacks,
                     .made = made,
                     .clean = -1,
                     .block = block,
                     .store_images = 1,
                     .views = bd_views_asked(bd_job_point(job, 0)),
                     .instructions = BD_INSTRUCTIONS_BASELINE};
}

Test(block, parts_follow_each_other_without_overlap) {
  bd_job_t *j = job("");
  const bd_images_info_t info = {.channels = 1, .height = 3, .width = 3};
  const bd_views_t sets[] = {BD_VIEWS_ALWAYS, ~(bd_views_t)0};
  for (int s = 0; s < 2; s++)
    for (int stored = 0; stored < 2; stored++)
      for (int count = 1; count <= 5; count++) {
        bd_plan_t plan = plan_of(j, 5);
        plan.views = sets[s];
        plan.store_images = stored;
        bd_block_t *block = calloc(1, block_size(&plan, &info));
        block->item.count = count;
        char *at = block->contents;
        cr_assert_eq((char *)block_input_marks(block), at);
        at += (size_t)count * sizeof(uint64_t);
        for (int snapshot = 0; snapshot < 2; snapshot++) {
          cr_assert_eq(block_records(&plan, &info, block, snapshot), at);
          at += (size_t)count * bd_record_bytes(plan.views);
          cr_assert_eq((char *)block_marks(&plan, &info, block, snapshot), at);
          cr_assert_eq((uintptr_t)at % 8, 0);
          at += (size_t)count * sizeof(uint64_t);
          cr_assert_eq((char *)block_images(&plan, &info, block, snapshot), at);
          at += stored ? ((size_t)count * 9 * sizeof(float) + 7) / 8 * 8 : 0;
        }
        cr_assert_eq(block_used(&plan, &info, block), (size_t)(at - (char *)block));
        cr_assert_leq(block_used(&plan, &info, block), block_size(&plan, &info));
        free(block);
      }
  bd_job_free(j);
}

Test(block, that_failed_is_its_head_alone) {
  bd_job_t *j = job("");
  const bd_images_info_t info = {.channels = 1, .height = 3, .width = 3};
  bd_plan_t plan = plan_of(j, 5);
  const bd_block_t block = {.item = {.count = 5}, .status = BD_STOPPED};
  cr_assert_eq(block_used(&plan, &info, &block), sizeof block);
  bd_job_free(j);
}

static bd_block_t *compute(bd_worker_t *w, bd_item_t item) {
  bd_block_t *block = malloc(block_size(w->plan, bd_images_info(w->images)));
  worker_compute(w, &item, block, NULL, NULL);
  cr_assert_eq(block->status, BD_OK, "%s", block->message);
  return block;
}

Test(worker, fills_records_images_and_marks) {
  bd_job_t *j = job("");
  bd_images_t *images;
  bd_error_t error;
  bd_worker_t w;
  cr_assert_eq(bd_images_open(BD_DEMO_SET, BD_IMAGES_MEMORY, &images, &error), BD_OK, "%s",
               error.message);
  const bd_images_info_t *info = bd_images_info(images);
  bd_plan_t plan = plan_of(j, 8);
  cr_assert_eq(worker_create(&plan, images, NULL, &w, &error), BD_OK, "%s", error.message);
  const bd_item_t item = {.count = 8, .first = 4};
  bd_block_t *block = compute(&w, item);
  const size_t size = block_image_size(info), bytes = bd_record_bytes(plan.views);
  for (int snapshot = 0; snapshot < 2; snapshot++)
    for (int i = 0; i < 8; i++) {
      const char *packed = block_records(&plan, info, block, snapshot) + (size_t)i * bytes;
      const float *stored = block_images(&plan, info, block, snapshot) + (size_t)i * size;
      bd_per_image_t r;
      double l2, linf;
      bd_record_unpack(plan.views, packed, &r);
      cr_assert_eq(r.label, bd_images_labels(images)[4 + i]);
      cr_assert(r.status == BD_IMAGE_OK && r.bits == 64);
      cr_assert_eq(r.iterations, snapshot ? 3 : 0);
      bd_distance(size, stored, w.attacked + (size_t)i * size, &l2, &linf);
      cr_assert(r.l2_to_attacked == l2 && r.linf_to_attacked == linf && l2 > 0);
      cr_assert(isnan(r.l2_to_clean) && isnan(r.linf_to_clean));
      for (bd_view_t v = 0; v < BD_VIEWS; v++) cr_assert_eq(bd_per_image_predicted(&r, v), -1);
      const uint64_t input = worker_input_mark(&w, i);
      cr_assert_eq(block_input_marks(block)[i], input);
      cr_assert_eq(block_marks(&plan, info, block, snapshot)[i],
                   bd_result_mark(input, packed, bytes, stored, size));
    }
  free(block);
  worker_free(&w);
  bd_images_close(images);
  bd_job_free(j);
}

Test(worker, cuts_between_images_change_no_bit) {
  bd_job_t *j = job("");
  bd_images_t *images;
  bd_error_t error;
  bd_worker_t w;
  cr_assert_eq(bd_images_open(BD_DEMO_SET, BD_IMAGES_MEMORY, &images, &error), BD_OK);
  const bd_images_info_t *info = bd_images_info(images);
  bd_plan_t plan = plan_of(j, 8);
  cr_assert_eq(worker_create(&plan, images, NULL, &w, &error), BD_OK);
  bd_block_t *whole = compute(&w, (bd_item_t){.count = 8});
  const size_t bytes = bd_record_bytes(plan.views);
  for (int i = 0; i < 8; i++) {
    bd_block_t *one = compute(&w, (bd_item_t){.count = 1, .first = i});
    cr_assert_eq(block_marks(&plan, info, one, 1)[0], block_marks(&plan, info, whole, 1)[i]);
    cr_assert_arr_eq(block_records(&plan, info, one, 1),
                     block_records(&plan, info, whole, 1) + (size_t)i * bytes, bytes);
    free(one);
  }
  free(whole);
  worker_free(&w);
  bd_images_close(images);
  bd_job_free(j);
}
