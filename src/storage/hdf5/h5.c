#include "storage/hdf5/h5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One per thread, like HDF5's own error stack, whose walk has no other place to leave a message. */
static _Thread_local char reason[200];

static herr_t keep_first(unsigned n, const H5E_error2_t *error, void *data) {
  (void)n;
  (void)data;
  snprintf(reason, sizeof reason, "%s",
           error->desc && *error->desc ? error->desc : "no reason given");
  return 1; /* the innermost only */
}

/* Keep what HDF5's error stack says, before the next successful call clears it. */
static void keep_reason(void) {
  if (H5Eget_num(H5E_DEFAULT) > 0) H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, NULL);
}

const char *h5_reason(void) {
  keep_reason();
  /* For a system error, report only the system's message. */
  const char *number = strstr(reason, "errno = ");
  if (number) return strerror((int)strtol(number + strlen("errno = "), NULL, 10));
  return *reason ? reason : "no reason given";
}

void h5_silence(void) {
  /* This must be the first call.  HDF5's clean-up crashes after a file that could not be
     closed. */
  H5dont_atexit();
  H5PLset_loading_state(0); /* a file may not name a filter to load */
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  *reason = 0;
}

void h5_close(hid_t id) {
  keep_reason();
  if (id < 0) return;
  switch (H5Iget_type(id)) {
    case H5I_FILE: H5Fclose(id); break;
    case H5I_GROUP:
    case H5I_DATASET:
    case H5I_DATATYPE: H5Oclose(id); break;
    case H5I_DATASPACE: H5Sclose(id); break;
    case H5I_ATTR: H5Aclose(id); break;
    case H5I_GENPROP_LST: H5Pclose(id); break;
    default: break;
  }
}

/* How to open a file without HDF5's lock.  The variable HDF5_USE_FILE_LOCKING of the environment
   overrides the property. */
static hid_t access_without_lock(void) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
  H5Pset_file_locking(access, 0, 1);
#else
  setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
#endif
  return access;
}

hid_t h5_open_descriptor(int descriptor, h5_access_t how) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  h5_silence();
  hid_t access = access_without_lock();
  /* Writes go to the file at once.  Since 1.12 HDF5 crashes when it closes a file, if the buffer of
     a dataset could not be written when that was closed. */
  H5Pset_sieve_buf_size(access, 0);
  hid_t file = how == H5_TO_CREATE
                   ? H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access)
                   : H5Fopen(path, how == H5_TO_WRITE ? H5F_ACC_RDWR : H5F_ACC_RDONLY, access);
  h5_close(access);
  return file;
}

/* What kind of link `path` is, or H5L_TYPE_ERROR if there is none.  HDF5 1.12 gave links another
   description, and leaves it to each build which of the two the name without a number means. */
static H5L_type_t link_type(hid_t location, const char *path) {
#if H5_VERSION_GE(1, 12, 0)
  H5L_info2_t link;
  const herr_t found = H5Lget_info2(location, path, &link, H5P_DEFAULT);
#else
  H5L_info_t link;
  const herr_t found = H5Lget_info(location, path, &link, H5P_DEFAULT);
#endif
  return found < 0 ? H5L_TYPE_ERROR : link.type;
}

const char *h5_link_problem(hid_t location, const char *path, size_t *length) {
  char partial[512];
  *length = strlen(path);
  if (*length >= sizeof partial) return "is too long a path";
  for (const char *end = path; *end;) {
    end = strchr(end + 1, '/');
    if (!end) end = path + strlen(path);
    snprintf(partial, sizeof partial, "%.*s", (int)(end - path), path);
    const H5L_type_t type = H5Lexists(location, partial, H5P_DEFAULT) > 0
                                ? link_type(location, partial)
                                : H5L_TYPE_ERROR;
    if (type == H5L_TYPE_ERROR) return "is missing";
    if (type == H5L_TYPE_HARD) continue;
    *length = (size_t)(end - path);
    return type == H5L_TYPE_SOFT       ? "is a soft link; only hard links are followed"
           : type == H5L_TYPE_EXTERNAL ? "is an external link; only hard links are followed"
                                       : "is some other kind of link; only hard links are followed";
  }
  return NULL;
}

int h5_has(hid_t location, const char *path) {
  size_t length;
  return h5_link_problem(location, path, &length) == NULL;
}

/* ---- attributes ---------------------------------------------------------------- */

/* Open an attribute of one element that is of the class wanted. */
static hid_t open_scalar(hid_t object, const char *name, H5T_class_t wanted, hid_t *type) {
  if (H5Aexists(object, name) <= 0) return -1;
  hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
  hid_t space = H5Aget_space(attribute);
  *type = H5Aget_type(attribute);
  int fits = H5Tget_class(*type) == wanted && H5Sget_simple_extent_npoints(space) == 1;
  /* Check that the bits of a number lie inside its bytes, which HDF5 does not. */
  if (wanted == H5T_INTEGER || wanted == H5T_FLOAT)
    fits = fits && H5Tget_size(*type) <= 8 && H5Tget_offset(*type) == 0 &&
           H5Tget_precision(*type) == 8 * H5Tget_size(*type);
  h5_close(space);
  if (fits) return attribute;
  h5_close(*type);
  h5_close(attribute);
  return -1;
}

int h5_get_text(hid_t object, const char *name, char *text, size_t size) {
  hid_t type, attribute = open_scalar(object, name, H5T_STRING, &type);
  if (attribute < 0) return 0;
  int done = 0;
  if (H5Tis_variable_str(type)) {
    char *value = NULL;
    if (H5Aread(attribute, type, &value) >= 0 && value) {
      snprintf(text, size, "%s", value);
      done = 1;
      H5free_memory(value);
    }
  } else {
    size_t length = H5Tget_size(type);
    char *value = calloc(length + 1, 1);
    if (value && H5Aread(attribute, type, value) >= 0) {
      if (H5Tget_strpad(type) == H5T_STR_SPACEPAD)
        while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == 0))
          value[--length] = 0;
      snprintf(text, size, "%s", value);
      done = 1;
    }
    free(value);
  }
  h5_close(type);
  h5_close(attribute);
  return done;
}

static int get_number(hid_t object, const char *name, H5T_class_t wanted, hid_t memory,
                      void *value) {
  hid_t type, attribute = open_scalar(object, name, wanted, &type);
  if (attribute < 0) return 0;
  int done = H5Aread(attribute, memory, value) >= 0;
  h5_close(type);
  h5_close(attribute);
  return done;
}

int h5_get_integer(hid_t object, const char *name, int64_t *value) {
  return get_number(object, name, H5T_INTEGER, H5T_NATIVE_INT64, value);
}

int h5_get_real(hid_t object, const char *name, double *value) {
  return get_number(object, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, value) ||
         get_number(object, name, H5T_INTEGER, H5T_NATIVE_DOUBLE, value);
}

/* Compare or mend an attribute that must be of this very type, as this program creates it. */
static h5_found_t find(hid_t object, const char *name, hid_t type, const void *value,
                       h5_how_t how) {
  hid_t attribute = H5Aexists(object, name) > 0 ? H5Aopen(object, name, H5P_DEFAULT) : -1;
  hid_t stored = H5Aget_type(attribute), space = H5Aget_space(attribute);
  void *there = calloc(1, H5Tget_size(type));
  h5_found_t found = H5_FAILED;
  if (there && attribute >= 0 && H5Tequal(stored, type) > 0 &&
      H5Sget_simple_extent_type(space) == H5S_SCALAR && H5Aread(attribute, type, there) >= 0)
    found = memcmp(there, value, H5Tget_size(type)) == 0 ? H5_SAME : H5_DIFFERS;
  if (found == H5_DIFFERS && how == H5_MEND && H5Awrite(attribute, type, value) < 0)
    found = H5_FAILED;
  free(there);
  h5_close(space);
  h5_close(stored);
  h5_close(attribute);
  return found;
}

static h5_found_t put(hid_t object, const char *name, hid_t type, const void *value, h5_how_t how) {
  if (how != H5_CREATE) return find(object, name, type, value, how);
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  int done = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
  h5_close(attribute);
  h5_close(space);
  return done ? H5_SAME : H5_FAILED;
}

static h5_found_t put_text(hid_t object, const char *name, const char *text, size_t room,
                           h5_how_t how) {
  /* A text that is too long is cut, such as the names of ten thousand hosts. */
  size_t length = strnlen(text, BD_ATTRIBUTE_TEXT_MAX) + 1;
  if (room < length) room = length;
  hid_t type = H5Tcopy(H5T_C_S1);
  char *value = calloc(room, 1);
  H5Tset_size(type, room);
  H5Tset_cset(type, H5T_CSET_UTF8);
  if (value) memcpy(value, text, length - 1);
  h5_found_t found = value ? put(object, name, type, value, how) : H5_FAILED;
  free(value);
  h5_close(type);
  return found;
}

int h5_put_text(hid_t object, const char *name, const char *text, size_t room) {
  return put_text(object, name, text, room, H5_CREATE) != H5_FAILED;
}

int h5_put_integer(hid_t object, const char *name, int64_t value) {
  return put(object, name, H5T_NATIVE_INT64, &value, H5_CREATE) != H5_FAILED;
}

h5_found_t h5_put(hid_t object, const bd_attribute_t *attribute, h5_how_t how) {
  switch (attribute->kind) {
    case BD_ATTRIBUTE_TEXT:
      return put_text(object, attribute->name, attribute->text, attribute->room, how);
    case BD_ATTRIBUTE_INTEGER:
      return put(object, attribute->name, H5T_NATIVE_INT64, &attribute->integer, how);
    case BD_ATTRIBUTE_REAL:
      return put(object, attribute->name, H5T_NATIVE_DOUBLE, &attribute->real, how);
  }
  return H5_FAILED;
}

static int set(hid_t object, const char *name, H5T_class_t wanted, hid_t memory,
               const void *value) {
  hid_t type, attribute = open_scalar(object, name, wanted, &type);
  if (attribute < 0) return 0;
  int done = H5Awrite(attribute, memory, value) >= 0;
  h5_close(type);
  h5_close(attribute);
  return done;
}

int h5_set_text(hid_t object, const char *name, const char *text) {
  hid_t type, attribute = open_scalar(object, name, H5T_STRING, &type);
  if (attribute < 0) return 0;
  size_t room = H5Tget_size(type);
  char *value = calloc(room, 1);
  if (value) snprintf(value, room, "%s", text);
  int done = value && !H5Tis_variable_str(type) && H5Awrite(attribute, type, value) >= 0;
  free(value);
  h5_close(type);
  h5_close(attribute);
  return done;
}

int h5_can_set(hid_t object, const bd_attribute_t *attribute) {
  static const H5T_class_t classes[] = {[BD_ATTRIBUTE_TEXT] = H5T_STRING,
                                        [BD_ATTRIBUTE_INTEGER] = H5T_INTEGER,
                                        [BD_ATTRIBUTE_REAL] = H5T_FLOAT};
  hid_t type, there = open_scalar(object, attribute->name, classes[attribute->kind], &type);
  if (there < 0) return 0;
  const int can = H5Tis_variable_str(type) <= 0;
  h5_close(type);
  h5_close(there);
  return can;
}

int h5_set_integer(hid_t object, const char *name, int64_t value) {
  return set(object, name, H5T_INTEGER, H5T_NATIVE_INT64, &value);
}

int h5_set_real(hid_t object, const char *name, double value) {
  return set(object, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, &value);
}

/* ---- the library itself -------------------------------------------------------- */

void h5_library(char *text, size_t size) {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  snprintf(text, size, "%u.%u.%u", major, minor, release);
}
