#ifndef BD_NUMBER_H
#define BD_NUMBER_H

/* Read a finite decimal number at the start of `text`, nothing before it: no inf, nan or
   hexadecimal, which strtod takes.  1 on success, with *end behind it. */
int number_parse(const char *text, const char **end, double *number);

#endif
