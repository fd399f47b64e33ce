#include "storage/result/fields.h"

#include "storage/hdf5/h5.h"

#include <barydef/result.h>
#include <barydef/solver.h>

#include <math.h>

typedef struct field {
  const char *name;
  size_t offset;
  hid_t type;    /* 0 for a string */
  size_t length; /* of a string, with its zero; else 0 */
} field_t;

static hid_t compound(size_t size, const field_t *fields, size_t count, fields_layout_t layout) {
  hid_t type = H5Tcreate(H5T_COMPOUND, size);
  for (size_t i = 0; i < count; i++) {
    hid_t member = fields[i].length ? H5Tcopy(H5T_C_S1) : fields[i].type;
    if (fields[i].length) H5Tset_size(member, fields[i].length);
    H5Tinsert(type, fields[i].name, fields[i].offset, member);
    if (fields[i].length) h5_close(member);
  }
  if (layout == FIELDS_PACKED) H5Tpack(type);
  return type;
}

hid_t fields_per_image_type(void) {
#define FIELD(name, type)                                                                          \
  { #name, offsetof(bd_per_image_t, name), type, 0 }
  const field_t fields[] = {FIELD(label, H5T_NATIVE_INT64),
                            FIELD(status, H5T_NATIVE_INT8),
                            FIELD(iterations, H5T_NATIVE_INT32),
                            FIELD(residual, H5T_NATIVE_DOUBLE),
                            FIELD(mass_defect, H5T_NATIVE_DOUBLE),
                            FIELD(l2_to_attacked, H5T_NATIVE_DOUBLE),
                            FIELD(linf_to_attacked, H5T_NATIVE_DOUBLE),
                            FIELD(l2_to_clean, H5T_NATIVE_DOUBLE),
                            FIELD(linf_to_clean, H5T_NATIVE_DOUBLE),
                            FIELD(predicted_attacked, H5T_NATIVE_INT32),
                            FIELD(predicted_rounded, H5T_NATIVE_INT32),
                            FIELD(predicted_blurred, H5T_NATIVE_INT32),
                            FIELD(predicted_mean, H5T_NATIVE_INT32),
                            FIELD(predicted_purified, H5T_NATIVE_INT32),
                            FIELD(convergence, H5T_NATIVE_INT8),
                            FIELD(fallback, H5T_NATIVE_INT8),
                            FIELD(objective, H5T_NATIVE_DOUBLE),
                            FIELD(safe_tau, H5T_NATIVE_DOUBLE),
                            FIELD(bits, H5T_NATIVE_INT8)};
#undef FIELD
  return compound(sizeof(bd_per_image_t), fields, sizeof fields / sizeof *fields,
                  FIELDS_AS_IN_MEMORY);
}

hid_t fields_statistics_type(fields_layout_t layout) {
#define FIELD(name, type)                                                                          \
  { #name, offsetof(bd_statistics_t, name), type, 0 }
#define PART(name, suffix, part)                                                                   \
  { #name suffix, offsetof(bd_statistics_t, name.part), H5T_NATIVE_DOUBLE, 0 }
#define ACCURACY(name) PART(name, "", value), PART(name, "_low", low), PART(name, "_high", high)
#define SPREAD(name) PART(name, "_mean", mean), PART(name, "_max", max)
  const field_t fields[] = {FIELD(run, H5T_NATIVE_INT32),
                            {"attack", offsetof(bd_statistics_t, attack), 0, BD_ATTACK_NAME},
                            {"norm", offsetof(bd_statistics_t, norm), 0, BD_NORM_NAME},
                            FIELD(epsilon, H5T_NATIVE_DOUBLE),
                            FIELD(images, H5T_NATIVE_INT64),
                            FIELD(failed, H5T_NATIVE_INT64),
                            ACCURACY(attack_accuracy),
                            ACCURACY(rounded_accuracy),
                            ACCURACY(blurred_accuracy),
                            ACCURACY(mean_accuracy),
                            ACCURACY(barycenter_accuracy),
                            FIELD(recovered, H5T_NATIVE_INT64),
                            FIELD(broken, H5T_NATIVE_INT64),
                            SPREAD(iterations),
                            SPREAD(residual),
                            SPREAD(mass_defect),
                            SPREAD(l2_to_attacked),
                            SPREAD(linf_to_attacked),
                            SPREAD(l2_to_clean),
                            SPREAD(linf_to_clean),
                            SPREAD(objective),
                            FIELD(converged, H5T_NATIVE_INT64),
                            FIELD(infeasible_window, H5T_NATIVE_INT64),
                            FIELD(objective_rises, H5T_NATIVE_INT64),
                            FIELD(fallbacks, H5T_NATIVE_INT64),
                            FIELD(unstable, H5T_NATIVE_INT64),
                            FIELD(safe_tau, H5T_NATIVE_DOUBLE)};
#undef FIELD
#undef PART
#undef ACCURACY
#undef SPREAD
  return compound(sizeof(bd_statistics_t), fields, sizeof fields / sizeof *fields, layout);
}

size_t bd_result_record_bytes(void) { return sizeof(bd_per_image_t); }

bd_per_image_t fields_pending(void) {
  return (bd_per_image_t){.label = -1,
                          .status = BD_IMAGE_PENDING,
                          .residual = NAN,
                          .mass_defect = NAN,
                          .l2_to_attacked = NAN,
                          .linf_to_attacked = NAN,
                          .l2_to_clean = NAN,
                          .linf_to_clean = NAN,
                          .predicted_attacked = -1,
                          .predicted_rounded = -1,
                          .predicted_blurred = -1,
                          .predicted_mean = -1,
                          .predicted_purified = -1,
                          .objective = NAN,
                          .safe_tau = NAN};
}
