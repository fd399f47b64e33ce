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
};

/* Have the module differentiate the batch in victim->images, within the time limit.  Returns 0, or
   1 with a message in asked->why. */
int victim_differentiate(bd_victim_t *victim, bd_plugin_gradient_t *asked);

#endif
