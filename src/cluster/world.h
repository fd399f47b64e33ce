/* What all ranks of a communicator do together, and the MPI library itself. */
#ifndef BD_WORLD_H
#define BD_WORLD_H

#include <barydef/error.h>
#include <mpi.h>
#include <stddef.h>

/* Name and version of the MPI library.  May be called before MPI is started. */
void world_library(char *text, size_t size);

/* Collective: the first failure, by rank, becomes the status and error of all. */
bd_status_t world_agree(MPI_Comm communicator, bd_status_t status, bd_error_t *error);

/* Collective: give *size bytes of rank 0 to all, whose *size is set.  Returns a copy that the
   caller frees, or NULL on rank 0, which has them.  Aborts without memory, as no rank could be
   told. */
void *world_share(MPI_Comm communicator, const void *mine, size_t *size);

/* Collective: on rank 0 the names of the hosts, each once, a comma between, which the caller frees;
   NULL on the other ranks and without memory. */
char *world_hosts(MPI_Comm communicator);

#endif
