"""Evaluations that are left out change the purified image by no more than rounding."""

import os
import unittest

import h5py
import numpy as np

import library
from comparison import LONG, SETS_HERE, stable_tau
from images import random_images

DATA = os.environ.get("BARYDEF_DATA", os.path.join(library.HERE, "../../../shared/data"))
REAL_SETS = [os.path.join(DATA, name + ".h5") for name in ("mnist", "fashion_mnist", "cifar10")]
ROUNDING = 1e-15  # of the mass of a channel
# Half of the longest stable step amplifies rounding, most of all where one pixel has all the mass.
ROUNDING_OF_LONG_STEPS = 1.5e-15
# After 2,000 iterations either way is up to 6e-15 from the twin in 80 bits.
ROUNDING_OF_MANY = 4e-15


def single_pixel(height, width):
    image = np.zeros((1, 1, height, width))
    image[0, 0, height // 2, width // 2] = 1
    return image


def checkerboard(height, width):
    return np.indices((height, width)).sum(0)[None, None] % 2.0


def evaluations(images, marginals, steps):
    """Those of one image by forward-backward steps."""
    return images.shape[1] * library.marginal_set(marginals).count * (steps + 1)


def skipped(reports):
    return np.array([report.evaluations_skipped for report in reports])


class Shortcuts(unittest.TestCase):
    def check(self, images, iterations=(200,), least=0, rounding=ROUNDING, **options):
        """On and off agree.  Returns the evaluations that each image left out."""
        off, mean_off, reports_off = library.solve(
            images, iterations=iterations, shortcuts=0, **options
        )
        on, mean_on, reports_on = library.solve(
            images, iterations=iterations, shortcuts=1, **options
        )
        mass = images.sum((-2, -1), keepdims=True)
        with self.subTest(**options):
            np.testing.assert_array_equal(mean_on, mean_off)
            np.testing.assert_array_equal(np.isnan(on), np.isnan(off))
            far = np.abs(np.nan_to_num(on - off)) / np.maximum(mass, 1e-300)
            self.assertLess(far.max(), rounding)
            for a, b in zip(reports_on[-1], reports_off[-1]):
                self.assertEqual(
                    (a.status, a.iterations, b.evaluations_skipped), (b.status, b.iterations, 0)
                )
                np.testing.assert_allclose(a.residual, b.residual, atol=1e-13)
                np.testing.assert_allclose(a.objective, b.objective, rtol=1e-12, atol=1e-13)
                np.testing.assert_allclose(a.safe_tau, b.safe_tau, rtol=1e-12)
                self.assertFalse(a.mass_defect > 1e-10)
            self.assertGreaterEqual(skipped(reports_on[-1]).min(), least)
        return skipped(reports_on[-1])

    def test_every_cost_window_and_gamma(self):
        """With steps that are stable, since longer ones amplify any rounding."""
        images = random_images(70, 3, 1, 13, 11)
        steps = 2000 if LONG else 200
        if not LONG:
            print("REDUCED: 200 iterations of a 13 x 11 image; --long takes 2000")
        for cost in library.COSTS:
            for window in 1, 3, 7, "full":
                for gamma in 1e-3, 5e-3, 0.02, 0.05, 0.2, 1:
                    options = dict(cost=cost, window=window, gamma=gamma, marginals="B4")
                    tau = min(stable_tau(image, steps, **options) for image in images)
                    rounding = ROUNDING_OF_MANY if steps > 200 else ROUNDING
                    left_out = self.check(
                        images, iterations=[steps], tau=tau, rounding=rounding, **options
                    )
                    if window == 1:
                        self.assertEqual(set(left_out), {evaluations(images, "B4", steps)})
                    if gamma >= 0.05 and window != 1:
                        self.assertEqual(set(left_out), {0})

    def test_every_regularizer_mass_weight_kernel_and_method(self):
        images = random_images(71, 5, 3, 12, 14)
        for options in (
            dict(regularizer="norm", theta=3),
            dict(regularizer="none"),
            dict(mass="joint"),
            dict(marginals="B4", weights=[1, 2, 3, 0.5]),
            dict(marginals="rotate 2"),
            # An FFT is wrong by more than rounding, which the shortcuts are not.
            dict(kernel="fftw", gamma=0.01, rounding=1e-12),
            # Its comparisons amplify rounding.
            dict(method="fista", iterations=[20], rounding=1e-12),
            dict(iterations=[0, 1, 7, 64]),
            dict(tolerance=0.05, gamma=0.02, tau=0.1),
            dict(interpolation="nearest"),
        ):
            self.check(images, **{"tau": 0.05, **options, "least": 1})

    def test_float32_where_all_is_known(self):
        images = random_images(76, 3, 1, 12, 14)
        options = dict(precision="auto", window=1, gamma=1, tau=0.05)
        purified, mean, reports = library.solve(images, **options)
        self.assertEqual({r.bits for r in reports[0]}, {32})
        self.assertEqual(set(skipped(reports[0])), {evaluations(images, "B6", 200)})
        np.testing.assert_allclose(purified[0], mean, atol=1e-6)

    def test_hostile_images(self):
        blank = np.ones((1, 1, 1, 1))  # a pixel that every motion takes away fails
        two_of_three = single_pixel(9, 9) * np.array([1, 0, 1])[:, None, None]
        tiny = 1e-30 * random_images(72, 1, 1, 9, 9)
        for image in single_pixel(9, 9), tiny, checkerboard(10, 9), blank, two_of_three:
            for gamma in 0.005, 0.02, 0.05:
                steps = [(gamma / 100, ROUNDING)]
                if image is not blank:
                    longest = stable_tau(image[0, :1], 200, gamma=gamma)
                    steps.append((longest, ROUNDING_OF_LONG_STEPS))
                for tau, rounding in steps:
                    for name in SETS_HERE:
                        self.check(
                            image, tau=tau, gamma=gamma, rounding=rounding, instructions=name
                        )

    def test_strips(self):
        images = random_images(73, 1, 1, 96, 96)
        for name in SETS_HERE:
            self.assertGreater(
                self.check(images, iterations=[30], instructions=name)[0],
                0.5 * evaluations(images, "B6", 30),
            )

    def test_real_images(self):
        there = [path for path in REAL_SETS if os.path.exists(path)]
        if not there:
            print("SKIPPED: no attacked sets in %s; set BARYDEF_DATA to their folder" % DATA)
            self.skipTest("no attacked sets")
        for path in there:
            with h5py.File(path, "r") as file:
                images = np.concatenate(
                    [group["images"][:2].astype(float) for group in file["attacks"].values()]
                )
                images /= 255 if images.max() > 1.5 else 1
            for gamma in 0.01, 0.02, 0.03, 0.05, 1:
                options = dict(tau=min(0.2, 10 * gamma), gamma=gamma)
                left_out = self.check(images, **options)
                if gamma <= 0.02:
                    self.assertGreater(left_out.min(), 0.8 * evaluations(images, "B6", 200))
                taken = 6 - left_out.mean() / (images.shape[1] * 201)
                with self.subTest(what="the estimate of --dry-run", **options):
                    self.assertLess(
                        abs(library.evaluated(*images.shape[-2:], **options) - taken), 1
                    )


class Guard(unittest.TestCase):
    """The guard looks at one image alone."""

    def test_bits_do_not_depend_on_neighbours_that_leave_the_guard(self):
        images = random_images(74, 19, 1, 12, 14)
        images[::3] = 0
        images[::3, 0, 6, 7] = 1  # a single pixel leaves the guard at once
        images[1::3] **= 3  # these later
        for options in (
            dict(gamma=0.02, tau=0.2),
            dict(gamma=0.02, tau=0.2, cost="l2"),
            dict(gamma=0.02, tau=0.2, window="full", cost="sql2"),
            dict(gamma=0.02, tau=0.2, window="full"),
            dict(gamma=0.02, tau=0.2, kernel="fftw"),
            dict(gamma=0.005, tau=0.5),
            dict(gamma=0.03, tau=0.2),
            dict(gamma=0.05, tau=0.3),
            dict(gamma=0.02, tau=0.2, method="fista"),
        ):
            for name in SETS_HERE:
                options["instructions"] = name
                with self.subTest(**options):
                    self.check_alone(images, **options)

    def check_alone(self, images, **options):
        together, _, reports = library.solve(images, iterations=[60], **options)
        if options["gamma"] <= 0.02 and options.get("method") != "fista":
            self.assertGreater(len(set(skipped(reports[0]))), 2, "they leave at different times")
        for i in range(len(images)):
            alone, _, report = library.solve(images[i : i + 1], iterations=[60], **options)
            np.testing.assert_array_equal(alone[0, 0], together[0, i])
            self.assertEqual(bytes(report[0][0]), bytes(reports[0][i]))

    def test_a_snapshot_is_the_end_of_a_shorter_run(self):
        images = random_images(75, 4, 1, 12, 14)
        steps = [0, 3, 20, 50]
        many, _, reports = library.solve(images, iterations=steps)
        for s, last in enumerate(steps):
            one, _, report = library.solve(images, iterations=[last])
            np.testing.assert_array_equal(one[0], many[s])
            self.assertEqual([bytes(r) for r in report[0]], [bytes(r) for r in reports[s]])


if __name__ == "__main__":
    unittest.main()
