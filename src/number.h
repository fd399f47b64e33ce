/* Numbers as text. */
#ifndef BD_NUMBER_H
#define BD_NUMBER_H

/* Read a finite decimal number at the start of `text`, without blanks before it.  Unlike strtod it
   takes no inf, nan or hexadecimal.  1 on success, with *end behind the number. */
int number_parse(const char *text, const char **end, double *number);

/* Are both texts decimal numbers, and the same one?  0.02 and 2e-2 are. */
int number_is_same(const char *one, const char *other);

#endif
