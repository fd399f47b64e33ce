#include "job/table.h"

#include "number.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(bd_parameters_t, field)

/* Of the table of costs: "|l1|l2" and so on, and what each of them is. */
#define COST_CHOICE(NAME, name, traits, formula, meaning) "|" #name
#define COST_FORMULA(NAME, name, traits, formula, meaning) "; " #name ": " formula
static const char cost_choices[] = BD_COST_TABLE(COST_CHOICE);

static const bd_parameter_t table[] = {
    {"input", "file", BD_KIND_PATH, "", 0, 0, NULL, "", "file of attacked images (HDF5)",
     AT(input_file)},
    {"input", "attacks", BD_KIND_TEXT, "all", 0, 0, NULL, "",
     "attacks to purify: all, or names separated by commas", AT(attacks)},
    {"input", "clean", BD_KIND_CHOICE, "yes", 0, 0, "no|yes", "",
     "purify the clean images too, as an attack named clean", AT(clean)},
    {"input", "limit", BD_KIND_INTEGER, "0", 0, 2147483647, NULL, "images",
     "only the first images of each attack; 0 takes all", AT(limit)},
    {"output", "file", BD_KIND_PATH, "", 0, 0, NULL, "", "result file to create (HDF5)",
     AT(output_file)},
    {"output", "images", BD_KIND_CHOICE, "yes", 0, 0, "no|yes", "",
     "store the purified images, not only their figures", AT(images)},
    {"marginals", "set", BD_KIND_MARGINALS, "B6", 0, 0, NULL, "degrees, pixels",
     "B4, B6, or motions joined by +: identity, rotate DEGREES, translate DX DY; the last one is "
     "eliminated",
     AT(solver.marginals)},
    {"marginals", "interpolation", BD_KIND_CHOICE, "bilinear", 0, 0, "bilinear|nearest", "",
     "how a moved image is sampled", AT(solver.interpolation)},
    {"solver", "gamma", BD_KIND_REAL, "0.02", 1e-3, 1e3, NULL, "cost", "entropic regularisation",
     AT(solver.gamma)},
    {"solver", "theta", BD_KIND_REAL, "1e5", 1e-3, 1e9, NULL, "", "weight of the regularizer",
     AT(solver.theta)},
    {"solver", "tau", BD_KIND_REAL, "0.2", 1e-6, 1e3, NULL, "",
     "step length; stable below 2 gamma / (N max p)", AT(solver.tau)},
    {"solver", "iterations", BD_KIND_ITERATIONS, "200", 0, 1e6, NULL, "steps",
     "L; an ascending list gives a run for each, from one trajectory", AT(solver.iterations)},
    {"solver", "cost", BD_KIND_CHOICE, "l1", 0, 0, cost_choices + 1, "pixels",
     "cost between pixels" BD_COST_TABLE(COST_FORMULA), AT(solver.cost)},
    {"solver", "window", BD_KIND_WINDOW, "7", 1, 65535, NULL, "pixels",
     "mass moves at most (window - 1)/2 pixels; full: anywhere", AT(solver.window)},
    {"solver", "kernel", BD_KIND_CHOICE, "auto", 0, 0, "auto|direct|fftw", "",
     "how the Gibbs kernel is applied where that is exact; elsewhere wide-range arithmetic takes "
     "over",
     AT(solver.kernel)},
    {"solver", "method", BD_KIND_CHOICE, "fb", 0, 0, "fb|fista", "",
     "forward-backward steps of length tau, or accelerated ones that choose their own length",
     AT(solver.method)},
    {"solver", "tolerance", BD_KIND_REAL, "0", 0, 2, NULL, "mass",
     "an image stops when its consensus residual falls below this; 0: never before L",
     AT(solver.tolerance)},
    {"solver", "regularizer", BD_KIND_CHOICE, "data", 0, 0, "data|norm|none", "",
     "J(p): theta/2 |x-p|^2, theta/2 |p|^2, or none", AT(solver.regularizer)},
    {"solver", "mass", BD_KIND_CHOICE, "channel", 0, 0, "channel|joint", "",
     "what is scaled to mass 1: each channel, or all channels of an image together",
     AT(solver.mass)},
    {"solver", "precision", BD_KIND_CHOICE, "double", 0, 0, "double|auto", "",
     "float64, or float32 for images where a guard shows agreement to 1e-6 of a pixel's range (the "
     "largest L of a list decides)",
     AT(solver.precision)},
    {"solver", "instructions", BD_KIND_CHOICE, "auto", 0, 0, "auto|baseline|avx2|avx512", "",
     "processor instructions to compute with; auto: the best that all ranks have; two sets agree "
     "to 1e-12 where tau is stable",
     AT(solver.instructions)},
    {"solver", "weights", BD_KIND_WEIGHTS, "", 0, 1e6, NULL, "",
     "weights beta of the marginals, scaled to sum 1; empty gives 1/N", AT(solver.weights)},
    {"baseline", "blur_sigma", BD_KIND_REAL, "0.5", 0, 100, NULL, "pixels",
     "standard deviation of the Gaussian blur beside the barycenter", AT(blur_sigma)},
    {"victim", "file", BD_KIND_PATH, "", 0, 0, NULL, "",
     "classifier (TorchScript, which is a program: use only what you trust); empty leaves "
     "accuracies out",
     AT(victim_file)},
    {"victim", "batch", BD_KIND_INTEGER, "32", 1, 65536, NULL, "images",
     "images the classifier is given at once", AT(victim_batch)},
    {"run", "block", BD_KIND_INTEGER, "64", 1, 65536, NULL, "images",
     "images a rank works on at once: bounds its memory, changes no number", AT(block)},
    {"run", "max_minutes", BD_KIND_REAL, "0", 0, 1e6, NULL, "minutes",
     "stop after this time as a signal would, exit status 75, to be resumed; 0: never",
     AT(max_minutes)},
    {"run", "writers", BD_KIND_CHOICE, "root", 0, 0, "root|all", "",
     "who writes purified images: rank 0, or each rank its own (hundreds of ranks on a parallel "
     "file system)",
     AT(all_write)},
    {"run", "max_memory", BD_KIND_INTEGER, "2048", 16, 1e6, NULL, "MiB",
     "memory of a rank: what reading the input may take, and an estimate of blocks and solver "
     "(--dry-run shows it; without the classifier)",
     AT(max_memory)},
    {"run", "victim_seconds", BD_KIND_REAL, "600", 0, 1e6, NULL, "seconds",
     "time the classifier may take to load, and for a batch; 0: any", AT(victim_seconds)},
    {"run", "verify", BD_KIND_CHOICE, "all", 0, 0, "all|marks", "",
     "what --resume checks of what is done: every checksum, or (terabytes) only that it is marked "
     "as done",
     AT(trusts)},
    {"run", "wait", BD_KIND_REAL, "5", 0, 1e6, NULL, "seconds",
     "how long --resume waits for another run that still writes the result, as one that was "
     "cancelled does until its blocks are done",
     AT(wait)},
    {"run", "progress", BD_KIND_REAL, "30", 0, 1e6, NULL, "seconds",
     "interval of progress lines where there is no terminal; 0 prints none", AT(progress)},
};
enum { PARAMETERS = sizeof table / sizeof *table };

const bd_parameter_t *bd_parameter_table(int *count) {
  *count = PARAMETERS;
  return table;
}

int table_find(const char *section, const char *key) {
  for (int i = 0; i < PARAMETERS; i++)
    if (!strcmp(table[i].section, section) && !strcmp(table[i].key, key)) return i;
  return -1;
}

int table_is_swept(int index) {
  const char *section = table[index].section;
  return !strcmp(section, "marginals") || !strcmp(section, "solver") ||
         !strcmp(section, "baseline");
}

void bd_parameter_allowed(const bd_parameter_t *p, char *text, size_t size) {
  switch (p->kind) {
    case BD_KIND_REAL: snprintf(text, size, "a number from %g to %g", p->low, p->high); break;
    case BD_KIND_INTEGER:
      snprintf(text, size, "an integer from %.0f to %.0f", p->low, p->high);
      break;
    case BD_KIND_WINDOW:
      snprintf(text, size, "full, or an odd integer from %.0f to %.0f", p->low, p->high);
      break;
    case BD_KIND_CHOICE: snprintf(text, size, "%s", p->choices); break;
    case BD_KIND_TEXT: snprintf(text, size, "all, or names separated by commas"); break;
    case BD_KIND_PATH: snprintf(text, size, "a path of at most %d bytes", BD_TEXT_MAX - 1); break;
    case BD_KIND_MARGINALS:
      snprintf(text, size, "B4, B6, or a list such as identity + rotate 2 + translate 3 0");
      break;
    case BD_KIND_ITERATIONS:
      snprintf(text, size, "an ascending list of at most %d integers from %.0f to %.0f",
               BD_SNAPSHOTS_MAX, p->low, p->high);
      break;
    case BD_KIND_WEIGHTS:
      snprintf(text, size, "empty, or a positive number for each marginal");
      break;
  }
}

/* ---- values -------------------------------------------------------------------- */

static int parse_single(const bd_parameter_t *p, const char *text, double *number) {
  const char *end;
  return number_parse(text, &end, number) && *end == 0 && *number >= p->low && *number <= p->high;
}

static int is_whole(double number) {
  return number == floor(number) && fabs(number) < 2147483648.0;
}

/* Numbers separated by commas or blanks; their count, or -1. */
static int parse_list(const bd_parameter_t *p, const char *text, double *numbers, int most) {
  int count = 0;
  for (;;) {
    while (isspace((unsigned char)*text) || (count && *text == ',')) text++;
    if (*text == 0) return count;
    if (count == most || !number_parse(text, &text, &numbers[count])) return -1;
    if (*text && *text != ',' && !isspace((unsigned char)*text)) return -1;
    if (numbers[count] < p->low || numbers[count] > p->high) return -1;
    count++;
  }
}

static int parse_choice(const char *choices, const char *text) {
  size_t length = strlen(text);
  for (int index = 0; choices; index++) {
    size_t width = strcspn(choices, "|");
    if (width == length && !strncmp(choices, text, length)) return index;
    choices = choices[width] ? choices + width + 1 : NULL;
  }
  return -1;
}

static int parse_iterations(const bd_parameter_t *p, const char *text,
                            bd_iterations_t *iterations) {
  double numbers[BD_SNAPSHOTS_MAX];
  iterations->count = parse_list(p, text, numbers, BD_SNAPSHOTS_MAX);
  for (int i = 0; i < iterations->count; i++) {
    if (!is_whole(numbers[i]) || (i && numbers[i] <= numbers[i - 1])) return 0;
    iterations->values[i] = (int)numbers[i];
  }
  return iterations->count > 0;
}

static int parse_weights(const bd_parameter_t *p, const char *text, bd_weights_t *weights) {
  weights->count = parse_list(p, text, weights->values, BD_MARGINALS_MAX);
  for (int i = 0; i < weights->count; i++)
    if (!(weights->values[i] > 0)) return 0;
  return weights->count >= 0;
}

static int parse_value(const bd_parameter_t *p, const char *text, void *field) {
  double number;
  int choice;
  switch (p->kind) {
    case BD_KIND_REAL:
      if (!parse_single(p, text, &number)) return 0;
      *(double *)field = number;
      return 1;
    case BD_KIND_INTEGER:
    case BD_KIND_WINDOW:
      if (p->kind == BD_KIND_WINDOW && !strcmp(text, "full")) {
        *(int *)field = BD_WINDOW_FULL;
        return 1;
      }
      if (!parse_single(p, text, &number) || !is_whole(number)) return 0;
      if (p->kind == BD_KIND_WINDOW && fmod(number, 2) == 0) return 0;
      *(int *)field = (int)number;
      return 1;
    case BD_KIND_CHOICE:
      choice = parse_choice(p->choices, text);
      if (choice < 0) return 0;
      *(int *)field = choice;
      return 1;
    case BD_KIND_TEXT:
    case BD_KIND_PATH:
      if (strlen(text) >= BD_TEXT_MAX || (p->kind == BD_KIND_TEXT && !*text)) return 0;
      strcpy(field, text);
      return 1;
    case BD_KIND_MARGINALS: return bd_marginal_set_parse(text, field, NULL) == BD_OK;
    case BD_KIND_ITERATIONS: return parse_iterations(p, text, field);
    case BD_KIND_WEIGHTS: return parse_weights(p, text, field);
  }
  return 0;
}

bd_status_t table_parse(int index, const char *text, const char *where, bd_parameters_t *parameters,
                        bd_error_t *error) {
  const bd_parameter_t *p = &table[index];
  if (parse_value(p, text, (char *)parameters + p->offset)) return BD_OK;
  char allowed[256];
  bd_parameter_allowed(p, allowed, sizeof allowed);
  return bd_fail(error, BD_BAD_INPUT, "%s: %s.%s = %.200s is not allowed; allowed: %s", where,
                 p->section, p->key, text, allowed);
}
