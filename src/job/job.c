#include "job/ini.h"
#include "job/table.h"

#include <barydef/limits.h>

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SWEEPS_MAX = 16, VALUES_MAX = 1024 };

typedef struct sweep {
  int parameter, count;
  char *values[VALUES_MAX];
  char where[BD_TEXT_MAX + 32];
} sweep_t;

struct bd_job {
  char *name, *directory, *text;
  char *values[TABLE_ROWS];
  char where[TABLE_ROWS][BD_TEXT_MAX + 32]; /* "job.ini:12", for messages */
  int line[TABLE_ROWS];                     /* 0: not in the file */
  int sweep_count;
  sweep_t *sweeps[SWEEPS_MAX];
  char *paths[TABLE_ROWS]; /* resolved; NULL where the row is no path */
  int points;
  bd_parameters_t *parameters; /* [points] */
  int *first_run;              /* [points + 1] */
};

/* ---- collecting entries -------------------------------------------------------- */

static char *trimmed(const char *text, size_t length) {
  while (length && isspace((unsigned char)*text)) text++, length--;
  while (length && isspace((unsigned char)text[length - 1])) length--;
  return strndup(text, length);
}

/* " allowed are [input] [output] ..." or " [solver] has gamma, theta, ...". */
static bd_status_t unknown(const char *where, const char *section, const char *key,
                           bd_error_t *error) {
  char list[600] = "";
  int count, known = 0;
  const bd_parameter_t *table = bd_parameter_table(&count);
  for (int i = 0; i < count; i++) known |= !strcmp(table[i].section, section);
  for (int i = 0; i < count; i++) {
    size_t used = strlen(list);
    if (known && !strcmp(table[i].section, section))
      snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", table[i].key);
    if (!known && (i == 0 || strcmp(table[i - 1].section, table[i].section)))
      snprintf(list + used, sizeof list - used, "[%s] ", table[i].section);
  }
  if (known)
    return bd_fail(error, BD_BAD_INPUT, "%s: %s.%.60s: unknown key; allowed in [%s]: %s", where,
                   section, key, section, list);
  return bd_fail(error, BD_BAD_INPUT, "%s: [%.60s]: unknown section; allowed: %s[sweep]", where,
                 section, list);
}

static bd_status_t find(const char *where, const char *section, const char *key, int *index,
                        bd_error_t *error) {
  *index = table_find(section, key);
  return *index < 0 ? unknown(where, section, key, error) : BD_OK;
}

static bd_status_t split_key(const char *where, const char *name, char section[64],
                             const char **key, bd_error_t *error) {
  const char *dot = strchr(name, '.');
  if (!dot || dot == name || dot - name >= 64 || !dot[1])
    return bd_fail(error, BD_BAD_INPUT, "%s: \"%.80s\" is not of the form section.key", where,
                   name);
  snprintf(section, 64, "%.*s", (int)(dot - name), name);
  *key = dot + 1;
  return BD_OK;
}

static bd_status_t set_sweep(bd_job_t *job, const char *where, const char *name, const char *value,
                             int replace, bd_error_t *error) {
  char section[64];
  const char *key = NULL;
  int parameter = -1, count;
  bd_status_t status = split_key(where, name, section, &key, error);
  if (status == BD_OK) status = find(where, section, key, &parameter, error);
  if (status != BD_OK) return status;
  if (!bd_parameter_is_swept(&bd_parameter_table(&count)[parameter])) {
    char sections[256];
    bd_swept_sections(sections, sizeof sections);
    return bd_fail(error, BD_BAD_INPUT, "%s: %s cannot be swept; allowed: keys of %s", where, name,
                   sections);
  }
  sweep_t *sweep = NULL;
  for (int i = 0; i < job->sweep_count; i++)
    if (job->sweeps[i]->parameter == parameter) sweep = job->sweeps[i];
  if (sweep && !replace)
    return bd_fail(error, BD_BAD_INPUT, "%s: sweep of %s: given before, at %s", where, name,
                   sweep->where);
  if (!sweep) {
    if (job->sweep_count == SWEEPS_MAX)
      return bd_fail(error, BD_BAD_INPUT, "%s: more than %d swept keys", where, SWEEPS_MAX);
    sweep = calloc(1, sizeof *sweep);
    if (!sweep) return bd_fail(error, BD_FAILED, "no memory for the job");
    job->sweeps[job->sweep_count++] = sweep;
  }
  for (int i = 0; i < sweep->count; i++) free(sweep->values[i]);
  sweep->count = 0;
  sweep->parameter = parameter;
  snprintf(sweep->where, sizeof sweep->where, "%s", where);
  for (const char *rest = value;; rest++) {
    size_t length = strcspn(rest, ",");
    if (sweep->count == VALUES_MAX)
      return bd_fail(error, BD_BAD_INPUT, "%s: sweep of %s: more than %d values", where, name,
                     VALUES_MAX);
    sweep->values[sweep->count++] = trimmed(rest, length);
    rest += length;
    if (!*rest) return BD_OK;
  }
}

static void free_sweep(sweep_t *sweep) {
  for (int v = 0; v < sweep->count; v++) free(sweep->values[v]);
  free(sweep);
}

/* The one value that --set gives a key takes the place of those the file sweeps it over. */
static void end_sweep(bd_job_t *job, int parameter) {
  for (int i = 0; i < job->sweep_count; i++) {
    if (job->sweeps[i]->parameter != parameter) continue;
    free_sweep(job->sweeps[i]);
    for (job->sweep_count--; i < job->sweep_count; i++) job->sweeps[i] = job->sweeps[i + 1];
    return;
  }
}

static bd_status_t set_value(bd_job_t *job, const char *where, int line, const char *section,
                             const char *key, const char *value, bd_error_t *error) {
  for (const char *c = value; *c; c++)
    if (iscntrl((unsigned char)*c) && *c != '\t')
      return bd_fail(error, BD_BAD_INPUT, "%s: %.60s.%.60s: a control character in the value",
                     where, section, key);
    else if (*c == ';' && (c == value || isspace((unsigned char)c[-1])))
      return bd_fail(error, BD_BAD_INPUT,
                     "%s: %.60s.%.60s: \" ;\" in the value, which begins a comment in a job file",
                     where, section, key);
  if (!strcmp(section, "sweep")) return set_sweep(job, where, key, value, line == 0, error);
  int index;
  bd_status_t status = find(where, section, key, &index, error);
  if (status != BD_OK) return status;
  if (line && job->line[index])
    return bd_fail(error, BD_BAD_INPUT, "%s: %s.%s: given before, in line %d", where, section, key,
                   job->line[index]);
  if (line) job->line[index] = line;
  else end_sweep(job, index);
  free(job->values[index]);
  job->values[index] = trimmed(value, strlen(value));
  snprintf(job->where[index], sizeof job->where[index], "%s", where);
  return job->values[index] ? BD_OK : bd_fail(error, BD_FAILED, "no memory for the job");
}

static bd_status_t take_entry(void *context, int line, const char *section, const char *key,
                              const char *value, bd_error_t *error) {
  bd_job_t *job = context;
  char where[BD_TEXT_MAX + 32];
  snprintf(where, sizeof where, "%s:%d", job->name, line);
  if (!*section)
    return bd_fail(error, BD_BAD_INPUT, "%s: %.60s stands before the first [section]", where, key);
  return set_value(job, where, line, section, key, value, error);
}

static bd_status_t take_override(bd_job_t *job, const char *text, bd_error_t *error) {
  char name[256], section[64];
  const char *key = NULL, *equals = strchr(text, '=');
  size_t length = equals ? (size_t)(equals - text) : 0;
  while (length && isspace((unsigned char)text[length - 1])) length--;
  if (!equals || length >= sizeof name)
    return bd_fail(error, BD_BAD_INPUT, "--set %.200s: not of the form section.key=value", text);
  snprintf(name, sizeof name, "%.*s", (int)length, text);
  bd_status_t status = split_key("--set", name, section, &key, error);
  return status == BD_OK ? set_value(job, "--set", 0, section, key, equals + 1, error) : status;
}

/* ---- points -------------------------------------------------------------------- */

const char *bd_job_value(const bd_job_t *job, int point, int parameter) {
  for (int i = job->sweep_count - 1; i >= 0; i--) {
    const sweep_t *sweep = job->sweeps[i];
    if (sweep->parameter == parameter) return sweep->values[point % sweep->count];
    point /= sweep->count;
  }
  return job->values[parameter];
}

/* The path with the job's directory before it where it is relative. */
static bd_status_t resolve(const bd_job_t *job, const char *path, char **resolved,
                           bd_error_t *error) {
  const char *directory = *path && *path != '/' ? job->directory : "";
  const size_t size = strlen(directory) + strlen(path) + 2;
  if (*directory && size > BD_TEXT_MAX)
    return bd_fail(error, BD_BAD_INPUT, "%s: the path %.80s... is longer than %d bytes", job->name,
                   path, BD_TEXT_MAX - 1);
  *resolved = malloc(size);
  if (!*resolved) return bd_fail(error, BD_FAILED, "no memory for the job");
  snprintf(*resolved, size, "%s%s%s", directory, *directory ? "/" : "", path);
  return BD_OK;
}

/* Paths are the same at every point: they cannot be swept. */
static bd_status_t resolve_paths(bd_job_t *job, bd_error_t *error) {
  bd_status_t status = BD_OK;
  for (int i = 0; status == BD_OK && i < TABLE_ROWS; i++)
    if (table_is_path(i)) status = resolve(job, job->values[i], &job->paths[i], error);
  return status;
}

static const char *where_of(const bd_job_t *job, int parameter) {
  for (int i = 0; i < job->sweep_count; i++)
    if (job->sweeps[i]->parameter == parameter) return job->sweeps[i]->where;
  return job->where[parameter];
}

static bd_status_t parse_point(bd_job_t *job, int point, bd_error_t *error) {
  bd_parameters_t *p = &job->parameters[point];
  bd_status_t status = BD_OK;
  for (int i = 0; status == BD_OK && i < TABLE_ROWS; i++)
    status = table_parse(i, bd_job_value(job, point, i), where_of(job, i), p, error);
  if (status == BD_OK && point == 0) status = resolve_paths(job, error);
  for (int i = 0; status == BD_OK && i < TABLE_ROWS; i++)
    if (table_is_path(i)) status = table_parse(i, job->paths[i], where_of(job, i), p, error);
  if (status != BD_OK) return status;
  if (p->solver.weights.count && p->solver.weights.count != p->solver.marginals.count)
    return bd_fail(error, BD_BAD_INPUT, "%s: solver.weights: %d weights for %d marginals",
                   job->name, p->solver.weights.count, p->solver.marginals.count);
  return BD_OK;
}

const bd_parameters_t *bd_job_point(const bd_job_t *job, int point) {
  return &job->parameters[point];
}

/* It would be computed once more for the same numbers. */
static bd_status_t refuse_repeated(const sweep_t *sweep, bd_error_t *error) {
  int count;
  const bd_parameter_t *parameter = &bd_parameter_table(&count)[sweep->parameter];
  for (int v = 1; v < sweep->count; v++)
    for (int before = 0; before < v; before++)
      if (table_is_same(sweep->parameter, sweep->values[v], sweep->values[before]))
        return bd_fail(error, BD_BAD_INPUT, "%s: sweep of %s.%s: the value %.80s is given twice",
                       sweep->where, parameter->section, parameter->key, sweep->values[v]);
  return BD_OK;
}

static bd_status_t count_runs(bd_job_t *job, bd_error_t *error) {
  int64_t points = 1;
  for (int i = 0; i < job->sweep_count; i++) {
    points *= job->sweeps[i]->count;
    if (points > BD_RUNS_MAX)
      return bd_fail(error, BD_BAD_INPUT, "%s: [sweep] makes more than %d runs", job->name,
                     BD_RUNS_MAX);
  }
  job->points = (int)points;
  job->first_run = calloc((size_t)points + 1, sizeof *job->first_run);
  job->parameters = calloc((size_t)points, sizeof *job->parameters);
  bd_status_t status = job->first_run && job->parameters
                           ? BD_OK
                           : bd_fail(error, BD_FAILED, "no memory for the job");
  for (int point = 0; status == BD_OK && point < job->points; point++) {
    status = parse_point(job, point, error);
    job->first_run[point + 1] =
        job->first_run[point] + job->parameters[point].solver.iterations.count;
  }
  for (int i = 0; status == BD_OK && i < job->sweep_count; i++)
    status = refuse_repeated(job->sweeps[i], error);
  /* There is a point, and its texts are set. */
  // NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
  if (status == BD_OK && !*job->parameters->input_file)
    status =
        bd_fail(error, BD_BAD_INPUT,
                "%s: input.file is not given; it names the file of attacked images", job->name);
  if (status == BD_OK && !*job->parameters->output_file)
    status = bd_fail(error, BD_BAD_INPUT, "%s: output.file is not given; it names the result",
                     job->name);
  if (status == BD_OK && job->first_run[job->points] > BD_RUNS_MAX)
    status =
        bd_fail(error, BD_BAD_INPUT, "%s: [sweep] and solver.iterations make more than %d runs",
                job->name, BD_RUNS_MAX);
  return status;
}

/* ---- the whole ----------------------------------------------------------------- */

static bd_status_t write_text(bd_job_t *job, bd_error_t *error) {
  int count;
  size_t size;
  const bd_parameter_t *table = bd_parameter_table(&count);
  FILE *out = open_memstream(&job->text, &size);
  if (!out) return bd_fail(error, BD_FAILED, "no memory for the job");
  for (int i = 0; i < count; i++) {
    if (i == 0 || strcmp(table[i].section, table[i - 1].section))
      fprintf(out, "%s[%s]\n", i ? "\n" : "", table[i].section);
    fprintf(out, "%s = %s\n", table[i].key, job->values[i]);
  }
  if (job->sweep_count) fprintf(out, "\n[sweep]\n");
  for (int i = 0; i < job->sweep_count; i++) {
    const sweep_t *sweep = job->sweeps[i];
    fprintf(out, "%s.%s =", table[sweep->parameter].section, table[sweep->parameter].key);
    for (int v = 0; v < sweep->count; v++) fprintf(out, "%s %s", v ? "," : "", sweep->values[v]);
    fprintf(out, "\n");
  }
  if (fclose(out) != 0) return bd_fail(error, BD_FAILED, "no memory for the job");
  if (size <= BD_ATTRIBUTE_TEXT_MAX) return BD_OK;
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: with its defaults the job has %zu bytes; a result has room for %d", job->name,
                 size, BD_ATTRIBUTE_TEXT_MAX);
}

bd_status_t bd_job_parse(const char *text, const char *name, const char *directory,
                         int override_count, const char *const *overrides, bd_job_t **out,
                         bd_error_t *error) {
  *out = NULL;
  bd_job_t *job = calloc(1, sizeof *job);
  if (!job) return bd_fail(error, BD_FAILED, "no memory for the job");
  int count;
  const bd_parameter_t *table = bd_parameter_table(&count);
  bd_status_t status = BD_OK;
  job->name = strdup(name);
  job->directory = strdup(directory);
  for (int i = 0; i < count; i++) {
    job->values[i] = strdup(table[i].fallback);
    snprintf(job->where[i], sizeof job->where[i], "%s", name);
    if (!job->values[i]) status = BD_FAILED;
  }
  if (!job->name || !job->directory || status != BD_OK)
    status = bd_fail(error, BD_FAILED, "no memory for the job");
  if (status == BD_OK) status = ini_read(text, name, take_entry, job, error);
  for (int i = 0; status == BD_OK && i < override_count; i++)
    status = take_override(job, overrides[i], error);
  if (status == BD_OK) status = count_runs(job, error);
  if (status == BD_OK) status = write_text(job, error);
  if (status != BD_OK) {
    bd_job_free(job);
    return status;
  }
  *out = job;
  return BD_OK;
}

static bd_status_t read_file(const char *path, char **text, bd_error_t *error) {
  enum { LARGEST = 1 << 20 };
  FILE *file = fopen(path, "rb");
  *text = calloc(LARGEST + 2, 1);
  if (!file || !*text) {
    if (file) fclose(file);
    return bd_fail(error, BD_BAD_INPUT, "%s: cannot be opened: %m", path);
  }
  size_t size = fread(*text, 1, LARGEST + 1, file);
  int failed = ferror(file);
  fclose(file);
  if (failed) return bd_fail(error, BD_BAD_INPUT, "%s: cannot be read: %m", path);
  if (size > LARGEST)
    return bd_fail(error, BD_BAD_INPUT, "%s: more than a mebibyte is no job file", path);
  if (strlen(*text) != size)
    return bd_fail(error, BD_BAD_INPUT, "%s: a NUL byte is in it: this is no job file", path);
  return BD_OK;
}

bd_status_t bd_job_load(const char *path, int override_count, const char *const *overrides,
                        bd_job_t **job, bd_error_t *error) {
  *job = NULL;
  char *text = NULL, directory[2 * BD_TEXT_MAX];
  bd_status_t status = read_file(path, &text, error);
  if (status == BD_OK) {
    /* Absolute, so that every rank resolves the same paths. */
    const char *slash = strrchr(path, '/');
    char here[BD_TEXT_MAX] = "";
    if (*path != '/' && !getcwd(here, sizeof here - 1))
      status = bd_fail(
          error, BD_FAILED,
          "%s: the working directory, which its paths would be relative to, has no path: %m", path);
    if (*path != '/') strcat(here, slash ? "/" : "");
    snprintf(directory, sizeof directory, "%s%.*s", here, slash ? (int)(slash - path) : 0, path);
    if (status == BD_OK)
      status = bd_job_parse(text, path, *directory ? directory : "/", override_count, overrides,
                            job, error);
  }
  free(text);
  return status;
}

void bd_job_free(bd_job_t *job) {
  if (!job) return;
  for (int i = 0; i < TABLE_ROWS; i++) {
    free(job->values[i]);
    free(job->paths[i]);
  }
  for (int i = 0; i < job->sweep_count; i++) {
    free_sweep(job->sweeps[i]);
  }
  free(job->parameters);
  free(job->first_run);
  free(job->text);
  free(job->directory);
  free(job->name);
  free(job);
}

const char *bd_job_text(const bd_job_t *job) { return job->text; }
const char *bd_job_name(const bd_job_t *job) { return job->name; }
const char *bd_job_directory(const bd_job_t *job) { return job->directory; }
int bd_job_point_count(const bd_job_t *job) { return job->points; }
int bd_job_run_count(const bd_job_t *job) { return job->first_run[job->points]; }
int bd_job_first_run(const bd_job_t *job, int point) { return job->first_run[point]; }

int bd_job_part_begin(const bd_job_t *job, const bd_part_t *part) {
  return part->parts ? (int)((int64_t)(part->part - 1) * job->points / part->parts) : 0;
}

void bd_job_run(const bd_job_t *job, int run, int *point, int *snapshot) {
  for (*point = 0; job->first_run[*point + 1] <= run; ++*point) {}
  *snapshot = run - job->first_run[*point];
}

void bd_job_run_label(const bd_job_t *job, int run, char *text, size_t size) {
  int point, snapshot, count;
  const bd_parameter_t *table = bd_parameter_table(&count);
  bd_job_run(job, run, &point, &snapshot);
  snprintf(text, size, "%s", "");
  int many = job->first_run[job->points] > job->points;
  for (int i = 0; i < job->sweep_count; i++) {
    size_t used = strlen(text);
    int parameter = job->sweeps[i]->parameter;
    if (parameter == TABLE_SOLVER_iterations && many) continue;
    snprintf(text + used, size - used, "%s%s %s", used ? ", " : "", table[parameter].key,
             bd_job_value(job, point, parameter));
  }
  if (!many) return;
  const size_t used = strlen(text);
  snprintf(text + used, size - used, "%siterations %d", used ? ", " : "",
           job->parameters[point].solver.iterations.values[snapshot]);
}
