/* The parameter table's inside: parsing a value into its field. */
#ifndef BD_TABLE_H
#define BD_TABLE_H

#include "job/ini.h"

#include <barydef/job.h>

/* The rows of the table, by member of bd_parameters_t and of bd_solver_options_t. */
enum {
#define BD_PARAMETER(section, key, role, kind, member, ...) TABLE_##member,
#define BD_SOLVER_PARAMETER(section, key, role, kind, member, ...) TABLE_SOLVER_##member,
#include <barydef/parameters.def>
  TABLE_ROWS
};

/* The names of a table's rows, in the order of its enum: "l1|l2" and so on. */
#define TABLE_CHOICE(NAME, name, ...) "|" #name
#define CHOICES(TABLE) (&BD_##TABLE##_TABLE(TABLE_CHOICE)[1])

/* A row as a bd_parameter_t: its columns, in the order of parameters.def, and its field. */
#define TABLE_ROW(in_section, named, has_role, of_kind, at, or_else, least, most, words, in_unit,  \
                  to_help)                                                                         \
  {                                                                                                \
    .section = in_section, .key = named, .name = in_section "." named, .role = BD_ROLE_##has_role, \
    .kind = BD_KIND_##of_kind, .fallback = or_else, .low = least, .high = most, .choices = words,  \
    .unit = in_unit, .help = to_help, .offset = at                                                 \
  }

/* Is there a section of this name? */
int table_has_section(const char *section);

/* Index of section.key in the table, or -1. */
int table_find(const char *section, const char *key);

/* The error of a key that does not exist: it lists the keys of the section, or else the sections.
 */
bd_status_t table_unknown(const char *where, const char *section, const char *key,
                          bd_error_t *error);

/* Split "section.key", of which *key is the end. */
bd_status_t table_split_key(const char *where, const char *name, char section[INI_SECTION],
                            const char **key, bd_error_t *error);

/* Parse `text` into the field of *parameters, which keeps a text or path by its address.  `where`
   ("job.ini:12", "--set") begins the message. */
bd_status_t table_parse(int index, const char *text, const char *where, bd_parameters_t *parameters,
                        bd_error_t *error);

/* Parse `text` into the field at row->offset of `fields`, as table_parse does. */
bd_status_t table_parse_row(const bd_parameter_t *row, const char *text, const char *where,
                            void *fields, bd_error_t *error);

/* Check what no single value of a solver's options can tell. */
bd_status_t table_check_solver(const bd_solver_options_t *options, const char *where,
                               bd_error_t *error);

/* Do two texts, which table_parse has taken, say the same?  Numbers may be written in two ways, and
   names in two orders. */
int table_is_same(int index, const char *one, const char *other);
int table_is_same_row(const bd_parameter_t *row, const char *one, const char *other);

/* Is it a path, relative to the job's folder? */
int table_is_path(int index);
int table_is_read(int index); /* of a file that the job reads */

/* Is it a member of bd_solver_options_t? */
int table_is_of_solver(int index);

#endif
