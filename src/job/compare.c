#include "job/compare.h"
#include "job/entries.h"

#include <stdio.h>
#include <string.h>

/* A difference of the name or a key of attack number i, at any point. */
static int find_key_of(const bd_job_t *one, const bd_job_t *other, int i,
                       job_difference_t *difference) {
  const made_t *a = one->made[i], *b = other->made[i];
  int keys;
  const bd_parameter_t *table = bd_attack_parameter_table(&keys);
  snprintf(difference->name, sizeof difference->name, "the name of section %d [attack NAME]",
           i + 1);
  snprintf(difference->one, sizeof difference->one, "%s", a->name);
  snprintf(difference->other, sizeof difference->other, "%s", b->name);
  if (strcmp(a->name, b->name)) return 1;
  for (int point = 0; point < bd_job_point_count(one); point++)
    for (int key = 0; key < keys; key++) {
      const char *mine = attacks_value(one, point, a, key),
                 *theirs = attacks_value(other, point, b, key);
      if (table_is_same_row(&table[key], mine, theirs)) continue;
      snprintf(difference->name, sizeof difference->name, "attack %s.%s", a->name, table[key].key);
      snprintf(difference->one, sizeof difference->one, "%s", mine);
      snprintf(difference->other, sizeof difference->other, "%s", theirs);
      return 1;
    }
  return 0;
}

static int find_made(const bd_job_t *one, const bd_job_t *other, job_difference_t *difference) {
  const int count = one->made_count, other_count = other->made_count;
  snprintf(difference->name, sizeof difference->name, "the number of sections [attack NAME]");
  snprintf(difference->one, sizeof difference->one, "%d", count);
  snprintf(difference->other, sizeof difference->other, "%d", other_count);
  if (count != other_count) return 1;
  for (int i = 0; i < count; i++)
    if (find_key_of(one, other, i, difference)) return 1;
  return 0;
}

int job_find_difference(const bd_job_t *one, const bd_job_t *other, job_difference_t *difference) {
  const int points = bd_job_point_count(one), other_points = bd_job_point_count(other);
  int count;
  const bd_parameter_t *table = bd_parameter_table(&count);
  if (points != other_points) {
    snprintf(difference->name, sizeof difference->name, "the number of points of [sweep]");
    snprintf(difference->one, sizeof difference->one, "%d", points);
    snprintf(difference->other, sizeof difference->other, "%d", other_points);
    return 1;
  }
  for (int point = 0; point < points; point++)
    for (int i = 0; i < count; i++) {
      const char *a = bd_job_value(one, point, i), *b = bd_job_value(other, point, i);
      if (!bd_parameter_is_compared(&table[i]) || table_is_same(i, a, b)) continue;
      snprintf(difference->name, sizeof difference->name, "%s", table[i].name);
      snprintf(difference->one, sizeof difference->one, "%s", a);
      snprintf(difference->other, sizeof difference->other, "%s", b);
      return 1;
    }
  return find_made(one, other, difference);
}

/* Is the line "key = value" of a section one of a parameter that is not compared? */
static int is_left_out(const char *section, const char *line) {
  char key[64];
  const size_t length = strcspn(line, " =\n");
  int count;
  if (length >= sizeof key) return 0;
  snprintf(key, sizeof key, "%.*s", (int)length, line);
  const int index = table_find(section, key);
  return index >= 0 && !bd_parameter_is_compared(&bd_parameter_table(&count)[index]);
}

void job_text_reduce(char *text) {
  char section[64] = "", *to = text;
  for (char *line = text, *end; *line; line = end) {
    end = line + strcspn(line, "\n");
    if (*line == '[')
      snprintf(section, sizeof section, "%.*s", (int)strcspn(line + 1, "]\n"), line + 1);
    end += *end == '\n';
    if (is_left_out(section, line)) continue;
    memmove(to, line, (size_t)(end - line));
    to += end - line;
  }
  *to = 0;
}
