#include "program.h"

#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static struct timespec first;

/* Launchers and batch systems may deliver one event more than once (mpirun forwards what the
   batch system has sent to all processes already): what comes within this time is the same. */
static const double same_event = 0.2;

static void handle(int number) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (!caught) {
    first = now;
    caught = number;
  } else if ((double)(now.tv_sec - first.tv_sec) + 1e-9 * (double)(now.tv_nsec - first.tv_nsec) > same_event)
    _exit(BD_STOPPED);
}

void signals_catch(void) {
  const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
  for (int i = 0; i < 3; i++) sigaddset(&action.sa_mask, numbers[i]);
  for (int i = 0; i < 3; i++) sigaction(numbers[i], &action, NULL);
}

volatile const sig_atomic_t *signals_stop(void) { return &caught; }
