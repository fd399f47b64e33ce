#include "cluster/world.h"

#include <barydef/run.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined OMPI_MAJOR_VERSION && OMPI_MAJOR_VERSION < 5
/* Was Open MPI built with one of the components that speak PMI?  Their parameters tell, and MPI_T
   may be asked before MPI is started. */
static int speaks_pmi(void) {
  static const char *const parameters[] = {"pmix_s1_major_version", "pmix_s2_major_version",
                                           "pmix_cray_major_version"};
  int index, given, found = 0;
  if (MPI_T_init_thread(MPI_THREAD_SINGLE, &given) != MPI_SUCCESS) return 0;
  for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
    found |= MPI_T_cvar_get_index(parameters[i], &index) == MPI_SUCCESS;
  MPI_T_finalize();
  return found;
}

/* In a step of SLURM that gives it neither PMIx nor a PMI that it speaks, Open MPI before 5 does
   not start alone.  It ends the process with a page of text.  It starts where no step is to be
   seen, and bd_world_check can tell what is wrong.  Returns the number of the step, which the
   caller gives back with show_step, or NULL. */
static char *hide_step(void) {
  const char *step = getenv("SLURM_STEP_ID");
  if (!step || getenv("PMIX_RANK") || (getenv("PMI_RANK") && speaks_pmi())) return NULL;
  char *kept = strdup(step);
  unsetenv("SLURM_STEP_ID");
  return kept;
}

static void show_step(char *step) {
  if (step) setenv("SLURM_STEP_ID", step, 1);
  free(step);
}
#else
static char *hide_step(void) { return NULL; }
static void show_step(char *step) { (void)step; }
#endif

int bd_world_start(int *argc, char ***argv) {
  int rank;
  /* The child processes that read files (src/storage/hdf5/isolate.h) do not use MPI. */
  setenv("OMPI_MCA_mpi_warn_on_fork", "0", 0);
  /* A process without a launcher needs no daemon, since it spawns nothing.  It must not create the
     session folder either, because several such processes would share it and delete it under each
     other. */
  if (!getenv("PMIX_RANK")) {
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
  }
  char *step = hide_step();
  MPI_Init(argc, argv);
  show_step(step);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

void bd_world_stop(void) { MPI_Finalize(); }

int bd_world_agree(int *status) {
  MPI_Bcast(status, 1, MPI_INT, 0, MPI_COMM_WORLD);
  return *status;
}

MPI_Comm bd_world(void) { return MPI_COMM_WORLD; }

void world_library(char *text, size_t size) {
  char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length;
  MPI_Get_library_version(version, &length);
  version[strcspn(version, ",\n")] = 0;
  for (char *tab = version; (tab = strchr(tab, '\t'));) *tab = ' '; /* MPICH writes one */
  snprintf(text, size, "%s", version);
}

/* ---- on one communicator ------------------------------------------------------- */

bd_status_t world_agree(MPI_Comm communicator, bd_status_t status, bd_error_t *error) {
  int rank, size, failed, first;
  bd_error_t common = {BD_OK, ""};
  MPI_Comm_rank(communicator, &rank);
  MPI_Comm_size(communicator, &size);
  failed = status == BD_OK ? size : rank;
  MPI_Allreduce(&failed, &first, 1, MPI_INT, MPI_MIN, communicator);
  if (first == size) return BD_OK;
  if (rank == first) {
    if (error) common = *error;
    common.status = status;
  }
  MPI_Bcast(&common, sizeof common, MPI_BYTE, first, communicator);
  if (error) *error = common;
  return common.status;
}

void *world_share(MPI_Comm communicator, const void *mine, size_t *size) {
  enum { PORTION = 1 << 30 }; /* MPI counts in int */
  int rank;
  MPI_Comm_rank(communicator, &rank);
  MPI_Bcast(size, sizeof *size, MPI_BYTE, 0, communicator);
  char *copy = rank == 0 ? NULL : malloc(*size);
  if (rank != 0 && !copy) MPI_Abort(communicator, BD_FAILED);
  char *bytes = rank == 0 ? (char *)(uintptr_t)mine : copy;
  for (size_t at = 0; at < *size; at += PORTION)
    MPI_Bcast(bytes + at, *size - at < PORTION ? (int)(*size - at) : PORTION, MPI_BYTE, 0,
              communicator);
  return copy;
}

/* Does text number `count` of the list equal one before it? */
static int is_repeated(const char *names, int count, size_t size) {
  for (int before = 0; before < count; before++)
    if (!strcmp(names + (size_t)before * size, names + (size_t)count * size)) return 1;
  return 0;
}

char *world_hosts(MPI_Comm communicator) {
  char name[MPI_MAX_PROCESSOR_NAME] = "";
  int length, rank, size;
  MPI_Comm_rank(communicator, &rank);
  MPI_Comm_size(communicator, &size);
  MPI_Get_processor_name(name, &length);
  char *all = rank == 0 ? malloc((size_t)size * sizeof name) : NULL;
  char *list = rank == 0 ? calloc((size_t)size + 1, sizeof name) : NULL;
  MPI_Gather(name, sizeof name, MPI_CHAR, all, sizeof name, MPI_CHAR, 0, communicator);
  for (int r = 0; all && list && r < size; r++)
    if (!is_repeated(all, r, sizeof name))
      strcat(strcat(list, *list ? "," : ""), all + (size_t)r * sizeof name);
  free(all);
  return list;
}
