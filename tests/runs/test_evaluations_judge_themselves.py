"""A run that attacks says whether what is left may be believed, and why not.

Planted here: a victim behind a staircase, which has no gradient, and attacks that are too weak."""

import os
import unittest

import h5py
import numpy as np

from results import contents, read
from support import attack, DEMO_SET, DEMO_VICTIM, RunTest, launch, need_victim, purify

PGD = {"steps": 20, "step_size": 0.125}


class Trust(RunTest):
    @classmethod
    def setUpClass(cls):
        cls.torch = need_victim()
        super().setUpClass()
        cls.masked = os.path.join(cls.folder, "masked.pt")
        inner = cls.torch.jit.load(DEMO_VICTIM)

        class Staircase(cls.torch.nn.Module):
            """The same victim on eight grey levels: as accurate, and without a gradient."""

            def __init__(self):
                super().__init__()
                self.inner = inner

            def forward(self, x):
                return self.inner((x * 7).round() / 7)

        cls.torch.jit.script(Staircase()).save(cls.masked)

    def rows(self, job, output, *options, **others):
        base = {
            "input.file": DEMO_SET,
            "input.attacks": "fgsm",
            "input.limit": 60,
            "output.images": "no",
            "victim.file": DEMO_VICTIM,
            "solver.gamma": 1,
            "solver.iterations": 10,
        }
        path = purify(self.folder, {**base, **job}, *options, output=output, **others)
        with h5py.File(path) as file:
            found = {row["attack"].decode(): row for row in file["statistics"][()]}
            self.assertEqual(file["statistics"].dtype.names[-2:], ("trust", "through"))
        return path, found

    def said(self, path, name):
        (line,) = [
            line
            for line in launch("inspect", path).out.splitlines()
            if line.startswith(f"  trust in {name}: ")
        ]
        return line

    def test_a_masked_gradient_is_not_believed(self):
        """PGD leaves nearly all, and the summary says that this is worth nothing."""
        path, rows = self.rows(
            {
                "victim.file": self.masked,
                **attack("exact", through="purified", **PGD),
                **attack("bare", **PGD),
                **attack("square", type="square", steps=300, sample=0),
            },
            "masked.h5",
        )
        for name in "exact", "bare":
            row = rows[name]
            self.assertGreater(row["zero_gradient"], 40, name)
            self.assertRegex(row["trust"].decode(), r"^no: \d\d of 60 images have no gradient at ")
            self.assertIn("no: ", self.said(path, name))
        self.assertGreater(rows["bare"]["attack_accuracy"], 0.6)
        self.assertGreater(rows["bare"]["square_missed"], 3, "Square needs no gradient")

    def test_an_honest_attack_is_believed(self):
        path, rows = self.rows(
            {
                **attack("exact", through="purified", **PGD),
                **attack("square", type="square", through="purified", steps=60),
                **attack("cheap", through="purified", gradient="identity", epsilon=0.05, **PGD),
                **attack("once", through="purified", type="fgsm", epsilon=0.05),
            },
            "honest.h5",
        )
        row = rows["exact"]
        self.assertEqual(row["trust"], b"yes: no check speaks against it")
        self.assertEqual((row["passes_forward"], row["passes_backward"]), (21, 20))
        self.assertEqual(row["zero_gradient"], 0)
        self.assertGreater(row["noise_tried"], 0)
        self.assertEqual(row["noise_tried"], row["longer_tried"])
        self.assertIn("(21 passes forward and 20 backward an image)", self.said(path, "exact"))
        self.assertRegex(rows["cheap"]["trust"].decode(), "^with care: a gradient that is not the")
        self.assertRegex(rows["once"]["trust"].decode(), "^with care: a single step flatters")
        self.assertRegex(rows["square"]["trust"].decode(), "^no: other attacks in the same ball")
        self.assertEqual(rows["square"]["passes_backward"], 0)
        self.assertEqual((rows["fgsm"]["trust"], rows["fgsm"]["others_missed"]), (b"", -1))
        self.assertTrue(np.isnan(rows["fgsm"]["passes_forward"]))
        self.assertEqual(launch("check", path).status, 0)

    def test_counts_are_those_of_the_records(self):
        path, rows = self.rows(
            {
                "input.limit": 40,
                **attack("weak", through="blurred", steps=2, step_size=0.1, epsilon=0.15),
                **attack("square", type="square", through="blurred", steps=200, epsilon=0.15),
            },
            "counts.h5",
        )
        weak, square, fgsm = read(
            path, *[f"runs/000/{name}/per_image" for name in ("weak", "square", "fgsm")]
        )
        row = rows["weak"]
        right = weak["predicted_blurred"] == weak["label"]
        tried = right & (np.arange(40) < 16)
        for name in "noise", "longer":
            np.testing.assert_array_equal(weak[f"{name}_right"] >= 0, tried)
            self.assertEqual(row[f"{name}_tried"], tried.sum())
            self.assertEqual(row[f"{name}_missed"], (weak[f"{name}_right"] == 0).sum())
        self.assertGreater(row["longer_missed"], 2)
        self.assertRegex(row["trust"].decode(), r"^no: (twice the steps|Square)")
        missed = right & (square["predicted_blurred"] != square["label"])
        self.assertEqual(row["square_missed"], missed.sum())
        others = missed | right & (fgsm["predicted_blurred"] != fgsm["label"])
        self.assertEqual(row["others_missed"], others.sum())

    def test_nothing_is_tried_on_an_empty_sample(self):
        path, rows = self.rows(
            {"input.limit": 20, **attack("a", through="blurred", steps=2, sample=0)}, "none.h5"
        )
        table = read(path, "runs/000/a/per_image")
        for name in "noise_right", "longer_right":
            self.assertEqual(set(table[name]), {-1})
        self.assertEqual(rows["a"]["noise_tried"], 0)

    def test_bits_do_not_depend_on_ranks_or_blocks(self):
        job = {
            "input.limit": 30,
            **attack("a", through="blurred", steps=2, step_size=0.1, restarts=2),
            **attack("b", through="mean", steps=3, norm="l2", epsilon=0.5),
        }
        first, _ = self.rows({**job, "run.block": 30}, "first.h5")
        other, _ = self.rows({**job, "run.block": 4}, "other.h5", ranks=2)
        self.assert_same(contents(first), contents(other))


if __name__ == "__main__":
    unittest.main()
