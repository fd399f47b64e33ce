"""Settings that are hard for floating point agree with the reference in logarithms, which has no
limit of range, and with the twin in 80 bits.  The twin agrees with the reference."""

import unittest

import numpy as np

import library
import reference
import twin
from comparison import GAMMAS, Comparison, stable_tau
from images import random_images

SMALL = (9, 12)  # for the reference in logarithms


class Logarithms(Comparison):
    """The library and the twin are compared with the reference in logarithms."""

    def test_the_twin_agrees_with_the_logarithms(self):
        image = random_images(45, 1, 1, *SMALL)[0]
        for cost, window in [("l1", 7), ("l1", "full"), ("sql2", 5), ("l2", 5), ("l2", "full")]:
            for gamma in GAMMAS:
                for regularizer in library.REGULARIZERS:
                    options = dict(
                        gamma=gamma,
                        cost=cost,
                        window=window,
                        tau=0.05,
                        iterations=[0, 5, 60],
                        beta=[1, 2, 3, 4],
                        regularizer=regularizer,
                        theta=30,
                    )
                    pairs = zip(
                        *(
                            solve(image, reference.operators("B4"), **options)
                            for solve in (reference.solve, twin.solve)
                        )
                    )
                    for one, two in pairs:
                        with self.subTest(**options):
                            self.assertLess(abs(one.p - two.p).max(), 1e-17)
                            self.assertLess(abs(one.objective - two.objective), 1e-16 * (1 + gamma))
                            self.assertLess(abs(one.residual - two.residual), 1e-16)

    def test_200_and_2000_iterations_agree(self):
        image = random_images(40, 1, 1, *SMALL)[0]
        for gamma in [1e-3, 0.005, 0.02, 0.5, 50]:
            for cost, window in [("l1", 7), ("l1", "full"), ("sql2", 5), ("l2", 3)]:
                options = dict(gamma=gamma, cost=cost, window=window, marginals="B4")
                tau = stable_tau(image, 2000, **options)
                self.check(image, [200, 2000], tau=tau, **options)

    def test_the_papers_step_at_small_gamma_agrees(self):
        """tau = 0.2 is past the bound at gamma <= 0.005, where trajectories agree for a while."""
        image = random_images(41, 1, 1, 28, 28)[0]
        for gamma in [1e-3, 0.002, 0.005, 0.01]:
            self.check(image, [10, 50], tau=0.2, gamma=gamma, cost="l1", window=7, marginals="B6")

    def test_the_papers_setting_agrees(self):
        image = random_images(42, 1, 1, 28, 28)[0]
        self.check(
            image,
            [200],
            kernels=("auto", "fftw"),
            tau=0.2,
            gamma=0.02,
            cost="l1",
            window=7,
            marginals="B6",
        )

    def test_huge_steps_lose_no_mass(self):
        """Potentials reach 1e5 gamma and more.  Nothing overflows, and no mass is lost."""
        image = random_images(43, 1, 1, 17, 23)[0]
        for gamma in [1e-3, 1]:
            for cost, window in [("l1", 7), ("l1", "full"), ("l2", 5), ("sql2", "full")]:
                purified, _, reports = library.solve(
                    image[None], gamma=gamma, tau=1000, cost=cost, window=window, iterations=[300]
                )
                with self.subTest(gamma=gamma, cost=cost, window=window):
                    self.assertEqual(reports[0][0].status, 0)
                    self.assertTrue(np.isfinite(purified).all())
                    self.assertLess(reports[0][0].mass_defect, 1e-10)

    def test_tiny_weights_lose_no_mass(self):
        """The eliminated potential is divided by its weight, so that u/gamma reaches 1e13."""
        image = random_images(44, 1, 1, 11, 12)[0]
        for cost, window in [("l1", 7), ("l1", "full"), ("l2", 7), ("l2", "full"), ("sql2", 9)]:
            purified, _, reports = library.solve(
                image[None],
                gamma=1e-3,
                tau=1000,
                cost=cost,
                window=window,
                iterations=[200],
                weights=(1, 1, 1, 1, 1, 1e-8),
            )
            with self.subTest(cost=cost, window=window):
                self.assertEqual(reports[0][0].status, 0)
                self.assertLess(reports[0][0].mass_defect, 1e-10)


class Variants(Comparison):
    def test_regularizers_masses_and_weights_agree(self):
        image = random_images(50, 1, 2, 11, 13)[0]
        for cost, window in [("l2", 5), ("sql2", "full"), ("l1", "full")]:
            for regularizer in library.REGULARIZERS:
                for mass in library.MASSES:
                    self.check(
                        image,
                        [0, 20],
                        tau=0.05,
                        gamma=0.1,
                        theta=3,
                        cost=cost,
                        window=window,
                        marginals="B4",
                        regularizer=regularizer,
                        mass=mass,
                    )

    def test_extreme_theta_and_gamma_agree(self):
        image = random_images(51, 1, 1, 11, 13)[0]
        for theta in [1e-3, 1e9]:
            for gamma in [1e-3, 1e3]:
                self.check(
                    image,
                    [0, 20],
                    tau=1e-4,
                    gamma=gamma,
                    theta=theta,
                    cost="l1",
                    window=7,
                    marginals="B4",
                )

    def test_kernels_cut_at_their_reach_agree(self):
        """Long kernels of sql2 are applied by sweeps to the reach of the potentials, by wide
        arithmetic beyond what sweeps can take, and by FFT."""
        image = np.zeros((1, 3, 200))
        image[0, 1, 20], image[0, 2, 60] = 1, 0.5
        options = dict(
            cost="sql2",
            window="full",
            theta=1e5,
            marginals="identity + translate 100 0",
            solve=twin.solve,
        )
        self.check(image, [0, 10, 40], gamma=5, tau=0.2, **options)
        self.check(image, [200], gamma=32, tau=30, **options)
        self.assertGreater(self.worst[1], 0)
        self.check(
            random_images(52, 1, 1, 3, 200)[0],
            [10],
            gamma=50,
            tau=0.2,
            kernels=("auto", "direct"),
            **options,
        )


if __name__ == "__main__":
    unittest.main()
