/* The attributes of a set, as HDF5's many users write them: numbers of any width, whole floats for
   integers, numbers as text, texts of fixed or variable length, padded by zeros or blanks. */
#include "number.h"
#include "storage/set/survey_taking.h"
#include "text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How an attribute was found. */
typedef enum told { TOLD, NOT_TOLD, TOLD_OTHERWISE } told_t;

/* An attribute that is there. */
typedef struct attribute {
  hid_t id, type;
  H5T_class_t kind;
  hssize_t count; /* elements; 0: an empty one */
} attribute_t;

static int open_attribute(hid_t object, const char *name, attribute_t *a) {
  if (object < 0 || H5Aexists(object, name) <= 0) return 0;
  a->id = H5Aopen(object, name, H5P_DEFAULT);
  hid_t space = H5Aget_space(a->id);
  a->type = H5Aget_type(a->id);
  a->kind = H5Tget_class(a->type);
  a->count = H5Sget_simple_extent_npoints(space);
  h5_close(space);
  return 1;
}

static void close_attribute(attribute_t *a) {
  h5_close(a->type);
  h5_close(a->id);
}

/* ---- one value ----------------------------------------------------------------- */

/* Do the parts of a number lie inside its bytes?  HDF5 does not check this. */
static int is_sound(hid_t type, H5T_class_t kind) {
  const size_t size = H5Tget_size(type), bits = H5Tget_precision(type);
  const int offset = H5Tget_offset(type);
  if (size > 16 || offset < 0 || (size_t)offset + bits > 8 * size) return 0;
  if (kind == H5T_INTEGER) return size <= 8 && bits > 0;
  size_t sign, exponent, exponents, mantissa, mantissas;
  return H5Tget_fields(type, &sign, &exponent, &exponents, &mantissa, &mantissas) >= 0 &&
         sign < 8 * size && exponent + exponents <= 8 * size && mantissa + mantissas <= 8 * size;
}

static const char *blanks_cut(char *text) {
  size_t length = strlen(text);
  const char *from = text_trim(text, &length);
  memmove(text, from, length);
  text[length] = 0;
  return text;
}

/* Read a text, or with `size` 0 the length of one, without the blanks around it. */
static int read_text(const attribute_t *a, char *text, size_t size) {
  if (a->kind != H5T_STRING || a->count > 1) return 0;
  snprintf(text, size, "%s", "");
  if (a->count == 0) return 1;
  int done = 0;
  if (H5Tis_variable_str(a->type)) {
    char *value = NULL;
    done = H5Aread(a->id, a->type, &value) >= 0;
    if (done && value) snprintf(text, size, "%s", value);
    if (value) H5free_memory(value);
  } else {
    char *value = calloc(H5Tget_size(a->type) + 1, 1);
    done = value && H5Aread(a->id, a->type, value) >= 0;
    if (done) snprintf(text, size, "%s", value);
    free(value);
  }
  if (done) blanks_cut(text);
  return done;
}

/* The numbers that number_parse() does not take. */
static int parse_special(const char *text, double *number) {
  static const struct {
    const char *word;
    double number;
  } words[] = {{"nan", NAN},      {"none", NAN},          {"unknown", NAN},
               {"inf", INFINITY}, {"infinity", INFINITY}, {"", NAN}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcasecmp(text, words[i].word)) {
      *number = words[i].number;
      return 1;
    }
  return 0;
}

/* A number, or two with a slash between them, such as 8/255. */
static int parse_number(const char *text, double *number) {
  const char *end;
  double below = 1;
  if (parse_special(text, number)) return 1;
  if (!number_parse(text, &end, number)) return 0;
  end += strspn(end, " ");
  if (*end == '/') {
    end += 1 + strspn(end + 1, " ");
    if (!number_parse(end, &end, &below) || below == 0) return 0;
    *number /= below;
  }
  return *end == 0;
}

static int read_number(const attribute_t *a, double *number) {
  if (a->kind == H5T_STRING) {
    char text[64];
    return read_text(a, text, sizeof text) && parse_number(text, number);
  }
  return (a->kind == H5T_INTEGER || a->kind == H5T_FLOAT) && a->count == 1 &&
         is_sound(a->type, a->kind) && H5Aread(a->id, H5T_NATIVE_DOUBLE, number) >= 0;
}

/* ---- by name ------------------------------------------------------------------- */

static void describe(const attribute_t *a, char what[80]) {
  static const char *const names[] = {
      [H5T_INTEGER] = "an integer",  [H5T_FLOAT] = "a number", [H5T_STRING] = "a text",
      [H5T_COMPOUND] = "a compound", [H5T_ENUM] = "an enum",   [H5T_REFERENCE] = "a reference",
      [H5T_ARRAY] = "an array"};
  const int kinds = (int)(sizeof names / sizeof *names);
  const char *name =
      a->kind >= 0 && (int)a->kind < kinds && names[a->kind] ? names[a->kind] : "of another type";
  if (a->count == 0) snprintf(what, 80, "empty");
  else if (a->count == 1) snprintf(what, 80, "%s", name);
  else snprintf(what, 80, "an array of %lld elements", (long long)a->count);
}

static told_t get_text(hid_t object, const char *name, char *text, size_t size, char what[80]) {
  attribute_t a;
  if (!open_attribute(object, name, &a)) return NOT_TOLD;
  const told_t told = read_text(&a, text, size) ? TOLD : TOLD_OTHERWISE;
  describe(&a, what);
  close_attribute(&a);
  return told;
}

static told_t get_number(hid_t object, const char *name, double *number, char what[80]) {
  attribute_t a;
  double found;
  char text[48];
  if (!open_attribute(object, name, &a)) return NOT_TOLD;
  const told_t told = read_number(&a, &found) ? TOLD : TOLD_OTHERWISE;
  if (told == TOLD) *number = found;
  describe(&a, what);
  if (a.kind == H5T_STRING && read_text(&a, text, sizeof text))
    snprintf(what, 80, "the text \"%s\"", text);
  close_attribute(&a);
  return told;
}

static void note_attribute(taking_t *t, const char *name, const char *path, const char *what,
                           const char *wanted) {
  bd_error_t note;
  bd_fail(&note, BD_OK, "attribute %s of %s is %s, not %s, and is not used", name, path, what,
          wanted);
  taking_note(t, &note);
}

static void note_text(taking_t *t, hid_t object, const char *path, const char *name, char *text,
                      size_t size) {
  char what[80];
  if (get_text(object, name, text, size, what) == TOLD_OTHERWISE)
    note_attribute(t, name, path, what, "a text");
  text_clean(text);
}

/* ---- norms --------------------------------------------------------------------- */

/* Write a norm as this program names it: inf, Linf and l_inf are "linf", 2 and L2 are "l2".  Any
   other name stays as it is. */
static void name_norm(char norm[BD_NORM_NAME]) {
  static const char *const infinite[] = {"inf", "infinity", "np.inf", "numpy.inf", "\u221e"};
  const char *rest = norm;
  if (*rest == 'l' || *rest == 'L') rest++;
  if (*rest == '_' || *rest == '-') rest++;
  for (size_t i = 0; i < sizeof infinite / sizeof *infinite; i++)
    if (!strcasecmp(rest, infinite[i])) {
      snprintf(norm, BD_NORM_NAME, "linf");
      return;
    }
  if (strlen(rest) == 1 && strchr("012", *rest)) {
    char name[4] = {'l', *rest, 0};
    snprintf(norm, BD_NORM_NAME, "%s", name);
  }
}

static void read_norm(taking_t *t, hid_t group, const char *path, char norm[BD_NORM_NAME]) {
  char what[80];
  double number;
  const told_t text = get_text(group, "norm", norm, BD_NORM_NAME, what);
  if (text == TOLD_OTHERWISE) {
    if (get_number(group, "norm", &number, what) == TOLD && !isnan(number))
      snprintf(norm, BD_NORM_NAME, isinf(number) ? "linf" : "l%g", number);
    else note_attribute(t, "norm", path, what, "a text or a number");
  }
  text_clean(norm);
  name_norm(norm);
}

void taking_read_attack(taking_t *t, hid_t group, const char *path, bd_attack_t *attack) {
  char what[80];
  attack->epsilon = NAN;
  read_norm(t, group, path, attack->norm);
  if (get_number(group, "epsilon", &attack->epsilon, what) == TOLD_OTHERWISE)
    note_attribute(t, "epsilon", path, what, "a number");
  note_text(t, group, path, "source", attack->source, sizeof attack->source);
  note_text(t, group, path, "through", attack->through, sizeof attack->through);
  note_text(t, group, path, "gradient", attack->gradient, sizeof attack->gradient);
}

/* ---- the root ------------------------------------------------------------------ */

static bd_status_t no_schema(const taking_t *t, told_t told, const char *schema, const char *what,
                             bd_error_t *error) {
  const char *path = t->request->path;
  static const char way[] = "barydef convert reads files of other layouts";
  if (told == TOLD)
    return bd_fail(error, BD_BAD_INPUT,
                   "%s: not a file of attacked images: attribute schema of / is not "
                   "\"" BD_IMAGES_SCHEMA "\" but \"%s\"; %s",
                   path, schema, way);
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: not a file of attacked images: attribute schema of / is not "
                 "\"" BD_IMAGES_SCHEMA "\" but %s; %s",
                 path, told == NOT_TOLD ? "missing" : what, way);
}

/* `layout` settles what the axes are where their lengths leave a doubt. */
static bd_status_t read_layout(taking_t *t, bd_error_t *error) {
  char layout[16] = "", what[80];
  const told_t told = get_text(t->file, "layout", layout, sizeof layout, what);
  text_clean(layout);
  if (told == NOT_TOLD) return BD_OK;
  t->head.is_settled = told == TOLD && !strcasecmp(layout, "nchw");
  if (t->head.is_settled) return BD_OK;
  return bd_fail(error, BD_BAD_INPUT,
                 "%s: attribute layout of / is %s%s%s; only \"nchw\" can be read, and barydef "
                 "convert OLD.h5 NEW.h5 --layout nhwc moves the channels",
                 t->request->path, told == TOLD ? "\"" : "", told == TOLD ? layout : what,
                 told == TOLD ? "\"" : "");
}

bd_status_t taking_read_root(taking_t *t, bd_error_t *error) {
  char schema[64] = "", what[80] = "";
  double version = NAN;
  const told_t told = get_text(t->file, "schema", schema, sizeof schema, what);
  text_clean(schema);
  if (told != TOLD || strcmp(schema, BD_IMAGES_SCHEMA) != 0)
    return no_schema(t, told, schema, what, error);
  const told_t told_version = get_number(t->file, "schema_version", &version, what);
  if (told_version != TOLD)
    return bd_fail(error, BD_BAD_INPUT, "%s: attribute schema_version of / is not %d: it is %s",
                   t->request->path, BD_IMAGES_SCHEMA_VERSION,
                   told_version == NOT_TOLD ? "missing" : what);
  if (version != BD_IMAGES_SCHEMA_VERSION)
    return bd_fail(error, BD_BAD_INPUT, "%s: attribute schema_version of / is not %d but %g",
                   t->request->path, BD_IMAGES_SCHEMA_VERSION, version);
  note_text(t, t->file, "/", "dataset", t->head.dataset, sizeof t->head.dataset);
  return read_layout(t, error);
}
