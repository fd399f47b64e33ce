/* Does a set hold pixels of [0,1]?  The values of a sample tell. */
#include <barydef/images.h>
#include <barydef/limits.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Images that are looked at, in places that are spread over the group.  Those of a place lie side
   by side, so that few chunks are decoded. */
enum { PLACES = 4, SIDE_BY_SIDE = 8, LEAST_FOR_DARK = 4 };

/* What a sample of a group has shown. */
typedef struct sample {
  int images, beyond; /* looked at, with finite pixels; those beyond [0,1] by more than rounding */
  double low, high;   /* of all finite pixels */
} sample_t;

static void look_at(size_t size, const double *pixels, sample_t *s) {
  double low = INFINITY, high = -INFINITY;
  for (size_t i = 0; i < size; i++) {
    if (!isfinite(pixels[i])) continue;
    low = fmin(low, pixels[i]);
    high = fmax(high, pixels[i]);
  }
  if (low > high) return;
  s->images++;
  s->beyond += low < -BD_ABOVE_ONE_MAX || high > 1 + BD_ABOVE_ONE_MAX;
  s->low = fmin(s->low, low);
  s->high = fmax(s->high, high);
}

static void take_sample(bd_images_t *images, int group, int64_t count, double *room, sample_t *s) {
  const bd_images_info_t *info = bd_images_info(images);
  const size_t size = (size_t)info->channels * (size_t)info->height * (size_t)info->width;
  const int64_t all = count < PLACES * SIDE_BY_SIDE ? count : PLACES * SIDE_BY_SIDE;
  *s = (sample_t){.low = INFINITY, .high = -INFINITY};
  for (int64_t i = 0; i < all; i++) {
    const int64_t place = i / SIDE_BY_SIDE, within = i % SIDE_BY_SIDE,
                  at = all == count ? i : (count - SIDE_BY_SIDE) * place / (PLACES - 1) + within;
    bd_error_t unread; /* the run says so when it comes to it */
    if (bd_images_read(images, group, at, 1, room, &unread) == BD_OK) look_at(size, room, s);
  }
}

/* ---- what it says --------------------------------------------------------------- */

#define CONVERT "barydef convert OLD.h5 NEW.h5 "

/* Scales around zero that are met, with room for what attacks add. */
static const struct {
  double low, high, room;
} around_zero[] = {{-0.5, 0.5, 0.05}, {-1, 1, 0.1}, {-128, 127, 8}};

/* Write what values from zero on look like, and how to convert them. */
static void explain_positive(const sample_t *s, char *text, size_t size) {
  const double top = s->high <= 2.5 ? s->high : s->high <= 255.5 ? 255 : 65535;
  snprintf(text, size, "look like 0 to %.9g; " CONVERT "--scale %.9g divides them", top, top);
}

/* The same of values some of which are negative. */
static void explain_signed(const sample_t *s, char *text, size_t size) {
  for (size_t i = 0; i < sizeof around_zero / sizeof *around_zero; i++) {
    const double low = around_zero[i].low, high = around_zero[i].high, room = around_zero[i].room;
    if (s->low < low - room || s->high > high + room || s->high - s->low < high / 2) continue;
    snprintf(text, size, "look like %g to %g; " CONVERT "--range %g %g moves them", low, high, low,
             high);
    return;
  }
  snprintf(text, size,
           "look standardised; " CONVERT "--mean M,... --std S,... of the channels undoes "
           "(x - M) / S");
}

static void explain(const sample_t *s, char *text, size_t size) {
  const double near = 0.2;
  if (s->low >= -near && s->high <= 1 + near && s->high > 1 - 2 * near)
    snprintf(text, size, "are little beyond [0,1]; " CONVERT "--clip clips them");
  else if (s->low >= -BD_ABOVE_ONE_MAX) explain_positive(s, text, size);
  else explain_signed(s, text, size);
}

/* The same of a group in which nothing is brighter than 1/255. */
static void explain_dark(const char *type, char *text, size_t size) {
  if (!strcmp(type, "uint8"))
    snprintf(text, size,
             "are 0 and 1 where uint8 counts to 255; " CONVERT "--scale 1 takes them as they are");
  else
    snprintf(text, size, "seem to be divided by 255 twice; " CONVERT "--scale %.9g undoes this",
             1.0 / 255);
}

static bd_status_t refuse(const bd_images_t *images, int group, const sample_t *s,
                          const char *explained, bd_error_t *error) {
  const char *name = bd_images_info(images)->attacks[group].name;
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: %s%s/images has values from %g to %g in %d images that were looked at, %d of "
                 "them beyond [0,1]: they %s",
                 bd_images_path(images), strcmp(name, "clean") ? "/attacks/" : "/", name, s->low,
                 s->high, s->images, s->beyond, explained);
}

static bd_status_t judge(const bd_images_t *images, int group, const sample_t *s,
                         bd_error_t *error) {
  const double darkest = 1.0 / 255 * (1 + BD_ABOVE_ONE_MAX);
  char text[200];
  if (!(s->low < s->high)) return BD_OK; /* one value alone says nothing */
  if (2 * s->beyond > s->images) explain(s, text, sizeof text);
  else if (s->images >= LEAST_FOR_DARK && !s->beyond && s->high > 0 && s->high <= darkest)
    explain_dark(bd_images_info(images)->attacks[group].type, text, sizeof text);
  else return BD_OK;
  return refuse(images, group, s, text, error);
}

bd_status_t bd_images_check_scale(bd_images_t *images, int group, int64_t count,
                                  bd_error_t *error) {
  const bd_images_info_t *info = bd_images_info(images);
  const size_t size = (size_t)info->channels * (size_t)info->height * (size_t)info->width;
  double *room = malloc(size * sizeof *room);
  sample_t s;
  if (!room) return bd_fail(error, BD_FAILED, "%s: no memory for an image", bd_images_path(images));
  take_sample(images, group, count, room, &s);
  free(room);
  return judge(images, group, &s, error);
}
