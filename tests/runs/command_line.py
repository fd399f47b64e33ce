"""What the tests of the command line share."""

import os

import numpy as np

from inputs import random_images, write_set
from support import RunTest, launch, purify


class CommandLine(RunTest):
    """A folder with a set of six images, and the result of its first run."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.images = random_images(6, 2)
        write_set(
            os.path.join(cls.folder, "set.h5"),
            clean=cls.images.astype("f4"),
            labels=np.array([4, 9, 4, 5, 6, 7]),
            attacks={
                "fast": (cls.images, "linf", 0.125, "one step"),
                "slow": (cls.images, "l2", 1.5, "many"),
            },
        )
        cls.result = purify(cls.folder, {}, output="first.h5")

    def succeed(self, *arguments, **others):
        finished = launch(*arguments, **others)
        self.assertEqual(finished.status, 0, finished)
        return finished
