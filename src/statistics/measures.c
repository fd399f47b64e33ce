/* Figures that come from formulas of their own, and what is known of an image without a victim. */
#include <barydef/statistics.h>

#include <math.h>
#include <string.h>

bd_accuracy_t bd_wilson(int64_t successes, int64_t trials, double z) {
  if (trials <= 0) return (bd_accuracy_t){NAN, 0, 1};
  double n = (double)trials, p = (double)successes / n, zz = z * z;
  double centre = (p + zz / (2 * n)) / (1 + zz / n);
  double half = z / (1 + zz / n) * sqrt(p * (1 - p) / n + zz / (4 * n * n));
  /* For 0 and n successes a bound is 0 or 1 exactly; rounding must not make it 1e-18. */
  return (bd_accuracy_t){p, successes == 0 ? 0 : fmax(0, centre - half),
                         successes == trials ? 1 : fmin(1, centre + half)};
}

void bd_distance(size_t n, const float *stored, const double *other, double *l2, double *linf) {
  double sum = 0, max = 0;
  for (size_t i = 0; i < n; i++) {
    double d = fabs(stored[i] - other[i]);
    sum += d * d;
    if (!(d <= max) && !isnan(max)) max = d; /* a NaN stays */
  }
  *l2 = sqrt(sum);
  *linf = max;
}

/* ---- of one image -------------------------------------------------------------- */

static void measure(size_t size, const bd_image_report_t *report, const double *attacked,
                    const float *stored, bd_per_image_t *r) {
  memset(r, 0, sizeof *r); /* gaps too, since records are sent as bytes */
#define BD_FIELD(type, name, pending, from, summary, meaning) BD_FROM_##from(type, name)
#define BD_FROM_REPORT(type, name) r->name = (type)report->name;
#define BD_FROM_CHANGE(type, name) r->name = NAN;
#define BD_FROM_OTHER(type, name)
#define BD_FROM_VICTIM(type, name)
#include <barydef/fields.def>
#undef BD_FROM_REPORT
#undef BD_FROM_CHANGE
  if (report->status == BD_IMAGE_OK)
    bd_distance(size, stored, attacked, &r->l2_to_attacked, &r->linf_to_attacked);
}

void bd_per_image_measure(size_t count, size_t size, const bd_image_report_t *reports,
                          const double *attacked, const float *stored, bd_per_image_t *records) {
  for (size_t i = 0; i < count; i++)
    measure(size, &reports[i], attacked + i * size, stored + i * size, &records[i]);
}

#define NUMPY_TYPE(type)                                                                           \
  _Generic((type)0, int8_t : "i1", int32_t : "i4", int64_t : "i8", float : "f4", double : "f8")

int bd_per_image_measured(int number, const char **name, const char **type, size_t *offset) {
  static const struct {
    const char *name, *type;
    size_t offset;
  } fields[] = {
#define BD_FIELD(type, name, pending, from, summary, meaning) BD_FROM_##from(type, name)
#define BD_FROM_REPORT(type, name) {#name, NUMPY_TYPE(type), offsetof(bd_per_image_t, name)},
#define BD_FROM_CHANGE(type, name) BD_FROM_REPORT(type, name)
#include <barydef/fields.def>
  };
  if (number < 0 || (size_t)number >= sizeof fields / sizeof *fields) return 0;
  *name = fields[number].name;
  *type = fields[number].type;
  *offset = fields[number].offset;
  return 1;
}

size_t bd_per_image_size(void) { return sizeof(bd_per_image_t); }
