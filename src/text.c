#include "text.h"

/* Bytes that follow the first byte of a character of UTF-8; -1: none can begin so. */
static int more_bytes(unsigned char first) {
  if (first < 0x80) return 0;
  if (first < 0xc2 || first > 0xf4) return -1;
  return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

static int is_control(unsigned char c) { return (c < ' ' && c != '\t') || c == 127; }

int text_is_clean(const char *text) {
  for (const unsigned char *c = (const unsigned char *)text; *c;) {
    int more = more_bytes(*c);
    if (more < 0 || is_control(*c)) return 0;
    for (c++; more > 0; more--, c++)
      if ((*c & 0xc0) != 0x80) return 0;
  }
  return 1;
}

void text_clean(char *text) {
  for (; *text; text++)
    if (is_control((unsigned char)*text)) *text = '?';
}
