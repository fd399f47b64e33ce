"""The gradient of a purified image is that of a plain reverse pass in 80 bits."""

import contextlib
import ctypes
import itertools
import unittest
from concurrent import futures

import numpy as np

import library
import reference
import reverse
from comparison import LONG, SLOW, stable_tau
from images import random_images

CLOSE = 1e-12  # of the largest component
GAMMAS = (1e-3, 0.02, 0.1, 1, 50) if LONG else (0.02, 1)


def adjoints_for(images, seed=3):
    return np.random.default_rng(seed).standard_normal(images.shape)


def plain(image, adjoint, marginals="B6", weights=None, iterations=200, **options):
    for name in "kernel", "memory", "shortcuts", "instructions":
        options.pop(name, None)
    twin = reverse.Reverse(
        image.shape, reference.operators(marginals), beta=weights, iterations=iterations, **options
    )
    return twin.vjp(image, adjoint)[0]


class Gradients(unittest.TestCase):
    def check(self, images, iterations=30, close=CLOSE, **options):
        """Gradients, purified images and reports, where the gradients are those of the twin and the
        images those of a run."""
        adjoints = adjoints_for(images)
        found, purified, reports = library.vjp(
            images, adjoints, iterations=(iterations,), **options
        )
        options.pop("memory", None)
        run = library.solve(images, iterations=(iterations,), **options)[0]
        with self.subTest(iterations=iterations, **options):
            np.testing.assert_array_equal(purified, run)
            for image, adjoint, gradient in zip(images, adjoints, found):
                wanted = plain(image, adjoint, iterations=iterations, **options)
                scale = abs(wanted).max()
                self.assertTrue(scale > 0 or not image.any(), "nothing is compared")
                self.assertLessEqual(abs(gradient - wanted).max(), close * scale)
        return found, purified, reports

    def test_every_cost_window_and_kernel(self):
        images = random_images(1, 2, 1, 9, 11)
        for cost, window, kernel in itertools.product(
            ("l1", "l2", "sql2"), (1, 3, 7, "full"), ("direct", "fftw")
        ):
            for gamma in GAMMAS:
                tau = min(
                    stable_tau(image, 30, gamma=gamma, cost=cost, window=window) for image in images
                )
                self.check(images, gamma=gamma, cost=cost, window=window, kernel=kernel, tau=tau)

    def test_every_regularizer_mass_weight_and_motion(self):
        images = random_images(2, 2, 3, 8, 7)
        for regularizer, mass in itertools.product(("data", "norm", "none"), ("channel", "joint")):
            self.check(images, regularizer=regularizer, mass=mass, gamma=0.5, theta=0.8)
            self.check(images, mass=mass, regularizer=regularizer, gamma=0.02, tau=0.01)
        self.check(images, weights=[1, 2, 3, 4, 5, 6], gamma=0.5)
        self.check(images, marginals="B4", interpolation="nearest", gamma=0.5)
        for marginals in "identity", "rotate 2 + translate 1 0":
            self.check(images, marginals=marginals, gamma=0.5)

    def test_every_shape(self):
        if not LONG:
            print("REDUCED: 5 iterations of 17 x 23; --long takes 200, and two shapes more")
        for shape in [(1, 17, 23), (1, 28, 28), (3, 32, 32)] if LONG else [(1, 17, 23)]:
            images = random_images(11, 1, *shape)
            for gamma, tau in (1, 0.2), (0.02, 0.01):
                self.check(images, 200 if LONG else 5, gamma=gamma, tau=tau)

    def test_every_gamma_and_number_of_marginals(self):
        images = random_images(12, 1, 1, 8, 7)
        for gamma, window in itertools.product((1e-3, 5e-3, 0.05, 5, 50), (7, "full")):
            tau = stable_tau(images[0], 30, gamma=gamma, window=window)
            self.check(images, gamma=gamma, window=window, tau=tau)
        motions = [" ".join(str(value) for value in op) for op in reference.operators("B6")]
        for count in range(1, 7):
            self.check(images, marginals=" + ".join(motions[:count]), gamma=0.5)
            self.check(images, marginals=" + ".join(motions[-count:]), gamma=0.02, tau=0.01)

    def test_finite_differences(self):
        """Of fourth order, of the purified images themselves."""
        images = 0.2 + 0.5 * np.random.default_rng(13).random((2, 3, 9, 8))
        adjoints, way = adjoints_for(images), adjoints_for(images, seed=4)
        for options in (
            dict(gamma=1, tau=0.2),
            dict(gamma=0.02, tau=0.02, mass="joint"),
            dict(gamma=0.5, cost="l2", regularizer="norm", theta=2, weights=[3, 2, 1, 1, 1, 1]),
        ):
            options["iterations"] = (100,)
            gradients = library.vjp(images, adjoints, **options)[0]
            step, wanted = 1e-4, 0
            for times, weight in (1, 8), (-1, -8), (2, -1), (-2, 1):
                moved = library.solve(images + times * step * way, **options)[0][0]
                wanted = wanted + weight * (moved * adjoints).sum((1, 2, 3)) / (12 * step)
            found = (gradients * way).sum((1, 2, 3))
            scale = np.sqrt((gradients**2).sum((1, 2, 3)) * (way**2).sum((1, 2, 3)))
            self.assertLess((abs(found - wanted) / scale).max(), 1e-9)

    def test_any_number_of_steps(self):
        images = random_images(3, 1, 1, 8, 8)
        for steps in (0, 1, 2, 200, *([2000] if LONG else [])):
            self.check(images, steps, gamma=0.5)
            self.check(images, steps, gamma=0.02, tau=0.01)

    def test_a_wide_range_of_potentials(self):
        """Potentials beyond the exponents of float64, in some images of a block alone."""
        spread = np.zeros((3, 1, 8, 9))
        spread[0, 0, 0, 0] = spread[1, 0, 3, 1] = 1
        spread[2] = random_images(4, 1, 1, 8, 9)[0]
        *_, reports = self.check(
            spread,
            1500,
            gamma=4e-3,
            window="full",
            marginals="identity + translate 6 0",
            tau=3.9e-3,
            close=1e-9,
        )
        self.assertEqual([r.fallback for r in reports], [1, 1, 0])

    def test_images_that_cross_the_guard_beside_others(self):
        """Shortcuts serve a marginal at first, and not later."""
        images = np.concatenate([random_images(5, 2, 1, 9, 9), np.full((1, 1, 9, 9), 0.5)])
        gradients, _, reports = self.check(images, 120, gamma=0.024, tau=0.02)
        skipped = [r.evaluations_skipped for r in reports]
        self.assertTrue(0 < min(skipped) < 6 * 121, skipped)

    def test_neighbours_and_memory_change_no_bit(self):
        images = random_images(6, 9, 1, 10, 9)
        adjoints = adjoints_for(images)
        for gamma, tau in (0.5, 0.2), (0.02, 0.01), (0.024, 0.02):
            options = dict(gamma=gamma, tau=tau, iterations=(60,))
            together = library.vjp(images, adjoints, **options)[0]
            for some in slice(0, 1), slice(2, 9), slice(8, 9):
                alone = library.vjp(images[some], adjoints[some], **options)[0]
                np.testing.assert_array_equal(alone, together[some])
            for memory in 2.2e6, 1.2e6:
                little = library.vjp(images, adjoints, memory=memory, **options)[0]
                np.testing.assert_array_equal(little, together)
            with self.assertRaisesRegex(library.LibraryError, "needs [0-9]+ bytes, more than"):
                library.vjp(images, adjoints, memory=1e5, **options)

    def test_snapshots_before_the_last_change_nothing(self):
        images = random_images(7, 2, 1, 8, 8)
        adjoints = adjoints_for(images)
        alone, purified, _ = library.vjp(images, adjoints, iterations=(20,), gamma=0.5)
        last, all_purified, _ = library.vjp(images, adjoints, iterations=(3, 9, 20), gamma=0.5)
        np.testing.assert_array_equal(last, alone)
        np.testing.assert_array_equal(all_purified[-1], purified[0])

    def test_failed_images_and_empty_channels(self):
        images = random_images(8, 4, 3, 8, 8)
        images[0, 0, 2, 2], images[1] = np.nan, 0
        images[2, 1] = 0
        for mass in "channel", "joint":
            gradients, _, reports = library.vjp(
                images, adjoints_for(images), iterations=(20,), gamma=0.5, mass=mass
            )
            self.assertTrue(np.isnan(gradients[:2]).all())
            self.assertTrue(np.isnan([r.adjoint_growth for r in reports[:2]]).all())
            self.assertTrue(np.isfinite(gradients[2:]).all())
            self.assertEqual(gradients[2, 1].any(), mass == "joint")
            wanted = plain(images[3], adjoints_for(images)[3], iterations=20, gamma=0.5, mass=mass)
            self.assertLess(abs(gradients[3] - wanted).max(), CLOSE * abs(wanted).max())

    def test_growth_says_where_steps_are_too_long(self):
        images = random_images(9, 1, 1, 9, 9)
        adjoints = adjoints_for(images)
        for tau, grows in (0.01, False), (2.0, True):
            report = library.vjp(images, adjoints, iterations=(50,), gamma=0.02, tau=tau)[2][0]
            self.assertEqual(report.safe_tau < tau, grows)
            self.assertEqual(report.adjoint_growth > 1.0001, grows)
        gradients, _, reports = library.vjp(images, adjoints, iterations=(2000,), gamma=1, tau=40)
        self.assertEqual((reports[0].status, reports[0].adjoint_growth), (0, np.inf))
        self.assertFalse(np.isfinite(gradients).all())

    def test_decisions_have_no_gradient(self):
        images = random_images(1, 1, 1, 8, 8)
        for options, name in (dict(method="fista"), "fista"), (dict(tolerance=1e-3), "tolerance"):
            with self.assertRaisesRegex(library.LibraryError, name):
                library.vjp(images, images, iterations=(5,), **options)

    def test_strips_are_one_image(self):
        """A large image is solved in strips where its width allows, and its transpose is not."""
        height, width = (222, 224) if LONG else (94, 96)
        image = random_images(2, 1, 1, height, width)
        adjoint = adjoints_for(image)
        for gamma, window, mass in (1, 7, "channel"), (0.02, 7, "joint"), (1, "full", "channel"):
            options = dict(gamma=gamma, window=window, iterations=(20,), tau=0.05, mass=mass)
            strips = library.vjp(
                image, adjoint, marginals="rotate 2 + translate 3 0 + identity", **options
            )[0]
            lanes = library.vjp(
                image.swapaxes(2, 3),
                adjoint.swapaxes(2, 3),
                marginals="rotate -2 + translate 0 3 + identity",
                **options,
            )[0].swapaxes(2, 3)
            self.assertLess(abs(strips - lanes).max(), CLOSE * abs(lanes).max())


def resident(field):
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(field))


def forget_peak():
    """What is resident without freed memory.  The peak starts anew from there."""
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return resident("VmRSS")


class Room(unittest.TestCase):
    @unittest.skipIf(SLOW, "SKIPPED: sanitizers keep memory that is freed")
    def test_memory_is_what_was_allowed(self):
        """The most that is resident at once, beside what a solver has and its work planes."""
        images = random_images(14, 16, 1, 28, 28)
        adjoints, beside = adjoints_for(images), 7e6
        options = dict(iterations=(200,), gamma=1)
        library.vjp(images, adjoints, memory=16e6, **options)
        needed = []
        for memory in 11e6, 16e6, 30e6, 100e6:
            before = forget_peak()
            library.vjp(images, adjoints, memory=memory, **options)
            needed.append(resident("VmHWM") - before)
            print("of %.0f MB allowed, %.1f MB" % (memory / 1e6, needed[-1] / 1e6))
            self.assertLess(needed[-1], memory + beside)
        self.assertGreater(needed[-1], 7 * 28**2 * 201 * 8)  # this measures something

    @unittest.skipIf(SLOW, "SKIPPED: sanitizers keep memory that is freed")
    def test_a_large_image_fits_into_a_gigabyte(self):
        if not LONG:
            print("REDUCED: 40 iterations within 64 MB; --long takes 200, and a wide range")
        image = random_images(16, 1, 3, 224, 224)
        adjoint, steps, memory = adjoints_for(image), 200 if LONG else 40, 0 if LONG else 64e6
        settings = [dict(gamma=1), dict(gamma=0.02)]
        # Lanes of images, of which three are used, need more than is usual.
        settings += [dict(gamma=1e-3, tau=2000)] if LONG else []
        for options in settings:
            forget_peak()
            reports = library.vjp(image, adjoint, iterations=(steps,), memory=memory, **options)[2]
            peak = resident("VmHWM")
            print("3 x 224 x 224, %s: %.0f MB" % (options, peak / 1e6))
            self.assertEqual((reports[0].status, reports[0].fallback), (0, "tau" in options))
            self.assertLess(peak, 1e9 if LONG else 250e6)

    def test_threads_change_no_bit(self):
        images = random_images(15, 12, 1, 28, 28)
        adjoints, options = adjoints_for(images), dict(iterations=(50,), gamma=0.03)
        together = library.vjp(images, adjoints, **options)[0]
        with contextlib.ExitStack() as stack, futures.ThreadPoolExecutor(4) as pool:
            solvers = [
                stack.enter_context(library.solver(images.shape[1:], **options)) for _ in range(4)
            ]
            parts = pool.map(
                lambda i: library.vjp_of(solvers[i], images[3 * i :][:3], adjoints[3 * i :][:3])[0],
                range(4),
            )
            np.testing.assert_array_equal(np.concatenate(list(parts)), together)


if __name__ == "__main__":
    unittest.main()
