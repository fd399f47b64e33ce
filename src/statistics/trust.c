/* Whether what an attack leaves may be believed.  The rules are those of Carlini et al., "On
   evaluating adversarial robustness", 2019, and of the flags of AutoAttack, Croce and Hein 2020. */
#include <barydef/statistics.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Images that chance may account for, of those looked at: one in twenty, and two at least. */
static int64_t chance(int64_t images) { return images > 40 ? images / 20 : 2; }

/* Say why not, or with what care.  Returns 0 where there is nothing to say. */
static int refute(const bd_statistics_t *row, char *text, size_t size) {
  int said = 0;
  if (row->zero_gradient > chance(row->images))
    said = snprintf(text, size, "no: %" PRId64 " of %" PRId64 " images have no gradient at all",
                    row->zero_gradient, row->images);
  else if (row->square_missed > chance(row->images))
    said =
        snprintf(text, size, "no: Square, which needs no gradient, broke %" PRId64 " images more",
                 row->square_missed);
  else if (row->noise_missed > 0)
    said = snprintf(text, size, "no: random noise broke %" PRId64 " of %" PRId64 " more",
                    row->noise_missed, row->noise_tried);
  else if (row->longer_missed > chance(row->longer_tried))
    said = snprintf(text, size, "no: twice the steps broke %" PRId64 " of %" PRId64 " more",
                    row->longer_missed, row->longer_tried);
  else if (row->others_missed > chance(row->images))
    said = snprintf(text, size, "no: other attacks in the same ball broke %" PRId64 " images more",
                    row->others_missed);
  return said > 0;
}

void bd_trust(const char *care, bd_statistics_t *row) {
  char *text = row->trust;
  const size_t size = sizeof row->trust;
  memset(text, 0, size);
  if (refute(row, text, size)) return;
  if (!care && row->longer_missed > 0) care = "twice the steps broke some more";
  if (care) snprintf(text, size, "with care: %s", care);
  else snprintf(text, size, "yes: no check speaks against it");
}
