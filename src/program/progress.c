#include "program/program.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

enum { BAR_LEAST = 8, BAR_MOST = 30, LINE_MOST = 512, ABOUT = 128 };

/* Columns of the terminal, which may change at any time. */
static int columns(void) {
  enum { USUAL = 80 };
  const char *told = getenv("COLUMNS");
  const long number = told ? strtol(told, NULL, 10) : 0;
  struct winsize size = {0};
  if (number > 0 && number < LINE_MOST) return (int)number;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/fd/2", (long)getppid());
    const int terminal = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (terminal >= 0) {
      ioctl(terminal, TIOCGWINSZ, &size);
      close(terminal);
    }
  }
  return size.ws_col == 0 ? USUAL : size.ws_col < LINE_MOST ? size.ws_col : LINE_MOST - 1;
}

/* "making linf_pgd, 23 % right": the attack under way, and the accuracy so far. */
static void describe(const bd_progress_t *state, char about[ABOUT]) {
  *about = 0;
  if (!state->attack) return;
  const int used =
      snprintf(about, ABOUT, "%s %.64s", state->is_made ? "making" : "purifying", state->attack);
  if (state->judged)
    snprintf(about + used, (size_t)(ABOUT - used), ", %.0f %% right",
             100 * (double)state->right / (double)state->judged);
}

/* Show a line that fits the terminal, over the one before: the bar is shortened, then the attack is
   left out, then the bar. */
static void show_line(progress_t *progress, double fraction, const char *done,
                      const bd_progress_t *state) {
  char line[LINE_MOST], about[ABOUT], bar[BAR_MOST + 1] = "";
  const int room = columns() - 1; /* a full line would move the cursor to the next */
  enum { FRAME = 3, GAP = 2 };
  describe(state, about);
  int left = room - FRAME - (int)strlen(done) - (*about ? GAP + (int)strlen(about) : 0);
  if (left < BAR_LEAST && *about) {
    left += GAP + (int)strlen(about);
    *about = 0;
  }
  const int length = left < BAR_LEAST ? 0 : left < BAR_MOST ? left : BAR_MOST;
  for (int i = 0; i < length; i++) bar[i] = i < length * fraction ? '#' : '.';
  const char *parts[] = {length ? "[" : "", bar, length ? "] " : ""};
  snprintf(line, sizeof line, "%s%s%s%s%s%s", parts[0], parts[1], parts[2], done,
           *about ? "  " : "", about);
  if (room < LINE_MOST) line[room > 0 ? room : 0] = 0;
  const int shown = (int)strlen(line), blanks = progress->shown - shown;
  fprintf(stderr, "\r%s%*s", line, blanks > 0 && shown + blanks <= room ? blanks : 0, "");
  progress->shown = shown;
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
  const double fraction = (double)state->done / (double)state->total,
               rate = (double)(state->done - state->before) / (state->seconds + 1e-9);
  char remaining[32], about[ABOUT];
  if (rate > 0) duration((double)(state->total - state->done) / rate, remaining);
  else snprintf(remaining, sizeof remaining, "?");
  if (progress->is_terminal) {
    char done[128];
    snprintf(done, sizeof done, "%3.0f %%  %" PRId64 "/%" PRId64 " images  %.0f images/s  %s left",
             100 * fraction, state->done, state->total, rate, remaining);
    show_line(progress, fraction, done, state);
    return;
  }
  describe(state, about);
  fprintf(stderr, "barydef: %" PRId64 "/%" PRId64 " images (%.0f %%), %.0f images/s, %s left%s%s",
          state->done, state->total, 100 * fraction, rate, remaining, *about ? "; " : "", about);
  if (state->attack)
    fprintf(stderr, " (%" PRId64 "/%" PRId64 ")", state->attack_done, state->attack_total);
  fprintf(stderr, "\n");
}

void progress_end(progress_t *progress) {
  if (progress->is_terminal && progress->is_shown) fprintf(stderr, "\n");
}
