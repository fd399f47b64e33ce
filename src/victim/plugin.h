/* What the victim module (victim.cpp, the one C++ file) offers to victim.c.

   libtorch takes a third of a second and 300 shared objects to load, so it is a module of
   its own, opened only by those who need it. */
#ifndef BD_VICTIM_PLUGIN_H
#define BD_VICTIM_PLUGIN_H

#include <barydef/api.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Each returns 0, or 1 with a message of one line in `why`. */
typedef struct bd_victim_plugin {
  const char *version;
  int (*load)(const char *path, void **module, char *why, size_t size);
  /* images [count][C][H][W] -> the class of the largest logit of each and their number. */
  int (*classify)(void *module, const float *images, int count, int channels, int height, int width,
                  int32_t *classes, int *class_count, char *why, size_t size);
  void (*destroy)(void *module);
} bd_victim_plugin_t;

/* The module's one symbol: "bd_victim_plugin". */
extern BD_API const bd_victim_plugin_t bd_victim_plugin;

#ifdef __cplusplus
}
#endif
#endif
