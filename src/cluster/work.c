#include "work.h"

#include <stdlib.h>
#include <string.h>

enum { TAG_ITEM = 1, TAG_BLOCK = 2, TOKENS = 2 };
static const int64_t no_item = -1;

bd_status_t agree(MPI_Comm communicator, bd_status_t status, bd_error_t *error) {
  int rank, size, failed, first;
  bd_error_t common = {BD_OK, ""};
  MPI_Comm_rank(communicator, &rank);
  MPI_Comm_size(communicator, &size);
  failed = status == BD_OK ? size : rank;
  MPI_Allreduce(&failed, &first, 1, MPI_INT, MPI_MIN, communicator);
  if (first == size) return BD_OK;
  if (rank == first) {
    if (error) common = *error;
    common.status = status;
  }
  MPI_Bcast(&common, sizeof common, MPI_BYTE, first, communicator);
  if (error) *error = common;
  return common.status;
}

/* ---- rank 0 -------------------------------------------------------------------- */

typedef struct leader {
  MPI_Comm communicator;
  const bd_plan_t *plan;
  const bd_images_info_t *info;
  bd_result_t *result;
  const bd_run_options_t *options;
  bd_run_summary_t *summary;
  int64_t next, items;
  int tokens;          /* out with the other ranks */
  bd_block_t *received;
  bd_progress_t progress;
  double start;
  bd_status_t status;
  bd_error_t *error;
} leader_t;

/* The next item, or none once the work is done or something has failed. */
static int64_t take_item(leader_t *leader) {
  return leader->status == BD_OK && leader->next < leader->items ? leader->next++ : no_item;
}

static void give_item(leader_t *leader, int rank) {
  int64_t item = take_item(leader);
  MPI_Send(&item, 1, MPI_INT64_T, rank, TAG_ITEM, leader->communicator);
  if (item == no_item) leader->tokens--;
}

/* Also between two blocks: a large one may take longer than the interval of the lines. */
static void report(leader_t *leader) {
  leader->progress.seconds = MPI_Wtime() - leader->start;
  if (leader->options->progress) leader->options->progress(leader->options->context, &leader->progress);
}

static void write_block(leader_t *leader, bd_block_t *block) {
  const bd_plan_t *plan = leader->plan;
  bd_run_summary_t *summary = leader->summary;
  bd_item_t item = plan_item(plan, block->item);
  int first_run = bd_job_first_run(plan->job, item.point);
  int snapshots = bd_job_first_run(plan->job, item.point + 1) - first_run;
  if (leader->status != BD_OK) return;
  if (block->status != BD_OK)
    leader->status = bd_fail(leader->error, (bd_status_t)block->status, "%s", block->message);
  double start = MPI_Wtime();
  for (int s = 0; leader->status == BD_OK && s < snapshots; s++)
    leader->status = bd_result_write(leader->result, first_run + s, item.attack, item.first, item.count,
                                     block_images(plan, leader->info, &item, block, s),
                                     block_records(plan, leader->info, &item, block, s), leader->error);
  double end = MPI_Wtime();
  summary->write_seconds += end - start;
  summary->read_seconds += block->seconds[0];
  summary->solve_seconds += block->seconds[1];
  summary->baseline_seconds += block->seconds[2];
  summary->victim_seconds += block->seconds[3];
  leader->progress.done += (int64_t)item.count * snapshots;
  report(leader);
}

static void receive_block(leader_t *leader, MPI_Message *message, const MPI_Status *envelope) {
  int bytes;
  MPI_Get_count(envelope, MPI_BYTE, &bytes);
  MPI_Mrecv(leader->received, bytes, MPI_BYTE, message, MPI_STATUS_IGNORE);
  /* The answer first: the other rank need not wait for the disk. */
  give_item(leader, envelope->MPI_SOURCE);
  write_block(leader, leader->received);
}

/* Serve those who wait; called between the iterations of rank 0's own solver. */
static void serve(void *context) {
  leader_t *leader = context;
  report(leader);
  for (int arrived = 1; leader->tokens > 0 && arrived;) {
    MPI_Message message;
    MPI_Status envelope;
    MPI_Improbe(MPI_ANY_SOURCE, TAG_BLOCK, leader->communicator, &arrived, &message, &envelope);
    if (arrived) receive_block(leader, &message, &envelope);
  }
}

static void lead(leader_t *leader, bd_worker_t *worker, bd_block_t *own) {
  int size;
  MPI_Comm_size(leader->communicator, &size);
  leader->tokens = (size - 1) * TOKENS;
  for (int token = 0; token < TOKENS; token++)
    for (int rank = 1; rank < size; rank++) give_item(leader, rank);
  for (int64_t item; (item = take_item(leader)) != no_item;) {
    worker_compute(worker, item, own, serve, leader);
    write_block(leader, own);
    serve(leader);
  }
  while (leader->tokens > 0) {
    MPI_Message message;
    MPI_Status envelope;
    MPI_Mprobe(MPI_ANY_SOURCE, TAG_BLOCK, leader->communicator, &message, &envelope);
    receive_block(leader, &message, &envelope);
  }
}

/* ---- the other ranks ----------------------------------------------------------- */

/* Lets Open MPI move the block being sent while the next one is computed. */
static void push(void *context) {
  int done;
  MPI_Test(context, &done, MPI_STATUS_IGNORE);
}

static void follow(MPI_Comm communicator, const bd_plan_t *plan, const bd_images_info_t *info, bd_worker_t *worker,
                   bd_block_t *blocks[2]) {
  MPI_Request sending = MPI_REQUEST_NULL;
  for (int tokens = TOKENS, turn = 0; tokens > 0;) {
    int64_t index;
    MPI_Recv(&index, 1, MPI_INT64_T, 0, TAG_ITEM, communicator, MPI_STATUS_IGNORE);
    if (index == no_item) {
      tokens--;
      continue;
    }
    bd_item_t item = plan_item(plan, index);
    worker_compute(worker, index, blocks[turn], push, &sending);
    MPI_Wait(&sending, MPI_STATUS_IGNORE);
    MPI_Isend(blocks[turn], (int)block_item_size(plan, info, &item), MPI_BYTE, 0, TAG_BLOCK, communicator, &sending);
    turn = !turn;
  }
  MPI_Wait(&sending, MPI_STATUS_IGNORE);
}

bd_status_t work_all(MPI_Comm communicator, const bd_plan_t *plan, bd_worker_t *worker, bd_result_t *result,
                     const bd_run_options_t *options, bd_run_summary_t *summary, bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(worker->images);
  int rank;
  MPI_Comm_rank(communicator, &rank);
  bd_block_t *blocks[2] = {malloc(block_size(plan, info)), malloc(block_size(plan, info))};
  bd_status_t status = BD_OK;
  if (!blocks[0] || !blocks[1])
    status = bd_fail(error, BD_FAILED, "no memory for blocks of %d images; a smaller run.block needs less", plan->block);
  status = agree(communicator, status, error);
  if (status == BD_OK && rank == 0) {
    leader_t leader = {.communicator = communicator, .plan = plan, .info = info, .result = result, .options = options,
                       .summary = summary, .items = plan_items(plan), .received = blocks[1],
                       .progress = {.total = summary->images}, .start = MPI_Wtime(), .error = error};
    lead(&leader, worker, blocks[0]);
    status = leader.status;
    summary->seconds = MPI_Wtime() - leader.start;
  } else if (status == BD_OK)
    follow(communicator, plan, info, worker, blocks);
  free(blocks[0]);
  free(blocks[1]);
  return agree(communicator, status, error);
}
