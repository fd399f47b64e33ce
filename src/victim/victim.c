#include "victim/plugin.h"

#include <barydef/solver.h>
#include <barydef/victim.h>

#include <dlfcn.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <xxhash.h>

struct bd_victim {
  char *path;
  void *module;
  int batch, channels, height, width;
  double max_seconds;
  float *images;    /* one batch */
  int32_t *classes; /* [batch] */
};

/* Found beside libbarydef, whose RUNPATH is its own directory. */
static char problem[400];

/* OpenBLAS before 0.3.25 takes an Intel processor newer than itself for a Pentium 4, its slowest
   kernels (OpenMathLib/OpenBLAS issue 4267): it is told what this one can do, unless the user has.
 */
static void name_processor(void) {
  const bd_instructions_t best = bd_instructions_best();
  if (best >= BD_INSTRUCTIONS_AVX2)
    setenv("OPENBLAS_CORETYPE", best >= BD_INSTRUCTIONS_AVX512 ? "SkylakeX" : "Haswell", 0);
}

/* A classifier frees and allocates its activations, megabytes each, for every batch: glibc would
   give them back to the system and meet each page as a new one (mallopt(3)), which takes longer
   than the convolutions. */
static void keep_memory(void) {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

static const bd_victim_plugin_t *plugin(void) {
  static const bd_victim_plugin_t *found;
  if (!found) {
    name_processor();
    keep_memory();
    void *module = dlopen("libbarydef-victim.so", RTLD_NOW | RTLD_LOCAL);
    if (module) found = dlsym(module, "bd_victim_plugin");
    const char *why = found ? NULL : dlerror();
    /* Not there is one thing, there and unusable another. */
    *problem = 0;
    if (why && !strstr(why, "libbarydef-victim.so: cannot open shared object file"))
      snprintf(problem, sizeof problem, "%s", why);
  }
  return found;
}

const char *bd_victim_problem(void) { return plugin() || !*problem ? NULL : problem; }

const char *bd_victim_library(void) { return plugin() ? plugin()->version : NULL; }

/* ---- the time limit ------------------------------------------------------------ */

/* Read by a signal handler. */
static char watched[500];
static volatile sig_atomic_t is_watched;
static double watched_seconds;

static void set_timer(double seconds) {
  /* A limit below a microsecond is one all the same: zeros would be none. */
  const struct itimerval timer = {
      .it_value = {(time_t)seconds, (suseconds_t)ceil(999999 * fmod(seconds, 1))}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

/* Not while the time has been given anew since the alarm that asks. */
const char *bd_victim_watched(void) {
  struct itimerval left;
  return is_watched && getitimer(ITIMER_REAL, &left) == 0 && left.it_value.tv_sec == 0 &&
                 left.it_value.tv_usec == 0
             ? watched
             : NULL;
}

void bd_victim_continue(void) {
  if (is_watched) set_timer(watched_seconds);
}

static void watch(const char *path, double seconds) {
  if (seconds <= 0) return;
  watched_seconds = seconds;
  snprintf(watched, sizeof watched, "%.400s: no answer within %g s (run.victim_seconds)", path,
           seconds);
  is_watched = 1;
  set_timer(seconds);
}

static void unwatch(double seconds) {
  if (seconds <= 0) return;
  set_timer(0);
  is_watched = 0;
}

static int classify(const bd_victim_t *victim, int *class_count, char *why, size_t size) {
  watch(victim->path, victim->max_seconds);
  int failed =
      plugin()->classify(victim->module, victim->images, victim->batch, victim->channels,
                         victim->height, victim->width, victim->classes, class_count, why, size);
  unwatch(victim->max_seconds);
  return failed;
}

static int load(bd_victim_t *victim, char *why, size_t size) {
  watch(victim->path, victim->max_seconds);
  int failed = plugin()->load(victim->path, &victim->module, why, size);
  unwatch(victim->max_seconds);
  return failed;
}

/* ---- loading and asking -------------------------------------------------------- */

bd_status_t bd_victim_load(const char *path, int batch, double max_seconds, int channels,
                           int height, int width, bd_victim_t **out, int *classes,
                           bd_error_t *error) {
  *out = NULL;
  if (!plugin())
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: cannot be loaded: this barydef was built without libtorch", path);
  struct stat file;
  if (stat(path, &file) == 0 && !S_ISREG(file.st_mode))
    return bd_fail(error, BD_BAD_INPUT, "%s: not a file", path); /* a pipe is waited for */
  FILE *probe = fopen(path, "rb");
  if (!probe) return bd_fail(error, BD_BAD_INPUT, "%s: cannot be opened: %m", path);
  fclose(probe);
  bd_victim_t *victim = calloc(1, sizeof *victim);
  size_t pixels = (size_t)channels * (size_t)height * (size_t)width;
  char why[600];
  bd_status_t status = BD_OK;
  if (victim) {
    *victim = (bd_victim_t){.path = strdup(path),
                            .batch = batch,
                            .channels = channels,
                            .height = height,
                            .width = width,
                            .max_seconds = max_seconds};
    victim->images = calloc((size_t)batch * pixels, sizeof *victim->images);
    victim->classes = calloc((size_t)batch, sizeof *victim->classes);
  }
  if (!victim || !victim->path || !victim->images || !victim->classes)
    status = bd_fail(error, BD_FAILED, "%s: no memory for a batch of %d images", path, batch);
  else if (load(victim, why, sizeof why))
    status = bd_fail(error, BD_BAD_INPUT, "%s: does not load as TorchScript: %s", path, why);
  else if (classify(victim, classes, why, sizeof why))
    status = bd_fail(error, BD_BAD_INPUT, "%s: fails on images of %d x %d x %d: %s", path, channels,
                     height, width, why);
  if (status != BD_OK) {
    bd_victim_free(victim);
    return status;
  }
  *out = victim;
  return BD_OK;
}

bd_status_t bd_victim_predict(bd_victim_t *victim, int64_t first_index, int count,
                              const float *images, int32_t *classes, bd_error_t *error) {
  size_t pixels = (size_t)victim->channels * (size_t)victim->height * (size_t)victim->width;
  for (int done = 0; done < count;) {
    int row = (int)((first_index + done) % victim->batch), portion = victim->batch - row,
        class_count;
    char why[600];
    if (portion > count - done) portion = count - done;
    memset(victim->images, 0, (size_t)victim->batch * pixels * sizeof *images);
    memcpy(victim->images + (size_t)row * pixels, images + (size_t)done * pixels,
           (size_t)portion * pixels * sizeof *images);
    if (classify(victim, &class_count, why, sizeof why))
      return bd_fail(error, BD_FAILED, "%s: fails on images from number %lld on: %s", victim->path,
                     (long long)first_index + done, why);
    memcpy(classes + done, victim->classes + row, (size_t)portion * sizeof *classes);
    done += portion;
  }
  return BD_OK;
}

bd_status_t bd_victim_digest(const char *path, char digest[33], bd_error_t *error) {
  char bytes[1 << 16];
  FILE *file = fopen(path, "rb");
  if (!file) return bd_fail(error, BD_BAD_INPUT, "%s: cannot be opened: %m", path);
  XXH3_state_t *state = XXH3_createState();
  XXH3_128bits_reset(state);
  for (size_t size; (size = fread(bytes, 1, sizeof bytes, file)) > 0;)
    XXH3_128bits_update(state, bytes, size);
  bd_status_t status =
      ferror(file) ? bd_fail(error, BD_BAD_INPUT, "%s: cannot be read: %m", path) : BD_OK;
  XXH128_hash_t hash = XXH3_128bits_digest(state);
  XXH3_freeState(state);
  fclose(file);
  snprintf(digest, 33, "%016llx%016llx", (unsigned long long)hash.high64,
           (unsigned long long)hash.low64);
  return status;
}

void bd_victim_free(bd_victim_t *victim) {
  if (!victim) return;
  if (victim->module) plugin()->destroy(victim->module);
  free(victim->images);
  free(victim->classes);
  free(victim->path);
  free(victim);
}
