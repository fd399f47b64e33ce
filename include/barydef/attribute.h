/** @file
   An attribute of a file: a name with a text or a number.

   Attributes are handed to bd_result_create and bd_result_finish, which write them. */
#ifndef BARYDEF_ATTRIBUTE_H
#define BARYDEF_ATTRIBUTE_H

#include <barydef/limits.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The kind of value that an attribute holds. */
typedef enum bd_attribute_kind {
  BD_ATTRIBUTE_TEXT,    /**< UTF-8, at most BD_ATTRIBUTE_TEXT_MAX bytes */
  BD_ATTRIBUTE_INTEGER, /**< int64 */
  BD_ATTRIBUTE_REAL     /**< float64 */
} bd_attribute_kind_t;

/** An attribute of the root, of a run or of an attack. */
typedef struct bd_attribute {
  const char *name;         /**< the caller's */
  bd_attribute_kind_t kind; /**< which of the three values below counts */
  const char *text;         /**< the caller's; longer texts than BD_ATTRIBUTE_TEXT_MAX are cut */
  int64_t integer;          /**< value of an integer */
  double real;              /**< value of a real number */
  size_t room; /**< bytes to reserve for a text, so that another can replace it in its place; 0: as
                  many as the text has, with its zero */
} bd_attribute_t;

#ifdef __cplusplus
}
#endif
#endif
