#include "program/program.h"

#include <argp.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char barydef_summary[] =
    "Purify adversarially attacked image sets by entropic Wasserstein barycenters";

static const command_t commands[] = {
#define BD_COMMAND(name, function, arguments, help)                                                \
  {#name, arguments, help, command_##function, &manual_##function},
#include "program/commands.def"
};
enum { COMMANDS = sizeof commands / sizeof *commands };

const command_t *all_commands(int *count) {
  *count = COMMANDS;
  return commands;
}

const command_t *find_command(const char *name) {
  for (int i = 0; i < COMMANDS; i++)
    if (!strcmp(name, commands[i].name)) return &commands[i];
  return NULL;
}

const char *closest_command(const char *name) {
  const char *names[COMMANDS];
  for (int i = 0; i < COMMANDS; i++) names[i] = commands[i].name;
  return bd_closest(name, names, COMMANDS);
}

int complain(const bd_error_t *error) {
  fprintf(stderr, "barydef: %s\n", error->message);
  return (int)error->status;
}

const char *plural(int64_t count) { return count == 1 ? "" : "s"; }

bd_existing_t existing_of(int overwrite, int resume) {
  return overwrite ? BD_EXISTING_REPLACED : resume ? BD_EXISTING_KEPT : BD_EXISTING_REFUSED;
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
  if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "-?")) {
    print_usage(stdout);
    return arrived(BD_OK);
  }
  const command_t *command = find_command(name);
  if (command) return arrived(command->run(argc - 1, argv + 1));
  const char *meant = closest_command(name);
  if (*name)
    fprintf(stderr, "barydef: \"%s\" is not a command%s%s%s\n", name,
            meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
  print_usage(stderr);
  return BD_BAD_INPUT;
}
