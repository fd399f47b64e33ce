/* What a file that does not load as TorchScript holds in its place, as far as its bytes tell. */
#include "victim/inside.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The bytes of a file, read only.  A weight may be anything, so that a word is looked for with what
   stands beside it. */
typedef struct bytes {
  const char *at;
  size_t count;
} bytes_t;

static int has(const bytes_t *file, const char *text) {
  return memmem(file->at, file->count, text, strlen(text)) != NULL;
}

static int begins(const bytes_t *file, const char *text) {
  return file->count >= strlen(text) && memcmp(file->at, text, strlen(text)) == 0;
}

#define EXPORT "torch.jit.script(model.eval()).save(FILE)"

/* torch.save writes a zip file with data.pkl in it, and before version 1.6 a pickle that begins
   with a number. */
static const char *cure_of(const bytes_t *file) {
  static const char legacy[] = "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.";
  if (file->count == 0) return "it is empty";
  if (begins(file, "\x89HDF\r\n\x1a\n"))
    return "it is HDF5; a victim is a program: make the model in PyTorch, and " EXPORT;
  if (!begins(file, "PK\x03\x04") && !begins(file, legacy))
    return "it is no TorchScript, which torch.jit.save writes";
  if (has(file, "serialized_exported_program"))
    return "it is what torch.export writes; load it in Python, and save torch.jit.trace(module, "
           "example)";
  if (has(file, "constants.pkl") || !(has(file, "/data.pkl") || begins(file, legacy))) return NULL;
  if (has(file, "_parameters") && has(file, "_modules"))
    return "it is a pickled module, as torch.save(model) writes it; load it in Python, and " EXPORT;
  return "it is weights without a program, as torch.save(model.state_dict()) writes them; make the "
         "model in Python, model.load_state_dict(torch.load(...)), and " EXPORT;
}

const char *victim_file_cure(const char *path) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  struct stat stat;
  const char *cure = NULL;
  if (file >= 0 && fstat(file, &stat) == 0) {
    const size_t count = (size_t)stat.st_size;
    void *at = count ? mmap(NULL, count, PROT_READ, MAP_PRIVATE, file, 0) : NULL;
    if (at != MAP_FAILED) cure = cure_of(&(bytes_t){at, count});
    if (at && at != MAP_FAILED) munmap(at, count);
  }
  if (file >= 0) close(file);
  return cure;
}
