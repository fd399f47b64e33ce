"""FGSM, PGD, DeepFool and Carlini-Wagner do to a set what Foolbox did.

The sets that Foolbox made are in the folder that BARYDEF_DATA names, or beside the clone.  --long
takes all images of all sets."""

import os
import sys
import unittest

import numpy as np
import support

import native

NAMES = "mnist", "fashion_mnist", "cifar10"


class Stored(unittest.TestCase):
    """What the program makes, beside the groups of the sets."""

    def attacked(self, name, group, kind, limit, **options):
        """Both attacks as (images, which are right), their clean images, and the norm."""
        norm = "l2" if group.startswith("l2") else "linf"
        source = native.load(name, limit)
        images, epsilon = native.stored(name, group, limit)
        ours = native.attack(source, kind, norm, epsilon, **options)
        theirs = native.attack(source._replace(images=images), "fgsm", "linf", 0.0)
        far = native.distances(norm, ours.images, source.images)
        theirs_far = native.distances(norm, images, source.images)
        self.assertLessEqual(far.max(), epsilon)
        self.assertTrue((ours.images >= 0).all() and (ours.images <= 1).all())
        is_right, expected = ours.predicted == source.labels, theirs.predicted == source.labels
        change = native.distances("linf", ours.images, images)
        print(
            f"{name:13} {group:17} {len(far):4} images: {100 * is_right.mean():.1f} % right, "
            f"Foolbox's {100 * expected.mean():.1f} %; median {norm} {np.median(far):.5f}, "
            f"{np.median(theirs_far):.5f}; same to 1e-4 {100 * (change <= 1e-4).mean():.1f} %; "
            f"{ours.seconds:.1f} s, {ours.backward.mean():.0f} backward passes an image",
            file=sys.stderr,
        )
        return is_right, expected, change, far, theirs_far

    def check_same(self, name, group, kind, limit):
        is_right, expected, change, _, _ = self.attacked(name, group, kind, limit)
        self.assertGreaterEqual((change <= 1e-4).mean(), 0.99)
        self.assertTrue((is_right == expected).all())

    def check_alike(self, name, group, kind, limit, **options):
        is_right, expected, _, far, theirs_far = self.attacked(name, group, kind, limit, **options)
        # Starts are random.  On fewer than MNIST's 1000 images their noise may pass 1.5 points:
        # 2.5 standard errors of the difference, by the verdicts that differ.
        noise = np.sqrt((is_right != expected).sum()) / len(far)
        bound = 0.015 if len(far) >= 1000 else max(0.015, 2.5 * noise)
        self.assertLessEqual(abs(is_right.mean() - expected.mean()), bound)
        self.assertAlmostEqual(np.median(far) / np.median(theirs_far), 1, delta=0.03)

    def limits(self, **few):
        if not support.LONG:
            print("REDUCED: a part of the sets; --long takes all images", file=sys.stderr)
        return {name: None for name in NAMES} if support.LONG else few

    def test_fgsm_is_the_same(self):
        for name, limit in self.limits(mnist=300, fashion_mnist=200, cifar10=20).items():
            with self.subTest(name=name):
                self.check_same(name, "fgsm", "fgsm", limit)

    def test_deepfool_is_the_same(self):
        for name, limit in self.limits(mnist=100, fashion_mnist=100, cifar10=10).items():
            with self.subTest(name=name):
                self.check_same(name, "linf_deepfool", "deepfool", limit)

    def test_pgd_is_alike(self):
        for name, limit in self.limits(mnist=100, fashion_mnist=50).items():
            for group in "linf_pgd", "l2_pgd", "linf_pgd_0.17":
                with self.subTest(name=name, group=group):
                    self.check_alike(name, group, "pgd", limit)

    def test_carlini_wagner_is_as_strong(self):
        """The sets were made with 5 or 6 steps of the binary search instead of 9."""
        steps = {"mnist": 300, "fashion_mnist": 300, "cifar10": 100}
        for name, limit in self.limits(fashion_mnist=10).items():
            with self.subTest(name=name):
                is_right, expected, _, far, theirs_far = self.attacked(
                    name, "l2_carlini_wagner", "carlini_wagner", limit, steps=steps[name]
                )
                self.assertLessEqual(is_right.mean(), expected.mean() + 0.015)
                self.assertLessEqual(far.mean() / theirs_far.mean(), 1.03)


if __name__ == "__main__":
    if not os.path.exists(os.path.join(native.DATA, "mnist.h5")):
        print(f"SKIPPED: no sets in {native.DATA}; BARYDEF_DATA names their folder")
        sys.exit(77)
    unittest.main()
