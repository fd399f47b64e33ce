/* Names of attacks, which are parts of paths in HDF5. */
#ifndef BD_STORAGE_NAMES_H
#define BD_STORAGE_NAMES_H

#include <stddef.h>

typedef enum name_problem {
  NAME_IS_GOOD,
  NAME_IS_NOT_CLEAN, /* empty, endless, not UTF-8, or with control characters */
  NAME_IS_NO_PART,   /* not one part of a path */
  NAME_IS_TAKEN      /* an earlier name of the list is the same */
} name_problem_t;

/* Check name `index` of a list, whose names of BD_ATTACK_NAME bytes lie `stride` bytes apart. */
name_problem_t name_problem(const void *names, size_t stride, int index);

#endif
