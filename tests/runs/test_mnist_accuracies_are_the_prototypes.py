"""Attacked MNIST and its victim give the accuracies of a float64 prototype.

Needs the attacked sets (mnist.h5, victims/mnist.pt) in the folder that BARYDEF_DATA names, or
beside the clone.
"""

import os
import sys
import time
import unittest

import h5py
import numpy as np

import support

DATA = os.environ.get(
    "BARYDEF_DATA", os.path.join(os.path.dirname(support.SOURCE), "shared", "data")
)

# {attack: accuracies on the attacked images, the mean of the marginals and the barycenter, in
# percent}, for B6, gamma 0.02, L = 200 and the first 496 images.
PROTOTYPE = {
    "linf_pgd": (21.8, 37.5, 39.3),
    "fgsm": (65.3, 69.2, 70.4),
    "linf_deepfool": (33.1, 84.7, 94.4),
    "l2_carlini_wagner": (61.1, 90.3, 95.6),
    "autoattack": (6.7, 26.2, 28.0),
    "clean": (98.8, 98.6, 98.6),
}


# Builds with sanitizers are some 25 times as slow.  They take as many images as the figures need,
# and few for the sweep.
LIMIT, LIMIT_SWEEP = (496, 8) if support.SLOW else (0, 64)


class Mnist(support.RunTest):
    def test_accuracies_are_those_of_the_prototype(self):
        job = {
            "input.file": os.path.join(DATA, "mnist.h5"),
            "victim.file": os.path.join(DATA, "victims/mnist.pt"),
            "input.limit": LIMIT,
            "solver.gamma": 0.02,
            "solver.iterations": 200,
        }
        start = time.time()
        path = support.purify(self.folder, job, ranks=2, timeout=600)
        self.assertLess(time.time() - start, 180 * support.PATIENCE)
        with h5py.File(path) as result:
            rows = {row["attack"].decode(): row for row in result["statistics"]}
            self.assertEqual(len(rows), 8)
            for attack, wanted in PROTOTYPE.items():
                records = result["runs/000/%s/per_image" % attack][:496]
                first = [
                    100 * np.mean(records[name] == records["label"])
                    for name in ("predicted_attacked", "predicted_mean", "predicted_purified")
                ]
                print(
                    "%-20s first 496: %5.1f %5.1f %5.1f   prototype: %5.1f %5.1f %5.1f"
                    % (attack, *first, *wanted)
                )
                np.testing.assert_allclose(first, wanted, rtol=0, atol=0.5)
                self.assertAlmostEqual(
                    100 * rows[attack]["barycenter_accuracy"], wanted[2], delta=2.5
                )
                self.assertEqual(rows[attack]["failed"], 0)
                self.assertLess(rows[attack]["mass_defect_max"], 1e-12)

    def test_every_gamma_of_a_sweep_is_sound(self):
        job = {
            "input.file": os.path.join(DATA, "mnist.h5"),
            "input.limit": LIMIT_SWEEP,
            "solver.iterations": 200,
            "sweep.solver.gamma": "0.001, 0.002, 0.005, 0.01, 0.02, 0.1, 0.5, 1, 5, 50, 1000",
        }
        path = support.purify(self.folder, job, ranks=2, timeout=600, output="sweep.h5")
        with h5py.File(path) as result:
            rows = result["statistics"][:]
            self.assertEqual(len(rows), 11 * 8)
            self.assertEqual(rows["failed"].sum(), 0)
            self.assertLess(rows["mass_defect_max"].max(), 1e-10)
            for run in result["runs"].values():
                for attack in run.values():
                    self.assertTrue(np.isfinite(attack["images"][:]).all())
            fallbacks = [run.attrs["fallbacks"] for run in result["runs"].values()]
            print(
                "fallbacks per run of %d images:" % (8 * LIMIT_SWEEP),
                fallbacks,
                " largest mass defect: %.1e" % rows["mass_defect_max"].max(),
            )
            self.assertEqual(fallbacks[0], 8 * LIMIT_SWEEP)  # gamma 0.001: nothing else is right
            self.assertEqual(fallbacks[5:], [0] * 6)


if __name__ == "__main__":
    if not os.path.exists(os.path.join(DATA, "mnist.h5")):
        print(
            "SKIPPED: no attacked MNIST in %s; set BARYDEF_DATA to the folder that holds mnist.h5"
            % DATA
        )
        sys.exit(77)
    if support.SLOW:
        print(
            "REDUCED: %d images of each group instead of all, %d in the sweep instead of 64, "
            "since this build is slow" % (LIMIT, LIMIT_SWEEP)
        )
    unittest.main()
