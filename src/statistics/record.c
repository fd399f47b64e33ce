/* A record of per_image as a file and a message hold it: the fields that every result has, as they
   lie in memory, then the prediction of each added view that was asked for. */
#include <barydef/statistics.h>

#include <string.h>

typedef struct base {
#define BD_FIELD(type, name, pending, from, summary, meaning) type name;
#define BD_FIELD_ADDED(VIEW, type, name, pending, from, summary, meaning)
#include <barydef/fields.def>
} base_t;
_Static_assert(sizeof(base_t) == 112, "results that exist have records of this size");

size_t bd_record_bytes(bd_views_t views) {
  size_t size = sizeof(base_t);
#define BD_FIELD_ADDED(VIEW, type, name, pending, from, summary, meaning)                          \
  if (views & BD_VIEW_BIT(BD_VIEW_##VIEW)) size += sizeof(type);
#include <barydef/fields.def>
  (void)views;
  return (size + 7) / 8 * 8;
}

void bd_record_pack(bd_views_t views, const bd_per_image_t *record, void *bytes) {
  char *end = (char *)bytes + sizeof(base_t);
  memset(bytes, 0, bd_record_bytes(views));
  memcpy(bytes, record, sizeof(base_t));
#define BD_FIELD_ADDED(VIEW, type, name, pending, from, summary, meaning)                          \
  if (views & BD_VIEW_BIT(BD_VIEW_##VIEW)) {                                                       \
    memcpy(end, &record->name, sizeof(type));                                                      \
    end += sizeof(type);                                                                           \
  }
#include <barydef/fields.def>
  (void)end;
}

void bd_record_unpack(bd_views_t views, const void *bytes, bd_per_image_t *record) {
  const char *end = (const char *)bytes + sizeof(base_t);
  memset(record, 0, sizeof *record);
  memcpy(record, bytes, sizeof(base_t));
#define BD_FIELD_ADDED(VIEW, type, name, pending, from, summary, meaning)                          \
  record->name = pending;                                                                          \
  if (views & BD_VIEW_BIT(BD_VIEW_##VIEW)) {                                                       \
    memcpy(&record->name, end, sizeof(type));                                                      \
    end += sizeof(type);                                                                           \
  }
#include <barydef/fields.def>
  (void)end, (void)views;
}
