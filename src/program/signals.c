#include "program/program.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static struct timespec first;

/* Launchers and batch systems may deliver one event more than once.  For instance, mpirun forwards
   what the batch system has already sent to all processes.  Signals within this time count as
   one. */
static const double same_event = 0.2;

static void handle(int number) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (!caught) {
    first = now;
    caught = number;
  } else if ((double)(now.tv_sec - first.tv_sec) + 1e-9 * (double)(now.tv_nsec - first.tv_nsec) >
             same_event)
    _exit(BD_STOPPED);
}

/* The victim's time is over.  It cannot be unwound, but what is done is in the result. */
static void handle_alarm(int number) {
  (void)number;
  const char *why = bd_victim_watched();
  char line[600] = "barydef: ";
  if (!why) return;
  strncat(line, why, sizeof line - 12);
  strcat(line, "\n");
  if (write(2, line, strlen(line)) < 0) {}
  _exit(BD_FAILED);
}

static void handle_continue(int number) {
  (void)number;
  bd_victim_continue();
}

void signals_catch(void) {
  /* When a suspended process resumes with SIGALRM and SIGCONT pending, Linux runs the SIGCONT
     handler first. */
  const struct sigaction alarm = {.sa_handler = handle_alarm},
                         goes_on = {.sa_handler = handle_continue, .sa_flags = SA_RESTART};
  const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
  for (int i = 0; i < 3; i++) sigaddset(&action.sa_mask, numbers[i]);
  for (int i = 0; i < 3; i++) sigaction(numbers[i], &action, NULL);
  sigaction(SIGALRM, &alarm, NULL);
  sigaction(SIGCONT, &goes_on, NULL);
}

volatile const sig_atomic_t *signals_stop(void) { return &caught; }
