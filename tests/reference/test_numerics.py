"""The C library against references in 80 bits, over the whole range of parameters.

The grid is the product of gammas, costs, windows, shapes and numbers of marginals. In every gamma, cost and window it takes all
shapes with half of the numbers, in turn, up to 200 iterations, and in every other gamma one of them up to 2000; `--long` takes
all of them, and 2000 everywhere (about an hour on one core).  Where BARYDEF_PATIENCE says that the build is slow (sanitizers:
some 25 times), a quarter, and 200 iterations."""

import functools
import itertools
import os
import sys
import unittest
import unittest.mock

import library
import numpy as np
import reference
import twin
from test_reference import random_images

LONG = "--long" in sys.argv
SLOW = float(os.environ.get("BARYDEF_PATIENCE", 1)) > 1
PART = 4 if SLOW else 1 if LONG else 2  # of the grid: one in so many

GAMMAS = [1e-3, 0.005, 0.01, 0.02, 0.1, 0.5, 1, 5, 50]
SHAPES = [(28, 28), (32, 32), (17, 23)]
SETS = {1: "rotate 2", 2: "identity + translate 1 0", 4: "B4", 6: "B6"}
SMALL = (9, 12)  # for the reference in logarithms


def compare(image, iterations, kernels=("auto",), solve=reference.solve, **options):
    """Per kernel: the largest error of all snapshots relative to the mass of the image, and the reports."""
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
            "%s: %d settings, worst error %.1e in float64, %.1e where wide-range arithmetic took part"
            % (self.id(), self.compared, *self.worst),
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


class Grid(Comparison):
    def run_grid(self, cost, window):
        combinations = list(itertools.product(SHAPES, SETS))
        for g, gamma in enumerate(GAMMAS):
            turns = [
                turn
                for turn in range(len(combinations))
                if (turn + turn // len(SETS) + g) % PART == 0
            ]
            longest = (
                turns[(5 * g + 7 * library.COSTS.index(cost)) % len(turns)]
                if g % 2 == 0 and not SLOW
                else None
            )
            for turn in turns:
                shape, number = combinations[turn]
                image = random_images(100 * g + turn, 1, 1, *shape)[0]
                options = dict(gamma=gamma, cost=cost, window=window, marginals=SETS[number])
                last = 2000 if LONG or turn == longest else 200
                iterations = [0, 1, 10, 200, 2000] if last == 2000 else [0, 1, 10, 200]
                tau = stable_tau(image, last, **options)
                self.check(
                    image,
                    iterations,
                    kernels=("auto", "direct", "fftw"),
                    solve=twin.solve,
                    tau=tau,
                    **options
                )
        whole = len(GAMMAS) * len(SHAPES) * len(SETS)
        if PART > 1:
            print(
                "REDUCED: %d of %d settings%s; --long takes all"
                % (self.compared, whole, ", none to 2000 iterations" if SLOW else "")
            )
        self.assertEqual(self.compared, whole // PART)


def add_grid_test(cost, window):
    setattr(Grid, "test_%s_%s" % (cost, window), lambda self: self.run_grid(cost, window))


for cost, window in itertools.product(library.COSTS, [3, 7, 11, "full"]):
    add_grid_test(cost, window)


class Logarithms(Comparison):
    """Against the reference in logarithms, which has no limit of range; and the twin against it."""

    def test_twin(self):
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

    def test_200_and_2000(self):
        image = random_images(40, 1, 1, *SMALL)[0]
        for gamma in [1e-3, 0.005, 0.02, 0.5, 50]:
            for cost, window in [("l1", 7), ("l1", "full"), ("sql2", 5), ("l2", 3)]:
                options = dict(gamma=gamma, cost=cost, window=window, marginals="B4")
                tau = stable_tau(image, 2000, **options)
                self.check(image, [200, 2000], tau=tau, **options)

    def test_the_papers_step_at_small_gamma(self):
        """tau = 0.2 is past the bound at gamma <= 0.005: trajectories agree for a while only."""
        image = random_images(41, 1, 1, 28, 28)[0]
        for gamma in [1e-3, 0.002, 0.005, 0.01]:
            self.check(image, [10, 50], tau=0.2, gamma=gamma, cost="l1", window=7, marginals="B6")

    def test_the_papers_setting(self):
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

    def test_huge_steps(self):
        """Potentials of 1e5 gamma and more: nothing overflows, no mass is lost."""
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

    def test_tiny_weights(self):
        """The eliminated potential is divided by its weight: u/gamma of 1e13, and no mass lost."""
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
    def test_regularizers_masses_and_weights(self):
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

    def test_extreme_theta_and_gamma(self):
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

    def test_kernels_cut_at_their_reach(self):
        """Long kernels of sql2: sweeps to the reach of the potentials, the wide way beyond what sweeps can take, and FFT."""
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
            **options
        )


class Neighbours(unittest.TestCase):
    """An image that leaves the guard and its neighbours in the block that do not: bits must
    not depend on who sits beside whom."""

    def test_bits_do_not_depend_on_the_block(self):
        images = random_images(60, 19, 1, 12, 14)
        images[::3] = 0
        images[::3, 0, 6, 7] = 1  # a single pixel: p is large, and so is the range of u
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

    def test_nor_on_how_far_neighbours_reach(self):
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

    def test_nor_does_the_sum_over_channels(self):
        """Which end at different iterations, and are of one block or of two."""
        images = random_images(62, 7, 3, 12, 12)
        images[:, 1] **= 4
        for name in SETS_HERE:
            for method in library.METHODS:
                options = dict(gamma=0.5, tolerance=0.1, method=method, instructions=name)
                with self.subTest(**options):
                    self.check_alone(
                        images, *library.solve(images, iterations=[60], **options)[::2], **options
                    )


SETS_HERE = library.INSTRUCTIONS[1 : library.lib.bd_instructions_best() + 1]


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
                    # fista's backtracking decides by comparing objectives, which rounding can turn.
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
        """By the kernel's word, not the program's: a lost dispatch would only be slow."""
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
        """Uneven weights, steps longer than is stable, a handful of pixels: float64; other regularizers agree."""
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


class Strips(Comparison):
    """Images so large that the lanes are strips of one image: joined as if they were one, on every instruction set."""

    IMAGES = random_images(99, 3, 1, 96, 96)

    def test_against_the_twin(self):
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

    def test_widths_that_no_strip_divides(self):
        """The paper's window, unrolled for planes beyond the caches: in bands of four rows, and of two where rows are long."""
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
                solve=twin.solve,
                marginals="B6",
                tau=0.2,
                **{"cost": "l1", "theta": 1e5, **options}
            )

    def test_the_ways_agree(self):
        """Kernels that reach over several strips, by FFT and else, on every set."""
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

    def test_an_image_alone_and_among_others(self):
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

    def test_fista(self):
        """On every set, and turned, strips are joined at other places."""
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
                    **options
                )[0]

            wanted = run(image, SETS_HERE[0])
            for name in SETS_HERE:
                with self.subTest(instructions=name, **options):
                    self.assertLess(np.abs(run(image, name) - wanted).max(), 1e-9)
                    self.assertLess(
                        np.abs(run(image.swapaxes(2, 3), name).swapaxes(3, 4) - wanted).max(), 1e-9
                    )

    def test_beyond_the_guard(self):
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


class Convergence(unittest.TestCase):
    def test_fista_and_fb_reach_the_same_optimum(self):
        image = 0.2 + 0.8 * np.random.default_rng(70).random(
            (1, 1, 6, 6)
        )  # no zeros: fb converges linearly
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
        """From k to 4 k the gap of the objective falls 16 times or more, with fb (1/k) not 8 times."""
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
    unittest.main(argv=[a for a in sys.argv if a != "--long"])
