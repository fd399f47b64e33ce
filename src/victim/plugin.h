/* The interface of the victim module to victim.c.  The module is victim.cpp, the only C++ file.

   libtorch takes a third of a second and 300 shared objects to load.  So the module is separate,
   and opened only when it is needed. */
#ifndef BD_VICTIM_PLUGIN_H
#define BD_VICTIM_PLUGIN_H

#include <barydef/api.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a message of one line that says why a call failed. */
enum { BD_PLUGIN_WHY = 600 };

/* Images for the victim, float32 in [0,1], [count][channels][height][width]. */
typedef struct bd_plugin_images {
  const float *pixels;
  int count, channels, height, width;
} bd_plugin_images_t;

/* The victim's answer. */
typedef struct bd_plugin_answer {
  int32_t *classes; /* [count], the caller's: the class of the largest logit of each image */
  int class_count;  /* logits per image */
  float *logits;    /* NULL, or the caller's [count][the class_count of the call before] */
  char taken[60];   /* where in an answer of several values the logits were; "" for the answer */
  char why[BD_PLUGIN_WHY];
} bd_plugin_answer_t;

/* Sets weights [count][class_count] from logits of that shape. */
typedef void bd_plugin_weigh_t(void *context, const float *logits, float *weights);

/* What is asked of `gradient`: the arrays are the caller's. */
typedef struct bd_plugin_gradient {
  bd_plugin_weigh_t *weigh; /* NULL: logits alone, without a backward pass */
  void *context;
  float *logits;   /* [count][class_count], the class_count of `classify` */
  float *gradient; /* [count][channels][height][width], of sum_c weight_c logit_c by the pixels */
  int class_count;
  char why[BD_PLUGIN_WHY];
} bd_plugin_gradient_t;

/* The functions that can fail return 0, or 1 with a message in `why`. */
typedef struct bd_victim_plugin {
  const char *version; /* of libtorch */
  int (*load)(const char *path, void **module, char why[BD_PLUGIN_WHY]);
  /* Make all weights float32.  Sets *what to the name of the type that they had; returns 1 where
     there is nothing to be done. */
  int (*cast)(void *module, const char **what, char why[BD_PLUGIN_WHY]);
  int (*classify)(void *module, const bd_plugin_images_t *images, bd_plugin_answer_t *answer);
  /* One forward pass, and where weights are asked for one backward pass. */
  int (*gradient)(void *module, const bd_plugin_images_t *images, bd_plugin_gradient_t *asked);
  void (*destroy)(void *module);
} bd_victim_plugin_t;

/* The module's one symbol: "bd_victim_plugin". */
extern BD_API const bd_victim_plugin_t bd_victim_plugin;

#ifdef __cplusplus
}
#endif
#endif
