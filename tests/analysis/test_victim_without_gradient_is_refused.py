"""A victim that cannot be attacked is refused in one line before hours are spent."""

import contextlib
import os
import unittest

from inputs import random_images, write_victim
from support import RunTest
from package import command

import numpy as np
import torch
from barydef import errors
from barydef.attack import victim


class Victims(RunTest):
    def refused(self, path, images=None, labels=None):
        images = random_images(6).astype("f4") if images is None else images
        labels = np.arange(len(images)) if labels is None else labels
        with self.assertRaises(errors.Unsuitable) as caught:
            victim.check(victim.load(path), path, images, labels, 4)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_victims_that_cannot_be_attacked_are_refused(self):
        path = os.path.join(self.folder, "victim.pt")
        write_victim(path)
        model, images = victim.load(path), random_images(60).astype("f4")
        seen = victim.logits_of(model, path, images, 7).argmax(1)
        self.assertEqual(victim.check(model, path, images, seen, 4), (1, False))
        self.assertEqual(victim.check(model, path, images, (seen + 1) % 10, 4), (0, True))
        self.assertIn(
            "labels from 0 to 10, but", self.refused(path, random_images(11).astype("f4"))
        )
        self.assertIn(
            "has 10 classes, numbered from 0", self.refused(path, labels=np.arange(6) - 1)
        )
        for body, text in (
            (
                "return x.flatten(1)[:, :10] @ torch.zeros(7, 10)",
                "cannot take images of 1 x 8 x 10 (",
            ),
            ("return x", "gives [4, 1, 8, 10] for 4 images, not floats"),
            ("return x.flatten(1).argmax(1)", "gives [4] for 4"),
            ("return x.flatten(1)[:2, :10]", "gives [2, 10] for 4"),
            ("return x.flatten(1)[:, :10], x", "gives tuple for 4"),
            ("return x.flatten(1)[:, :10] / 0", "not finite for image 0"),
            ("return x.detach().flatten(1)[:, :10]", "has no gradient"),
            ("return x.round().flatten(1)[:, :10]", "has no gradient"),
            ("return torch.ones(x.size(0), 10)", "has no gradient"),
        ):
            self.assertIn(text, self.refused(write_victim(path, body)), body)
        with open(path, "wb") as file:
            file.write(b"no program")
        self.assertIn("victim.pt: no TorchScript classifier (", self.refused(path))
        torch.save({"weight": torch.ones(3)}, path)
        self.assertIn("no TorchScript classifier (", self.refused(path))
        self.assertIn("no such file", self.refused(path + "2"))

    def test_a_refusal_is_one_line_and_writes_nothing(self):
        data, path, made = (
            os.path.join(self.folder, name) for name in ("digits.npz", "no.pt", "made.h5")
        )
        with open(path, "wb") as file:
            file.write(b"no program")
        for labels, text in (np.arange(6), "no.pt: no TorchScript classifier"), (
            np.eye(6) / 2,
            "labels: of shape (6, 6): where these are one-hot",
        ):
            np.savez(data, images=random_images(6), labels=labels)
            self.assertIn(text, command("attack", data, path, made, status=2).stderr)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("made")], [])

    def test_every_failure_has_its_exit_status(self):
        def work(problem):
            raise problem

        for problem, status in (
            (RuntimeError("first\nsecond"), 1),
            (MemoryError(), 1),
            (KeyboardInterrupt(), 1),
            (errors.Failed("no space"), 1),
            (OSError(28, "full"), 1),
            (OSError(2, "x"), 2),
            (ValueError("x"), 2),
        ):
            with self.assertRaises(SystemExit) as caught, open(
                os.devnull, "w"
            ) as nowhere, contextlib.redirect_stderr(nowhere):
                errors.run(lambda problem=problem: work(problem), "analysis")
            self.assertEqual(caught.exception.code, status)


if __name__ == "__main__":
    unittest.main()
