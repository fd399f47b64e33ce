"""Images so large that the lanes are strips of one image are solved as any other."""

import functools
import unittest
import unittest.mock

import numpy as np

import library
import twin
from comparison import SETS_HERE, Comparison
from images import random_images


known = {}


def twin_once(image, ops, **settings):
    """twin.solve, computed once for all instruction sets."""
    key = image.tobytes(), repr(ops), repr(sorted(settings.items()))
    if key not in known:
        known[key] = twin.solve(image, ops, **settings)
    return known[key]


class Strips(Comparison):
    """Lanes that are strips of one image are joined as if they were one, on every instruction
    set."""

    IMAGES = random_images(99, 3, 1, 96, 96)

    def test_strips_agree_with_the_twin(self):
        for options, iterations in (
            (dict(gamma=0.02, window=7), [0, 12]),
            (dict(gamma=2, cost="sql2", window=13), [8]),
            (dict(gamma=0.5, window=13), [8]),
            (dict(gamma=1, window="full"), [8]),
            (dict(gamma=0.02, window="full"), [8]),
            (dict(gamma=20, window="full"), [8]),
            (dict(gamma=1, window=7, regularizer="norm", theta=3), [8]),
            (dict(gamma=0.5, cost="l2", window=7), [8]),
            (dict(gamma=0.02, cost="l2", window=13), [8]),
            (dict(gamma=1, cost="sql2", window="full"), [4]),
            (dict(gamma=5, cost="sql2", window="full"), [4]),
            (dict(gamma=5, cost="l2", window="full"), [2]),
        ):
            for name in (
                SETS_HERE[-1:] if options["window"] == "full" and "cost" in options else SETS_HERE
            ):
                self.check_with(name, self.IMAGES[0], iterations, **options)

    def test_widths_that_no_strip_divides_agree(self):
        """The paper's window is unrolled for planes beyond the caches, in bands of four rows, or of
        two where rows are long."""
        for shape in (91, 91), (43, 201):
            for name in SETS_HERE:
                self.check_with(
                    name, random_images(98, 1, 1, *shape)[0], [0, 12], gamma=0.02, window=7
                )

    def check_with(self, instructions, image, iterations, **options):
        chosen = functools.partial(library.solve, instructions=instructions)
        with unittest.mock.patch.object(library, "solve", chosen):
            self.check(
                image,
                iterations,
                solve=twin_once,
                marginals="B6",
                tau=0.2,
                **{"cost": "l1", "theta": 1e5, **options},
            )

    def test_the_ways_of_a_kernel_agree(self):
        """Kernels reach over several strips, by FFT and otherwise, on every set."""
        for image, options in (
            (self.IMAGES[:1], dict(gamma=20, window="full")),
            (self.IMAGES[1:2], dict(gamma=5, window=27)),
            (self.IMAGES[2:], dict(gamma=5, window=31, cost="sql2")),
        ):
            results = [
                library.solve(image, iterations=[8], kernel=kernel, instructions=name, **options)[0]
                for kernel in ("auto", "fftw")
                for name in SETS_HERE
            ]
            for result in results[1:]:
                with self.subTest(**options):
                    self.assertLess(np.abs(result - results[0]).max(), 1e-12)

    def test_an_image_alone_is_that_among_others(self):
        images = np.concatenate([self.IMAGES, np.zeros((1, 1, 96, 96))])
        images[3, 0, 40, 50] = 1  # leaves the guard
        for options in (
            dict(gamma=0.003, tau=0.5, window=7),
            dict(gamma=0.003, tau=0.5, window="full"),
            dict(gamma=2, precision="auto"),
        ):
            together, _, reports = library.solve(images, iterations=[40], **options)
            with self.subTest(**options):
                self.assertEqual([r.fallback for r in reports[0]], [0, 0, 0, int("tau" in options)])
                for i in range(len(images)):
                    alone, _, report = library.solve(images[i : i + 1], iterations=[40], **options)
                    np.testing.assert_array_equal(alone[0, 0], together[0, i])
                    self.assertEqual(bytes(report[0][0]), bytes(reports[0][i]))

    def test_fista_may_join_strips_anywhere(self):
        """Strips are joined at other places on each set, and where the image is turned."""
        image = 0.2 + 0.8 * np.random.default_rng(98).random((1, 1, 96, 96))
        for options in (
            dict(window=7),
            dict(window="full"),
            dict(window=7, cost="l2"),
            dict(window="full", cost="sql2"),
            dict(window=7, kernel="fftw"),
        ):

            def run(image, name):
                return library.solve(
                    image,
                    method="fista",
                    iterations=[30],
                    gamma=1,
                    theta=100,
                    instructions=name,
                    marginals="translate 1 0 + translate 0 1 + identity",
                    **options,
                )[0]

            wanted = run(image, SETS_HERE[0])
            for name in SETS_HERE:
                with self.subTest(instructions=name, **options):
                    self.assertLess(np.abs(run(image, name) - wanted).max(), 1e-9)
                    self.assertLess(
                        np.abs(run(image.swapaxes(2, 3), name).swapaxes(3, 4) - wanted).max(), 1e-9
                    )

    def test_images_beyond_the_guard_take_no_strips(self):
        """Such an image is left to an engine without strips."""
        image = np.zeros((1, 96, 96))
        image[0, 40, 50] = 1
        self.check(
            image,
            [2500],
            solve=twin.solve,
            gamma=0.002,
            tau=0.0015,
            theta=1e5,
            cost="l1",
            window=7,
            marginals="identity + translate 2 0",
        )
        self.assertGreater(self.worst[1], 0)


if __name__ == "__main__":
    unittest.main()
