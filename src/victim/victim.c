#include "victim/inside.h"

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

/* Why a module that exists could not be loaded; "" if it does not exist or was loaded. */
static char problem[400];

/* Tell OpenBLAS what this processor can do, unless the user has done so.  Before version 0.3.25 it
   mistakes an Intel processor newer than itself for a Pentium 4, which has the slowest kernels
   (OpenMathLib/OpenBLAS issue 4267). */
static void name_processor(void) {
  const bd_instructions_t best = bd_instructions_best();
  if (best >= BD_INSTRUCTIONS_AVX2)
    setenv("OPENBLAS_CORETYPE", best >= BD_INSTRUCTIONS_AVX512 ? "SkylakeX" : "Haswell", 0);
}

/* Have malloc keep what is freed.  A classifier frees and allocates its activations, megabytes
   each, for every batch.  glibc would give them back to the system and then meet each page as a new
   one (mallopt(3)), which takes longer than the convolutions. */
static void keep_memory(void) {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

#define MODULE "libbarydef-victim.so"

/* The module, and why it is NULL if it is; "" if it does not exist. */
static void *open_file(const char *file, char why[sizeof problem]) {
  void *module = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  const char *said = module ? NULL : dlerror();
  const int exists = said && !strstr(said, MODULE ": cannot open shared object file");
  snprintf(why, sizeof problem, "%s", exists ? said : "");
  return module;
}

/* dlopen() looks for the module beside libbarydef, whose RUNPATH is its own folder.  UCX, which
   many MPIs use, calls dlopen() in the place of its callers, and their RUNPATH does not count then.
   The folder is therefore looked into after that. */
static void *open_module(char why[sizeof problem]) {
  void *module = open_file(MODULE, why);
  const char *slash;
  Dl_info self;
  char path[PATH_MAX];
  if (module || *why || !dladdr(problem, &self) || !(slash = strrchr(self.dli_fname, '/')))
    return module;
  snprintf(path, sizeof path, "%.*s/" MODULE, (int)(slash - self.dli_fname), self.dli_fname);
  return open_file(path, why);
}

/* The module, loaded at the first call; NULL if it does not exist or is unusable. */
static const bd_victim_plugin_t *plugin(void) {
  static const bd_victim_plugin_t *found;
  if (!found) {
    name_processor();
    keep_memory();
    void *module = open_module(problem);
    if (module && !(found = dlsym(module, "bd_victim_plugin")))
      snprintf(problem, sizeof problem, "%s", dlerror());
  }
  return found;
}

const char *bd_victim_problem(void) { return plugin() || !*problem ? NULL : problem; }

const char *bd_victim_library(void) { return plugin() ? plugin()->version : NULL; }

/* ---- the time limit ------------------------------------------------------------ */

/* The victim at work.  A signal handler reads these, so they cannot belong to a bd_victim_t. */
static char watched[500];
static volatile sig_atomic_t is_watched;
static double watched_seconds;

static void set_timer(double seconds) {
  /* Round up, since a limit below a microsecond must not become zero, which means no limit. */
  const struct itimerval timer = {
      .it_value = {(time_t)seconds, (suseconds_t)ceil(999999 * fmod(seconds, 1))}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

/* Also NULL if the time was started again after the alarm whose handler asks. */
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

/* All return 0, or 1 with a message in victim->answer.why. */
int victim_classify(bd_victim_t *victim, const bd_plugin_images_t *images) {
  watch(victim->path, victim->max_seconds);
  const int failed = plugin()->classify(victim->module, images, &victim->answer);
  unwatch(victim->max_seconds);
  return failed;
}

int victim_differentiate(bd_victim_t *victim, bd_plugin_gradient_t *asked) {
  watch(victim->path, victim->max_seconds);
  const int failed = plugin()->gradient(victim->module, &victim->batch, asked);
  unwatch(victim->max_seconds);
  return failed;
}

static int load(bd_victim_t *victim) {
  watch(victim->path, victim->max_seconds);
  const int failed = plugin()->load(victim->path, &victim->module, victim->answer.why);
  unwatch(victim->max_seconds);
  return failed;
}

/* ---- loading and asking -------------------------------------------------------- */

static size_t image_size(const bd_victim_t *victim) {
  return (size_t)victim->batch.channels * (size_t)victim->batch.height *
         (size_t)victim->batch.width;
}

/* Check that the victim can be loaded.  Errors: BD_BAD_INPUT if there is no module, or if the file
   cannot be read. */
static bd_status_t check_file(const char *path, bd_error_t *error) {
  struct stat file;
  if (!plugin())
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: cannot be loaded: this barydef was built without libtorch", path);
  /* Opening a pipe would wait for someone to write to it. */
  if (stat(path, &file) == 0 && !S_ISREG(file.st_mode))
    return bd_fail(error, BD_BAD_INPUT, "%s: not a file", path);
  FILE *probe = fopen(path, "rb");
  if (!probe) return bd_fail(error, BD_BAD_INPUT, "%s: cannot be opened: %m", path);
  fclose(probe);
  return BD_OK;
}

/* Fill the batch with the images that it is to be tried on, over and over. */
static void fill_batch(bd_victim_t *victim, const bd_victim_options_t *options) {
  const size_t size = image_size(victim);
  for (int row = 0; options->image_count > 0 && row < victim->batch.count; row++)
    memcpy(victim->images + (size_t)row * size,
           options->images + (size_t)(row % options->image_count) * size, size * sizeof(float));
}

/* NULL without memory. */
static bd_victim_t *allocate(const bd_victim_options_t *options) {
  bd_victim_t *victim = calloc(1, sizeof *victim);
  if (!victim) return NULL;
  victim->max_seconds = options->max_seconds;
  victim->batch = (bd_plugin_images_t){.count = options->batch,
                                       .channels = options->channels,
                                       .height = options->height,
                                       .width = options->width};
  victim->path = strdup(options->path);
  victim->images = calloc((size_t)options->batch * image_size(victim), sizeof *victim->images);
  victim->answer.classes = calloc((size_t)options->batch, sizeof *victim->answer.classes);
  victim->batch.pixels = victim->images;
  if (victim->path && victim->images && victim->answer.classes) {
    fill_batch(victim, options);
    return victim;
  }
  bd_victim_free(victim);
  return NULL;
}

/* Some other number of images that the victim takes at once; 0: none was found. */
static int find_batch(bd_victim_t *victim) {
  static const int sizes[] = {1,  2,   4,   8,   10,  16,  20,  32,  50,  64,
                              96, 100, 128, 200, 250, 256, 400, 500, 512, 1000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    bd_plugin_images_t images = victim->batch;
    const size_t size = image_size(victim);
    float *pixels = malloc((size_t)sizes[i] * size * sizeof *pixels);
    int32_t *classes = malloc((size_t)sizes[i] * sizeof *classes);
    bd_plugin_answer_t answer = {.classes = classes};
    for (int row = 0; pixels && row < sizes[i]; row++)
      memcpy(pixels + (size_t)row * size,
             victim->images + (size_t)(row % victim->batch.count) * size, size * sizeof *pixels);
    images.pixels = pixels;
    images.count = sizes[i];
    const int fits = pixels && classes && !plugin()->classify(victim->module, &images, &answer);
    free(pixels);
    free(classes);
    if (fits) return sizes[i];
  }
  return 0;
}

/* Try the victim on the batch.  Weights of another type are cast where it fails with them. */
static bd_status_t try_out(bd_victim_t *victim, bd_error_t *error) {
  const bd_plugin_images_t *b = &victim->batch;
  char why[BD_PLUGIN_WHY];
  const char *type = "";
  if (!victim_classify(victim, b)) return BD_OK;
  strcpy(why, victim->answer.why);
  if (!plugin()->cast(victim->module, &type, victim->answer.why)) {
    snprintf(victim->said, sizeof victim->said, "has weights in %s, which are taken as float32",
             type);
    if (!victim_classify(victim, b)) return BD_OK;
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: has weights in %s, and fails with them and with float32: %s; export it "
                   "after model.float()",
                   victim->path, type, victim->answer.why);
  }
  watch(victim->path, victim->max_seconds);
  const int batch = find_batch(victim);
  unwatch(victim->max_seconds);
  if (batch && batch != b->count)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: fails on %d images at once (%.200s) and takes %d: set victim.batch = %d, "
                   "or export it for any number",
                   victim->path, b->count, why, batch, batch);
  return bd_fail(error, BD_BAD_INPUT, "%s: fails on images of %d x %d x %d: %s", victim->path,
                 b->channels, b->height, b->width, why);
}

/* Say where the logits were in an answer of several values. */
static void say_taken(bd_victim_t *victim) {
  const size_t used = strlen(victim->said);
  if (*victim->answer.taken)
    snprintf(victim->said + used, sizeof victim->said - used,
             "%sgives several values, of which %s is taken", used ? ", and " : "",
             victim->answer.taken);
}

bd_status_t bd_victim_load(const bd_victim_options_t *options, bd_victim_t **victim, int *classes,
                           bd_error_t *error) {
  *victim = NULL;
  bd_status_t status = check_file(options->path, error);
  if (status != BD_OK) return status;
  bd_victim_t *loaded = allocate(options);
  if (!loaded)
    return bd_fail(error, BD_FAILED, "%s: no memory for a batch of %d images", options->path,
                   options->batch);
  if (load(loaded)) {
    const char *cure = victim_file_cure(options->path);
    status = bd_fail(error, BD_BAD_INPUT, "%s: does not load as TorchScript: %s", options->path,
                     cure ? cure : loaded->answer.why);
  } else status = try_out(loaded, error);
  if (status != BD_OK) {
    bd_victim_free(loaded);
    return status;
  }
  say_taken(loaded);
  *classes = loaded->answer.class_count;
  *victim = loaded;
  return BD_OK;
}

int bd_victim_classes(const bd_victim_t *victim) { return victim->answer.class_count; }

bd_status_t bd_victim_predict(bd_victim_t *victim, int64_t first_index, int count,
                              const float *images, int32_t *classes, bd_error_t *error) {
  const size_t size = image_size(victim);
  for (int done = 0, portion; done < count; done += portion) {
    const int batch = victim->batch.count, row = (int)((first_index + done) % batch);
    portion = count - done < batch - row ? count - done : batch - row;
    for (int other = 0; other < batch; other++)
      memcpy(victim->images + (size_t)other * size,
             images +
                 (size_t)(done + (other >= row && other < row + portion ? other - row : 0)) * size,
             size * sizeof *images);
    if (victim_classify(victim, &victim->batch))
      return bd_fail(error, BD_FAILED, "%s: fails on images from number %lld on: %s", victim->path,
                     (long long)first_index + done, victim->answer.why);
    memcpy(classes + done, victim->answer.classes + row, (size_t)portion * sizeof *classes);
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
  free(victim->answer.classes);
  free(victim->path);
  free(victim);
}
