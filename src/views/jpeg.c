/* JPEG compression and decompression: Dziugaite, Ghahramani and Roy, "A study of the effect of JPG
   compression on adversarial images", 2016.  Pixels are rounded to 8 bits.  One channel is a grey
   image, and three are RGB with libjpeg's default chroma subsampling.  For any other number, each
   channel is a grey image of its own. */
#include "views/views.h"

#ifdef BD_HAS_JPEG

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h> /* which needs stdio.h before it */

/* libjpeg calls error_exit when it fails.  This must not return. */
typedef struct failure {
  struct jpeg_error_mgr manager; /* first: libjpeg knows no more of this struct */
  jmp_buf out;
  char why[JMSG_LENGTH_MAX];
} failure_t;

static void leave(j_common_ptr state) {
  failure_t *failure = (failure_t *)state->err;
  state->err->format_message(state, failure->why);
  longjmp(failure->out, 1);
}

static void stay_silent(j_common_ptr state, int level) { (void)state, (void)level; }

static struct jpeg_error_mgr *prepare(failure_t *failure) {
  jpeg_std_error(&failure->manager);
  failure->manager.error_exit = leave;
  failure->manager.emit_message = stay_silent;
  return &failure->manager;
}

typedef struct picture {
  int height, width, components; /* 1: grey; 3: RGB, interleaved */
  unsigned char *bytes;          /* [height][width][components] */
  unsigned char *room;           /* for the compressed image, more than it takes */
  unsigned long room_size;
  unsigned char *file; /* the compressed image, in `room` or where libjpeg has moved it */
  unsigned long size;
} picture_t;

static J_COLOR_SPACE colors_of(const picture_t *p) {
  return p->components == 1 ? JCS_GRAYSCALE : JCS_RGB;
}

static int compress(picture_t *p, int quality, failure_t *failure) {
  struct jpeg_compress_struct state;
  const size_t row = (size_t)p->width * (size_t)p->components;
  state.err = prepare(failure);
  jpeg_create_compress(&state);
  if (setjmp(failure->out)) {
    jpeg_destroy_compress(&state);
    return 0;
  }
  jpeg_mem_dest(&state, &p->file, &p->size);
  state.image_width = (JDIMENSION)p->width;
  state.image_height = (JDIMENSION)p->height;
  state.input_components = p->components;
  state.in_color_space = colors_of(p);
  jpeg_set_defaults(&state);
  jpeg_set_quality(&state, quality, TRUE);
  jpeg_start_compress(&state, TRUE);
  while (state.next_scanline < state.image_height) {
    JSAMPROW line = p->bytes + state.next_scanline * row;
    jpeg_write_scanlines(&state, &line, 1);
  }
  jpeg_finish_compress(&state);
  jpeg_destroy_compress(&state);
  return 1;
}

static int decompress(picture_t *p, failure_t *failure) {
  struct jpeg_decompress_struct state;
  const size_t row = (size_t)p->width * (size_t)p->components;
  state.err = prepare(failure);
  jpeg_create_decompress(&state);
  if (setjmp(failure->out)) {
    jpeg_destroy_decompress(&state);
    return 0;
  }
  jpeg_mem_src(&state, p->file, p->size);
  jpeg_read_header(&state, TRUE);
  state.out_color_space = colors_of(p);
  jpeg_start_decompress(&state);
  while (state.output_scanline < state.output_height) {
    JSAMPROW line = p->bytes + state.output_scanline * row;
    jpeg_read_scanlines(&state, &line, 1);
  }
  jpeg_finish_decompress(&state);
  jpeg_destroy_decompress(&state);
  return 1;
}

/* Convert `components` consecutive planes from float64 to interleaved bytes.  Values out of range
   become 0 or 255. */
static void to_bytes(const picture_t *p, const double *in) {
  const size_t plane = (size_t)p->height * (size_t)p->width, step = (size_t)p->components;
  for (size_t c = 0; c < step; c++)
    for (size_t i = 0; i < plane; i++) {
      const double value = in[c * plane + i] * 255 + 0.5;
      p->bytes[i * step + c] = value >= 255 ? 255 : value > 0 ? (unsigned char)value : 0;
    }
}

static void from_bytes(const picture_t *p, double *out) {
  const size_t plane = (size_t)p->height * (size_t)p->width, step = (size_t)p->components;
  for (size_t c = 0; c < step; c++)
    for (size_t i = 0; i < plane; i++) out[c * plane + i] = p->bytes[i * step + c] / 255.0;
}

static bd_status_t squeeze(picture_t *p, int quality, const double *in, double *out,
                           bd_error_t *error) {
  failure_t failure;
  p->file = p->room;
  p->size = p->room_size;
  to_bytes(p, in);
  const int done = compress(p, quality, &failure);
  const int is_back = done && decompress(p, &failure);
  /* After a failure libjpeg may already have freed the memory that it moved the file to. */
  if (done && p->file != p->room) free(p->file);
  if (!is_back) return bd_fail(error, BD_FAILED, "libjpeg fails on an image: %s", failure.why);
  from_bytes(p, out);
  return BD_OK;
}

static bd_status_t make(const bd_view_source_t *source, double *room, const double **pixels,
                        bd_error_t *error) {
  enum { HEAD = 4096, EDGE = 32, BYTES = 8 }; /* of a compressed image, at most, at any quality */
  const size_t plane = view_plane_size(source);
  const int components = source->channels == 3 ? 3 : 1;
  picture_t picture = {.height = source->height, .width = source->width, .components = components};
  picture.room_size = HEAD + (unsigned long)components * BYTES *
                                 ((unsigned long)source->height + EDGE) *
                                 ((unsigned long)source->width + EDGE);
  picture.bytes = malloc(plane * (size_t)components);
  picture.room = malloc(picture.room_size);
  bd_status_t status = picture.bytes && picture.room
                           ? BD_OK
                           : bd_fail(error, BD_FAILED, "no memory to compress an image");
  for (size_t p = 0; status == BD_OK && p < view_planes(source); p += (size_t)components)
    status = squeeze(&picture, source->parameters->jpeg_quality, source->attacked + p * plane,
                     room + p * plane, error);
  free(picture.bytes);
  free(picture.room);
  *pixels = room;
  return status;
}

#define TEXT(token) #token
#define TEXT_OF(macro) TEXT(macro)
#ifdef LIBJPEG_TURBO_VERSION
#define LIBRARY "libjpeg-turbo " TEXT_OF(LIBJPEG_TURBO_VERSION)
#else
#define LIBRARY "libjpeg " TEXT_OF(JPEG_LIB_VERSION)
#endif
const view_maker_t view_jpeg = {.make = make, .library = LIBRARY};

#else

const view_maker_t view_jpeg = {.library =
                                    "libjpeg: none, a job that asks for the view jpeg is refused"};

#endif
