"""Predictions are those of torch itself on the images as stored."""

import resource
import unittest

import numpy as np

from results import check_statistics, read
from support import DEMO_SET, DEMO_VICTIM, PATIENCE, RunTest, need_victim, purify, skip


class Victim(RunTest):
    JOB = {
        "input.file": DEMO_SET,
        "input.limit": 40,
        "victim.file": DEMO_VICTIM,
        "solver.gamma": 0.02,
        "solver.iterations": "0, 30",
        "run.block": 7,
    }
    ATTACKS = ["fgsm", "l2_pgd", "linf_deepfool", "linf_pgd", "clean"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.torch = need_victim()
        cls.model = cls.torch.jit.load(DEMO_VICTIM)
        cls.result = purify(cls.folder, cls.JOB, ranks=2)

    def logits(self, images):
        with self.torch.inference_mode():
            return self.model(self.torch.from_numpy(np.ascontiguousarray(images, "f4"))).numpy()

    def assert_predicted(self, images, predicted):
        """The class predicted has the largest logit, or ties with it to rounding."""
        logits = self.logits(images)
        chosen = logits[np.arange(len(images)), predicted]
        np.testing.assert_array_less(logits.max(axis=1) - chosen, 1e-4)
        self.assertGreater(len(set(predicted)), 5)

    @staticmethod
    def blurred(images, sigma):
        """A Gaussian to 4 sigma, for which the image is mirrored at its edges."""
        radius = int(4 * sigma + 0.5)
        taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
        for axis in 2, 3:
            padded = np.pad(
                images, [(radius, radius) if a == axis else (0, 0) for a in range(4)], "symmetric"
            )
            parts = [
                np.take(padded, np.arange(images.shape[axis]) + i, axis) * tap
                for i, tap in enumerate(taps)
            ]
            images = sum(parts) / taps.sum()
        return images

    def test_predictions_are_the_victims(self):
        for attack in self.ATTACKS:
            group = "clean" if attack == "clean" else f"attacks/{attack}"
            attacked = read(DEMO_SET, f"{group}/images")[:40].astype("f8")
            # Before the first step, at gamma 0.02, the barycenter is the mean of the marginals.
            mean = read(self.result, f"runs/000/{attack}/images")
            for run in "000", "001":
                images, figures = read(
                    self.result, f"runs/{run}/{attack}/images", f"runs/{run}/{attack}/per_image"
                )
                for name, shown in [
                    ("purified", images),
                    ("attacked", attacked),
                    ("mean", mean),
                    ("blurred", self.blurred(attacked, 0.5)),
                    ("rounded", np.floor(attacked * 255 + 0.5) / 255),
                ]:
                    with self.subTest(run=run, attack=attack, prediction=name):
                        self.assert_predicted(shown, figures[f"predicted_{name}"])

    def test_statistics_count_the_predictions(self):
        rows = check_statistics(self, self.result, has_victim=True)
        accuracies = {row["attack"].decode(): row["attack_accuracy"] for row in rows}
        self.assertGreater(accuracies["clean"], accuracies["linf_pgd"] + 0.5)
        self.assertGreater(sum(rows["recovered"]), 0)

    def test_batch_changes_no_prediction_but_a_tie(self):
        for batch in 1, 64:
            other = purify(
                self.folder, {**self.JOB, "victim.batch": batch}, output=f"batch-{batch}.h5"
            )
            for attack in self.ATTACKS:
                images, figures = read(
                    other, f"runs/001/{attack}/images", f"runs/001/{attack}/per_image"
                )
                self.assertEqual(
                    images.tobytes(), read(self.result, f"runs/001/{attack}/images").tobytes()
                )
                self.assert_predicted(images, figures["predicted_purified"])

    def test_memory_of_activations_is_kept(self):
        """More batches meet no more new pages.  They were some 30,000 when each batch met its
        own."""
        if PATIENCE > 1:
            skip("the allocator of a sanitizer is another")

        def faults(limit):
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
            purify(
                self.folder,
                {
                    **self.JOB,
                    "victim.batch": 256,
                    "input.limit": limit,
                    "solver.iterations": 0,
                    "run.block": 16,
                },
                output=f"{limit}.h5",
            )
            return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - before

        self.assertLess(faults(300) - faults(60), 5000)

    def test_blur_sigma_reaches_the_baseline(self):
        result = purify(
            self.folder,
            {**self.JOB, "sweep.baseline.blur_sigma": "0, 2.5", "solver.iterations": 0},
            output="blur.h5",
        )
        attacked = read(DEMO_SET, "attacks/fgsm/images")[:40].astype("f8")
        sharp, soft = (
            read(result, f"runs/{run}/fgsm/per_image")["predicted_blurred"]
            for run in ("000", "001")
        )
        self.assert_predicted(attacked, sharp)
        np.testing.assert_array_less(
            self.logits(self.blurred(attacked, 2.5)).max(axis=1)
            - self.logits(self.blurred(attacked, 2.5))[np.arange(40), soft],
            1e-4,
        )
        self.assertNotEqual(sharp.tolist(), soft.tolist())


if __name__ == "__main__":
    unittest.main()
