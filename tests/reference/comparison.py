"""Compares the C library with references in 80 bits, setting by setting."""

import os
import unittest

import numpy as np

import library
import reference

LONG = bool(os.environ.get("BARYDEF_LONG"))
SLOW = float(os.environ.get("BARYDEF_PATIENCE", 1)) > 1  # with sanitizers, some 25 times

GAMMAS = [1e-3, 0.005, 0.01, 0.02, 0.1, 0.5, 1, 5, 50]
SETS = {1: "rotate 2", 2: "identity + translate 1 0", 4: "B4", 6: "B6"}
# The instruction sets of this processor.
SETS_HERE = library.INSTRUCTIONS[1 : library.lib.bd_instructions_best() + 1]


def compare(image, iterations, kernels=("auto",), solve=reference.solve, **options):
    """For each kernel its name, the largest error of all snapshots relative to the mass of the
    image, and the reports."""
    settings = dict(options)
    ops = reference.operators(settings.pop("marginals"))
    wanted = solve(image, ops, iterations=list(iterations), **settings)
    for kernel in kernels:
        purified, _, reports = library.solve(
            image[None], iterations=iterations, kernel=kernel, **options
        )
        errors = [
            np.abs(purified[s, 0] - w.image.astype(float)).max() / image.sum()
            for s, w in enumerate(wanted)
        ]
        reports = [row[0] for row in reports]
        for report, w in zip(reports, wanted):
            # The objective is a sum of terms of size gamma log(pixels) and |u|.
            errors.append(
                abs(report.objective - float(w.objective))
                / (1 + abs(float(w.objective)) + 10 * options["gamma"])
            )
        yield kernel, max(errors), reports


def stable_tau(image, iterations, tau=0.2, **options):
    """`tau`, or half of the longest step that is stable on the way, whichever is less."""
    for _ in range(60):
        report = library.solve(image[None], iterations=[iterations], tau=tau, **options)[2][0][0]
        if tau <= 0.5 * report.safe_tau:
            return tau
        tau /= 2
    raise AssertionError("no stable tau")


class Comparison(unittest.TestCase):
    def setUp(self):
        self.worst, self.compared = [0, 0], 0

    def tearDown(self):
        print(
            "%s: %d settings, worst error %.1e in float64, "
            "%.1e where wide-range arithmetic took part" % (self.id(), self.compared, *self.worst),
            flush=True,
        )

    def check(self, image, iterations, **options):
        for kernel, error, reports in compare(image, iterations, **options):
            with self.subTest(shape=image.shape, iterations=iterations, kernel=kernel, **options):
                self.assertEqual([r.status for r in reports], [0] * len(iterations))
                self.assertLess(error, 1e-7 if reports[-1].fallback else 1e-9)
                self.assertLess(max(r.mass_defect for r in reports), 1e-10)
            self.worst[reports[-1].fallback] = max(error, self.worst[reports[-1].fallback])
        self.compared += 1
