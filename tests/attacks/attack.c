/* Attacks images on a victim, for the comparison with others' attacks.

     attack VICTIM BATCH CHANNELS HEIGHT WIDTH < requests > answers

   A request is a line "TYPE NORM EPSILON LOSS STEPS SEED COUNT", then COUNT labels as int32, and
   the pixels as float32.  Its answer: the pixels, the classes as int32, forward and backward passes
   as int64, and the processor's seconds that the attack took as float64.  So many attacks need
   libtorch and the victim once. */
#include "attack/attack.h"

#include <barydef/victim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bd_error_t error;

static void must(int is_right, const char *what) {
  if (is_right) return;
  fprintf(stderr, "attack: %s\n", what);
  exit(1);
}

static void *room(size_t count, size_t size) {
  void *found = calloc(count, size);
  must(found != NULL, "no memory");
  return found;
}

static bd_status_t ask(void *state, const attack_images_t *images, const attack_weights_t *weights,
                       float *logits, float *gradient, bd_error_t *problem) {
  const bd_victim_request_t request = {.count = images->count,
                                       .numbers = images->numbers,
                                       .images = images->pixels,
                                       .weigh = weights ? weights->weigh : NULL,
                                       .context = weights ? weights->state : NULL,
                                       .logits = logits,
                                       .gradients = gradient};
  return bd_victim_ask(state, &request, problem);
}

static bd_status_t ask_logits(void *state, const attack_images_t *images, float *logits,
                              bd_error_t *problem) {
  return ask(state, images, NULL, logits, NULL, problem);
}

/* The value of a name of a table. */
#define NAME(NAME_, name, meaning) #name,
static const char *const types[] = {BD_ATTACK_TYPE_TABLE(NAME) NULL},
                         *const norms[] = {BD_ATTACK_NORM_TABLE(NAME) NULL},
                         *const losses[] = {BD_ATTACK_LOSS_TABLE(NAME) NULL};

static int value(const char *const *names, const char *name) {
  for (int i = 0; names[i]; i++)
    if (!strcmp(names[i], name)) return i;
  must(0, name);
  return -1;
}

static double now(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* Attack the images of a request, and answer it. */
static void serve(const attack_model_t *model, const bd_made_attack_t *options, size_t count) {
  const size_t size = attack_size(model);
  int64_t *numbers = room(count, sizeof *numbers);
  int32_t *labels = room(count, sizeof *labels), *predicted = room(count, sizeof *predicted);
  int64_t *forward = room(count, sizeof *forward), *backward = room(count, sizeof *backward);
  float *clean = room(count * size, sizeof *clean), *images = room(count * size, sizeof *images);
  for (size_t i = 0; i < count; i++) numbers[i] = (int64_t)i;
  must(fread(labels, sizeof *labels, count, stdin) == count, "no labels");
  must(fread(clean, sizeof *clean, count * size, stdin) == count * size, "no images");
  const attack_task_t task = {options, (int)count, numbers, clean, labels};
  attack_outcome_t outcome = {images, predicted, forward, backward};
  const double start = now();
  must(attack_run(model, &task, &outcome, &error) == BD_OK, error.message);
  const double seconds = now() - start;
  must(fwrite(images, sizeof *images, count * size, stdout) == count * size &&
           fwrite(predicted, sizeof *predicted, count, stdout) == count &&
           fwrite(forward, sizeof *forward, count, stdout) == count &&
           fwrite(backward, sizeof *backward, count, stdout) == count &&
           fwrite(&seconds, sizeof seconds, 1, stdout) == 1 && fflush(stdout) == 0,
       "cannot write");
  free(numbers);
  free(labels);
  free(predicted);
  free(forward);
  free(backward);
  free(clean);
  free(images);
}

/* Read the line of a request.  Returns whether there was one. */
static int next(bd_made_attack_t *options, size_t *count) {
  char line[256], type[32], norm[32], loss[32];
  if (!fgets(line, sizeof line, stdin)) return 0;
  *options = (bd_made_attack_t){.name = "attack", .restarts = 1};
  must(sscanf(line, "%31s %31s %lf %31s %d %d %zu", type, norm, &options->epsilon, loss,
              &options->steps, &options->seed, count) == 7,
       line);
  options->type = value(types, type);
  options->norm = value(norms, norm);
  options->loss = value(losses, loss);
  return 1;
}

int main(int count, char **given) {
  bd_victim_t *victim;
  bd_made_attack_t options;
  size_t images;
  must(count == 6, "VICTIM BATCH CHANNELS HEIGHT WIDTH");
  attack_model_t model = {.logits = ask_logits,
                          .gradient = ask,
                          .channels = atoi(given[3]),
                          .height = atoi(given[4]),
                          .width = atoi(given[5])};
  const bd_victim_options_t wanted = {.path = given[1],
                                      .batch = atoi(given[2]),
                                      .max_seconds = 0,
                                      .channels = model.channels,
                                      .height = model.height,
                                      .width = model.width};
  must(bd_victim_load(&wanted, &victim, &model.classes, &error) == BD_OK, error.message);
  model.state = victim;
  while (next(&options, &images)) serve(&model, &options, images);
  bd_victim_free(victim);
}
