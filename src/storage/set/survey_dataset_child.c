/* The datasets of a set: what they are allowed to be, the labels, and the places of the images. */
#include "storage/hdf5/h5.h"
#include "storage/set/lzf.h"
#include "storage/set/survey_taking.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bd_status_t taking_check_links(const taking_t *t, const char *path, bd_error_t *error) {
  char part[512];
  size_t length;
  const char *problem = h5_link_problem(t->file, path, &length);
  snprintf(part, sizeof part, "%.*s", (int)length, path);
  return problem ? taking_refuse(t, part, problem, error) : BD_OK;
}

/* What turns a file of another layout into a set. */
#define CONVERT "barydef convert OLD.h5 NEW.h5"

/* ---- storage ------------------------------------------------------------------ */

/* Describe the first unknown filter of a dataset, or give "" if all are known. */
static void find_unknown_filter(hid_t plan, char unknown[240]) {
  const int filters = H5Pget_nfilters(plan);
  char name[64] = "";
  *unknown = 0;
  for (int i = 0; i < filters && !*unknown; i++) {
    unsigned flags, config;
    size_t values = 0;
    H5Z_filter_t filter =
        H5Pget_filter2(plan, (unsigned)i, &flags, &values, NULL, sizeof name, name, &config);
    name[sizeof name - 1] = 0;
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE &&
        filter != H5Z_FILTER_FLETCHER32 && filter != LZF_FILTER)
      snprintf(unknown, 240,
               "is compressed by filter %d (%s); deflate, shuffle and fletcher32 can be read, and "
               "lzf; " CONVERT " reads it where the filter is installed",
               (int)filter, name);
  }
}

/* Check that the data lies in the file itself, contiguous or in chunks, behind known filters. */
static bd_status_t check_storage(const taking_t *t, const char *path, hid_t dataset,
                                 bd_error_t *error) {
  hid_t plan = H5Dget_create_plist(dataset);
  const H5D_layout_t layout = H5Pget_layout(plan);
  const int filters = H5Pget_nfilters(plan), external = H5Pget_external_count(plan);
  char unknown[240];
  find_unknown_filter(plan, unknown);
  h5_close(plan);
  if (external != 0)
    return taking_refuse(
        t, path, "keeps its data in other files (external storage), which are not read", error);
  if (layout == H5D_VIRTUAL)
    return taking_refuse(t, path, "is a virtual dataset, made of other files, which are not read",
                         error);
  if (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
    return taking_refuse(
        t, path, "is neither contiguous nor in chunks (compact); " CONVERT " stores it so", error);
  if (filters > FILTERS_MAX)
    return taking_refuse(t, path, "has more filters than make sense", error);
  return *unknown ? taking_refuse(t, path, unknown, error) : BD_OK;
}

bd_status_t taking_open_dataset(const taking_t *t, const char *path, hid_t *dataset,
                                bd_error_t *error) {
  bd_status_t status = taking_check_links(t, path, error);
  *dataset = -1;
  if (status == BD_OK && (*dataset = H5Dopen2(t->file, path, H5P_DEFAULT)) < 0)
    status = taking_refuse(t, path, "is not a dataset", error);
  if (status == BD_OK) status = check_storage(t, path, *dataset, error);
  return status;
}

/* ---- labels ------------------------------------------------------------------- */

/* HDF5 has no lzf of its own.  Labels are few, so that HDF5 may call this for each chunk. */
static size_t expand(unsigned flags, size_t values, const unsigned value[], size_t size,
                     size_t *room, void **bytes) {
  size_t got = 0;
  if (!(flags & H5Z_FLAG_REVERSE) || values < 3) return 0;
  unsigned char *to = malloc(value[2] ? value[2] : 1);
  if (!to || lzf_into(*bytes, size, to, value[2], &got) != NULL) {
    free(to);
    return 0;
  }
  free(*bytes);
  *bytes = to;
  *room = value[2];
  return got;
}

static const H5Z_class2_t lzf = {.version = H5Z_CLASS_T_VERS,
                                 .id = LZF_FILTER,
                                 .encoder_present = 1,
                                 .decoder_present = 1,
                                 .name = "lzf",
                                 .filter = expand};

/* What else labels may be: whole floats, as R and MATLAB write them, and the numbers of an enum. */
static int are_labels(hid_t type) {
  const H5T_class_t kind = H5Tget_class(type);
  return (kind == H5T_INTEGER || kind == H5T_FLOAT || kind == H5T_ENUM) && H5Tget_size(type) <= 8;
}

/* Count the labels.  All of them must be stored, since HDF5 would fill in those that are not. */
static bd_status_t count_labels(taking_t *t, hid_t dataset, bd_error_t *error) {
  const char *path = t->request->path;
  hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  hsize_t count = 0;
  const hsize_t stored = H5Dget_storage_size(dataset), each = H5Tget_size(type);
  const int fits = are_labels(type) && H5Sget_simple_extent_ndims(space) == 1;
  if (fits) H5Sget_simple_extent_dims(space, &count, NULL);
  h5_close(space);
  h5_close(type);
  t->head.count = (int64_t)count;
  if (!fits)
    return taking_refuse(t, "/labels",
                         "is not a one-dimensional dataset of integers; " CONVERT
                         " takes columns, rows and one-hot labels",
                         error);
  if (count == 0) return taking_refuse(t, "/labels", "is empty", error);
  if (count > (hsize_t)t->request->most_bytes / LABELS_SHARE)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: /labels declares %" PRIu64 " labels, more than run.max_memory allows", path,
                   (uint64_t)count);
  if (stored < count * each / COMPRESSION_MOST)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: /labels declares %" PRIu64 " labels, but only %" PRIu64 " bytes are stored",
                   path, (uint64_t)count, (uint64_t)stored);
  return BD_OK;
}

/* Labels that were read as float64 become integers in place, if they are whole. */
static bd_status_t make_whole(taking_t *t, bd_error_t *error) {
  const double most = 9007199254740992; /* 2^53 */
  for (int64_t i = 0; i < t->head.count; i++) {
    double number;
    memcpy(&number, &t->survey.labels[i], sizeof number);
    if (!(fabs(number) <= most) || number != floor(number))
      return bd_fail(error, BD_BAD_INPUT,
                     "%s: label %" PRId64 " of /labels is %g: labels are whole numbers",
                     t->request->path, i, number);
    t->survey.labels[i] = (int64_t)number;
  }
  return BD_OK;
}

/* HDF5 makes the greatest int64 of what is greater. */
static bd_status_t check_greatest(const taking_t *t, bd_error_t *error) {
  for (int64_t i = 0; i < t->head.count; i++)
    if (t->survey.labels[i] == INT64_MAX)
      return bd_fail(error, BD_BAD_INPUT, "%s: label %" PRId64 " of /labels is too large",
                     t->request->path, i);
  return BD_OK;
}

static bd_status_t read_numbers(taking_t *t, hid_t dataset, bd_error_t *error) {
  hid_t type = H5Dget_type(dataset);
  const int is_real = H5Tget_class(type) == H5T_FLOAT;
  h5_close(type);
  H5Zregister(&lzf);
  if (H5Dread(dataset, is_real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64, H5S_ALL, H5S_ALL,
              H5P_DEFAULT, t->survey.labels) < 0)
    return bd_fail(error, BD_BAD_INPUT, "%s: /labels cannot be read (%s)", t->request->path,
                   h5_reason());
  return is_real ? make_whole(t, error) : check_greatest(t, error);
}

bd_status_t taking_read_labels(taking_t *t, bd_error_t *error) {
  const char *path = t->request->path;
  hid_t dataset = -1;
  bd_status_t status = taking_open_dataset(t, "/labels", &dataset, error);
  if (status == BD_OK) status = count_labels(t, dataset, error);
  // There is at least one.  NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI)
  if (status == BD_OK) t->survey.labels = calloc((size_t)t->head.count, sizeof *t->survey.labels);
  if (status == BD_OK && !t->survey.labels)
    status = bd_fail(error, BD_FAILED, "%s: no memory for %" PRId64 " labels", path, t->head.count);
  if (status == BD_OK) status = read_numbers(t, dataset, error);
  h5_close(dataset);
  return status;
}

/* ---- images ------------------------------------------------------------------- */

/* Is it binary16 of IEEE 754, in this byte order?  HDF5 1.10 has no name for it. */
static int is_half(hid_t type, hid_t order) {
  hid_t half = H5Tcopy(order);
  const int is_same = H5Tset_fields(half, 15, 10, 5, 0, 10) >= 0 && H5Tset_size(half, 2) >= 0 &&
                      H5Tset_ebias(half, 15) >= 0 && H5Tequal(type, half) > 0;
  h5_close(half);
  return is_same;
}

static element_t element_of(hid_t type, int *is_swapped) {
  const struct {
    hid_t type;
    element_t element;
    int is_big;
  } known[] = {{H5T_IEEE_F32LE, ELEMENT_FLOAT32, 0}, {H5T_IEEE_F32BE, ELEMENT_FLOAT32, 1},
               {H5T_IEEE_F64LE, ELEMENT_FLOAT64, 0}, {H5T_IEEE_F64BE, ELEMENT_FLOAT64, 1},
               {H5T_STD_U8LE, ELEMENT_UINT8, 0},     {H5T_STD_U8BE, ELEMENT_UINT8, 0}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (H5Tequal(type, known[i].type) > 0) {
      *is_swapped = known[i].is_big == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) &&
                    known[i].element != ELEMENT_UINT8;
      return known[i].element;
    }
  const int is_little = is_half(type, H5T_IEEE_F32LE);
  if (!is_little && !is_half(type, H5T_IEEE_F32BE)) return ELEMENT_OTHER;
  *is_swapped = is_little != (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  return ELEMENT_FLOAT16;
}

static void read_filters(hid_t plan, place_t *place) {
  place->filter_count = H5Pget_nfilters(plan);
  for (int i = 0; i < place->filter_count; i++) {
    unsigned flags, config;
    size_t values = 0;
    H5Z_filter_t filter =
        H5Pget_filter2(plan, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
    place->filters[i] = filter == H5Z_FILTER_DEFLATE   ? FILTER_DEFLATE
                        : filter == H5Z_FILTER_SHUFFLE ? FILTER_SHUFFLE
                        : filter == LZF_FILTER         ? FILTER_LZF
                                                       : FILTER_FLETCHER32;
  }
}

/* Refuse a type of pixels, by its name. */
static bd_status_t refuse_type(const taking_t *t, const char *path, hid_t type, bd_error_t *error) {
  const H5T_class_t kind = H5Tget_class(type);
  const char *name = kind == H5T_INTEGER    ? "integers"
                     : kind == H5T_FLOAT    ? "floats"
                     : kind == H5T_ENUM     ? "an enum"
                     : kind == H5T_STRING   ? "texts"
                     : kind == H5T_COMPOUND ? "a compound"
                                            : "another kind";
  char why[240];
  snprintf(why, sizeof why,
           "is not a dataset of float32, float64 or uint8, or float16: it holds %s of %zu "
           "bytes; " CONVERT
           " takes integers and other floats, with --scale where they are not in [0,1]",
           name, H5Tget_size(type));
  return taking_refuse(t, path, why, error);
}

/* Take the lengths of four axes, or of three, between which a channel is put. */
static void take_shape(const hsize_t *size, int axes, int64_t to[4]) {
  hsize_t all[4] = {size[0], 1, size[1], size[2]};
  if (axes == 4) memcpy(all, size, sizeof all);
  for (int d = 0; d < 4; d++) to[d] = all[d] > INT64_MAX ? -1 : (int64_t)all[d];
}

static void take_layout(hid_t dataset, hid_t space, hid_t plan, place_t *place) {
  hsize_t size[4] = {0}, chunk[4] = {0};
  H5Sget_simple_extent_dims(space, size, NULL);
  take_shape(size, place->axes, place->shape);
  if (H5Pget_layout(plan) == H5D_CHUNKED && H5Pget_chunk(plan, 4, chunk) == place->axes) {
    read_filters(plan, place);
    take_shape(chunk, place->axes, place->chunk);
  } else place->address = H5Dget_offset(dataset);
}

bd_status_t taking_read_place(taking_t *t, const char *path, place_t *place, bd_error_t *error) {
  hid_t dataset = -1;
  bd_status_t status = taking_open_dataset(t, path, &dataset, error);
  hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset),
        plan = H5Dget_create_plist(dataset);
  if (status == BD_OK && (place->element = element_of(type, &place->is_swapped)) == ELEMENT_OTHER)
    status = refuse_type(t, path, type, error);
  place->axes = status == BD_OK ? H5Sget_simple_extent_ndims(space) : 0;
  if (status == BD_OK && place->axes != 4 && place->axes != 3)
    status = taking_refuse(t, path,
                           "is not of shape [images][channels][height][width], nor "
                           "[images][height][width]",
                           error);
  if (status == BD_OK) take_layout(dataset, space, plan, place);
  h5_close(plan);
  h5_close(space);
  h5_close(type);
  h5_close(dataset);
  return status;
}
