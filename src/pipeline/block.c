#include "pipeline/block.h"

static size_t snapshot_size(const bd_plan_t *plan, const bd_images_info_t *info, int count) {
  size_t images = plan->store_images && plan->writers == BD_WRITERS_ROOT
                      ? block_image_size(info) * sizeof(float)
                      : 0;
  /* Records stay aligned whatever the size of the images. */
  return (size_t)count * (bd_record_bytes(plan->views) + sizeof(uint64_t)) +
         ((size_t)count * images + 7) / 8 * 8;
}

static size_t size_of(const bd_plan_t *plan, const bd_images_info_t *info, int count,
                      int snapshots) {
  return sizeof(bd_block_t) + (size_t)count * sizeof(uint64_t) +
         (size_t)snapshots * snapshot_size(plan, info, count);
}

size_t block_used(const bd_plan_t *plan, const bd_images_info_t *info, const bd_block_t *block) {
  if (block->status != BD_OK) return sizeof *block;
  return size_of(plan, info, block->item.count, plan_snapshots(plan, block->item.point));
}

size_t block_size(const bd_plan_t *plan, const bd_images_info_t *info) {
  return size_of(plan, info, plan->block, plan_snapshots_most(plan));
}

uint64_t *block_input_marks(bd_block_t *block) { return (uint64_t *)(void *)block->contents; }

char *block_records(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                    int snapshot) {
  char *first = (char *)(block_input_marks(block) + block->item.count);
  return first + (size_t)snapshot * snapshot_size(plan, info, block->item.count);
}

uint64_t *block_marks(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                      int snapshot) {
  char *records = block_records(plan, info, block, snapshot);
  return (uint64_t *)(void *)(records + (size_t)block->item.count * bd_record_bytes(plan->views));
}

float *block_images(const bd_plan_t *plan, const bd_images_info_t *info, bd_block_t *block,
                    int snapshot) {
  return (float *)(void *)(block_marks(plan, info, block, snapshot) + block->item.count);
}
