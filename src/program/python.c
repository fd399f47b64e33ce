/* Commands of the Python package.  The program finds the package beside itself and starts it. */
#include "program/program.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the package is relative to the program's folder: in the build tree, and where Python keeps
   packages below a prefix. */
static const char *const places[] = {"python", BARYDEF_PYTHON_FROM_PROGRAM};
enum { PLACES = sizeof places / sizeof *places };

static const char usual_python[] = "/usr/bin/python3";

/* Import the package from the folder given first, and from nowhere else.  Then remove the folder
   from the path, so that nothing else in it hides Python's own modules. */
static const char starter[] = "import sys; sys.path[0] = sys.argv.pop(1); import barydef; "
                              "del sys.path[0]; from barydef.command_line import main; main()";

static int fails(const char *command, const char *why) {
  fprintf(stderr, "barydef: %s %s\n", command, why);
  return BD_BAD_INPUT;
}

/* Find the folder of this program.  Returns 0 if it is not known or too long. */
static int own_folder(char folder[PATH_MAX]) {
  const ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
  if (length <= 0 || length == PATH_MAX - 1) return 0;
  folder[length] = 0;
  char *slash = strrchr(folder, '/');
  if (!slash) return 0;
  *slash = 0;
  return 1;
}

/* Find the folder that holds the package.  Returns 0 if none does. */
static int package_folder(char path[PATH_MAX]) {
  char own[PATH_MAX];
  if (!own_folder(own)) return 0;
  for (int i = 0; i < PLACES; i++) {
    char module[PATH_MAX];
    if (snprintf(path, PATH_MAX, "%s/%s", own, places[i]) < PATH_MAX &&
        snprintf(module, sizeof module, "%s/barydef/__init__.py", path) < PATH_MAX &&
        access(module, R_OK) == 0)
      return 1;
  }
  return 0;
}

/* Find the first program of this name in the absolute folders of PATH.  Returns 0 if there is
   none.  Other entries of PATH depend on the current folder and are ignored. */
static int on_path(const char *name, char found[PATH_MAX]) {
  const char *folder = getenv("PATH");
  while (folder && *folder) {
    const int length = (int)strcspn(folder, ":");
    if (*folder == '/' && snprintf(found, PATH_MAX, "%.*s/%s", length, folder, name) < PATH_MAX &&
        access(found, X_OK) == 0)
      return 1;
    folder += length + (folder[length] == ':');
  }
  return 0;
}

/* The Python to start.  BARYDEF_PYTHON comes first, then the distribution's Python, then that of
   PATH. */
static int find_python(char path[PATH_MAX]) {
  const char *named = getenv("BARYDEF_PYTHON");
  if (named && *named)
    return strchr(named, '/') ? snprintf(path, PATH_MAX, "%s", named) < PATH_MAX
                              : on_path(named, path);
  if (access(usual_python, X_OK) == 0) return snprintf(path, PATH_MAX, "%s", usual_python) > 0;
  return on_path("python3", path);
}

/* Replace this process by Python.  Returns only on failure. */
static int start(const char *python, const char *folder, int argc, char **argv) {
  const char **arguments = calloc((size_t)argc + 5, sizeof *arguments);
  if (!arguments) return fails(argv[0], "cannot be started: no memory");
  arguments[0] = python;
  arguments[1] = "-c";
  arguments[2] = starter;
  arguments[3] = folder;
  memcpy(arguments + 4, argv, (size_t)argc * sizeof *argv);
  execv(python, (char **)arguments);
  fprintf(stderr, "barydef: %s needs Python, and %s cannot be started: %s\n", argv[0], python,
          strerror(errno));
  free(arguments);
  return BD_BAD_INPUT;
}

/* What the commands in Python share.  argparse has the rest (analysis/barydef/command_line.py). */
const manual_t manual_python = {
    .description = "",
    .endings = (const ending_t[]){{0}},
    .examples = (const topic_t[]){{0}},
    .environment =
        (const topic_t[]){{"BARYDEF_PYTHON",
                           "The Python to start, a path or a name to be found in PATH.  "
                           "Otherwise it is /usr/bin/python3, and where there is none the "
                           "python3 of PATH."},
                          {0}},
};

int command_python(int argc, char **argv) {
  char python[PATH_MAX], folder[PATH_MAX];
  if (!package_folder(folder))
    return fails(argv[0], "needs the Python package barydef, which is not beside this program: "
                          "build or install it with the program");
  if (!find_python(python))
    return fails(argv[0], "needs Python: install python3, python3-h5py and python3-matplotlib "
                          "(Debian), or name a Python in BARYDEF_PYTHON");
  return start(python, folder, argc, argv);
}
