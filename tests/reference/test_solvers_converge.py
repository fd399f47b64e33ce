"""FISTA and forward-backward steps converge, and reports say when they do not."""

import unittest

import numpy as np

import library
from comparison import stable_tau
from images import random_images


class Convergence(unittest.TestCase):
    def test_fista_and_fb_reach_the_same_optimum(self):
        image = 0.2 + 0.8 * np.random.default_rng(70).random(
            (1, 1, 6, 6)
        )  # without zeros fb converges linearly
        for gamma, theta in [(0.5, 1), (1, 10), (5, 10), (5, 1e3)]:
            options = dict(
                gamma=gamma, theta=theta, marginals="identity + rotate 5 + translate 1 0"
            )
            fast, _, fast_reports = library.solve(
                image, method="fista", iterations=[20000], **options
            )
            tau = stable_tau(image[0], 20000, tau=1000, **options)
            slow, _, slow_reports = library.solve(image, tau=tau, iterations=[400000], **options)
            with self.subTest(gamma=gamma, theta=theta):
                self.assertLess(np.abs(fast - slow).max() / image.sum(), 1e-8)

    def test_fista_needs_a_tenth_of_the_iterations(self):
        image = random_images(71, 1, 1, 12, 12)
        for gamma, theta in [(0.5, 100), (1, 1e3), (5, 1e3)]:
            options = dict(gamma=gamma, theta=theta, tolerance=1e-3)
            fast = library.solve(image, method="fista", iterations=[10000], **options)[2][0][0]
            self.assertEqual(library.lib.bd_convergence_name(fast.convergence), b"converged")
            self.assertLess(fast.residual, 1e-3)
            limit = 10 * fast.iterations
            safe = library.solve(image, gamma=gamma, theta=theta, iterations=[limit], tau=0.2)[2][
                0
            ][0].safe_tau
            for tau in [0.2, 0.5 * safe, 0.9 * safe]:
                slow = library.solve(image, tau=tau, iterations=[limit], **options)[2][0][0]
                with self.subTest(gamma=gamma, theta=theta, tau=tau, fista=fast.iterations):
                    self.assertGreater(slow.residual, 1e-3)
                    self.assertEqual(slow.iterations, limit)

    def test_fista_gap_falls_as_one_over_k_squared(self):
        """From k to 4 k the gap of the objective falls 16 times or more.  With fb, whose gap falls
        as 1/k, it does not fall 8 times."""
        image = random_images(72, 1, 1, 12, 12)
        for gamma, theta in [(0.5, 10), (1, 1e3), (5, 1e3)]:
            options = dict(gamma=gamma, theta=theta)
            fast = library.solve(image, method="fista", iterations=[64, 256, 20000], **options)[2]
            tau = stable_tau(image[0], 256, tau=1000, **options)
            slow = library.solve(image, tau=tau, iterations=[64, 256], **options)[2]
            gaps = [
                row[0].objective - fast[2][0].objective
                for row in (fast[0], fast[1], slow[0], slow[1])
            ]
            with self.subTest(gamma=gamma, theta=theta, gaps=gaps):
                self.assertGreater(min(gaps), 0)
                self.assertLess(gaps[1], gaps[0] / 16)
                self.assertGreater(gaps[3], gaps[2] / 8)

    def test_a_window_too_small_is_suspected(self):
        image = random_images(73, 1, 1, 16, 16)
        far = dict(gamma=0.5, marginals="identity + translate 4 0", iterations=[3000], tau=5)
        infeasible = library.solve(image, window=3, **far)[2][0][0]
        feasible = library.solve(image, window="full", **far)[2][0][0]
        self.assertEqual(
            library.lib.bd_convergence_name(infeasible.convergence), b"infeasible-window"
        )
        self.assertEqual(library.lib.bd_convergence_name(feasible.convergence), b"iteration-limit")

    def test_steps_too_long_are_told(self):
        image = random_images(74, 1, 1, 12, 12)
        report = library.solve(image, gamma=0.5, tau=100, iterations=[64])[2][0][0]
        self.assertLess(report.safe_tau, 100)
        self.assertEqual(library.lib.bd_convergence_name(report.convergence), b"objective-rises")
        calm = library.solve(image, gamma=0.5, tau=0.5 * report.safe_tau, iterations=[64])[2][0][0]
        self.assertEqual(library.lib.bd_convergence_name(calm.convergence), b"iteration-limit")


if __name__ == "__main__":
    unittest.main()
