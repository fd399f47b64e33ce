/* The limits and sizes of the storage that only this room needs, each with its reason.  What a user
   meets is in <barydef/limits.h>. */
#ifndef BD_STORAGE_LIMITS_H
#define BD_STORAGE_LIMITS_H

#include <barydef/limits.h>

/* ---- the child that HDF5 runs in ------------------------------------------------- */

enum {
  /* Seconds of processor time for a file: some, and one for each 4 MiB of it. */
  CHILD_SECONDS_LEAST = 2,
  CHILD_BYTES_A_SECOND = 4 << 20,
  /* Seconds that a child may grant itself on top, for work whose length it knows. */
  CHILD_SECONDS_MORE = 200,
  /* Seconds by the clock: at least these, and so many times its processor time.  A child that waits
     for a slow disk is not lost. */
  CHILD_CLOCK_LEAST = 30,
  CHILD_CLOCK_TIMES = 10,
  /* What a child may hand over beyond the memory that it may use. */
  CHILD_PARCEL_MORE = 1 << 20,
  /* Memory for a child that reads or finishes a result, whose metadata are small. */
  CHILD_RESULT_MEMORY = 1 << 29
};

/* ---- any file -------------------------------------------------------------------- */

enum {
  /* Seconds to wait for a writer's lock.  The ranks of a killed mpirun may hold it for about two
     seconds until they notice. */
  LOCK_SECONDS = 5,
  /* Bytes of holes that a file may have whatever lies on the disk. */
  HOLES_MOST = 1 << 30,
  /* Images of an attack, in bits: products with the size of an image stay far from overflow. */
  IMAGES_MOST_BITS = 40
};

/* ---- attacked images ------------------------------------------------------------- */

enum {
  /* Filters of a dataset: one of each kind that is known, and one to spare. */
  FILTERS_MAX = 4,
  /* No compression that is known makes more bytes of one.  Deflate ends near 1032. */
  COMPRESSION_MOST = 1100,
  /* Shares of run.max_memory: the labels take a sixteenth (8 bytes each), and so does the list of
     chunks (16 bytes each).  A chunk takes at most an eighth, and so do the images it belongs to.
   */
  LABELS_SHARE = 16 * 8,
  CHUNKS_SHARE = 16 * 16,
  CHUNK_SHARE = 8,
  /* A chunk takes more bytes than these of the index alone. */
  CHUNK_INDEX_BYTES = 24,
  /* A filter that makes data longer than by this is left out by HDF5. */
  CHUNK_GROWTH_MOST = 1024
};

/* ---- a result -------------------------------------------------------------------- */

enum {
  /* Attacks, with the clean images. */
  RESULT_ATTACKS_MAX = BD_ATTACKS_MAX + 1,
  /* The number of the first run in a part of a sweep. */
  FIRST_RUN_MAX = 1 << 20,
  /* Bytes of a text that is handed over; longer ones, which only others write, are cut. */
  RESULT_TEXT_MAX = 1 << 20,
  /* Bytes of a job in a summary. */
  SUMMARY_JOB_MAX = 1 << 17,
  /* Attributes in a summary; the others are left out. */
  SUMMARY_ATTRIBUTES_MAX = 1000,
  /* Rows of /statistics in a summary: all runs and attacks at their limits. */
  SUMMARY_ROWS_MAX = 1 << 20,
  /* Marks that wait for their data to reach the disk: 64 KiB of memory. */
  MARKS_WAITING_MAX = 4096,
  /* Seconds of finished work that a kill can cost on a disk that is slow to sync, and how many
     times as long as a sync took it is until the next. */
  SYNC_SECONDS_MOST = 2,
  SYNC_TIMES = 100
};

#endif
