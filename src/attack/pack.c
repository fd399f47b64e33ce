#include "attack/pack.h"
#include "attack/ball.h"
#include "attack/outcome.h"

#include <stdlib.h>
#include <string.h>

static bd_status_t make_room(pack_t *pack, bd_error_t *error) {
  const size_t count = (size_t)pack->task->count, classes = (size_t)pack->model->classes;
  pack->clean_logits = malloc(count * classes * sizeof *pack->clean_logits);
  pack->all = malloc(count * sizeof *pack->all);
  pack->which = malloc(count * sizeof *pack->which);
  pack->numbers = malloc(count * sizeof *pack->numbers);
  pack->pixels = malloc(count * pack->size * sizeof *pack->pixels);
  pack->gradient = malloc(count * pack->size * sizeof *pack->gradient);
  pack->logits = malloc(count * classes * sizeof *pack->logits);
  pack->stays = malloc(count * sizeof *pack->stays);
  if (pack->clean_logits && pack->all && pack->which && pack->numbers && pack->pixels &&
      pack->gradient && pack->logits && pack->stays)
    return BD_OK;
  return attack_no_memory(pack->task->count, error);
}

bd_status_t pack_begin(const attack_model_t *model, const attack_task_t *task,
                       attack_outcome_t *outcome, pack_t *pack, bd_error_t *error) {
  *pack = (pack_t){.model = model, .task = task, .outcome = outcome, .size = attack_size(model)};
  bd_status_t status = make_room(pack, error);
  if (status == BD_OK) status = attack_begin(model, task, outcome, pack->clean_logits, error);
  if (status != BD_OK) return status;
  pack->count = pack->begun = attack_standing(task, outcome, pack->all);
  for (int slot = 0; slot < pack->count; slot++) {
    pack->which[slot] = pack->all[slot];
    pack->numbers[slot] = task->numbers[pack->all[slot]];
    memcpy(pack->pixels + (size_t)slot * pack->size, pack_clean(pack, slot),
           pack->size * sizeof *pack->pixels);
  }
  return BD_OK;
}

void pack_free(pack_t *pack) {
  free(pack->clean_logits);
  free(pack->all);
  free(pack->which);
  free(pack->numbers);
  free(pack->pixels);
  free(pack->gradient);
  free(pack->logits);
  free(pack->stays);
}

bd_status_t pack_gradient(pack_t *pack, attack_weights_t weights, bd_error_t *error) {
  const attack_images_t images = {pack->count, pack->numbers, pack->pixels};
  for (int slot = 0; slot < pack->count; slot++) {
    pack->outcome->forward[pack->which[slot]]++;
    pack->outcome->backward[pack->which[slot]]++;
  }
  return pack->model->gradient(pack->model->state, &images, &weights, pack->logits, pack->gradient,
                               error);
}

void pack_drop(pack_t *pack) {
  const size_t size = pack->size, classes = (size_t)pack->model->classes;
  int count = 0;
  for (int slot = 0; slot < pack->count; slot++) {
    if (!pack->stays[slot]) continue;
    const size_t from = (size_t)slot, to = (size_t)count++;
    if (from == to) continue;
    pack->which[to] = pack->which[from];
    pack->numbers[to] = pack->numbers[from];
    memcpy(pack->pixels + to * size, pack->pixels + from * size, size * sizeof(float));
    memcpy(pack->gradient + to * size, pack->gradient + from * size, size * sizeof(float));
    memcpy(pack->logits + to * classes, pack->logits + from * classes, classes * sizeof(float));
  }
  pack->count = count;
}

const float *pack_clean(const pack_t *pack, int slot) {
  return pack->task->images + (size_t)pack->which[slot] * pack->size;
}

int pack_label(const pack_t *pack, int slot) { return pack->task->labels[pack->which[slot]]; }

const float *pack_logits(const pack_t *pack, int slot) {
  return pack->logits + (size_t)slot * (size_t)pack->model->classes;
}

bool pack_is_right(const pack_t *pack, int slot) {
  return attack_class(pack_logits(pack, slot), pack->model->classes) == pack_label(pack, slot);
}

void pack_store(pack_t *pack, int slot) {
  const bd_made_attack_t *o = pack->task->options;
  attack_store(o->norm, attack_radius(o), pack->size, pack_clean(pack, slot),
               pack->pixels + (size_t)slot * pack->size,
               pack->outcome->images + (size_t)pack->which[slot] * pack->size);
}

void pack_drop_fooled(pack_t *pack) {
  for (int slot = 0; slot < pack->count; slot++) {
    pack->stays[slot] = pack_is_right(pack, slot);
    if (!pack->stays[slot]) pack_store(pack, slot);
  }
  pack_drop(pack);
}

bd_status_t pack_judge(pack_t *pack, bd_error_t *error) {
  return attack_judge(pack->model, pack->task, pack->begun, pack->all, pack->outcome, error);
}
