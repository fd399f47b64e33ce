/* The inside of a victim, for the files of this folder. */
#ifndef BD_VICTIM_INSIDE_H
#define BD_VICTIM_INSIDE_H

#include "victim/plugin.h"

#include <barydef/victim.h>

struct bd_victim {
  char *path;
  void *module;
  double max_seconds;
  float *images; /* one batch, which `batch` describes */
  bd_plugin_images_t batch;
  bd_plugin_answer_t answer;
  char said[200]; /* what the user must know of how the file was taken; "" for nothing */
};

/* Have the module classify images, within the time limit.  Returns 0, or 1 with a message in
   victim->answer.why. */
int victim_classify(bd_victim_t *victim, const bd_plugin_images_t *images);

/* What a file that does not load holds, and what to do about it; NULL where nobody knows. */
const char *victim_file_cure(const char *path);

/* Have the module differentiate the batch in victim->images, within the time limit.  Returns 0, or
   1 with a message in asked->why. */
int victim_differentiate(bd_victim_t *victim, bd_plugin_gradient_t *asked);

#endif
