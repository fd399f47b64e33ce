/* The parameter table's inside: parsing a value into its field. */
#ifndef BD_TABLE_H
#define BD_TABLE_H

#include <barydef/job.h>

/* Index of section.key in the table, or -1. */
int table_find(const char *section, const char *key);

/* Parse `text` into the field of *parameters.  `where` ("job.ini:12", "--set") begins the
   message. */
bd_status_t table_parse(int index, const char *text, const char *where, bd_parameters_t *parameters,
                        bd_error_t *error);

/* May [sweep] vary it? */
int table_is_swept(int index);

#endif
