"""The numbers in a result are those of the method, with the parameters of the job."""

import os
import unittest

import h5py
import numpy as np
import reference

from inputs import random_images, write_set
from support import RunTest, purify


class Numbers(RunTest):
    JOBS = [
        (
            {
                "solver.iterations": "0, 9",
                "sweep.marginals.set": "B4, identity + rotate 30 + translate -1.5 0.5, identity",
                "sweep.solver.regularizer": "data, norm, none",
                "sweep.solver.mass": "channel, joint",
            },
            36,
            (2, 7, 9),
        ),
        (
            {
                "marginals.set": "B4",
                "solver.theta": 3,
                "sweep.marginals.interpolation": "bilinear, nearest",
                "sweep.solver.weights": "1 2 3 4, 2 1 1 0.5",
                "sweep.solver.window": "1, 3",
                "sweep.solver.tau": "0.3, 0.05",
            },
            16,
            (1, 12, 5),
        ),
        ({"solver.iterations": "4, 40", "sweep.solver.gamma": "0.05, 2"}, 4, (5, 5, 6)),
    ]

    def test_images_are_the_barycenters_of_the_reference(self):
        for job, runs, shape in self.JOBS:
            images = random_images(2, *shape)
            write_set(os.path.join(self.folder, "set.h5"), {"a": images})
            with h5py.File(purify(self.folder, job, "--overwrite"), "r") as file:
                self.assertEqual(len(file["runs"]), runs)
                for name, run in file["runs"].items():
                    with self.subTest(
                        run=name, **{key: str(run.attrs[key.split("sweep.")[-1]]) for key in job}
                    ):
                        self.compare(run, images)

    def compare(self, run, images):
        a = {
            key.split(".")[-1]: value.decode() if isinstance(value, bytes) else value
            for key, value in run.attrs.items()
        }
        weights = [float(word) for word in a["weights"].split()] or None
        for i, image in enumerate(images):
            (expected,) = reference.solve(
                image,
                reference.operators(a["set"]),
                a["gamma"],
                a["theta"],
                a["tau"],
                [int(a["iterations"])],
                a["cost"],
                int(a["window"]),
                a["regularizer"],
                a["mass"],
                a["interpolation"],
                weights,
                np.float64,
            )
            figures = run["a/per_image"][i]
            np.testing.assert_allclose(
                run["a/images"][i], expected.image, rtol=0, atol=3.1e-8
            )  # float32
            np.testing.assert_allclose(figures["residual"], expected.residual, rtol=0, atol=1e-12)
            self.assertLess(abs(figures["mass_defect"]), 1e-13)


if __name__ == "__main__":
    unittest.main()
