/* Whether MPI has found the tasks that were started together with this process. */
#include "cluster/world.h"

#include <barydef/run.h>

#include <stdio.h>
#include <stdlib.h>

/* The variables by which a launcher tells a task how many were started, and which of them it is.
   Launchers that speak MPI come before the batch systems that may have started those launchers, so
   that the innermost one decides.  So `mpirun -n 1` inside a step of four tasks is a run of its
   own. Those that tell a task only its number come last.

   SLURM_NTASKS is not among them.  It is what a job has asked for, and a batch script finds it set
   around a program that it starts by itself.  SLURM_STEP_NUM_TASKS is set by srun alone. */
static const struct launcher {
  const char *size; /* NULL: not told */
  const char *rank;
} launchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"}, /* mpirun of Open MPI, from 1.3 on */
    {"MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"},   /* mpirun_rsh of MVAPICH2 */
    {"MVP_COMM_WORLD_SIZE", "MVP_COMM_WORLD_RANK"},   /* mpirun_rsh of MVAPICH 3 */
    {"PMI_SIZE", "PMI_RANK"},                         /* Hydra (MPICH, Intel MPI, MVAPICH), PALS,
                                                         srun --mpi=pmi2 */
    {"JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK"},     /* jsrun of IBM */
    {"FLUX_JOB_SIZE", "FLUX_TASK_RANK"},              /* flux run */
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},         /* srun */
    {NULL, "PMIX_RANK"},                              /* whatever speaks PMIx */
    {NULL, "PALS_RANKID"},                            /* PALS of HPE Cray */
};
enum { LAUNCHERS = sizeof launchers / sizeof *launchers };

/* The options by which srun and this MPI meet as a rule. */
#ifdef MPICH_VERSION
#define SRUN "srun --mpi=pmi2 or --mpi=pmix"
#else
#define SRUN "srun --mpi=pmix"
#endif

/* The number that a variable holds, or -1. */
static int number_of(const char *variable) {
  const char *text = variable ? getenv(variable) : NULL;
  char *end;
  if (!text || *text < '0' || *text > '9') return -1;
  const long number = strtol(text, &end, 10);
  return *end || number > 1 << 30 ? -1 : (int)number;
}

bd_tasks_t bd_world_tasks(void) {
  for (int i = 0; i < LAUNCHERS; i++) {
    const struct launcher *l = &launchers[i];
    const bd_tasks_t tasks = {.variable = l->size ? l->size : l->rank,
                              .count = number_of(l->size),
                              .number = number_of(l->rank)};
    if (number_of(tasks.variable) < 0) continue;
    if (l->size ? tasks.count > 1 : tasks.number > 0) return tasks;
    break; /* this launcher has started one task */
  }
  return (bd_tasks_t){.variable = NULL};
}

/* The task that speaks for all.  Where tasks know only their own numbers, the first cannot know
   that there are others, so the second speaks. */
static int is_first(const bd_tasks_t *tasks) {
  return tasks->count < 0 ? tasks->number == 1 : tasks->number <= 0;
}

bd_status_t bd_world_check(const bd_tasks_t *tasks, int *leads, bd_error_t *error) {
  char library[MPI_MAX_LIBRARY_VERSION_STRING], others[128];
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  *leads = rank == 0;
  if (size > 1 || !tasks->variable) return BD_OK;
  *leads = is_first(tasks);
  if (tasks->count < 0)
    snprintf(others, sizeof others, "several tasks were started (%s = %d)", tasks->variable,
             tasks->number);
  else snprintf(others, sizeof others, "%d tasks were started (%s)", tasks->count, tasks->variable);
  world_library(library, sizeof library);
  return bd_fail(
      error, BD_BAD_INPUT,
      "%s, but in MPI (%.60s) each is alone and would run the whole job: start them with " SRUN
      " (srun --mpi=list shows what there is), or with the mpirun of this MPI; set run.alone = "
      "allow if that is meant",
      others, library);
}
