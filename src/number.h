#ifndef BD_NUMBER_H
#define BD_NUMBER_H

/* Read a finite decimal number at the start of `text`, nothing before it: no inf, nan or
   hexadecimal, which strtod takes.  1 on success, with *end behind it. */
int number_parse(const char *text, const char **end, double *number);

/* Are both texts decimal numbers, and the same one?  0.02 and 2e-2 are. */
int number_is_same(const char *one, const char *other);

#endif
