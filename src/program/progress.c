#include "program/program.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* mpirun gives its ranks a pipe for stderr and copies what arrives to its own stderr.  So look
   whether the parent process's stderr is a terminal. */
static int parent_has_terminal(void) {
  char link[64], target[64];
  snprintf(link, sizeof link, "/proc/%ld/fd/2", (long)getppid());
  ssize_t length = readlink(link, target, sizeof target - 1);
  if (length < 0) return 0;
  target[length] = 0;
  return !strncmp(target, "/dev/pts/", 9) || !strncmp(target, "/dev/tty", 8);
}

void progress_start(progress_t *progress, double interval, int is_quiet) {
  *progress = (progress_t){.interval = interval, .is_quiet = is_quiet};
  progress->is_terminal = isatty(2) || (getenv("OMPI_COMM_WORLD_SIZE") && parent_has_terminal());
}

static void duration(double seconds, char text[32]) {
  long s = (long)(seconds + 0.5);
  if (s < 3600) snprintf(text, 32, "%ld:%02ld", s / 60, s % 60);
  else snprintf(text, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

/* Show this only if it takes long enough to make a user wonder. */
static void show_checking(progress_t *progress, const bd_progress_t *state, double interval) {
  if (interval <= 0 || state->seconds - progress->last < interval) return;
  progress->last = state->seconds;
  fprintf(stderr,
          progress->is_terminal ? "\rchecking what is done: %" PRId64 "/%" PRId64 " images   "
                                : "barydef: checking what is done: %" PRId64 "/%" PRId64
                                  " images\n",
          state->done, state->total);
}

/* Say once what a user must know before the work begins. */
static void announce(progress_t *progress, const bd_progress_t *state) {
  progress->is_announced = 1;
  if (state->is_resumed && !progress->is_quiet) {
    progress->last = 0; /* another clock */
    fprintf(stderr, progress->is_terminal ? "\r%50s\r" : "%s", "");
  }
  if (state->unlocked) fprintf(stderr, "barydef: %s\n", state->unlocked);
  if (!state->is_resumed || progress->is_quiet) return;
  fprintf(stderr, "barydef: resuming: %" PRId64 " of %" PRId64 " images are done", state->before,
          state->total);
  fprintf(stderr, state->damaged ? "; %" PRId64 " damaged ones are computed again\n" : "\n",
          state->damaged);
}

void progress_show(void *context, const bd_progress_t *state) {
  progress_t *progress = context;
  double interval = progress->is_terminal ? 0.1 : progress->interval;
  if (state->is_checking) {
    if (!progress->is_quiet) show_checking(progress, state, interval);
    return;
  }
  if (!progress->is_announced) announce(progress, state);
  if (progress->is_quiet) return;
  int is_last = state->done == state->total;
  if (interval <= 0 ||
      (state->seconds - progress->last < interval && !(is_last && progress->is_terminal)))
    return;
  progress->last = state->seconds;
  progress->is_shown = 1;
  double fraction = (double)state->done / (double)state->total,
         rate = (double)(state->done - state->before) / (state->seconds + 1e-9);
  char remaining[32], bar[31] = "";
  if (rate > 0) duration((double)(state->total - state->done) / rate, remaining);
  else snprintf(remaining, sizeof remaining, "?");
  for (int i = 0; i < 30; i++) bar[i] = i < 30 * fraction ? '#' : '.';
  if (progress->is_terminal)
    fprintf(stderr, "\r[%s] %3.0f %%  %" PRId64 "/%" PRId64 " images  %.0f images/s  %s left   ",
            bar, 100 * fraction, state->done, state->total, rate, remaining);
  else
    fprintf(stderr, "barydef: %" PRId64 "/%" PRId64 " images (%.0f %%), %.0f images/s, %s left\n",
            state->done, state->total, 100 * fraction, rate, remaining);
}

void progress_end(progress_t *progress) {
  if (progress->is_terminal && progress->is_shown) fprintf(stderr, "\n");
}
