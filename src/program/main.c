#include "program/program.h"

#include <argp.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *help;
} commands[] = {
    {"run", command_run, "JOB.ini   purify the images of a job (under mpirun, srun, or alone)"},
    {"inspect", command_inspect, "FILE.h5   show what is in an input or a result"},
    {"check", command_check, "RESULT.h5  verify a result against its own checksums"},
    {"merge", command_merge, "RESULT.h5 PART.h5...  join the results of the parts of a sweep"},
    {"params", command_params,
     "           list every parameter: default, allowed values, unit, meaning"},
    {"attack", command_python, "DATA VICTIM.pt SET.h5  attack the images of a data set (Python)"},
    {"convert", command_python, "FILE... OUT  convert sets from and to NumPy's files (Python)"},
    {"report", command_python, "RESULT.h5 [FOLDER]  draw tables and figures of a result (Python)"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

int complain(const bd_error_t *error) {
  fprintf(stderr, "barydef: %s\n", error->message);
  return (int)error->status;
}

static void usage(FILE *out) {
  fprintf(out, "Usage: barydef COMMAND [ARGUMENT...]\n"
               "Purify adversarially attacked image sets by entropic Wasserstein barycenters.\n\n");
  for (int i = 0; i < COMMANDS; i++)
    fprintf(out, "  barydef %-8s %s\n", commands[i].name, commands[i].help);
  fprintf(out, "  barydef --version          version, git revision, libraries\n\n"
               "\"barydef COMMAND --help\" tells more.  Exit status: 0 done; 1 the run failed; 2 "
               "bad usage,\n"
               "job or input; 3 done, but some images failed; 75 stopped early (signal, time "
               "limit), to be resumed.\n");
}

static int version(void) {
  char libraries[512];
  bd_libraries(libraries, sizeof libraries);
  printf("barydef %s\ngit revision %s\n%s", bd_version(), bd_revision(), libraries);
  return BD_OK;
}

/* What was printed must have arrived: a full disk is an error too. */
static int arrived(int status) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return status;
  fprintf(stderr, "barydef: standard output cannot be written: %m\n");
  return status == BD_OK ? BD_FAILED : status;
}

/* Where one of the three was closed, the next file opened would get its number, and what is
   printed.  What cannot be read stands for the output, so that a closed one is an error still. */
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
