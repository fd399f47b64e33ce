"""The gradient of a purified image is that of PyTorch's automatic differentiation, in float64."""

import os
import unittest

import h5py
import numpy as np
import torch

import library
import plain
import reference
import solver_costs
from comparison import LONG
from images import random_images

CLOSE = 1e-9  # of the largest component
DATA = os.environ.get("BARYDEF_DATA", os.path.join(library.HERE, "../../../shared/data"))
SETS = [os.path.join(DATA, name + ".h5") for name in ("mnist", "fashion_mnist", "cifar10")]


def by_autograd(images, adjoints, steps, gamma, **options):
    """Gradients, channel by channel, and purified images."""
    channels = torch.tensor(images).flatten(0, 1).requires_grad_()
    purified = plain.purified(channels, reference.operators("B6"), steps, gamma, **options)
    (purified * torch.tensor(adjoints).flatten(0, 1)).sum().backward()
    return channels.grad.numpy().reshape(images.shape), purified.detach().numpy()


class Autograd(unittest.TestCase):
    def setUp(self):
        torch.set_num_threads(1)

    def check(self, name, images, steps, gamma, **options):
        adjoints = np.random.default_rng(5).standard_normal(images.shape)
        found, purified, reports = library.vjp(
            images, adjoints, iterations=(steps,), gamma=gamma, **options
        )
        self.assertEqual({report.status for report in reports}, {0})
        wanted, other = by_autograd(images, adjoints, steps, gamma, **options)
        self.assertLess(abs(purified[0].ravel() - other.ravel()).max(), CLOSE)
        scale = abs(wanted).max((1, 2, 3), keepdims=True)
        error = (abs(found - wanted) / scale).max()
        print("%s, L %d, gamma %g: %.1e" % (name, steps, gamma, error), flush=True)
        self.assertLess(error, CLOSE)

    def test_digits(self):
        count = 8 if LONG else 2
        if not LONG:
            print("REDUCED: 2 digits; --long takes 8, and gamma 0.1 and 50")
        for gamma in (0.02, 0.1, 1, 50) if LONG else (0.02, 1):
            self.check("digits", solver_costs.digits()[:count], 200, gamma)

    def test_shapes(self):
        steps, large = (100, (3, 224, 224)) if LONG else (20, (1, 224, 224))
        if not LONG:
            print(
                "REDUCED: 20 iterations, 2 of 1 x 224 x 224; --long takes 100, 20 of 3 x 224 x 224"
            )
        for shape in (1, 28, 28), (1, 17, 23), (3, 32, 32):
            for gamma in 0.02, 1:
                self.check("%d x %d x %d" % shape, random_images(6, 2, *shape), steps, gamma)
        for gamma in 0.02, 1:
            images = random_images(6, 1, *large)
            self.check("%d x %d x %d" % large, images, steps // 5 if LONG else 2, gamma)

    def test_real_images(self):
        there = [path for path in SETS if os.path.exists(path)]
        if not there:
            print("SKIPPED: no attacked sets in %s; set BARYDEF_DATA to their folder" % DATA)
            self.skipTest("no attacked sets")
        steps, count = (200, 4) if LONG else (40, 1)
        if not LONG:
            print("REDUCED: 40 iterations of an image of each set; --long takes 200 of 4")
        for path in there:
            with h5py.File(path, "r") as file:
                images = next(iter(file["attacks"].values()))["images"][:count].astype(float)
            images /= 255 if images.max() > 1.5 else 1
            for gamma in 0.02, 1:
                self.check(os.path.basename(path), images, steps, gamma)


if __name__ == "__main__":
    unittest.main()
