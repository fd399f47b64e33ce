#include "job/ini.h"
#include "text.h"

#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Debian's libinih cuts lines at 200 bytes and gives no line numbers.  The reader that it calls for
   each line mends both: it counts lines, and it hands a long line over in pieces, of which the
   later ones are indented, so that libinih takes them as continuations of the value. */
enum { PIECE = 190, LONGEST_LINE = 65536 };

typedef struct reading {
  const char *rest;      /* of the text */
  char *line, *position; /* the line being handed over; NULL between lines */
  int number, is_continuation;
  /* The entry being collected. */
  char section[INI_SECTION], key[64], *value;
  char header[INI_SECTION]; /* of the lines that follow; libinih cuts it at 49 bytes */
  int header_line;          /* 0 once the section has a key */
  int entry_line;
  const char *name;
  ini_entry_t *entry;
  void *context;
  bd_error_t *error;
  bd_status_t status;
} reading_t;

static bd_status_t finish_entry(reading_t *r) {
  if (!r->value || r->status != BD_OK) return r->status;
  r->status = r->entry(r->context, r->entry_line, r->section, r->key, r->value, r->error);
  free(r->value);
  r->value = NULL;
  return r->status;
}

/* Does a comment begin here, behind something else in the line? */
static int begins_comment(const char *line, const char *at) {
  return *at == ';' && at > line && isspace((unsigned char)at[-1]);
}

int ini_has_comment(const char *text, int line) {
  while (--line > 0 && (text = strchr(text, '\n')) != NULL) text++;
  for (const char *c = text; c && *c && *c != '\n'; c++)
    if (begins_comment(text, c)) return 1;
  return 0;
}

/* Tell of a section that had no key. */
static bd_status_t finish_section(reading_t *r) {
  if (finish_entry(r) != BD_OK || !r->header_line) return r->status;
  r->status = r->entry(r->context, r->header_line, r->header, NULL, NULL, r->error);
  r->header_line = 0;
  return r->status;
}

static void begin_section(reading_t *r) {
  const char *end = strchr(r->position, ']');
  if (!end || finish_section(r) != BD_OK) return; /* libinih complains of the line */
  const size_t length = (size_t)(end - r->position) - 1;
  if (length >= sizeof r->header) {
    r->status = bd_fail(r->error, BD_BAD_INPUT, "%s:%d: a section name of more than %d bytes",
                        r->name, r->number, INI_SECTION - 1);
    return;
  }
  memcpy(r->header, r->position + 1, length);
  r->header[length] = 0;
  r->header_line = r->number;
}

/* Take the next line, without indentation and comments.  A comment that was left in it would
   swallow pieces. */
static int next_line(reading_t *r) {
  if (*r->rest == 0) return 0;
  size_t length = strcspn(r->rest, "\n");
  r->number++;
  free(r->line);
  r->line = strndup(r->rest, length);
  r->rest += length + (r->rest[length] == '\n');
  if (!r->line || length > LONGEST_LINE) {
    r->status = bd_fail(r->error, BD_BAD_INPUT, "%s:%d: a line of more than %d bytes", r->name,
                        r->number, LONGEST_LINE);
    return 0;
  }
  if (length > 0 && r->line[length - 1] == '\r') r->line[length - 1] = 0;
  if (!text_is_clean(r->line, TEXT_WITH_TABS)) {
    r->status = bd_fail(r->error, BD_BAD_INPUT, "%s:%d: a control character, or not UTF-8", r->name,
                        r->number);
    return 0;
  }
  for (char *c = r->line; *c; c++)
    if (begins_comment(r->line, c)) *c = 0;
  r->position = r->line;
  while (isspace((unsigned char)*r->position)) r->position++;
  if (*r->position == ';' || *r->position == '#') *r->position = 0;
  r->is_continuation = 0;
  if (*r->position == '[') begin_section(r);
  return r->status == BD_OK;
}

/* Do not cut beside a blank, which would be lost, nor before a sign that begins a comment. */
static size_t piece_length(const char *text) {
  size_t length = strlen(text);
  if (length <= PIECE) return length;
  for (length = PIECE; length > 1; length--)
    if (!isspace((unsigned char)text[length - 1]) && !isspace((unsigned char)text[length]) &&
        !strchr(";#", text[length]))
      break;
  return length;
}

static char *read_piece(char *buffer, int size, void *stream) {
  reading_t *r = stream;
  if (r->status != BD_OK) return NULL;
  if (!r->position || !*r->position) {
    if (!next_line(r)) return NULL;
  } else r->is_continuation = 1;
  size_t length = piece_length(r->position);
  snprintf(buffer, (size_t)size, "%s%.*s\n", r->is_continuation ? " " : "", (int)length,
           r->position);
  r->position += length;
  return buffer;
}

static int handle(void *user, const char *section, const char *key, const char *value) {
  reading_t *r = user;
  if (r->is_continuation && r->value) {
    char *joined = realloc(r->value, strlen(r->value) + strlen(value) + 1);
    if (!joined) return 0;
    r->value = joined;
    strcat(r->value, value);
    return 1;
  }
  if (finish_entry(r) != BD_OK) return 0;
  (void)section;
  r->header_line = 0;
  memcpy(r->section, r->header, sizeof r->section);
  snprintf(r->key, sizeof r->key, "%s", key);
  r->entry_line = r->number;
  r->value = strdup(value);
  return r->value != NULL;
}

bd_status_t ini_read(const char *text, const char *name, ini_entry_t *entry, void *context,
                     bd_error_t *error) {
  static const char mark[] = "\xEF\xBB\xBF"; /* of the order of bytes, which some editors write */
  if (!strncmp(text, mark, sizeof mark - 1)) text += sizeof mark - 1;
  reading_t r = {.rest = text, .name = name, .entry = entry, .context = context, .error = error};
  int line = ini_parse_stream(read_piece, &r, handle, &r);
  if (line == 0) finish_section(&r);
  else finish_entry(&r);
  if (r.status == BD_OK && line != 0)
    r.status = bd_fail(
        error, BD_BAD_INPUT,
        "%s: line %d (long lines count as several) is neither [section], key = value nor a comment",
        name, line);
  free(r.line);
  free(r.value);
  return r.status;
}
