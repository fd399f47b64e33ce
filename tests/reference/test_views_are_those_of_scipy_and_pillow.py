"""The views that the literature knows, against the programs that it uses: bit by bit."""

import unittest

import numpy as np
import scipy.ndimage

import library

SHAPES = [(3, 1, 28, 28), (2, 3, 17, 33), (2, 2, 9, 1), (1, 1, 1, 1)]


class Median(unittest.TestCase):
    def test_median_is_scipys(self):
        for shape in SHAPES:
            images = np.random.default_rng(4).random(shape)
            np.testing.assert_array_equal(
                library.view("median", images),
                scipy.ndimage.median_filter(images, size=(1, 1, 3, 3), mode="reflect"),
            )


if __name__ == "__main__":
    unittest.main()
