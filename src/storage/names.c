#include "storage/names.h"

#include "text.h"

#include <barydef/statistics.h>
#include <string.h>

static const char *name_at(const void *names, size_t stride, int index) {
  return (const char *)names + (size_t)index * stride;
}

name_problem_t name_problem(const void *names, size_t stride, int index) {
  const char *name = name_at(names, stride, index);
  if (!memchr(name, 0, BD_ATTACK_NAME) || !*name || !text_is_clean(name, TEXT_WITHOUT_TABS))
    return NAME_IS_NOT_CLEAN;
  if (!text_is_name(name)) return NAME_IS_NO_PART;
  for (int before = 0; before < index; before++)
    if (!strcmp(name_at(names, stride, before), name)) return NAME_IS_TAKEN;
  return NAME_IS_GOOD;
}
