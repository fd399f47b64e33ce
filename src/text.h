/* Text from files that others made. */
#ifndef BD_TEXT_H
#define BD_TEXT_H

/* Is it UTF-8 without control characters (tabs are allowed), marks of direction among them? */
int text_is_clean(const char *text);

/* All else, which could tell a terminal what to do, becomes '?'. */
void text_clean(char *text);

#endif
