/* Tells the analyser, which sees one file at a time, that MPI_Abort does not return and that
   bd_fail returns the status it is given. */
#include <barydef/error.h>
#include <mpi.h>
#include <stdlib.h>
#define MPI_Abort(communicator, status) abort()
#ifndef BD_LINT_NO_MODEL
#define bd_fail(error, status, ...) ((bd_fail)(error, status, __VA_ARGS__), (status))
#endif
