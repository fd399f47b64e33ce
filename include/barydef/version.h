/** @file
   What was built: the version, the revision, and the libraries in use.  No call is collective. */
#ifndef BARYDEF_VERSION_H
#define BARYDEF_VERSION_H

#include <barydef/api.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The version of the program: "0.2.0". */
BD_API const char *bd_version(void);

/** The revision of git that was built; "unknown" where the sources were no checkout. */
BD_API const char *bd_revision(void);

/** The instructions and the libraries in use, a line each: HDF5, MPI, FFTW, xxHash, libtorch, and
   those of the views, as libjpeg.  A library that this build is without has a line that says so.
   A text that does not fit into `size` bytes ends in "...". */
BD_API void bd_libraries(char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
