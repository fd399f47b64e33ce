#include "cluster/work.h"
#include "cluster/world.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TAG_ITEM = 1, TAG_BLOCK, TAG_ASK_TO_STOP, TAG_STOP, TOKENS = 2 };

static int is_asked(const bd_work_t *work) { return work->options->stop && *work->options->stop; }

/* ---- rank 0 -------------------------------------------------------------------- */

typedef struct leader {
  const bd_work_t *work;
  const bd_images_info_t *info;
  schedule_t *schedule;
  int size, tokens; /* `tokens` are with the other ranks */
  int stopping, told;
  bd_block_t *received;
  double *busy; /* [size] seconds */
  bd_progress_t progress;
  struct attack_progress {
    bd_attack_t about;
    int64_t done, judged, right;
  } * attacks; /* [attacks of the plan] */
  int attack;  /* handed out last; -1: none yet */
  double start;
  bd_status_t status;
  bd_error_t *error;
} leader_t;

static void tell_to_stop(leader_t *leader) {
  for (int rank = 1; !leader->told && rank < leader->size; rank++)
    MPI_Send(NULL, 0, MPI_BYTE, rank, TAG_STOP, leader->work->communicator);
  if (!leader->told) leader->work->summary->messages += leader->size - 1;
  leader->told = 1;
}

/* Tell of the attack that was handed out last. */
static void show_attack(leader_t *leader) {
  const bd_plan_t *plan = leader->work->plan;
  const struct attack_progress *attack = &leader->attacks[leader->attack];
  leader->progress.attack = attack->about.name;
  leader->progress.is_made = plan->made[leader->attack] != NULL;
  leader->progress.attack_done = attack->done;
  leader->progress.attack_total = plan_images(plan) / plan->attack_count;
  leader->progress.judged = attack->judged;
  leader->progress.right = attack->right;
}

/* Count what the victim has right of a snapshot. */
static void count_right(leader_t *leader, bd_block_t *block, int snapshot) {
  const bd_plan_t *plan = leader->work->plan;
  struct attack_progress *attack = &leader->attacks[block->item.attack];
  const char *records = block_records(plan, leader->info, block, snapshot);
  const size_t size = bd_record_bytes(plan->views);
  for (int i = 0; i < block->item.count; i++) {
    bd_per_image_t record;
    bd_record_unpack(plan->views, records + (size_t)i * size, &record);
    attack->right += record.status == BD_IMAGE_OK && record.predicted_purified == record.label;
  }
  attack->judged += block->item.count;
}

/* Called between two blocks too, since a large block may take longer than the interval between
   lines. */
static void look_around(leader_t *leader) {
  const bd_run_options_t *options = leader->work->options;
  leader->progress.seconds = MPI_Wtime() - leader->start;
  if (leader->attack >= 0) show_attack(leader);
  if (options->progress) options->progress(options->context, &leader->progress);
  if (leader->status == BD_OK)
    leader->status = bd_result_sync(leader->work->result, BD_SYNC_WHEN_DUE, leader->error);
  if (is_asked(leader->work) || MPI_Wtime() >= leader->work->deadline) leader->stopping = 1;
  if (leader->stopping || leader->status != BD_OK) tell_to_stop(leader);
}

/* Take the next item for a rank.  Its count is 0 once the work is done or stopped, or something
   has failed. */
static bd_item_t take_item(leader_t *leader, int rank) {
  bd_item_t item = {0};
  /* Rank 0 stays to the end, for what nobody else takes. */
  const schedule_company_t company =
      rank > 0 || leader->tokens > 0 ? SCHEDULE_SHARED : SCHEDULE_ALONE;
  if (leader->status == BD_OK && !leader->stopping)
    schedule_take(leader->schedule, rank, company, &item);
  if (item.count) leader->attack = item.attack;
  return item;
}

static void give_item(leader_t *leader, int rank) {
  bd_item_t item = take_item(leader, rank);
  MPI_Send(&item, sizeof item, MPI_BYTE, rank, TAG_ITEM, leader->work->communicator);
  leader->work->summary->messages++;
  if (item.count == 0) leader->tokens--;
}

static bd_status_t write_contents(leader_t *leader, bd_block_t *block) {
  const bd_work_t *work = leader->work;
  const bd_plan_t *plan = work->plan;
  const bd_item_t *item = &block->item;
  bd_status_t status = BD_OK;
  for (int s = 0; status == BD_OK && s < plan_snapshots(plan, item->point); s++) {
    const bd_rows_t rows = {bd_job_first_run(plan->job, item->point) + s, item->attack, item->first,
                            item->count};
    if (plan->store_images && plan->writers == BD_WRITERS_ROOT)
      status = bd_result_write_images(work->result, rows,
                                      block_images(plan, leader->info, block, s), leader->error);
    if (status == BD_OK)
      status = bd_result_write_records(
          work->result, rows, block_records(plan, leader->info, block, s),
          block_marks(plan, leader->info, block, s), block_input_marks(block), leader->error);
  }
  return status;
}

/* Tell the schedule what a rank has spent on a block, before it is given another. */
static void account(leader_t *leader, int rank, const bd_block_t *block) {
  const bd_timings_t *spent = &block->seconds;
  const double busy =
      spent->read + spent->solve + spent->baseline + spent->victim + spent->attack + spent->write;
  leader->busy[rank] += busy;
  schedule_report(leader->schedule, rank, &block->item, busy);
}

static void take_block(leader_t *leader, bd_block_t *block) {
  bd_run_summary_t *summary = leader->work->summary;
  if (block->status == BD_STOPPED || leader->status != BD_OK) return;
  if (block->status != BD_OK)
    leader->status = bd_fail(leader->error, (bd_status_t)block->status, "%s", block->message);
  const bd_timings_t *spent = &block->seconds;
  const double start = MPI_Wtime();
  if (leader->status == BD_OK) leader->status = write_contents(leader, block);
  summary->write_seconds += MPI_Wtime() - start + spent->write / leader->size;
  summary->read_seconds += spent->read;
  summary->solve_seconds += spent->solve;
  summary->baseline_seconds += spent->baseline;
  summary->victim_seconds += spent->victim;
  summary->attack_seconds += spent->attack;
  summary->predicted += block->shown.predicted;
  summary->shared += block->shown.shared;
  summary->rows += block->shown.rows;
  if (leader->status == BD_OK) {
    const int snapshots = plan_snapshots(leader->work->plan, block->item.point);
    leader->progress.done += (int64_t)block->item.count * snapshots;
    leader->attacks[block->item.attack].done += (int64_t)block->item.count * snapshots;
    for (int s = 0; summary->has_victim && s < snapshots; s++) count_right(leader, block, s);
  }
  look_around(leader);
}

static void receive(leader_t *leader, MPI_Message *message, const MPI_Status *envelope) {
  int bytes;
  const double start = MPI_Wtime();
  bd_run_summary_t *summary = leader->work->summary;
  const int is_block = envelope->MPI_TAG == TAG_BLOCK;
  MPI_Get_count(envelope, MPI_BYTE, &bytes);
  MPI_Mrecv(leader->received, bytes, MPI_BYTE, message, MPI_STATUS_IGNORE);
  summary->messages++;
  if (!is_block) leader->stopping = 1;
  if (leader->stopping) tell_to_stop(leader);
  if (!is_block) return;
  /* Answer first, so that the other rank need not wait for the disk. */
  account(leader, envelope->MPI_SOURCE, leader->received);
  give_item(leader, envelope->MPI_SOURCE);
  summary->message_seconds += MPI_Wtime() - start;
  take_block(leader, leader->received);
}

/* Serve the ranks that wait.  Called between the iterations of rank 0's own solver. */
static void serve(void *context) {
  leader_t *leader = context;
  look_around(leader);
  for (int arrived = 1; arrived;) {
    MPI_Message message;
    MPI_Status envelope;
    MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, leader->work->communicator, &arrived, &message,
                &envelope);
    if (arrived) receive(leader, &message, &envelope);
  }
}

static void lead(leader_t *leader, bd_block_t *own) {
  bd_worker_t *worker = leader->work->worker;
  leader->tokens = (leader->size - 1) * TOKENS;
  look_around(leader);
  for (int token = 0; token < TOKENS; token++)
    for (int rank = 1; rank < leader->size; rank++) give_item(leader, rank);
  for (;;) {
    bd_item_t item = take_item(leader, 0);
    if (item.count) {
      worker_compute(worker, &item, own, serve, leader);
      account(leader, 0, own);
      take_block(leader, own);
    } else if (leader->tokens == 0) break;
    else nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL); /* leave the core to others */
    serve(leader);
  }
  tell_to_stop(leader);
  /* Keep what is whole, even after a failure. */
  bd_status_t synced = bd_result_sync(leader->work->result, BD_SYNC_NOW,
                                      leader->status == BD_OK ? leader->error : NULL);
  if (leader->status == BD_OK) leader->status = synced;
  if (leader->status == BD_OK && leader->stopping && leader->progress.done < leader->progress.total)
    leader->status = bd_fail(leader->error, BD_STOPPED,
                             "%s: stopped with %lld of %lld images done; --resume goes on",
                             bd_result_path(leader->work->result), (long long)leader->progress.done,
                             (long long)leader->progress.total);
}

/* ---- the other ranks ----------------------------------------------------------- */

typedef struct follower {
  const bd_work_t *work;
  MPI_Request sending; /* of the previous block; Open MPI makes progress when it is tested */
  MPI_Request stop, asking;
  int stopping, asked;
} follower_t;

/* Also called between the iterations of the solver. */
static void attend(void *context) {
  follower_t *f = context;
  int arrived;
  MPI_Test(&f->sending, &arrived, MPI_STATUS_IGNORE);
  if (f->stopping) return;
  MPI_Test(&f->stop, &f->stopping, MPI_STATUS_IGNORE);
  if (f->stopping || f->asked || !is_asked(f->work)) return;
  f->asked = 1;
  MPI_Isend(NULL, 0, MPI_BYTE, 0, TAG_ASK_TO_STOP, f->work->communicator, &f->asking);
}

/* Wait for work without occupying a core. */
static void rest(follower_t *f) {
  attend(f);
  nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

static void follow(const bd_work_t *work, const bd_images_info_t *info, bd_block_t *blocks[2]) {
  follower_t f = {.work = work, .sending = MPI_REQUEST_NULL, .asking = MPI_REQUEST_NULL};
  bd_item_t next, item;
  MPI_Request coming;
  MPI_Irecv(NULL, 0, MPI_BYTE, 0, TAG_STOP, work->communicator, &f.stop);
  MPI_Irecv(&next, sizeof next, MPI_BYTE, 0, TAG_ITEM, work->communicator, &coming);
  for (int tokens = TOKENS, turn = 0, arrived; tokens > 0;) {
    for (MPI_Test(&coming, &arrived, MPI_STATUS_IGNORE); !arrived;
         MPI_Test(&coming, &arrived, MPI_STATUS_IGNORE))
      rest(&f);
    item = next;
    if (item.count == 0) tokens--;
    if (tokens > 0)
      MPI_Irecv(&next, sizeof next, MPI_BYTE, 0, TAG_ITEM, work->communicator, &coming);
    if (item.count == 0) continue;
    MPI_Test(&coming, &arrived, MPI_STATUS_IGNORE);
    if (arrived && next.count) worker_expect(work->worker, &next);
    attend(&f);
    bd_block_t *block = blocks[turn];
    if (f.stopping || f.asked) *block = (bd_block_t){.item = item, .status = BD_STOPPED};
    else worker_compute(work->worker, &item, block, attend, &f);
    attend(&f);
    MPI_Wait(&f.sending, MPI_STATUS_IGNORE);
    MPI_Isend(block, (int)block_used(work->plan, info, block), MPI_BYTE, 0, TAG_BLOCK,
              work->communicator, &f.sending);
    turn = !turn;
  }
  MPI_Wait(&f.sending, MPI_STATUS_IGNORE);
  while (!f.stopping) rest(&f); /* a signal may still come while others work */
  MPI_Wait(&f.asking, MPI_STATUS_IGNORE);
}

/* ---- the whole ----------------------------------------------------------------- */

/* The attacks of the plan, with what earlier sessions have done. */
static struct attack_progress *attacks_of(const bd_work_t *work) {
  const bd_plan_t *plan = work->plan;
  const bd_images_info_t *info = bd_images_info(work->worker->images);
  struct attack_progress *attacks = calloc((size_t)plan->attack_count, sizeof *attacks);
  for (int a = 0; attacks && a < plan->attack_count; a++) {
    attacks[a].about = plan_attack(plan, info, plan->first_point, a);
    for (int p = 0; work->done->rows && p < plan->point_count; p++) {
      const uint8_t *rows = work->done->rows + ((int64_t)p * plan->attack_count + a) * plan->count;
      for (int64_t i = 0; i < plan->count; i++)
        attacks[a].done += rows[i] ? plan_snapshots(plan, plan->first_point + p) : 0;
    }
  }
  return attacks;
}

/* Rank 0's part. */
static bd_status_t lead_all(const bd_work_t *work, int size, bd_block_t *blocks[2],
                            bd_error_t *error) {
  bd_run_summary_t *summary = work->summary;
  leader_t leader = {.work = work,
                     .info = bd_images_info(work->worker->images),
                     .size = size,
                     .received = blocks[1],
                     .progress = {.done = work->done->done,
                                  .before = work->done->done,
                                  .damaged = work->done->damaged,
                                  .is_resumed = work->is_resumed,
                                  .unlocked = bd_result_unlocked(work->result),
                                  .total = summary->images},
                     .attacks = attacks_of(work),
                     .attack = -1,
                     .start = MPI_Wtime(),
                     .error = error};
  leader.schedule = schedule_create(work->plan, work->done->rows, size);
  leader.busy = calloc((size_t)size, sizeof *leader.busy);
  if (!leader.schedule || !leader.busy || !leader.attacks)
    leader.status = bd_fail(error, BD_FAILED, "no memory for the list of the work");
  lead(&leader, blocks[0]);
  summary->seconds = MPI_Wtime() - leader.start;
  summary->computed = leader.progress.done - leader.progress.before;
  for (int rank = 0; leader.busy && rank < size; rank++) {
    double load = leader.busy[rank] / (summary->seconds > 0 ? summary->seconds : 1);
    if (rank < BD_LOADS_MAX) summary->load[rank] = (float)load;
    if (rank == 0 || load < summary->load_least)
      summary->load_least = load, summary->idlest_rank = rank;
    if (rank == 0 || load > summary->load_most) summary->load_most = load;
    summary->load_mean += load / size;
  }
  schedule_free(leader.schedule);
  free(leader.attacks);
  free(leader.busy);
  return leader.status;
}

bd_status_t work_all(const bd_work_t *work, bd_error_t *error) {
  const bd_plan_t *plan = work->plan;
  const bd_images_info_t *info = bd_images_info(work->worker->images);
  int rank, size;
  MPI_Comm_rank(work->communicator, &rank);
  MPI_Comm_size(work->communicator, &size);
  bd_block_t *blocks[2] = {malloc(block_size(plan, info)), malloc(block_size(plan, info))};
  bd_status_t status = BD_OK;
  if (!blocks[0] || !blocks[1])
    status =
        bd_fail(error, BD_FAILED,
                "no memory for blocks of %d images; a smaller run.block needs less", plan->block);
  status = world_agree(work->communicator, status, error);
  if (status == BD_OK && rank == 0) status = lead_all(work, size, blocks, error);
  else if (status == BD_OK) follow(work, info, blocks);
  free(blocks[0]);
  free(blocks[1]);
  return world_agree(work->communicator, status, error);
}
