"""Attacks of our own stay in their ball, and fool more images with more epsilon."""

import unittest

from support import DEMO_SET, DEMO_VICTIM

import h5py
import torch
from barydef import torchscript
from barydef.attack import own, presets, runners


class Attacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = torchscript.load(DEMO_VICTIM)
        with h5py.File(DEMO_SET) as file:
            cls.x, cls.y = torch.as_tensor(file["clean/images"][:100]), torch.as_tensor(
                file["labels"][:100].astype("i8")
            )
        cls.batch = own.Batch(cls.x, cls.y)

    def accuracy(self, x):
        with torch.no_grad():
            return float((self.model(x).argmax(1) == self.y).float().mean())

    def test_attacks_stay_in_the_ball_and_accuracy_falls(self):
        clean = self.accuracy(self.x)
        for attack, norm, epsilon, most in (
            (own.fgsm, "linf", 0.1, 0.75),
            (own.pgd, "linf", 0.1, 0.4),
            (own.pgd, "l2", 1.2, 0.6),
            (own.deepfool, "linf", 0.12, 0.5),
            (own.deepfool, "l2", 1.2, 0.8),
        ):
            with self.subTest(attack=attack.__name__, norm=norm):
                found = attack(self.model, self.batch, own.Ball(norm, epsilon))
                self.assertTrue(0 <= found.min() and found.max() <= 1)
                self.assertLessEqual(
                    float(own.norms(found - self.x, norm).max()), epsilon * (1 + 1e-5)
                )
                self.assertLess(self.accuracy(found), min(most, clean))
                self.assertGreater(float(own.norms(found - self.x, norm).max()), 0.1 * epsilon)

    def test_pgd_fools_more_images_with_more_epsilon(self):
        falling = [
            self.accuracy(own.pgd(self.model, self.batch, own.Ball("linf", epsilon)))
            for epsilon in (0.02, 0.1, 0.2)
        ]
        self.assertEqual(falling, sorted(falling, reverse=True))
        self.assertLess(falling[-1], 0.1)

    def test_pgd_takes_all_its_steps(self):
        """Images misclassified on the way are driven on from the boundary, and the file says so."""
        for norm, epsilon in ("linf", 0.1), ("l2", 1.2):
            losses, wrong = [], []
            for steps in 10, 40:
                found = own.pgd(
                    self.model,
                    self.batch,
                    own.Ball(norm, epsilon),
                    steps,
                    epsilon / 16,
                    torch.Generator().manual_seed(0),
                )
                with torch.no_grad():
                    logits = self.model(found)
                losses.append(torch.nn.functional.cross_entropy(logits, self.y, reduction="none"))
                wrong.append(logits.argmax(1) != self.y)
            self.assertGreater(int(wrong[0].sum()), 10)
            self.assertGreater(float((losses[1] - losses[0])[wrong[0]].min()), 1, norm)
        setting = presets.setting("linf_pgd", "mnist")
        two = own.Batch(self.x[:2], self.y[:2])
        self.assertRegex(
            runners.own_attack(setting, self.model, two, 0)[1],
            r"own pgd\(norm=linf, steps=40, .*, no early stop\)$",
        )

    def test_deepfool_finds_small_perturbations(self):
        """Without a ball it fools nearly all, most with less than FGSM's fixed step."""
        for norm in "linf", "l2":
            found = own.deepfool(self.model, self.batch, own.Ball(norm, None))
            self.assertLess(self.accuracy(found), 0.05)
            self.assertLess(
                float(own.norms(found - self.x, norm).median()), {"linf": 0.15, "l2": 2.0}[norm]
            )

    def test_pgd_depends_on_its_seed_alone(self):
        one, two, other = (
            own.pgd(
                self.model,
                self.batch,
                own.Ball("linf", 0.1),
                generator=torch.Generator().manual_seed(seed),
            )
            for seed in (1, 1, 2)
        )
        self.assertTrue(torch.equal(one, two))
        self.assertFalse(torch.equal(one, other))


if __name__ == "__main__":
    unittest.main()
