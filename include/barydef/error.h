/** @file
   How functions report errors: they return a status and fill an error.

   No function of the library prints or exits.  A function that can fail takes a bd_error_t * as its
   last argument and returns a bd_status_t.  Where this is not BD_OK, the error holds one line that
   names the file, key or image concerned.  The caller owns the bd_error_t.  A NULL pointer is
   allowed where the message is not wanted. */
#ifndef BARYDEF_ERROR_H
#define BARYDEF_ERROR_H

#include <barydef/api.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The outcome of a call.  The values are the exit statuses of the program. */
typedef enum bd_status {
  BD_OK = 0,          /**< done */
  BD_FAILED = 1,      /**< the run failed: no memory, a full disk, a rank that gave up */
  BD_BAD_INPUT = 2,   /**< bad usage, job or input; nothing was written */
  BD_SOME_FAILED = 3, /**< done, but some images carry a failure status */
  BD_STOPPED = 75     /**< stopped early, by a signal or the clock; --resume goes on.  The value is
                         EX_TEMPFAIL of sysexits.h. */
} bd_status_t;

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

#ifdef __cplusplus
}
#endif
#endif
