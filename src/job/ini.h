/* Reading INI text through libinih, with line numbers and lines of any length. */
#ifndef BD_INI_H
#define BD_INI_H

#include <barydef/error.h>

/* Bytes of a section's name. */
enum { INI_SECTION = 96 };

/* Called for each key in order of the text, and for a section without any, with NULL for key and
   value; a status other than BD_OK ends the reading. */
typedef bd_status_t ini_entry_t(void *context, int line, const char *section, const char *key,
                                const char *value, bd_error_t *error);

/* Errors: BD_BAD_INPUT as "name:line: ...", or what the callback returns. */
bd_status_t ini_read(const char *text, const char *name, ini_entry_t *entry, void *context,
                     bd_error_t *error);

/* Is there a comment behind what stands in this line of the text, counted from 1? */
int ini_has_comment(const char *text, int line);

#endif
