#include <barydef/closest.h>

#include <ctype.h>
#include <string.h>

enum { LONGEST = 63 };

static int least(int a, int b) { return a < b ? a : b; }

static int is_same(char a, char b) {
  return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* The distance of two words of at most LONGEST letters, from those of their beginnings. */
static int distance(const char *a, const char *b) {
  const int rows = (int)strlen(a), columns = (int)strlen(b);
  int to[3][LONGEST + 1]; /* beginnings of b, for three beginnings of a, the last in to[i % 3] */
  for (int j = 0; j <= columns; j++) to[0][j] = j;
  for (int i = 1; i <= rows; i++) {
    int *now = to[i % 3];
    const int *before = to[(i + 2) % 3], *earlier = to[(i + 1) % 3];
    now[0] = i;
    for (int j = 1; j <= columns; j++) {
      now[j] =
          least(least(before[j], now[j - 1]) + 1, before[j - 1] + !is_same(a[i - 1], b[j - 1]));
      if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1]))
        now[j] = least(now[j], earlier[j - 2] + 1);
    }
  }
  return to[rows % 3][columns];
}

const char *bd_closest(const char *word, const char *const *candidates, int count) {
  const char *closest = NULL;
  const size_t length = strlen(word);
  if (length == 0 || length > LONGEST) return NULL;
  int best = (int)(length + 2) / 3 + 1; /* less than this */
  for (int i = 0; i < count; i++) {
    if (strlen(candidates[i]) > LONGEST) continue;
    const int found = distance(word, candidates[i]);
    if (found >= best || found >= (int)strlen(candidates[i])) continue;
    best = found;
    closest = candidates[i];
  }
  return closest;
}
