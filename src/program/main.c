#include "program/program.h"

#include <argp.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command {
  const char *name, *arguments, *help;
  int (*run)(int argc, char **argv);
} commands[] = {
#define BD_COMMAND(name, function, arguments, help) {#name, arguments, help, command_##function},
#include "program/commands.def"
};
enum { COMMANDS = sizeof commands / sizeof *commands };

int complain(const bd_error_t *error) {
  fprintf(stderr, "barydef: %s\n", error->message);
  return (int)error->status;
}

const char *plural(int64_t count) { return count == 1 ? "" : "s"; }

bd_existing_t existing_of(int overwrite, int resume) {
  return overwrite ? BD_EXISTING_REPLACED : resume ? BD_EXISTING_KEPT : BD_EXISTING_REFUSED;
}

static void usage(FILE *out) {
  fprintf(out, "Usage: barydef COMMAND [ARGUMENT...]\n"
               "Purify adversarially attacked image sets by entropic Wasserstein barycenters.\n\n");
  for (int i = 0; i < COMMANDS; i++)
    fprintf(out, "  barydef %-9s %-21s  %s\n", commands[i].name, commands[i].arguments,
            commands[i].help);
  fprintf(out,
          "  barydef %-9s %-21s  version, git revision, libraries\n\n"
          "\"barydef COMMAND --help\" tells more.  Exit status: 0 done; 1 the run failed; 2 bad "
          "usage,\n"
          "job or input; 3 done, but some images failed; 75 stopped early by a signal or the time "
          "limit,\nand can be resumed.\n",
          "--version", "");
}

static int version(void) {
  char libraries[512];
  bd_libraries(libraries, sizeof libraries);
  printf("barydef %s\ngit revision %s\n%s", bd_version(), bd_revision(), libraries);
  return BD_OK;
}

/* Return the status, or BD_FAILED if output was lost, as on a full disk. */
static int arrived(int status) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return status;
  fprintf(stderr, "barydef: standard output cannot be written: %m\n");
  return status == BD_OK ? BD_FAILED : status;
}

/* The program may be started with a standard file closed.  The next file it opens would get that
   number, and receive what is printed.  So /dev/null takes the number.  In place of an output it
   is opened for reading, so that writing to it stays an error. */
static void hold_standard_files(void) {
  for (int file = 0; file <= 2; file++)
    if (fcntl(file, F_GETFD) < 0 && open("/dev/null", file == 0 ? O_WRONLY : O_RDONLY) != file)
      _exit(BD_FAILED);
}

int main(int argc, char **argv) {
  hold_standard_files();
  argp_err_exit_status = BD_BAD_INPUT;
  const char *name = argc > 1 ? argv[1] : "";
  if (!strcmp(name, "--version") || !strcmp(name, "-V")) return arrived(version());
  if (!strcmp(name, "--help") || !strcmp(name, "-?") || !strcmp(name, "help")) {
    usage(stdout);
    return arrived(BD_OK);
  }
  for (int i = 0; i < COMMANDS; i++)
    if (!strcmp(name, commands[i].name)) return arrived(commands[i].run(argc - 1, argv + 1));
  if (*name) fprintf(stderr, "barydef: \"%s\" is not a command\n", name);
  usage(stderr);
  return BD_BAD_INPUT;
}
