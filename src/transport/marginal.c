#include "transport/stencil.h"

#include "number.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char allowed[] =
    "allowed: B4, B6, or a list such as \"identity + rotate 2 + translate 3 0\" of at most 64";

enum { WORD_MAX = 32 };

/* A number of degrees or pixels beyond this is a mistake. */
static const double motion_max = 1e6;

/* Read the next word of *text and return its length: 0 at the end of the text, or at a '+', which
   is left in place. */
static int next_word(const char **text, char word[WORD_MAX]) {
  while (isspace((unsigned char)**text)) ++*text;
  int length = 0;
  /* A '+' in front of a number is its sign, as in "rotate +2".  Elsewhere it separates motions. */
  while (**text && !isspace((unsigned char)**text) && length < WORD_MAX - 1) {
    if (**text == '+' &&
        !(length == 0 && (isdigit((unsigned char)(*text)[1]) || (*text)[1] == '.')))
      break;
    word[length++] = *(*text)++;
  }
  word[length] = 0;
  return length;
}

static int next_number(const char **text, double *number) {
  const char *end;
  char word[WORD_MAX];
  return next_word(text, word) && number_parse(word, &end, number) && *end == 0 &&
         fabs(*number) <= motion_max;
}

static int parse_motion(const char **text, bd_motion_t *motion) {
  char word[WORD_MAX];
  *motion = (bd_motion_t){0};
  next_word(text, word);
  if (!strcmp(word, "identity")) {
    motion->kind = BD_IDENTITY;
    return 1;
  }
  if (!strcmp(word, "rotate")) {
    motion->kind = BD_ROTATE;
    return next_number(text, &motion->degrees);
  }
  if (!strcmp(word, "translate")) {
    motion->kind = BD_TRANSLATE;
    return next_number(text, &motion->dx) && next_number(text, &motion->dy);
  }
  return 0;
}

bd_status_t bd_marginal_set_parse(const char *text, bd_marginal_set_t *set, bd_error_t *error) {
  const char *rest = text;
  if (!strcmp(text, "B4")) rest = "identity + rotate 2 + rotate -2 + translate 3 0";
  if (!strcmp(text, "B6"))
    rest = "identity + rotate 2 + rotate -2 + rotate 3 + rotate -3 + translate 3 0";
  for (set->count = 0; set->count < BD_MARGINALS_MAX;) {
    if (!parse_motion(&rest, &set->motions[set->count++])) break;
    while (isspace((unsigned char)*rest)) rest++;
    if (*rest == 0) return BD_OK;
    if (*rest++ != '+') break;
  }
  return bd_fail(error, BD_BAD_INPUT, "\"%.80s\" is not a set of marginals; %s", text, allowed);
}

/* Quarter turns are exact, so that a rotation by 90 degrees moves pixels onto pixels. */
static void cosine_sine(double degrees, double *cosine, double *sine) {
  static const double quarter[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
  double turn = fmod(degrees, 360);
  if (turn < 0) turn += 360;
  if (fmod(turn, 90) == 0) {
    *cosine = quarter[(int)(turn / 90) % 4][0];
    *sine = quarter[(int)(turn / 90) % 4][1];
  } else {
    *cosine = cos(turn * (3.14159265358979323846 / 180));
    *sine = sin(turn * (3.14159265358979323846 / 180));
  }
}

/* The inverse of a motion: where the content of a pixel comes from.  A turn about the centre (cy,
   cx) after a shift by (dy, dx). */
typedef struct inverse {
  double cosine, sine, dy, dx, cy, cx;
} inverse_t;

static inverse_t inverse_of(const bd_motion_t *motion, int height, int width) {
  inverse_t m = {.cosine = 1, .cy = (height - 1) / 2.0, .cx = (width - 1) / 2.0};
  if (motion->kind == BD_ROTATE) cosine_sine(motion->degrees, &m.cosine, &m.sine);
  if (motion->kind == BD_TRANSLATE) m.dy = motion->dy, m.dx = motion->dx;
  return m;
}

/* Source pixels and weights of one pixel, whose content comes from (sy, sx). */
static void fill_pixel(bd_stencil_t *stencil, int i, double sy, double sx, int height, int width) {
  const double y0 = floor(sy), x0 = floor(sx), fy = sy - y0, fx = sx - x0;
  for (int corner = 0; corner < 4; corner++) {
    const double py = y0 + (corner >> 1), px = x0 + (corner & 1);
    const int inside = py >= 0 && py < height && px >= 0 && px < width;
    stencil->source[i][corner] = inside ? (int32_t)py * width + (int32_t)px : 0;
    stencil->weight[i][corner] =
        inside ? (corner >> 1 ? fy : 1 - fy) * (corner & 1 ? fx : 1 - fx) : 0;
  }
}

bd_status_t stencil_build(const bd_motion_t *motion, bd_interpolation_t interpolation, int height,
                          int width, bd_stencil_t *stencil, bd_error_t *error) {
  stencil->pixels = height * width;
  stencil->source = malloc((size_t)stencil->pixels * sizeof *stencil->source);
  stencil->weight = malloc((size_t)stencil->pixels * sizeof *stencil->weight);
  if (!stencil->source || !stencil->weight)
    return bd_fail(error, BD_FAILED, "no memory for a marginal of %d x %d pixels", height, width);
  const inverse_t m = inverse_of(motion, height, width);
  for (int y = 0, i = 0; y < height; y++)
    for (int x = 0; x < width; x++, i++) {
      double sy = m.cosine * (y - m.dy - m.cy) + m.sine * (x - m.dx - m.cx) + m.cy;
      double sx = -m.sine * (y - m.dy - m.cy) + m.cosine * (x - m.dx - m.cx) + m.cx;
      if (interpolation == BD_NEAREST) sy = floor(sy + 0.5), sx = floor(sx + 0.5);
      fill_pixel(stencil, i, sy, sx, height, width);
    }
  return BD_OK;
}

void stencil_free(bd_stencil_t *stencil) {
  free(stencil->source);
  free(stencil->weight);
  *stencil = (bd_stencil_t){0};
}

bd_status_t bd_marginal_apply(const bd_motion_t *motion, bd_interpolation_t interpolation,
                              int height, int width, const double *in, double *out,
                              bd_error_t *error) {
  bd_stencil_t stencil = {0};
  bd_status_t status = stencil_build(motion, interpolation, height, width, &stencil, error);
  for (int i = 0; status == BD_OK && i < stencil.pixels; i++)
    out[i] = stencil_pixel(&stencil, in, (size_t)i);
  stencil_free(&stencil);
  return status;
}
