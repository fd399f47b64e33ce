/* The driver without libFuzzer.  It runs every seed as it is, and then COUNT inputs that a fixed
   sequence of random numbers makes from the seeds.  They run in forked children, so that a crash, a
   hang of 40 seconds or an address space beyond the limit costs one input.  That input is kept, and
   the place in the code is named.

     replay SEEDS COUNT KEEP   runs inputs from folder SEEDS, keeps what fails in folder KEEP, and
                               ends with 1 where something did

     replay FILE...            runs these inputs alone, without a guard */
#include "fuzz.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { SEEDS_MAX = 512, INPUT_MAX = 1 << 20, BATCH = 500, FRAMES = 24 };

/* Seconds for one input.  The library ends a child that parses a file after 30 seconds by the clock
   (storage/hdf5/isolate.h), which a busy machine may need for its two seconds of processor time. */
enum { PATIENCE = 40 };
static const rlim_t address_space = 2ul << 30;

typedef struct input {
  size_t size;
  uint8_t *bytes;
} input_t;
static input_t seeds[SEEDS_MAX];
static int seed_count;

/* Parent and child share the number of the input under way, how many inputs of the child were
   accepted, and where it failed. */
typedef struct shared {
  long number, accepted;
  int signal;
  char place[400];
} shared_t;
static shared_t *shared;

/* ---- inputs -------------------------------------------------------------------- */

static int load(const char *path, input_t *input) {
  FILE *file = fopen(path, "rb");
  if (!file) return 0;
  input->bytes = malloc(INPUT_MAX);
  input->size = input->bytes ? fread(input->bytes, 1, INPUT_MAX, file) : 0;
  fclose(file);
  return input->bytes != NULL;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_seeds(const char *folder) {
  struct dirent **entries;
  char path[4096];
  int count = scandir(folder, &entries, NULL, by_name);
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    if (entries[i]->d_name[0] != '.' && seed_count < SEEDS_MAX)
      seed_count += load(path, &seeds[seed_count]);
    free(entries[i]);
  }
  if (count >= 0) free(entries);
}

static uint64_t random_state;
static uint64_t draw(uint64_t below) { /* splitmix64 */
  uint64_t z = random_state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return (z ^ z >> 31) % below;
}

static void mutate(input_t *input) {
  static const uint64_t numbers[] = {0,
                                     1,
                                     2,
                                     4,
                                     7,
                                     8,
                                     16,
                                     255,
                                     256,
                                     32767,
                                     65535,
                                     65536,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     0x100000000,
                                     0x7fffffffffffffff,
                                     0x8000000000000000,
                                     0xfffffffffffffffe,
                                     0xffffffffffffffff};
  if (input->size < 16) input->size = 16;
  /* Zeros are avoided.  Large files hold addresses, so bytes are seldom moved in them. */
  size_t place = draw(input->size);
  for (int i = 0; i < 4 && !input->bytes[place]; i++) place = draw(input->size);
  const size_t width = (size_t)1 << draw(4);
  size_t length = 1 + draw(64);
  switch (input->size > 4096 && draw(16) ? draw(6) : draw(8)) {
    case 0: input->bytes[place] ^= (uint8_t)(1 << draw(8)); break;
    case 1: input->bytes[place] = (uint8_t)draw(256); break;
    case 2:
    case 3: { /* a size, an address or a count, which are aligned */
      const size_t at = place / width * width;
      if (at + width <= input->size)
        memcpy(input->bytes + at, &numbers[draw(sizeof numbers / sizeof *numbers)], width);
      break;
    }
    case 4: input->bytes[place] = (uint8_t)(input->bytes[place] + draw(17) - 8); break;
    case 5: { /* one stretch over another */
      const size_t from = draw(input->size);
      if (length > input->size - (place > from ? place : from))
        length = input->size - (place > from ? place : from);
      memmove(input->bytes + place, input->bytes + from, length);
      break;
    }
    case 6: /* cut out, or put in twice */
      if (length > input->size - place) length = input->size - place;
      if (draw(2) && input->size + length <= INPUT_MAX) {
        memmove(input->bytes + place + length, input->bytes + place, input->size - place);
        input->size += length;
      } else {
        memmove(input->bytes + place, input->bytes + place + length, input->size - place - length);
        input->size -= length;
      }
      break;
    default: { /* from another seed, at the same place */
      const input_t *other = &seeds[draw((uint64_t)seed_count)];
      for (size_t i = place; i < place + length && i < input->size && i < other->size; i++)
        input->bytes[i] = other->bytes[i];
      break;
    }
  }
}

/* Makes input `number`, which depends on nothing else.  The seeds come first. */
static void make(long number, input_t *input) {
  random_state = (uint64_t)number * 0x2545f4914f6cdd1d;
  const input_t *seed = &seeds[number < seed_count ? (uint64_t)number : draw((uint64_t)seed_count)];
  memcpy(input->bytes, seed->bytes, seed->size);
  input->size = seed->size;
  if (number < seed_count) return;
  const int times = 1 << draw(5);
  for (int i = 0; i < times; i++) mutate(input);
}

/* ---- children ------------------------------------------------------------------ */

/* Ends the child, and names the innermost frames outside the C library and the sanitizers. */
static void failed(int number) {
  void *frames[FRAMES];
  int count = backtrace(frames, FRAMES);
  size_t used = 0;
  for (int i = 1; i < count && used + 100 < sizeof shared->place; i++) {
    Dl_info info;
    if (!dladdr(frames[i], &info) || !info.dli_fname) continue;
    const char *object =
        strrchr(info.dli_fname, '/') ? strrchr(info.dli_fname, '/') + 1 : info.dli_fname;
    if (!strncmp(object, "libc.", 5) || !strncmp(object, "libasan", 7) ||
        !strncmp(object, "linux-vdso", 10))
      continue;
    used += (size_t)snprintf(shared->place + used, 100, "%s%.20s:%.60s", used ? " < " : "", object,
                             info.dli_sname ? info.dli_sname : "?");
  }
  shared->signal = number;
  _exit(number == SIGALRM ? 98 : 97);
}

/* Instrumented builds and busy machines are slower.  The tests in Python have the same factor. */
static unsigned patience(void) {
  const char *times = getenv("BARYDEF_PATIENCE");
  return PATIENCE * (times ? (unsigned)strtoul(times, NULL, 10) : 1);
}

static void child(long first, long end, int is_sanitized) {
  static uint8_t stack[1 << 16];
  const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
  const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
  struct sigaction action = {.sa_handler = failed, .sa_flags = SA_ONSTACK};
  const struct rlimit limit = {address_space, address_space};
  void *frame;
  input_t input = {0, malloc(INPUT_MAX + 64)};
  if (!input.bytes) _exit(96);
  backtrace(&frame, 1); /* now, since it loads a library */
  sigaltstack(&other, NULL);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    sigaction(numbers[i], &action, NULL);
  if (!is_sanitized) setrlimit(RLIMIT_AS, &limit);
  for (shared->number = first; shared->number < end; shared->number++) {
    make(shared->number, &input);
    alarm(patience());
    LLVMFuzzerTestOneInput(input.bytes, input.size);
    alarm(0);
    shared->accepted = fuzz_accepted;
  }
  _exit(0);
}

static void keep(const char *folder, long number, const char *kind) {
  char path[4096];
  input_t input = {0, malloc(INPUT_MAX + 64)};
  if (!input.bytes) return;
  make(number, &input);
  mkdir(folder, 0777);
  snprintf(path, sizeof path, "%s/%s-%ld", folder, kind, number);
  FILE *file = fopen(path, "wb");
  if (file) {
    fwrite(input.bytes, 1, input.size, file);
    fclose(file);
  }
  printf("%s: %s\n", path, *shared->place ? shared->place : "see above");
  free(input.bytes);
}

static int campaign(long count, const char *folder) {
  char path[64];
  long crashes = 0, hangs = 0, accepted = 0;
  const int is_sanitized = dlsym(RTLD_DEFAULT, "__asan_init") != NULL;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return perror("mmap"), 1;
  for (long next = 0; next < count + seed_count;) {
    const long end = next + BATCH < count + seed_count ? next + BATCH : count + seed_count;
    int status = 0;
    fflush(NULL);
    *shared = (shared_t){.number = next};
    pid_t pid = fork();
    if (pid < 0) return perror("fork"), 1;
    if (pid == 0) child(next, end, is_sanitized);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    accepted += shared->accepted;
    snprintf(path, sizeof path, "/dev/shm/barydef-fuzz-%d", (int)pid);
    unlink(path);
    if (status == 0) {
      next = end;
      continue;
    }
    const int hung = shared->signal == SIGALRM;
    hangs += hung;
    crashes += !hung;
    keep(folder, shared->number, hung ? "hang" : "crash");
    next = shared->number + 1;
  }
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  printf("%ld inputs from %d seeds, %ld not refused: %ld crashes, %ld hangs, at most %ld MiB\n",
         count + seed_count, seed_count, accepted, crashes, hangs, usage.ru_maxrss / 1024);
  return accepted == 0 || crashes + hangs > 0;
}

int main(int argc, char **argv) {
  struct stat info;
  if (argc == 4 && stat(argv[1], &info) == 0 && S_ISDIR(info.st_mode)) {
    load_seeds(argv[1]);
    if (!seed_count) return fprintf(stderr, "%s: no seeds\n", argv[1]), 2;
    return campaign(strtol(argv[2], NULL, 10), argv[3]);
  }
  for (int i = 1; i < argc; i++) {
    input_t input;
    if (!load(argv[i], &input)) return perror(argv[i]), 2;
    LLVMFuzzerTestOneInput(input.bytes, input.size);
    printf("%s: %zu bytes\n", argv[i], input.size);
    free(input.bytes);
  }
  return 0;
}
