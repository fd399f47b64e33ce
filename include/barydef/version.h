/** @file
   What was built, from what, with what.  No call is collective. */
#ifndef BARYDEF_VERSION_H
#define BARYDEF_VERSION_H

#include <barydef/api.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

BD_API const char *bd_version(void);  /**< "0.1.0" */
BD_API const char *bd_revision(void); /**< of git; "unknown" outside a checkout */

/** One line for each library in use: HDF5, MPI, libinih, libtorch or its absence. */
BD_API void bd_libraries(char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
