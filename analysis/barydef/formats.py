"""Limits of the files that barydef reads. A test compares them with those in C."""

INPUT_SCHEMA, RESULT_SCHEMA, SCHEMA_VERSION = "attacked-images", "barydef-result", 1
NAME_BYTES = 63  # of an attack
ATTACKS_MAX = 1000
TEXT_BYTES = 65000  # of an attribute; barydef shows the first 255 bytes of a source
SIZES_MAX = 4096, 32768, 32768  # channels, height, width

CLEAN = "clean"  # the group of the images without attack
