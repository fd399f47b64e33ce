/* Small helpers over the HDF5 C API, for src/storage/ only. */
#ifndef BD_H5_H
#define BD_H5_H

#include <barydef/error.h>
#include <barydef/result.h>
#include <hdf5.h>
#include <stddef.h>

/* HDF5 prints nothing from here on; called first by everything that opens a file. */
void h5_silence(void);

/* Close any kind of identifier; negative ones are ignored. */
void h5_close(hid_t id);

/* NULL where every part of `path` is a hard link: no soft or external link, none of a user's kind.
   Else what is wrong with the first *length bytes of it. */
const char *h5_link_problem(hid_t location, const char *path, size_t *length);

/* Does `path` lead to an object through hard links only? */
int h5_has(hid_t location, const char *path);

/* Read a string attribute (fixed or variable length) or an integer or real one; 1 on
   success.  Longer strings are cut. */
int h5_get_text(hid_t object, const char *name, char *text, size_t size);
int h5_get_integer(hid_t object, const char *name, int64_t *value);
int h5_get_real(hid_t object, const char *name, double *value);

/* Open the very file of a descriptor, whatever has taken its name since; without HDF5's own lock,
   which would let a reader stop a writer.  Negative on failure. */
hid_t h5_open_descriptor(int descriptor, int writable);

/* Create an attribute, a text with room for `room` bytes or, with 0, as long as it is; 1 on
   success. */
int h5_put_text(hid_t object, const char *name, const char *text, size_t room);
int h5_put_integer(hid_t object, const char *name, int64_t value);

/* The same from one table; and compare what is there with what it would have been created as, or
   make it so, in its place. H5_FAILED where it is missing or of another type. */
typedef enum h5_how { H5_CREATE, H5_COMPARE, H5_MEND } h5_how_t;
typedef enum h5_found { H5_FAILED, H5_SAME, H5_DIFFERS } h5_found_t;
h5_found_t h5_put(hid_t object, const bd_attribute_t *attribute, h5_how_t how);

/* Replace the value of an attribute that exists, in its place; 1 on success.  A text that
   is too long is cut. */
int h5_set_text(hid_t object, const char *name, const char *text);
int h5_set_integer(hid_t object, const char *name, int64_t value);
int h5_set_real(hid_t object, const char *name, double value);
/* Is there one whose value these could replace? */
int h5_can_set(hid_t object, const bd_attribute_t *attribute);

/* "1.10.8". */
void h5_library(char *text, size_t size);

/* The innermost message of the last failure of HDF5. */
const char *h5_reason(void);

#endif
