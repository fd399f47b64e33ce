/** @file
   How functions report errors: they return a status and fill an error.

   No function of the library prints or exits.  A function that can fail takes a bd_error_t * as its
   last argument and returns a bd_status_t.  Where this is not BD_OK, the error holds one line that
   names the file, key or image concerned.  The caller owns the bd_error_t.  A NULL pointer is
   allowed where the message is not wanted. */
#ifndef BARYDEF_ERROR_H
#define BARYDEF_ERROR_H

#include <barydef/api.h>
#include <barydef/tables.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The value of a row of BD_STATUS_TABLE. */
#define BD_STATUS_VALUE(NAME, number, meaning) BD_ROW_VALUE(BD_##NAME = number, meaning)

/** The outcome of a call, one for each row of BD_STATUS_TABLE.  The values are the exit statuses of
   the program. */
typedef enum bd_status { BD_STATUS_TABLE(BD_STATUS_VALUE) } bd_status_t;

/** What went wrong. */
typedef struct bd_error {
  bd_status_t status; /**< what the call returned */
  char message[1024]; /**< one line without a newline, UTF-8 without control characters */
} bd_error_t;

/** Fill `error`, which may be NULL, as printf does, and return `status`.  Control characters in the
   message become '?'.  Not collective. */
BD_API bd_status_t bd_fail(bd_error_t *error, bd_status_t status, const char *format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/** Bytes of a bd_error_t, for a language that does not read this header. */
BD_API size_t bd_error_size(void);

/** The message of an error, which it belongs to. */
BD_API const char *bd_error_message(const bd_error_t *error);

#ifdef __cplusplus
}
#endif
#endif
