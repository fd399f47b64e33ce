#include "text.h"

#include <ctype.h>
#include <string.h>

/* Bytes of the UTF-8 character that begins here.  0 where none does, or one that could drive a
   terminal or turn a line round: C0, DEL, C1 (U+0080 to U+009F), U+2028 to U+202E, U+2066 to
   U+2069. The comparisons of the second byte exclude overlong forms, surrogates and what lies
   beyond U+10FFFF. */
static int length_of(const unsigned char *c) {
  if (c[0] < 0x80) return c[0] >= ' ' && c[0] != 127;
  const int length = c[0] < 0xc2 || c[0] > 0xf4 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
  for (int i = 1; i < length; i++)
    if ((c[i] & 0xc0) != 0x80) return 0;
  if (c[0] == 0xc2 && c[1] < 0xa0) return 0;
  if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
      (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
    return 0;
  if (c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xa8 && c[2] <= 0xae) return 0;
  if (c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9) return 0;
  return length;
}

int text_is_clean(const char *text, text_tabs_t tabs) {
  const unsigned char *c = (const unsigned char *)text;
  for (int length; *c; c += length) {
    length = tabs == TEXT_WITH_TABS && *c == '\t' ? 1 : length_of(c);
    if (length == 0) return 0;
  }
  return 1;
}

int text_is_name(const char *text) {
  return *text && text_is_clean(text, TEXT_WITHOUT_TABS) && !strchr(text, '/') &&
         strcmp(text, ".") != 0;
}

const char *text_trim(const char *text, size_t *length) {
  while (*length && isspace((unsigned char)*text)) text++, --*length;
  while (*length && isspace((unsigned char)text[*length - 1])) --*length;
  return text;
}

void text_clean(char *text) {
  for (unsigned char *c = (unsigned char *)text; *c;) {
    const int length = length_of(c);
    if (length == 0) *c = '?';
    c += length ? length : 1;
  }
}

void text_clean_lines(char *text) {
  for (char *line = text, *end; line; line = end) {
    if ((end = strchr(line, '\n'))) *end = 0;
    text_clean(line);
    if (end) *end++ = '\n';
  }
}
