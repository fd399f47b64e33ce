"""The bits of an image do not depend on the images beside it."""

import unittest

import numpy as np

import library
from comparison import SETS_HERE
from images import random_images


class Neighbours(unittest.TestCase):
    """An image that leaves the guard sits beside neighbours that do not.  Bits must not depend on
    who sits beside whom."""

    def test_bits_do_not_depend_on_the_block(self):
        images = random_images(60, 19, 1, 12, 14)
        images[::3] = 0
        images[::3, 0, 6, 7] = 1  # a single pixel, for which p and the range of u are large
        for options in [
            dict(gamma=0.01, tau=0.5, cost="l1", window=7),
            dict(gamma=0.01, tau=0.5, cost="l1", window="full"),
            dict(gamma=0.01, tau=0.5, cost="l2", window="full", kernel="direct"),
            dict(gamma=0.01, tau=0.3, cost="sql2", window=9),
            dict(gamma=0.3, cost="l2", window="full", kernel="fftw"),
            dict(gamma=0.5, tau=0.5, cost="l1", window=7, kernel="fftw"),
            dict(gamma=0.5, cost="l1", window=7, method="fista", tolerance=0.02),
        ]:
            together, _, reports = library.solve(images, iterations=[60], **options)
            used = {r.fallback for r in reports[0]}
            with self.subTest(**options):
                if options.get("method") != "fista":
                    self.assertEqual(
                        used, {0, 1}, "the set must have images on both sides of the guard"
                    )
                self.check_alone(images, together, reports, **options)

    def check_alone(self, images, together, reports, **options):
        for i in range(len(images)):
            alone, _, report = library.solve(images[i : i + 1], iterations=[60], **options)
            np.testing.assert_array_equal(alone[0, 0], together[0, i])
            self.assertEqual(bytes(report[0][0]), bytes(reports[0][i]))

    def test_bits_do_not_depend_on_how_far_neighbours_reach(self):
        images = random_images(61, 9, 1, 5, 90)
        images[::3] = 0
        images[::3, 0, 2, 40] = 1
        for options in (
            dict(gamma=1, cost="sql2", window="full"),
            dict(gamma=0.1, cost="l2", window=41),
            dict(gamma=0.2, cost="l1", window=61),
            dict(gamma=0.04, cost="l2", window=15),
            dict(gamma=0.04, cost="l2", window=15, method="fista"),
            dict(gamma=0.02, cost="l2", window=7),
        ):
            for name in SETS_HERE:
                options.update(tau=1, marginals="identity + translate 2 0", instructions=name)
                with self.subTest(**options):
                    self.check_alone(
                        images, *library.solve(images, iterations=[60], **options)[::2], **options
                    )

    def test_the_sum_over_channels_does_not_depend_on_neighbours(self):
        """Images end at different iterations, and are of one block or of two."""
        images = random_images(62, 7, 3, 12, 12)
        images[:, 1] **= 4
        for name in SETS_HERE:
            for method in library.METHODS:
                options = dict(gamma=0.5, tolerance=0.1, method=method, instructions=name)
                with self.subTest(**options):
                    self.check_alone(
                        images, *library.solve(images, iterations=[60], **options)[::2], **options
                    )


if __name__ == "__main__":
    unittest.main()
