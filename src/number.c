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

int number_is_same(const char *one, const char *other) {
  const char *end, *other_end;
  double number, other_number;
  return number_parse(one, &end, &number) && number_parse(other, &other_end, &other_number) &&
         !*end && !*other_end && number == other_number;
}
