"""The fast path is faster than its plain twin, measured in the same run.

The ratios asked for are half of those that idle cores give, since the machine may be busy."""

import os
import statistics
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
import solver_costs
import library
import numpy as np
import reference
import twin
from images import random_images

LEAST = {"baseline": 4, "avx2": 12, "avx512": 18}


def plain_cost(L=20):
    image = random_images(1, 1, 1, 28, 28)[0]

    def run(count):
        return solver_costs.timed(
            lambda: twin.solve(
                image,
                reference.operators("B6"),
                gamma=0.5,
                tau=1e-3,
                iterations=[count],
                dtype=np.float64,
            )
        )[0]

    return (run(L) - run(0)) / (784 * 6 * L) * 1e9


class Speed(unittest.TestCase):
    def test_the_fast_path_beats_the_plain_loop(self):
        names = library.INSTRUCTIONS[1 : library.lib.bd_instructions_best() + 1]
        fast = {name: solver_costs.cost(instructions=name) for name in names}
        rounds = [[plain_cost()] + [fast[name]() for name in names] for _ in range(7)]
        for i, name in enumerate(names, 1):
            ratio = statistics.median(r[0] / r[i] for r in rounds)
            print(
                "%s: %.3g ns, %.3g times as fast as the plain loop"
                % (name, statistics.median(r[i] for r in rounds), ratio)
            )
            with self.subTest(instructions=name):
                self.assertGreater(ratio, LEAST[name])

    def test_float32_is_faster(self):
        double, single = solver_costs.cost(), solver_costs.cost(
            precision="auto", gamma=5, tau=0.2, bits=32
        )
        ratio = statistics.median(double() / single() for _ in range(7))
        print("float32: %.3g times as fast as float64" % ratio)
        self.assertGreater(ratio, 1.4)


class Memory(unittest.TestCase):
    def test_large_images_cost_no_more_a_pixel(self):
        """This is counted, since times double now and then where others use the memory too.
        Without strips each of these misses 1.3 to 1.8 times as often at 224 x 224 as at 28 x 28."""
        for setting in ("l1", "7", "0.5"), ("l2", "7", "0.5"), ("l1", "0", "1"):
            small, large = solver_costs.counted(1, 3, "28", "4", *setting), solver_costs.counted(
                1, 3, "224", "1", *setting
            )
            instructions, misses = (b / 224**2 / (a / 4 / 28**2) for a, b in zip(small, large))
            print(
                "%s: 224 x 224 needs %.3g as many instructions as 28 x 28, "
                "and misses the first cache %.3g times as often"
                % (" ".join(setting), instructions, misses)
            )
            with self.subTest(setting=setting):
                self.assertLess(instructions, 1.1)
                self.assertLess(misses, 1.25)


class Shortcuts(unittest.TestCase):
    def test_what_is_left_out_is_not_computed(self):
        """Eight equal images fill two or more registers, all of whose lanes do alike."""
        N, L, images, side = 6, 20, 8, 22
        whole, nothing = solver_costs.sweeps(L, side, images, "l1", 7, 0.02, 0)
        self.assertEqual(nothing, 0)
        lanes = images * N * (L + 1) // whole
        self.assertEqual(whole * lanes, images * N * (L + 1))
        some, skipped = solver_costs.sweeps(L, side, images, "l1", 7, 0.02, 1)
        self.assertGreater(skipped, images * (N - 1) * L)
        self.assertEqual(some * lanes, images * N * (L + 1) - skipped)

    def test_gamma_of_one_pays_nothing_for_them(self):
        """Where no marginal is ever known, the guard costs less than a hundredth."""
        setting = "28", "4", "l1", "7", "1"
        with_them, without = (solver_costs.counted(0, 20, *setting, word)[0] for word in "10")
        print("gamma 1: %.4f times the instructions with shortcuts" % (with_them / without))
        self.assertLess(with_them, 1.01 * without)


class Victim(unittest.TestCase):
    def test_openblas_takes_this_processor_for_what_it_can_do(self):
        """Old versions take a newer processor for a Pentium 4, with which a classifier costs twice
        as much."""
        if library.lib.bd_instructions_best() < library.INSTRUCTIONS.index("avx2"):
            self.skipTest("this processor is an old one")
        # In a process without numpy, which would load OpenBLAS before the library can name the
        # processor.
        code = (
            "import ctypes as c, os, sys; ours = c.CDLL(sys.argv[1])\n"
            "ours.bd_victim_library.restype = c.c_void_p\n"
            "if not ours.bd_victim_library(): sys.exit('no victim module')\n"
            "blas = c.CDLL('libopenblas.so.0', mode=os.RTLD_NOLOAD | os.RTLD_LAZY)\n"
            "blas.openblas_get_corename.restype = c.c_char_p\n"
            "print(blas.openblas_get_corename().decode())"
        )
        environment = {
            name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"
        }
        said = subprocess.run(
            [sys.executable, "-c", code, library.LIBRARY],
            capture_output=True,
            text=True,
            env=environment,
        )
        if "no victim module" in said.stderr or "libopenblas.so.0" in said.stderr:
            self.skipTest("without " + said.stderr.strip().splitlines()[-1])
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn(said.stdout.strip().lower(), ("haswell", "skylakex"))


if __name__ == "__main__":
    unittest.main()
