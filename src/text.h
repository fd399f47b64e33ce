/* Text from files that others made. */
#ifndef BD_TEXT_H
#define BD_TEXT_H

/* Is it UTF-8 without control characters (but tabs, where it may have them), marks of direction
 * among them? */
int text_is_clean(const char *text, int has_tabs);

/* Is it clean, and one part of a path in HDF5, where "." is the group itself? */
int text_is_name(const char *text);

/* All else, which could tell a terminal what to do, becomes '?'. */
void text_clean(char *text);

#endif
