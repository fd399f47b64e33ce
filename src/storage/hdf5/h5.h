/* Small helpers over the C API of HDF5, for src/storage/ only.  After h5_silence, which every open
   calls, HDF5 prints nothing. */
#ifndef BD_H5_H
#define BD_H5_H

#include <barydef/attribute.h>
#include <barydef/error.h>
#include <hdf5.h>
#include <stddef.h>

/* Let HDF5 print nothing, load nothing, and forget earlier failures.  Call it before opening
   anything. */
void h5_silence(void);

/* Close an identifier of any kind.  Negative ones are ignored. */
void h5_close(hid_t id);

/* Check that every part of `path` is a hard link.  Returns NULL, or what is wrong with its first
 *length bytes: the link is missing, soft, external or user-defined. */
const char *h5_link_problem(hid_t location, const char *path, size_t *length);

/* Does `path` lead to an object through hard links only? */
int h5_has(hid_t location, const char *path);

/* Read an attribute. h5_get_text takes a text of fixed or variable length, and cuts longer ones.
   Real numbers may be stored as integers.  Returns 1 on success; 0 leaves the value unchanged. */
int h5_get_text(hid_t object, const char *name, char *text, size_t size);
int h5_get_integer(hid_t object, const char *name, int64_t *value);
int h5_get_real(hid_t object, const char *name, double *value);

/* Open the file of a descriptor, even if another file has taken its name since, or begin a file in
   it anew.  HDF5's own lock is not used, unless the environment demands it: it would let a reader
   stop a writer, and it fails on file systems without locks (lock.h).  Negative on failure. */
typedef enum h5_access { H5_TO_READ, H5_TO_WRITE, H5_TO_CREATE } h5_access_t;
hid_t h5_open_descriptor(int descriptor, h5_access_t access);

/* Create an attribute.  Returns 1 on success.  A text has room for `room` bytes, or if that is 0,
   for its own length. */
int h5_put_text(hid_t object, const char *name, const char *text, size_t room);
int h5_put_integer(hid_t object, const char *name, int64_t value);

/* Create an attribute, compare it with what would be created, or correct it in place. */
typedef enum h5_how { H5_CREATE, H5_COMPARE, H5_MEND } h5_how_t;
typedef enum h5_found {
  H5_FAILED, /* it could not be created, is missing, or of another type */
  H5_SAME,   /* or it was created */
  H5_DIFFERS /* and was mended, if asked */
} h5_found_t;
h5_found_t h5_put(hid_t object, const bd_attribute_t *attribute, h5_how_t how);

/* Replace in place the value of an attribute that exists.  Returns 1 on success.  A text is cut
   if there is no room for it. */
int h5_set_text(hid_t object, const char *name, const char *text);
int h5_set_integer(hid_t object, const char *name, int64_t value);
int h5_set_real(hid_t object, const char *name, double value);
/* Does an attribute exist whose value these calls could replace? */
int h5_can_set(hid_t object, const bd_attribute_t *attribute);

/* Write the version of HDF5, such as "1.10.8". */
void h5_library(char *text, size_t size);

/* The innermost message of HDF5's last failure in this thread, valid until the next call. */
const char *h5_reason(void);

#endif
