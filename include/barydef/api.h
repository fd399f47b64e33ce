/** @file
   What the library exports.

   The library is compiled with hidden visibility: a symbol that is not marked BD_API does not
   leave it, whatever its name. */
#ifndef BARYDEF_API_H
#define BARYDEF_API_H

/** Marks a function that programs outside the library may call. */
#if defined __GNUC__
#define BD_API __attribute__((visibility("default")))
#else
#define BD_API
#endif

#endif
