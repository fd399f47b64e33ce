#include "cluster/world.h"

#include <barydef/run.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bd_world_start(int *argc, char ***argv) {
  int rank;
  /* The child processes that read files (src/storage/isolate.h) make no use of MPI. */
  setenv("OMPI_MCA_mpi_warn_on_fork", "0", 0);
  /* A process that nobody launched starts no daemon beside it, which only those need that spawn
     others; nor does it make the folder in which ranks meet: all that are alone would make, and
     remove, the same. */
  if (!getenv("PMIX_RANK")) {
    setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
    setenv("OMPI_MCA_orte_create_session_dirs", "0", 0);
  }
  MPI_Init(argc, argv);
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
  snprintf(text, size, "%s", version);
}
