#include "job/entries.h"

#include <barydef/limits.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- points -------------------------------------------------------------------- */

const char *bd_job_value(const bd_job_t *job, int point, int parameter) {
  for (int i = job->sweep_count - 1; i >= 0; i--) {
    const sweep_t *sweep = job->sweeps[i];
    if (sweep->parameter == parameter) return sweep->values[point % sweep->count];
    point /= sweep->count;
  }
  return job->values[parameter];
}

const char *entries_value_at(const bd_job_t *job, const sweep_t *sweep, int point) {
  for (int i = job->sweep_count - 1; job->sweeps[i] != sweep; i--) point /= job->sweeps[i]->count;
  return sweep->values[point % sweep->count];
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
  return status == BD_OK ? table_check_solver(&p->solver, job->name, error) : status;
}

const bd_parameters_t *bd_job_point(const bd_job_t *job, int point) {
  return &job->parameters[point];
}

/* A value given twice would be computed twice for the same numbers. */
static bd_status_t refuse_repeated(const sweep_t *sweep, bd_error_t *error) {
  int count;
  const bd_parameter_t *row = sweep->parameter == SWEEP_OF_ATTACKS
                                  ? &bd_attack_parameter_table(&count)[sweep->key]
                                  : &bd_parameter_table(&count)[sweep->parameter];
  for (int v = 1; v < sweep->count; v++)
    for (int before = 0; before < v; before++)
      if (table_is_same_row(row, sweep->values[v], sweep->values[before]))
        return bd_fail(error, BD_BAD_INPUT, "%s: sweep of %s: the value %.80s is given twice",
                       sweep->where, sweep->name, sweep->values[v]);
  return BD_OK;
}

/* The Cartesian product of the sweeps. */
static bd_status_t count_points(bd_job_t *job, bd_error_t *error) {
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
  return job->first_run && job->parameters ? BD_OK
                                           : bd_fail(error, BD_FAILED, "no memory for the job");
}

/* What no single value can tell. */
static bd_status_t check_points(const bd_job_t *job, bd_error_t *error) {
  const bd_parameters_t *p = bd_job_point(job, 0);
  bd_status_t status = BD_OK;
  for (int i = 0; status == BD_OK && i < job->sweep_count; i++)
    status = refuse_repeated(job->sweeps[i], error);
  if (status != BD_OK) return status;
  // There is a point, and its texts are set.  NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
  if (!*p->input_file)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: input.file is not given; it names the file of attacked images", job->name);
  if (!*p->output_file)
    return bd_fail(error, BD_BAD_INPUT, "%s: output.file is not given; it names the result",
                   job->name);
  if (bd_job_run_count(job) > BD_RUNS_MAX)
    return bd_fail(error, BD_BAD_INPUT, "%s: [sweep] and solver.iterations make more than %d runs",
                   job->name, BD_RUNS_MAX);
  return BD_OK;
}

static bd_status_t make_points(bd_job_t *job, bd_error_t *error) {
  bd_status_t status = count_points(job, error);
  for (int point = 0; status == BD_OK && point < job->points; point++) {
    status = parse_point(job, point, error);
    job->first_run[point + 1] =
        job->first_run[point] + job->parameters[point].solver.iterations.count;
  }
  return status == BD_OK ? check_points(job, error) : status;
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
    fprintf(out, "%s =", sweep->name);
    for (int v = 0; v < sweep->count; v++) fprintf(out, "%s %s", v ? "," : "", sweep->values[v]);
    fprintf(out, "\n");
  }
  attacks_write(job, out);
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
  if (status == BD_OK) status = entries_read(job, text, error);
  for (int i = 0; status == BD_OK && i < override_count; i++)
    status = entries_override(job, overrides[i], error);
  if (status == BD_OK) status = make_points(job, error);
  if (status == BD_OK)
    status = presets_expand(job, TABLE_preset, bd_job_point(job, 0)->preset, error);
  if (status == BD_OK) status = attacks_parse(job, error);
  if (status == BD_OK) status = write_text(job, error);
  if (status != BD_OK) {
    bd_job_free(job);
    return status;
  }
  *out = job;
  return BD_OK;
}

void bd_job_free(bd_job_t *job) {
  if (!job) return;
  for (int i = 0; i < TABLE_ROWS; i++) {
    free(job->values[i]);
    free(job->paths[i]);
  }
  for (int i = 0; i < job->sweep_count; i++) entries_free_sweep(job->sweeps[i]);
  for (int i = 0; i < job->made_count; i++) attacks_free(job->made[i]);
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

/* "gamma", "epsilon" of all attacks, "NAME.epsilon" of one. */
static const char *short_name(const sweep_t *sweep) {
  return *sweep->attack ? strchr(sweep->name, ' ') + 1 : strchr(sweep->name, '.') + 1;
}

void bd_job_run_label(const bd_job_t *job, int run, char *text, size_t size) {
  int point, snapshot;
  bd_job_run(job, run, &point, &snapshot);
  snprintf(text, size, "%s", "");
  int many = job->first_run[job->points] > job->points;
  for (int i = 0; i < job->sweep_count; i++) {
    size_t used = strlen(text);
    const sweep_t *sweep = job->sweeps[i];
    if (sweep->parameter == TABLE_SOLVER_iterations && many) continue;
    snprintf(text + used, size - used, "%s%s %s", used ? ", " : "", short_name(sweep),
             entries_value_at(job, sweep, point));
  }
  if (!many) return;
  const size_t used = strlen(text);
  snprintf(text + used, size - used, "%siterations %d", used ? ", " : "",
           job->parameters[point].solver.iterations.values[snapshot]);
}
