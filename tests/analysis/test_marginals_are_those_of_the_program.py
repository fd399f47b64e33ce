"""The marginals of pictures are those of the program."""

import os
import unittest

from inputs import random_images, write_set
from support import DEMO_SET, DEMO_VICTIM, RunTest, need_victim, purify
import reference

import numpy as np
import torch
from barydef import marginals, torchscript
from barydef.report import data as report_data
from barydef.text import shortened
from barydef.result import Result


class Marginals(RunTest):
    def test_short_names_say_what_moves(self):
        for long, short in (
            ("B6", "B6"),
            ("identity + rotate 2 + rotate -2 + translate 3 0", "id, \u00b12\u00b0, shift (3,0)"),
            (
                "identity + identity + translate 1 0 + translate -1 0 + translate 0 1 + "
                "translate 0 -1",
                "2 id, shift \u00b11",
            ),
            ("0.5", "0.5"),
            ("rotate 3", "3\u00b0"),
            (
                "translate 1 1 + translate -1 -1 + translate 1 -1 + translate -1 1",
                "diagonal \u00b11",
            ),
        ):
            self.assertEqual(shortened(long), short)

    def test_marginals_are_those_of_the_product(self):
        image = random_images(1, 3, 9, 12)[0]
        for motions in "B6", "identity + rotate 12.5 + translate 1.25 -2.5":
            for interpolation in "bilinear", "nearest":
                found = marginals.marginals(image, motions, interpolation)
                for c in range(3):
                    wanted = reference.marginals(
                        image[c], reference.operators(motions), interpolation
                    )
                    np.testing.assert_allclose(found[:, c], wanted.astype(float), atol=1e-12)

    def test_mean_of_marginals_is_what_was_predicted(self):
        """The victim sees the class in it that the result holds."""
        need_victim()
        job = {"input.file": DEMO_SET, "victim.file": DEMO_VICTIM, "input.limit": 40}
        result = Result(purify(self.folder, job, output="demo.h5"))
        model = torchscript.load(DEMO_VICTIM)
        rows = list(range(40))
        images = result.attacked("fgsm", rows)
        means = np.stack([marginals.mean_of_marginals(image, "B6") for image in images])
        with torch.no_grad():
            seen = model(torch.as_tensor(means, dtype=torch.float32)).argmax(1).numpy()
        np.testing.assert_array_equal(seen, result.per_image("000", "fgsm")["predicted_mean"][rows])

    def test_mean_of_marginals_is_where_the_solver_starts(self):
        """That is the image of L = 0, with the mass of each channel or of all of them together."""
        images = random_images(4, 3, 9, 12)  # and gamma small, so that the kernel moves nothing
        images[:, 1] *= 0.1  # channels that lose different shares at the border
        images[:, 2, :, 3:] = 0
        write_set(os.path.join(self.folder, "colour.h5"), {"fgsm": images})
        made = []
        for job in (
            {"solver.mass": "channel"},
            {"solver.mass": "joint"},
            {"solver.mass": "joint", "solver.weights": "1, 2 3.5,4"},
        ):
            path = purify(
                self.folder,
                {
                    "input.file": "colour.h5",
                    "solver.iterations": 0,
                    "solver.gamma": 0.02,
                    "marginals.set": "identity + rotate 30 + translate 3 0 + translate 0 -4",
                    **job,
                },
                output=f"start-{len(made)}.h5",
            )
            result = Result(path)
            _, rows = report_data.gallery(result, "000", "fgsm", 4)
            made.append(next(row.images for row in rows if row.name == "mean of marginals"))
            np.testing.assert_allclose(made[-1], result.images("000", "fgsm", range(4)), atol=1e-6)
        self.assertGreater(abs(made[0] - made[1]).max(), 0.01)


if __name__ == "__main__":
    unittest.main()
