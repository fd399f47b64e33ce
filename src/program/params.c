#include "program/program.h"

#include <argp.h>
#include <string.h>

static const struct argp argp = {NULL, NULL, NULL, "List every parameter of a job file.",
                                 NULL, NULL, NULL};

int command_params(int argc, char **argv) {
  char name[] = "barydef params";
  argv[0] = name;
  if (argp_parse(&argp, argc, argv, 0, NULL, NULL)) return BD_BAD_INPUT;
  int count;
  const bd_parameter_t *table = bd_parameter_table(&count);
  for (int i = 0; i < count; i++) {
    char allowed[256];
    bd_parameter_allowed(&table[i], allowed, sizeof allowed);
    if (i == 0 || strcmp(table[i].section, table[i - 1].section))
      printf("%s[%s]\n", i ? "\n" : "", table[i].section);
    printf("%s = %s\n    %s%s%s%s\n    allowed: %s\n", table[i].key, table[i].fallback,
           table[i].help, *table[i].unit ? " [" : "", table[i].unit, *table[i].unit ? "]" : "",
           allowed);
  }
  char swept[256];
  bd_swept_sections(swept, sizeof swept);
  printf("\n[sweep]\nSECTION.KEY = VALUE, VALUE, ...\n    any key of %s; the Cartesian product "
         "makes the runs,\n"
         "    in the order written, last fastest; the list in [solver] iterations is fastest of "
         "all\n",
         swept);
  return BD_OK;
}
