/* Text from files that others made. */
#ifndef BD_TEXT_H
#define BD_TEXT_H

#include <stddef.h>

/* Is it UTF-8 without characters that control a terminal or the direction of writing?  Tabs are
   such characters unless they are allowed. */
typedef enum text_tabs { TEXT_WITHOUT_TABS, TEXT_WITH_TABS } text_tabs_t;
int text_is_clean(const char *text, text_tabs_t tabs);

/* Is it clean, and one part of a path in HDF5, where "." is the group itself? */
int text_is_name(const char *text);

/* Text of this length without the blanks around it: where it begins, and its new length. */
const char *text_trim(const char *text, size_t *length);

/* Make it clean: every byte of what is not becomes '?'. */
void text_clean(char *text);

/* Make every line of it clean, and keep the newlines. */
void text_clean_lines(char *text);

#endif
