"""The fast path against its plain twin, in one run: a guard against slowing down.

The ratios asked for are half of those measured (docs/performance.md), for machines that are busy with other things."""

import os
import statistics
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../reference")]
import bench
import library
import numpy as np
import reference
import twin
from test_reference import random_images

LEAST = {"baseline": 4, "avx2": 12, "avx512": 18}


def plain_cost(L=20):
    image = random_images(1, 1, 1, 28, 28)[0]

    def run(count):
        return bench.timed(lambda: twin.solve(image, reference.operators("B6"), gamma=0.5, tau=1e-3, iterations=[count], dtype=np.float64))[0]
    return (run(L) - run(0)) / (784 * 6 * L) * 1e9


class Speed(unittest.TestCase):
    def test_against_the_plain_loop(self):
        names = library.INSTRUCTIONS[1:library.lib.bd_instructions_best() + 1]
        fast = {name: bench.cost(instructions=name) for name in names}
        rounds = [[plain_cost()] + [fast[name]() for name in names] for _ in range(7)]
        for i, name in enumerate(names, 1):
            ratio = statistics.median(r[0] / r[i] for r in rounds)
            print("%s: %.3g ns, %.3g times as fast as the plain loop" % (name, statistics.median(r[i] for r in rounds), ratio))
            with self.subTest(instructions=name):
                self.assertGreater(ratio, LEAST[name])

    def test_float32_is_faster(self):
        double, single = bench.cost(), bench.cost(precision="auto", gamma=5, tau=0.2, bits=32)
        ratio = statistics.median(double() / single() for _ in range(7))
        print("float32: %.3g times as fast as float64" % ratio)
        self.assertGreater(ratio, 1.4)


if __name__ == "__main__":
    unittest.main()
