/* Limits and sizes that only the storage needs, each with its reason.  Those that a user meets are
   in <barydef/limits.h>. */
#ifndef BD_STORAGE_LIMITS_H
#define BD_STORAGE_LIMITS_H

#include <barydef/limits.h>

/* ---- the child that HDF5 runs in ------------------------------------------------- */

enum {
  /* Seconds of processor time for a file: a fixed number, and one more for each 4 MiB. */
  CHILD_SECONDS_LEAST = 2,
  CHILD_BYTES_A_SECOND = 4 << 20,
  /* Seconds that a child may add for work whose length it knows. */
  CHILD_SECONDS_MORE = 200,
  /* Seconds by the clock: at least the first, and the second times its processor time.  So a child
     that waits for a slow disk is not lost. */
  CHILD_CLOCK_LEAST = 30,
  CHILD_CLOCK_TIMES = 10,
  /* Bytes that a child may hand over beyond the memory that it may use. */
  CHILD_PARCEL_MORE = 1 << 20,
  /* Memory for a child that reads or finishes a result, which has little metadata. */
  CHILD_RESULT_MEMORY = 1 << 29
};

/* ---- any file -------------------------------------------------------------------- */

enum {
  /* Seconds to wait for a writer's lock.  The ranks of a killed mpirun may hold it for about two
     seconds until they notice. */
  LOCK_SECONDS = 5,
  /* Bytes of holes that any file may have, however little of it is on the disk. */
  HOLES_MOST = 1 << 30,
  /* Images of an attack, in bits.  Products with the size of an image stay far from overflow. */
  IMAGES_MOST_BITS = 40
};

/* ---- attacked images ------------------------------------------------------------- */

enum {
  /* Filters of a dataset: one of each known kind, and one to spare. */
  FILTERS_MAX = 5,
  /* Bytes that one compressed byte can become.  Deflate reaches about 1032. */
  COMPRESSION_MOST = 1100,
  /* Shares of run.max_memory.  The labels take at most a sixteenth, and so does the list of
     chunks.  A label takes 8 bytes and an entry of the list 16.  A chunk takes at most an eighth,
     and so do the images it belongs to. */
  LABELS_SHARE = 16 * 8,
  CHUNKS_SHARE = 16 * 16,
  CHUNK_SHARE = 8,
  /* Bytes that a chunk takes at least, in the index alone. */
  CHUNK_INDEX_BYTES = 24,
  /* Names that a dataset of images may have besides its first, by hard links.  If groups could
     share bytes without end, a small file could stand for a huge set. */
  LINKS_MOST = 16,
  /* HDF5 leaves out a filter that makes data longer by more than this. */
  CHUNK_GROWTH_MOST = 1024
};

/* ---- a result -------------------------------------------------------------------- */

enum {
  /* Attacks, the clean images included. */
  RESULT_ATTACKS_MAX = BD_ATTACKS_MAX + 1,
  /* The number of the first run in a part of a sweep. */
  FIRST_RUN_MAX = 1 << 20,
  /* Bytes of a text that is handed over.  Longer texts, which this program never writes, are
     cut. */
  RESULT_TEXT_MAX = 1 << 20,
  /* Bytes of a job in a summary. */
  SUMMARY_JOB_MAX = 1 << 17,
  /* Attributes in a summary; the others are left out. */
  SUMMARY_ATTRIBUTES_MAX = 1000,
  /* Rows of /statistics in a summary, with runs and attacks both at their limits. */
  SUMMARY_ROWS_MAX = 1 << 20,
  /* Marks that wait for their data to reach the disk: 64 KiB of memory. */
  MARKS_WAITING_MAX = 4096,
  /* Seconds of finished work that a kill can cost on a disk that is slow to sync.  The next sync
     comes after this many times the duration of the last. */
  SYNC_SECONDS_MOST = 2,
  SYNC_TIMES = 100
};

#endif
