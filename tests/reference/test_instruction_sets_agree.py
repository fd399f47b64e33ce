"""Instruction sets and precisions agree, and the best set is chosen."""

import unittest

import numpy as np

import library
from comparison import SETS_HERE
from images import random_images


class Paths(unittest.TestCase):
    """Instruction sets and precisions."""

    SETTINGS = [
        dict(gamma=0.02),
        dict(gamma=0.02, window="full"),
        dict(gamma=0.005, tau=0.05),
        dict(gamma=1, cost="sql2", window=11),
        dict(gamma=0.5, cost="l2", window=5),
        dict(gamma=1, cost="l2", window="full", kernel="fftw"),
        dict(gamma=1e-3, tau=1e-2, cost="l2", window="full"),
        dict(gamma=5, method="fista", theta=100),
        dict(gamma=1, weights=(1, 2, 3, 4, 5, 6)),
        dict(gamma=0.3, regularizer="norm", theta=3),
    ]

    def test_instruction_sets_agree(self):
        images = random_images(95, 11, 1, 17, 23)
        for options in self.SETTINGS:
            results = [
                library.solve(images, iterations=[0, 20, 100], instructions=name, **options)
                for name in SETS_HERE
            ]
            for name, result in zip(SETS_HERE, results):
                with self.subTest(instructions=name, **options):
                    self.assertEqual({r.status for row in result[2] for r in row}, {0})
                    # FISTA's backtracking compares objectives, which rounding can turn.
                    self.assertLess(
                        np.abs(result[0] - results[-1][0]).max(),
                        1e-9 if "method" in options else 1e-12,
                    )

    def test_bits_do_not_depend_on_neighbours(self):
        images = random_images(96, 19, 1, 12, 14)
        images[::5] = 0
        images[::5, 0, 6, 7] = 1
        for name in SETS_HERE:
            for precision in library.PRECISIONS:
                options = dict(
                    instructions=name, precision=precision, gamma=0.5, tau=0.3, iterations=[60]
                )
                together, _, reports = library.solve(images, **options)
                for i in (0, 1, 4, 5, 17, 18):
                    alone, _, report = library.solve(images[i : i + 1], **options)
                    with self.subTest(image=i, **options):
                        np.testing.assert_array_equal(alone[0, 0], together[0, i])
                        self.assertEqual(bytes(report[0][0]), bytes(reports[0][i]))

    def test_the_best_set_is_this_processors(self):
        """The kernel is asked and not the program, since a lost dispatch would only be slow."""
        with open("/proc/cpuinfo") as file:
            flags = set(next((line for line in file if line.startswith("flags")), "").split())
        wanted = 1 + {"avx2", "fma", "bmi1", "bmi2"}.issubset(flags)
        wanted += wanted == 2 and {
            "avx512f",
            "avx512bw",
            "avx512cd",
            "avx512dq",
            "avx512vl",
        }.issubset(flags)
        self.assertEqual(
            library.INSTRUCTIONS[library.lib.bd_instructions_best()], library.INSTRUCTIONS[wanted]
        )

    def test_auto_precision_leaves_what_it_is_not_right_for(self):
        """Uneven weights, steps longer than is stable, and a handful of pixels take float64.  Other
        regularizers agree in float32."""
        images = np.random.default_rng(94).random((8, 1, 12, 12))
        for shape, bits, options in (
            (12, 64, dict(weights=(8, 0.25), marginals="identity + translate 1 0")),
            (12, 64, dict(tau=200)),
            (2, 64, dict(marginals="identity")),
            (12, 32, dict(regularizer="norm")),
            (12, 32, dict(regularizer="none")),
        ):
            options = dict(dict(gamma=5, iterations=[0, 50]), **options)
            wanted = library.solve(images[:, :, :shape, :shape], **options)[0]
            got, _, reports = library.solve(
                images[:, :, :shape, :shape], precision="auto", **options
            )
            with self.subTest(**options):
                self.assertEqual({r.bits for r in reports[1]}, {bits})
                self.assertLess(np.abs(got - wanted).max(), 1e-6)

    def test_auto_precision_agrees_with_float64(self):
        binary = (np.random.default_rng(98).random((8, 1, 28, 28)) < 0.3).astype(float)
        images = np.concatenate(
            [
                random_images(97, 12, 1, 28, 28),
                binary,
                np.eye(28)[None, None],
                np.zeros((1, 1, 28, 28)),
            ]
        )
        images[-1, 0, 14, 14] = 1
        used = {}
        for gamma in [0.02, 0.1, 0.2, 0.5, 1, 5, 50, 1e3]:
            for options in [
                dict(),
                dict(window="full"),
                dict(cost="sql2"),
                dict(cost="l2", window=5),
                dict(tau=2),
                dict(theta=1),
                dict(marginals="identity"),
                dict(marginals="identity", tau=2),
                dict(marginals="identity + translate 3 0"),
                dict(marginals="identity + translate 3 0", tau=2),
                dict(marginals="B4", window="full"),
            ]:
                last = min(256, 50 * library.marginal_set(options.get("marginals", "B6")).count)
                iterations = [0, 10, last // 2, last]
                wanted, mean, _ = library.solve(
                    images, gamma=gamma, iterations=iterations, **options
                )
                got, mean_auto, reports = library.solve(
                    images, gamma=gamma, iterations=iterations, precision="auto", **options
                )
                used.setdefault(gamma, []).append(np.mean([r.bits == 32 for r in reports[-1]]))
                with self.subTest(gamma=gamma, **options):
                    self.assertEqual({r.status for row in reports for r in row}, {0})
                    self.assertLess(np.abs(got - wanted).max(), 1e-6)
                    self.assertLess(np.abs(mean - mean_auto).max(), 1e-6)
                    self.assertLess(
                        max(r.mass_defect for row in reports for r in row if r.bits == 32), 1e-5
                    ) if used[gamma][-1] else None
        print(
            "images in float32:",
            {gamma: np.round(share, 2).tolist() for gamma, share in used.items()},
        )
        self.assertEqual(max(used[0.02]), 0)
        self.assertGreater(min(used[5][:4]), 0.8)
        _, _, reports = library.solve(images, gamma=50, iterations=[257], precision="auto")
        self.assertEqual({r.bits for r in reports[0]}, {64})


if __name__ == "__main__":
    unittest.main()
