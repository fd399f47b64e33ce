/* Shows the same images to a victim again and again, through <barydef/victim.h>.

     victim_calls VICTIM.pt IMAGES CHANNELS HEIGHT WIDTH CALLS

   Prints a line for each call: its seconds, and the class of each image.  The call that loads the
   victim comes first, as a line of its seconds alone. */
#include <barydef/victim.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* In [0,1], and the same on every machine. */
static void fill(float *pixels, size_t count) {
  unsigned state = 1;
  for (size_t i = 0; i < count; i++) {
    state = 1664525 * state + 1013904223;
    pixels[i] = (float)(state >> 8) / 16777216.0f;
  }
}

static int complain(const bd_error_t *error) {
  fprintf(stderr, "%s\n", error->message);
  return (int)error->status;
}

static int ask(bd_victim_t *victim, int images, const float *pixels, int calls) {
  bd_error_t error;
  int32_t *classes = calloc((size_t)images, sizeof *classes);
  int status = BD_OK;
  for (int call = 0; classes && status == BD_OK && call < calls; call++) {
    const double start = seconds();
    if (bd_victim_predict(victim, 0, images, pixels, classes, &error) != BD_OK)
      status = complain(&error);
    printf("%.6f", seconds() - start);
    for (int i = 0; i < images; i++) printf(" %d", (int)classes[i]);
    printf("\n");
  }
  free(classes);
  return status;
}

int main(int argc, char **argv) {
  int numbers[5], classes, status;
  bd_error_t error;
  bd_victim_t *victim;
  if (argc != 7) return BD_BAD_INPUT;
  for (int i = 0; i < 5; i++) numbers[i] = atoi(argv[i + 2]);
  const bd_victim_options_t options = {.path = argv[1],
                                       .batch = numbers[0],
                                       .channels = numbers[1],
                                       .height = numbers[2],
                                       .width = numbers[3]};
  const size_t count =
      (size_t)numbers[0] * (size_t)numbers[1] * (size_t)numbers[2] * (size_t)numbers[3];
  float *pixels = malloc(count * sizeof *pixels);
  if (!pixels) return BD_FAILED;
  fill(pixels, count);
  const double start = seconds();
  if (bd_victim_load(&options, &victim, &classes, &error) != BD_OK) status = complain(&error);
  else {
    printf("%.6f\n", seconds() - start);
    status = ask(victim, numbers[0], pixels, numbers[4]);
    bd_victim_free(victim);
  }
  free(pixels);
  return status;
}
