#include "number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int number_parse(const char *text, const char **end, double *number) {
  static const char decimal[] = "+-.0123456789eE";
  char *rest;
  if (strspn(text, decimal) == 0) return 0;
  *number = strtod(text, &rest);
  *end = rest;
  return rest > text && strspn(text, decimal) >= (size_t)(rest - text) && isfinite(*number);
}
