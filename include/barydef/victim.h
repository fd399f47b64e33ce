/** @file
   The classifier under attack.

   A victim is a TorchScript module that takes float32 [n,C,H,W] in [0,1] and gives logits
   [n,classes].  A TorchScript file is a program, which runs with the rights of the process:
   load only what you trust.  It has one thread, full batches of a fixed size, and a time limit:
   a victim that does not answer within it ends the process by SIGALRM, for which a program
   installs a handler that says so (bd_victim_watched).  The module
   that holds libtorch is loaded at the first call, which sets OPENBLAS_CORETYPE where the
   environment does not, and has malloc keep what is freed (mallopt), for the whole process;
   where it was not built or not installed, bd_victim_load says so.  No call is collective. */
#ifndef BARYDEF_VICTIM_H
#define BARYDEF_VICTIM_H

#include <barydef/api.h>
#include <barydef/error.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A classifier that has been loaded. */
typedef struct bd_victim bd_victim_t;

/** Version of libtorch, or NULL where there is no victim module. */
BD_API const char *bd_victim_library(void);

/** Why a victim module that is installed cannot be used, or NULL. */
BD_API const char *bd_victim_problem(void);

/** Load and try once on zeros of [batch][channels][height][width].  *classes is what it
   gives.  max_seconds: for loading, and for each batch; 0: none.  The caller frees *victim. Errors:
   BD_BAD_INPUT, naming the file: it does not load, throws, or gives another shape than
   [batch][classes]. */
BD_API bd_status_t bd_victim_load(const char *path, int batch, double max_seconds, int channels,
                                  int height, int width, bd_victim_t **victim, int *classes,
                                  bd_error_t *error);

/** Class of each of `count` images [count][C][H][W].  first_index is the number of the
   first image in its set: image i is evaluated at row i mod batch of a batch that is
   always full (the rest zeros), so that its logits depend on nothing but itself, however
   the set is cut into blocks.  Errors: BD_FAILED where the victim throws or gives NaN. */
BD_API bd_status_t bd_victim_predict(bd_victim_t *victim, int64_t first_index, int count,
                                     const float *images, int32_t *classes, bd_error_t *error);

/** For a handler of SIGALRM: "FILE: no answer within N s (run.victim_seconds)", or NULL where no
 * victim is at work, or has time left. */
BD_API const char *bd_victim_watched(void);

/** For a handler of SIGCONT: a process that was suspended, as batch systems do, gave its victim no
 * time; it begins again. */
BD_API void bd_victim_continue(void);

/** XXH3-128 of the file, hexadecimal.  Errors: BD_BAD_INPUT where it cannot be read. */
BD_API bd_status_t bd_victim_digest(const char *path, char digest[33], bd_error_t *error);

BD_API void bd_victim_free(bd_victim_t *victim); /**< NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
