"""The C library agrees with its twin in 80 bits over the product of gammas, costs, windows, shapes
and numbers of marginals."""

import itertools
import unittest

import library
import twin
from comparison import GAMMAS, LONG, SETS, SLOW, Comparison, stable_tau
from images import random_images

SHAPES = [(28, 28), (32, 32), (17, 23)]
CELLS = list(itertools.product(library.COSTS, [3, 7, 11, "full"]))


class Grid(Comparison):
    """The gate takes two shapes and numbers for each gamma, cost and window.  They are chosen so
    that each pair of a shape and a number meets each gamma.  Each gamma goes to 2000 iterations in
    a third of the costs and windows.  The long form takes all of them to 2000 iterations, an hour
    on one core."""

    def turns(self, gamma, cell):
        """Shapes and numbers.  Those of the gate meet all twelve pairs in twelve steps."""
        if LONG:
            return [(shape, number) for shape in SHAPES for number in SETS]
        numbers = list(SETS)
        return [
            (SHAPES[(gamma + cell + i) % 3], numbers[(gamma + cell + 2 * i) % 4]) for i in range(2)
        ]

    def run_grid(self, cost, window):
        cell = CELLS.index((cost, window))
        for g, gamma in enumerate(GAMMAS):
            for turn, (shape, number) in enumerate(self.turns(g, cell)):
                goes_far = LONG or (not SLOW and turn == 0 and g % 3 == cell % 3)
                image = random_images(100 * g + turn, 1, 1, *shape)[0]
                options = dict(gamma=gamma, cost=cost, window=window, marginals=SETS[number])
                iterations = [0, 1, 10, 200] + [2000] * goes_far
                tau = stable_tau(image, iterations[-1], **options)
                self.check(
                    image,
                    iterations,
                    kernels=("auto", "direct", "fftw"),
                    solve=twin.solve,
                    tau=tau,
                    **options,
                )
        whole = len(GAMMAS) * len(SHAPES) * len(SETS)
        if not LONG:
            print(
                "REDUCED: %d of %d settings, %s to 2000 iterations; --long takes all, to 2000"
                % (self.compared, whole, "none" if SLOW else "three")
            )
        self.assertEqual(self.compared, whole if LONG else 2 * len(GAMMAS))


def add_grid_test(cost, window):
    setattr(Grid, "test_%s_%s" % (cost, window), lambda self: self.run_grid(cost, window))


for cost, window in CELLS:
    add_grid_test(cost, window)


if __name__ == "__main__":
    unittest.main()
