#include "storage/result/missed_child.h"

#include "storage/hdf5/h5.h"

#include <barydef/attack.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What decides whether two attacks can be compared. */
typedef struct told {
  char norm[BD_NORM_NAME], through[BD_NORM_NAME];
  double epsilon;
} told_t;

static told_t told_of(const statistics_of_t *of, int attack) {
  char path[BD_ATTACK_NAME + 32];
  told_t told = {.epsilon = 0};
  snprintf(path, sizeof path, "/runs/%03d/%s", of->run, of->result->names[attack]);
  hid_t group = h5_has(of->file, path) ? H5Gopen2(of->file, path, H5P_DEFAULT) : -1;
  h5_get_text(group, "norm", told.norm, sizeof told.norm);
  h5_get_text(group, "through", told.through, sizeof told.through);
  h5_get_real(group, "epsilon", &told.epsilon);
  h5_close(group);
  return told;
}

/* The section of the job that made an attack, as it was for this run; NULL where it was read. */
static const bd_made_attack_t *made_of(const statistics_of_t *of, int attack) {
  int point, snapshot;
  if (!of->job || of->run >= bd_job_run_count(of->job)) return NULL;
  bd_job_run(of->job, of->run, &point, &snapshot);
  for (int i = 0; i < bd_job_made_count(of->job); i++) {
    const bd_made_attack_t *made = &bd_job_made(of->job, i)[point];
    if (!strcmp(made->name, of->result->names[attack])) return made;
  }
  return NULL;
}

/* The view that an attacker looks at. */
static bd_view_t view_of(const told_t *told) {
  for (bd_view_t view = 0; view < BD_VIEWS; view++)
    if (!strcmp(bd_view_name(view), told->through)) return view;
  return BD_VIEW_ATTACKED;
}

typedef enum verdict { UNKNOWN, WRONG, RIGHT } verdict_t;

/* verdicts[image] of the victim in a view.  An image that failed, or that the victim was not asked
   about, has none. */
static bd_status_t judge(const statistics_of_t *of, int attack, bd_view_t view, char *records,
                         uint8_t *verdicts, bd_error_t *error) {
  const bd_result_t *result = of->result;
  const int64_t size = result->shape.record_bytes,
                place = result_group_place(result, of->run, attack, DATASET_RECORDS);
  bd_status_t status =
      result_read(result, place, records, (size_t)(result->shape.count * size), error);
  for (int64_t i = 0; status == BD_OK && i < result->shape.count; i++) {
    bd_per_image_t record;
    bd_record_unpack(result->shape.views, records + i * size, &record);
    const int32_t predicted = bd_per_image_predicted(&record, view);
    verdicts[i] = record.status != BD_IMAGE_OK || predicted < 0 ? UNKNOWN
                  : predicted == record.label                   ? RIGHT
                                                                : WRONG;
  }
  return status;
}

static bool is_in_the_ball(const told_t *other, const told_t *told) {
  return !strcmp(other->norm, told->norm) && other->epsilon > 0 &&
         other->epsilon <= told->epsilon * (1 + 1e-6);
}

/* Room for the records of an attack, and what has become of each image. */
typedef struct room {
  char *records;
  uint8_t *ours, *theirs, *square, *others;
} room_t;

static bd_status_t make_room(const bd_result_shape_t *shape, const char *path, room_t *room,
                             bd_error_t *error) {
  room->records = malloc((size_t)(shape->count * shape->record_bytes));
  room->ours = calloc(4, (size_t)shape->count);
  if (!room->records || !room->ours) return bd_fail(error, BD_FAILED, "%s: no memory", path);
  room->theirs = room->ours + shape->count;
  room->square = room->theirs + shape->count;
  room->others = room->square + shape->count;
  return BD_OK;
}

/* Mark what another attack broke and this one did not. */
static bd_status_t compare(const statistics_of_t *of, int attack, bd_view_t view, bool is_square,
                           const room_t *room, bd_error_t *error) {
  const int64_t count = of->result->shape.count;
  bd_status_t status = judge(of, attack, view, room->records, room->theirs, error);
  for (int64_t i = 0; status == BD_OK && i < count; i++) {
    const bool is_missed = room->ours[i] == RIGHT && room->theirs[i] == WRONG;
    room->others[i] |= is_missed;
    room->square[i] |= is_square && is_missed;
  }
  return status;
}

static int64_t sum(int64_t count, const uint8_t *marks) {
  int64_t all = 0;
  for (int64_t i = 0; i < count; i++) all += marks[i];
  return all;
}

/* Why an attack is weak, whatever it finds; NULL where it is not. */
static const char *care_of(const bd_made_attack_t *made, bool has_square) {
  if (made->type == BD_ATTACK_SQUARE) return "Square alone, which is given no gradient";
  if (made->gradient != BD_ATTACK_GRADIENT_EXACT && made->through != BD_ATTACK_THROUGH_VICTIM)
    return "a gradient that is not the exact one flatters the defence";
  if (made->type == BD_ATTACK_FGSM) return "a single step flatters the defence";
  if (!has_square && made->type != BD_ATTACK_AUTOATTACK)
    return "no Square attack through the same stands beside it";
  return NULL;
}

bd_status_t missed_child(const statistics_of_t *of, bd_statistics_t *row, bd_error_t *error) {
  const bd_result_shape_t *shape = &of->result->shape;
  const bd_made_attack_t *made = made_of(of, of->attack);
  const told_t told = told_of(of, of->attack);
  const bd_view_t view = view_of(&told);
  room_t room = {0};
  bool has_square = false;
  row->square_missed = row->others_missed = -1;
  if (!made || of->predictions != BD_PREDICTIONS_PRESENT) return BD_OK;
  bd_status_t status = make_room(shape, of->result->path, &room, error);
  if (status == BD_OK) status = judge(of, of->attack, view, room.records, room.ours, error);
  for (int a = 0; status == BD_OK && a < shape->attack_count; a++) {
    const told_t other = told_of(of, a);
    const bd_made_attack_t *also = made_of(of, a);
    const bool is_square = also && also->type == BD_ATTACK_SQUARE &&
                           made->type != BD_ATTACK_SQUARE && !strcmp(other.through, told.through);
    if (a == of->attack || !is_in_the_ball(&other, &told)) continue;
    has_square |= is_square;
    status = compare(of, a, view, is_square, &room, error);
  }
  if (status == BD_OK) {
    row->others_missed = sum(shape->count, room.others);
    if (has_square) row->square_missed = sum(shape->count, room.square);
    bd_trust(care_of(made, has_square), row);
  }
  free(room.records);
  free(room.ours);
  return status;
}
