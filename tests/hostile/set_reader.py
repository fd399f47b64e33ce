"""The reader of sets, which does without HDF5, through ctypes."""

import ctypes

import numpy as np

import library

LIBRARY = library.lib
LIBRARY.bd_images_survey.restype = ctypes.c_void_p


class Images:
    """An open set."""

    def __init__(self, path, joins=None):
        self.images, self.error = ctypes.c_void_p(), library.Error()
        if joins:
            size = ctypes.c_size_t()
            survey = LIBRARY.bd_images_survey(joins.images, ctypes.byref(size))
            status = LIBRARY.bd_images_join(
                path.encode(),
                ctypes.c_void_p(survey),
                size,
                ctypes.byref(self.images),
                ctypes.byref(self.error),
            )
        else:
            status = LIBRARY.bd_images_open(
                path.encode(),
                ctypes.c_int64(2048 << 20),
                ctypes.byref(self.images),
                ctypes.byref(self.error),
            )
        if status:
            raise ValueError(self.error.message.decode())

    def read(self, attack, first, count, shape):
        pixels = np.empty((count, *shape))
        status = LIBRARY.bd_images_read(
            self.images,
            LIBRARY.bd_images_find(self.images, attack.encode()),
            ctypes.c_int64(first),
            ctypes.c_int64(count),
            pixels.ctypes.data_as(ctypes.c_void_p),
            ctypes.byref(self.error),
        )
        if status:
            raise ValueError(self.error.message.decode())
        return pixels

    def close(self):
        LIBRARY.bd_images_close(self.images)
