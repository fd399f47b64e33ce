/* The victim's answers for the images in hand, found again by the bits of their pixels.

   Views, snapshots and points of a sweep often show the victim the same float32 pixels again.  Each
   image has room for `most` answers, of which the one least recently used makes way.

   Image i of a set is always evaluated at row i mod batch, because the last bits of its logits may
   depend on the row: with some BLAS kernels more than half of the rows differ.  What is asked about
   all the images in hand is gathered, so that the rows of a batch are used. */
#ifndef BD_SEEN_H
#define BD_SEEN_H

#include <barydef/victim.h>
#include <stddef.h>
#include <stdint.h>

/* An answer.  While class_number is SEEN_PENDING, the victim has yet to be asked. */
enum { SEEN_FREE = -3, SEEN_PENDING = -2 };
typedef struct seen_answer {
  uint64_t hash;
  int64_t used; /* when it was last asked for */
  int32_t class_number;
} seen_answer_t;

/* Whoever waits for an answer. */
typedef struct seen_request {
  size_t answer;
  int32_t *class_number;
} seen_request_t;

/* Images that the victim was asked about, those that were the same bits, and the rows of the
   batches that it was given. */
typedef struct seen_counts {
  int64_t predicted, shared, rows;
} seen_counts_t;

typedef struct bd_seen {
  bd_victim_t *victim;
  int block, most, batch; /* images, answers for each, rows */
  size_t size;            /* values of an image */
  int64_t first;          /* number of image 0 in its set */
  seen_answer_t *answers; /* [block][most] */
  int64_t asked;          /* how often; the time of a use */
  float *pixels;          /* [block][most][size] */
  float *rows;            /* [batch][size] */
  int32_t *classes;       /* [batch] */
  size_t *taken;          /* [batch], the answer that a row is for */
  seen_request_t *requests;
  int request_count, request_room;
  int pending; /* answers that the victim is still to give */
  seen_counts_t counts;
} bd_seen_t;

/* Errors: BD_FAILED without memory.  Freed by seen_free, also after an error. */
bd_status_t seen_create(bd_victim_t *victim, int batch, int block, int most, size_t size,
                        bd_seen_t *seen, bd_error_t *error);
void seen_free(bd_seen_t *seen);

/* Bytes that seen_create takes. */
double seen_bytes(int batch, int block, int most, size_t size);

/* Forget the images in hand.  Image 0 is now number `first` of its set. */
void seen_forget(bd_seen_t *seen, int64_t first);

/* Ask for the class of image i.  *class_number is set by seen_answer_all at the latest.  Errors:
   those of bd_victim_predict, and BD_FAILED without memory. */
bd_status_t seen_ask(bd_seen_t *seen, int i, const float *pixels, int32_t *class_number,
                     bd_error_t *error);

/* Have the victim answer whatever was asked.  Errors: those of bd_victim_predict. */
bd_status_t seen_answer_all(bd_seen_t *seen, bd_error_t *error);

#endif
