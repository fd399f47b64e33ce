"""AutoAttack and its parts do to a set what the original does.

The sets that the original made are in the folder that BARYDEF_DATA names, or beside the clone.
With BARYDEF_AUTOATTACK, the folder of a clone of fra31/auto-attack, each part is compared with the
original's on the same images; else that is skipped.  --long takes all images."""

import os
import sys
import time
import unittest

import numpy as np
import support

import native

# Images, and radii at which the original's parts leave some: at those of the sets nothing is left
# on Fashion-MNIST and CIFAR-10.
SETS = {
    "mnist": (100, {"linf": 0.1, "l2": 1.0}),
    "fashion_mnist": (50, {"linf": 0.02, "l2": 0.3}),
    "cifar10": (0, {"linf": 0.5 / 255, "l2": 0.08}),
}
LONG = {"mnist": 200, "fashion_mnist": 100, "cifar10": 100}
PARTS = {
    "apgd-ce": ("apgd", "ce"),
    "apgd-dlr": ("apgd", "dlr"),
    "apgd-t": ("apgd", "dlr_targeted"),
    "fab-t": ("fab", "ce"),
    "square": ("square", "ce"),
}
QUERIES = 5000 if support.LONG else 500


class Stored(unittest.TestCase):
    """What the program makes, beside the group `autoattack` of the sets."""

    def compare(self, name, limit):
        source = native.load(name, limit)
        images, epsilon = native.stored(name, "autoattack", limit)
        ours = native.attack(source, "autoattack", "linf", epsilon)
        theirs = native.attack(source._replace(images=images), "fgsm", "linf", 0.0)
        self.assertLessEqual(native.distances("linf", ours.images, source.images).max(), epsilon)
        is_right = ours.predicted == source.labels
        expected = theirs.predicted == source.labels
        print(
            f"{name}: {is_right.sum()} of {len(is_right)} right, the set's {expected.sum()}; "
            f"{ours.seconds:.1f} s, {ours.forward.mean():.0f} forward and "
            f"{ours.backward.mean():.0f} backward passes an image",
            file=sys.stderr,
        )
        self.assertLessEqual(abs(is_right.sum() - expected.sum()), 0.01 * len(is_right))
        self.assertLessEqual((is_right != expected).sum(), 0.02 * len(is_right))

    def test_mnist(self):
        if not support.LONG:
            print(
                "REDUCED: 100 images of MNIST alone; --long takes all sets whole", file=sys.stderr
            )
        self.compare("mnist", None if support.LONG else 100)

    @unittest.skipUnless(support.LONG, "REDUCED: --long compares Fashion-MNIST")
    def test_fashion_mnist(self):
        self.compare("fashion_mnist", None)

    @unittest.skipUnless(support.LONG, "REDUCED: --long compares CIFAR-10")
    def test_cifar10(self):
        self.compare("cifar10", None)


class Original(unittest.TestCase):
    """The parts, beside the original's on the same images."""

    @classmethod
    def setUpClass(cls):
        folder = os.environ.get("BARYDEF_AUTOATTACK")
        if not folder:
            support.skip("BARYDEF_AUTOATTACK names no clone of fra31/auto-attack")
        sys.path.insert(0, folder)
        cls.torch = support.need_victim()
        support.need("autoattack")

    def original(self, part, norm, epsilon):
        """The original's attack, as its standard version sets it."""
        from autoattack.autopgd_base import APGDAttack, APGDAttack_targeted
        from autoattack.fab_pt import FABAttack_PT
        from autoattack.square import SquareAttack

        usual = {"norm": {"linf": "Linf", "l2": "L2"}[norm], "eps": epsilon, "seed": 0}
        usual.update(device="cpu", verbose=False, n_restarts=1)
        if part == "apgd-t":
            return APGDAttack_targeted(self.model, n_iter=100, n_target_classes=9, **usual)
        if part == "fab-t":
            return FABAttack_PT(self.model, n_iter=100, targeted=True, **usual)
        if part == "square":
            return SquareAttack(
                self.model, n_queries=QUERIES, p_init=0.8, resc_schedule=False, **usual
            )
        return APGDAttack(self.model, n_iter=100, loss=part[5:], **usual)

    def compare(self, source, part, norm, epsilon):
        x, y = self.torch.tensor(source.images), self.torch.tensor(source.labels).long()
        start = time.process_time()
        adversarial = self.original(part, norm, epsilon).perturb(x, y).detach()
        seconds = time.process_time() - start
        with self.torch.no_grad():
            theirs = (self.model(adversarial).argmax(1) == y).numpy()
        steps = QUERIES if part == "square" else 0
        kind, loss = PARTS[part]
        made = native.attack(source, kind, norm, epsilon, loss, steps)
        ours = made.predicted == source.labels
        far = native.distances(norm, made.images, source.images)
        theirs_far = native.distances(norm, adversarial.numpy(), source.images)
        self.assertLessEqual(far.max(), epsilon)
        both = (far > 0) & ~ours & (theirs_far > 0) & ~theirs
        ratio = far[both].mean() / theirs_far[both].mean()
        print(
            f"{source.name:13} {norm:4} {part:8} of {len(ours)} right: {ours.sum():3}, original "
            f"{theirs.sum():3}; mean distance {far[both].mean():.5f}, ratio {ratio:.4f}; "
            f"{made.seconds:5.1f} s, original {seconds:5.1f} s",
            file=sys.stderr,
        )
        if part == "square":
            # The original draws one square for all images, so that its count scatters.
            self.assertLessEqual(ours.sum(), theirs.sum() + 0.04 * len(ours))
        else:
            # The starts of APGD are random.  Eight seeds scatter by 1.3 images of 100.
            most = 2 if part == "fab-t" else 4
            self.assertLessEqual(abs(int(ours.sum()) - theirs.sum()), most)
        if part == "fab-t":
            self.assertAlmostEqual(ratio, 1, delta=0.02)

    def test_parts(self):
        if not support.LONG:
            print("REDUCED: few images, 500 queries; --long takes 5000", file=sys.stderr)
        for name, (few, radii) in SETS.items():
            count = LONG[name] if support.LONG else few
            if not count:
                continue
            source = native.load(name, count)
            self.model = self.torch.jit.load(source.victim).eval()
            for parameter in self.model.parameters():
                parameter.requires_grad_(False)
            for norm, epsilon in radii.items():
                for part in PARTS:
                    with self.subTest(name=name, norm=norm, part=part):
                        self.compare(source, part, norm, epsilon)

    def test_nearest_of_all_targets(self):
        """FAB without an epsilon, beside the nearest of the original's single runs."""
        source = native.load("mnist", 100 if support.LONG else 20)
        self.model = self.torch.jit.load(source.victim).eval()
        x, y = self.torch.tensor(source.images), self.torch.tensor(source.labels).long()
        for norm in "linf", "l2":
            nearest = np.full(len(y), np.inf)
            single = self.original("fab-t", norm, 1.0)
            for single.target_class in range(2, 11):
                with self.torch.no_grad():
                    found = single.attack_single_run(x, y, is_targeted=True)
                    is_right = (self.model(found).argmax(1) == y).numpy()
                far = native.distances(norm, found.detach().numpy(), source.images)
                nearest = np.minimum(nearest, np.where(is_right, np.inf, far))
            made = native.attack(source, "fab", norm, 0.0)
            far = native.distances(norm, made.images, source.images)
            print(f"{norm}: {far.mean():.6f}, original {nearest.mean():.6f}", file=sys.stderr)
            self.assertTrue((made.predicted != source.labels).all())
            self.assertAlmostEqual(far.mean() / nearest.mean(), 1, delta=0.02)


if __name__ == "__main__":
    if not os.path.exists(os.path.join(native.DATA, "mnist.h5")):
        print(f"SKIPPED: no sets in {native.DATA}; BARYDEF_DATA names their folder")
        sys.exit(77)
    unittest.main()
