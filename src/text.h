/* Text from files that others made. */
#ifndef BD_TEXT_H
#define BD_TEXT_H

/* Is it UTF-8 without control characters (tabs are allowed)? */
int text_is_clean(const char *text);

/* Control characters, which could tell a terminal what to do, become '?'. */
void text_clean(char *text);

#endif
