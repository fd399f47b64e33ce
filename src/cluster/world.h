/* What all ranks of a communicator do together, and the MPI library itself. */
#ifndef BD_WORLD_H
#define BD_WORLD_H

#include <barydef/error.h>
#include <mpi.h>
#include <stddef.h>

/* Name and version of the MPI library.  May be called before MPI is started. */
void world_library(char *text, size_t size);

/* Make the failure of the lowest rank that failed the status and error of all.  Collective. */
bd_status_t world_agree(MPI_Comm communicator, bd_status_t status, bd_error_t *error);

/* Give *size bytes of rank 0 to all ranks, and set *size on all.  Collective.  Returns a copy
   that the caller frees, but NULL on rank 0, which has the original.  Aborts without memory, since
   the other ranks could not be told. */
void *world_share(MPI_Comm communicator, const void *mine, size_t *size);

/* List the names of the hosts on rank 0, each once, separated by commas.  Collective.  The caller
   frees the list.  Returns NULL on the other ranks and without memory. */
char *world_hosts(MPI_Comm communicator);

#endif
