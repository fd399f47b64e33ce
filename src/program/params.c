#include "program/program.h"

#include <string.h>

const char job_description[] =
    "A job file is an INI file: sections in brackets, and below them lines of the form KEY = VALUE."
    "\n\nOnly [input] file and [output] file are required.  What a file leaves out has its default."
    "\n\nA line that begins with ; or # is a comment, and so is the rest of a line after a blank "
    "and a semicolon.  Names are lower case.  A relative path is relative to the job file, also "
    "one "
    "given with --set.  An unknown section or key, a value out of range, and a duplicate are "
    "refused in one line that names file, line and key, and says what is allowed."
    "\n\nThe option --set SECTION.KEY=VALUE of barydef run wins over the file, and the last one "
    "over those before it.  A result keeps the whole job, defaults included.";

const topic_t job_examples[] = {{"[input]\n"
                                 "file = attacked.h5\n"
                                 "[output]\n"
                                 "file = result.h5\n"
                                 "[victim]\n"
                                 "file = classifier.pt\n"
                                 "[solver]\n"
                                 "gamma = 0.02\n"
                                 "iterations = 50, 100, 200\n"
                                 "[sweep]\n"
                                 "marginals.set = B4, B6",
                                 "Two points of a sweep, each with three snapshots: six runs."},
                                {0}};

void sweep_description(char *text, size_t size) {
  char swept[256];
  bd_swept_sections(swept, sizeof swept);
  snprintf(text, size,
           "any key of %s; the Cartesian product makes the runs, in the order written, last "
           "fastest; the list in [solver] iterations is fastest of all",
           swept);
}

const manual_t manual_params = {
    .description = "List every parameter of a job file, section by section.",
    .endings = (const ending_t[]){{BD_OK, ""},
                                  {BD_FAILED, "standard output cannot be written"},
                                  {BD_BAD_INPUT, "bad usage"},
                                  {0}},
    .examples = (const topic_t[]){{"barydef params | less", "Read them page by page."}, {0}},
};

static void print_parameter(const bd_parameter_t *p) {
  char allowed[256];
  bd_parameter_allowed(p, allowed, sizeof allowed);
  printf("%s = %s\n    %s%s%s%s\n    allowed: %s\n", p->key, p->fallback, p->help,
         *p->unit ? " [" : "", p->unit, *p->unit ? "]" : "", allowed);
}

/* A job may have any number of such sections. */
static void print_attack_keys(void) {
  int count;
  const bd_parameter_t *keys = bd_attack_parameter_table(&count);
  printf("\n[%s]\n", keys->section);
  for (int i = 0; i < count; i++) print_parameter(&keys[i]);
}

int command_params(int argc, char **argv) {
  int status;
  if (!arguments_take(argc, argv, NULL, &status)) return status;
  int count;
  const bd_parameter_t *table = bd_parameter_table(&count);
  for (int i = 0; i < count; i++) {
    if (i == 0 || strcmp(table[i].section, table[i - 1].section))
      printf("%s[%s]\n", i ? "\n" : "", table[i].section);
    print_parameter(&table[i]);
  }
  print_attack_keys();
  char sweep[512];
  sweep_description(sweep, sizeof sweep);
  printf("\n[sweep]\nSECTION.KEY = VALUE, VALUE, ...\n");
  print_wrapped(stdout, 4, 0, sweep);
  return BD_OK;
}
