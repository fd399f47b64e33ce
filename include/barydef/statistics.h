/** @file
   The figures of one image, and their summary over an attack.

   Both are tables whose columns are the rows of barydef/fields.def and barydef/statistics.def;
   docs/formats.md lists them with their meaning.  No call here is collective. */
#ifndef BARYDEF_STATISTICS_H
#define BARYDEF_STATISTICS_H

#include <barydef/api.h>
#include <barydef/solver.h>
#include <barydef/tables.h>
#include <barydef/view.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The most image statuses that there can ever be. */
enum { BD_STATUSES_MAX = 16 };

/** @def BD_FIELD
   A row of fields.def; here, a member of bd_per_image_t. */

/** One row of /runs/RUN/ATTACK/per_image, with a member for each row of barydef/fields.def.
   Distances are over all channels, between the purified image as stored (float32) and the attacked
   or the clean one, pixels in [0,1]; NaN where there is no such image.  Predictions are class
   numbers; -1 without a victim, for a view that was not asked for, for the purified image where it
   failed, and for other views of a failed image that could not be shown.  In a file the predictions
   of added views are there only where they were asked for. */
typedef struct bd_per_image {
#define BD_FIELD(type, name, pending, from, summary, meaning)                                      \
  type name;                                                                                       \
  BD_MEANS(meaning)
#include <barydef/fields.def>
} bd_per_image_t;

/** A fraction of the images with its 95 % Wilson interval. */
typedef struct bd_accuracy {
  double value; /**< successes / trials; NaN without trials */
  double low;   /**< lower end of the interval */
  double high;  /**< upper end of the interval */
} bd_accuracy_t;

/** Mean and maximum of a field over the images that did not fail; NaN where there are none. */
typedef struct bd_spread {
  double mean; /**< in the unit of the field */
  double max;  /**< in the unit of the field */
} bd_spread_t;

/** @def BD_VIEW
   A row of views.def; here, a member of bd_worst_case_t. */
/** @def BD_COLUMN
   A row of statistics.def that is a number; here, a member of bd_statistics_t. */
/** @def BD_COLUMN_TEXT
   A row of statistics.def that is a text; here, a member of bd_statistics_t. */
/** @def BD_COUNT
   A row of statistics.def that counts images; here, a member. */
/** @def BD_ACCURACY
   A row of statistics.def that is an accuracy; here, a member of bd_statistics_t. */
/** @def BD_SPREAD
   A row of statistics.def that is the mean and maximum of a field; here, a member or one more. */

/** One row of /statistics, for a run and an attack, with a member for each row of
   barydef/statistics.def.  Accuracies are fractions of the images that the victim was shown.  A
   failed image counts as wrong for the purified images, and for another view only where the victim
   was shown it.  NaN without a victim, for a view that was not asked for, and where the victim was
   shown no image at all. */
typedef struct bd_statistics {
#define BD_COLUMN(type, name, meaning)                                                             \
  type name;                                                                                       \
  BD_MEANS(meaning)
#define BD_COLUMN_TEXT(name, size, meaning)                                                        \
  char name[size];                                                                                 \
  BD_MEANS(meaning)
#define BD_COUNT(name, when, meaning)                                                              \
  int64_t name;                                                                                    \
  BD_MEANS("number of " meaning)
#define BD_ACCURACY(VIEW, name, meaning)                                                           \
  bd_accuracy_t name;                                                                              \
  BD_MEANS("accuracy on " meaning ", a fraction of the images")
#define BD_SPREAD(name)                                                                            \
  bd_spread_t name;                                                                                \
  BD_MEANS("mean and maximum of " #name ", in its unit")
#include <barydef/statistics.def>
} bd_statistics_t;

/** The victim's class for a view of the image. */
BD_API int32_t bd_per_image_predicted(const bd_per_image_t *record, bd_view_t view);

/** Set the victim's class for a view of the image. */
BD_API void bd_per_image_predict(bd_per_image_t *record, bd_view_t view, int32_t predicted);

/** The victim's accuracy on a view. */
BD_API bd_accuracy_t bd_statistics_accuracy(const bd_statistics_t *row, bd_view_t view);

/** Bytes of a packed record: that of a file in which the added views of `views` have a column. */
BD_API size_t bd_record_bytes(bd_views_t views);

/** Pack a record into bd_record_bytes(views) bytes.  Gaps between its fields must be zeros. */
BD_API void bd_record_pack(bd_views_t views, const bd_per_image_t *record, void *bytes);

/** The opposite.  Predictions of added views that are not in `views` become -1. */
BD_API void bd_record_unpack(bd_views_t views, const void *bytes, bd_per_image_t *record);

/** A row of /worst_case, for a run: an image counts as right in a view only where the victim is
    right under every attack of the run, the clean images among them.  A purified image that failed
    is wrong.  An image is left out of a view that the victim was not shown under some attack,
   unless it is wrong under another. */
typedef struct bd_worst_case {
  int32_t run;     /**< number of the run */
  int32_t attacks; /**< attacks of the run, with the clean images */
  int64_t images;  /**< images of each */
#ifndef BD_DOXYGEN
#define BD_VIEW_ADDED(...)
#endif
#define BD_VIEW(NAME, name, label, accuracy, asked, on, meaning)                                   \
  bd_accuracy_t accuracy;                                                                          \
  BD_MEANS("accuracy under every attack on " meaning ", a fraction of the images")
#include <barydef/views.def>
} bd_worst_case_t;

/** The views of an image, each for all attacks so far.  At the beginning all bits are set. */
typedef struct bd_worst_image {
  bd_views_t right; /**< those in which the victim is never wrong */
  bd_views_t shown; /**< those that it was shown under each attack */
} bd_worst_image_t;

/** Take an attack into account: images[i] loses the views that record i tells against. */
BD_API void bd_worst_case_add(bd_worst_image_t *images, size_t count,
                              const bd_per_image_t *records);

/** Fill the accuracies of *row from images[row->images].  Those of views that are not in `asked`,
    all where it is 0, are NaN. */
BD_API void bd_worst_case_finish(const bd_worst_image_t *images, bd_views_t asked,
                                 bd_worst_case_t *row);

/** The Wilson score interval for `successes` out of `trials` at normal quantile z (1.96
   for 95 %).  Source: Wilson, "Probable inference, the law of succession, and statistical
   inference", JASA 22 (1927).  trials = 0 gives value NaN and the interval [0,1]. */
BD_API bd_accuracy_t bd_wilson(int64_t successes, int64_t trials, double z);

/** How many fields have a mean and a maximum in /statistics. */
enum {
  BD_SPREADS = 0
#define BD_SPREAD(name) +1
#include <barydef/statistics.def>
};

/** Running sums for one row of statistics: zero-initialise it (= {0}), add the images in the order
   of their index in as many portions as is convenient, then finish.  The order, and with it every
   bit of the result, does not depend on the portions. */
typedef struct bd_tally {
#define BD_COUNT(name, when, meaning)                                                              \
  int64_t name;                                                                                    \
  BD_MEANS("number of " meaning)
#include <barydef/statistics.def>
  int64_t right[BD_VIEWS];            /**< images for which the victim is right, for each view */
  int64_t judged[BD_VIEWS];           /**< images that count for the accuracy of each view */
  int64_t shown;                      /**< images of which the victim was shown some view */
  int64_t by_status[BD_STATUSES_MAX]; /**< images of each status */
  double sum[BD_SPREADS];             /**< of the values that are not NaN */
  double max[BD_SPREADS];             /**< of the same values */
  int64_t counted[BD_SPREADS];        /**< how many they are */
  double safe_tau;                    /**< the smallest so far; 0: none yet */
  int64_t made;                       /**< images of a made attack */
  int64_t passes_forward;             /**< of these */
  int64_t passes_backward;            /**< of these */
} bd_tally_t;

/** Add `count` images.  tau is the step of their run, 0 where it plays no part. */
BD_API void bd_tally_add(bd_tally_t *tally, double tau, size_t count,
                         const bd_per_image_t *records);

/** Fill all of *row but run, attack, norm and epsilon.  Accuracies of views that are not in
   `asked`, all where it is 0, are NaN. */
BD_API void bd_tally_finish(const bd_tally_t *tally, bd_views_t asked, bd_statistics_t *row);

/** Fill row->trust of a made attack, whose other columns are known: "yes", "with care" or "no", and
    why.  `care` says why the attack itself is weak, whatever was found; NULL where it is not.
    Sources: Carlini et al., "On evaluating adversarial robustness", 2019; the flags of
    AutoAttack, Croce and Hein 2020. */
BD_API void bd_trust(const char *care, bd_statistics_t *row);

/** The 2-norm and the maximum norm of the difference of n stored float32 values and n float64
   ones. */
BD_API void bd_distance(size_t n, const float *stored, const double *other, double *l2,
                        double *linf);

/** Fill the fields of `count` records that need no victim, no label and no clean image: those that
   bd_solver_run has reported, and the distances between images and purified images.  All other
   bytes become 0.
     reports  [count], of one snapshot
     attacked [count][size], as bd_solver_run was given them
     stored   [count][size], purified, rounded to float32; not looked at where the image failed
     records  [count] */
BD_API void bd_per_image_measure(size_t count, size_t size, const bd_image_report_t *reports,
                                 const double *attacked, const float *stored,
                                 bd_per_image_t *records);

/** Tell a language that does not read this header where one of these fields lies, by its number
   from 0: its name, its offset in a bd_per_image_t, and its type as NumPy writes it ("i4", "f8").
   0 where there is no such field. */
BD_API int bd_per_image_measured(int number, const char **name, const char **type, size_t *offset);

/** Bytes of a bd_per_image_t, for the same. */
BD_API size_t bd_per_image_size(void);

#ifdef __cplusplus
}
#endif
#endif
