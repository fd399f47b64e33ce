/** @file
   What files may hold at most, and the names by which they are known.

   A file that exceeds a limit is refused with a message.  The limits bound the work and the memory
   that a file can ask for before any of it has been believed (docs/security.md). */
#ifndef BARYDEF_LIMITS_H
#define BARYDEF_LIMITS_H

/** Attribute `schema` of a file of attacked images. */
#define BD_IMAGES_SCHEMA "attacked-images"

/** Attribute `schema` of a result. */
#define BD_RESULT_SCHEMA "barydef-result"

/** Sizes of texts with their zero. */
enum { BD_ATTACK_NAME = 64, BD_NORM_NAME = 16, BD_TRUST_TEXT = 160 };

/** Limits of both kinds of files. */
enum {
  BD_IMAGES_SCHEMA_VERSION = 1, /**< attribute `schema_version` of a file of attacked images */
  BD_RESULT_SCHEMA_VERSION = 1, /**< attribute `schema_version` of a result */
  BD_ATTACKS_MAX = 1000,        /**< attacks in a file, besides the clean images */
  BD_RUNS_MAX = 1000,           /**< runs of a job: their names have three digits */
  BD_RUN_ATTRIBUTES_MAX = 64,   /**< attributes of a run, which are parameters */
  BD_CHANNELS_MAX = 4096,       /**< channels of an image */
  BD_SIDE_MAX = 32768,          /**< pixels along the height or the width of an image */
  BD_ATTRIBUTE_TEXT_MAX = 65000 /**< bytes of a text attribute.  HDF5 keeps less than 64 KiB, with
                                   the name and the type.  A longer job is refused, other texts
                                   are cut. */
};

/** A pixel above 1 or below 0 by no more than this is taken for 1 or 0, since what was computed in
   float32 is rounded. */
#define BD_ABOVE_ONE_MAX 1e-6

/** An image whose mass defect reaches this counts as failed.  Mass is kept to rounding by
   construction; where it is not, no digit can be trusted.  In units of the scaled mass. */
#define BD_MASS_DEFECT_MAX 1e-6

/** The same for an image that was computed in float32. */
#define BD_MASS_DEFECT_MAX_SINGLE 1e-4

#endif
