#include "text.h"

#include <barydef/error.h>

#include <stdarg.h>
#include <stdio.h>

bd_status_t bd_fail(bd_error_t *error, bd_status_t status, const char *format, ...) {
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    /* Names from files and command lines may not break the line or drive a terminal. */
    text_clean(error->message);
  }
  return status;
}

size_t bd_error_size(void) { return sizeof(bd_error_t); }
const char *bd_error_message(const bd_error_t *error) { return error->message; }
