#ifndef BD_WORLD_H
#define BD_WORLD_H

#include <stddef.h>

/* Name and version of the MPI library; allowed before it is started. */
void world_library(char *text, size_t size);

#endif
