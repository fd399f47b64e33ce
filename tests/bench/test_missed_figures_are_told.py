"""scaling.py names the figures that it misses.  They are made up here, since real ones need idle
cores."""

import subprocess
import tempfile
import unittest
from unittest import mock

import scaling

# A run of 1 rank, and of 2.
GOOD = {
    1: {"rate": 1000, "write": 0.9},
    2: {"rate": 1930, "write": 0.9, "message": 0.1, "load": 99.0},
}


class Scaling(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def efficiency(self, **changes):
        found = []
        with mock.patch.object(
            scaling,
            "run",
            lambda folder, job, ranks: {**GOOD[ranks], **(changes if ranks == 2 else {})},
        ):
            rows = scaling.efficiency(self.folder, {"a set": {}}, found)
        self.assertEqual(len(rows), 3)
        # Two runs apart do not hinder each other here.
        self.assertIn("| 2.00 (2.00-2.00) |", rows[2])
        return scaling.missed(found)

    def test_a_ratio_or_share_that_is_missed_is_told(self):
        self.assertEqual(self.efficiency(), [])
        self.assertEqual(
            self.efficiency(rate=1850),
            ["two ranks over one, a set: 1.850, promised is at least 1.9"],
        )
        self.assertEqual(
            self.efficiency(write=1.95),
            ["messages and writing in %, a set: 2.050, promised is at most 2"],
        )

    def test_memory_that_grows_is_told(self):
        def peaks(*values):
            """What is missed where both ranks have these peaks, for the three numbers of images.
            Four points need as much as one run."""
            found, told = [], iter(both for value in values for both in (value, value))
            finished = subprocess.CompletedProcess([], 0, "", "")
            with mock.patch.object(scaling, "command"), mock.patch.object(
                scaling.h5py, "File"
            ), mock.patch.object(
                scaling.subprocess, "run", return_value=finished
            ), mock.patch.object(
                scaling, "peaks", lambda err: next(told)
            ):
                scaling.memory("", found)
            return scaling.missed(found)

        self.assertEqual(peaks([30, 29], [30.5, 29], [31, 28.5]), [])
        self.assertEqual(
            peaks([30, 29], [30, 29], [32, 27]),
            [
                f"memory of rank {rank}, {name}, 100000 images over 1000: {figure}"
                for name in ("one run", "four points")
                for rank, figure in enumerate(
                    ("1.067, promised is at most 1.05", "0.931, promised is at least 0.95")
                )
            ],
        )

    def test_what_is_missed_is_told(self):
        bad = [("a figure", 1.85, 1.9, float("inf"))]
        self.assertIn(
            "Missed here: a figure: 1.850, promised is at least 1.9.", scaling.verdict(bad)
        )
        self.assertIn(
            "Nothing is missed here.", scaling.verdict([("a figure", 1.95, 1.9, float("inf"))])
        )
        self.assertEqual(
            (scaling.end(scaling.missed(bad)), scaling.end([])),
            ("scaling.py: a figure: 1.850, promised is at least 1.9", 0),
        )

    def test_the_model_adds_ranks_until_rank_0_is_full(self):
        """Where messages and bytes cost nothing, ranks add up.  Where bytes cost, rank 0 is the
        limit unless all write."""
        job = {"images": 4000, "attacks": 2, "runs": 3, "pixels": 100}
        free, dear = {"compute": 0.1, "message": 0, "write": 0, "byte": 0}, {
            "compute": 0.1,
            "message": 1e-6,
            "write": 1e-6,
            "byte": 1e-5,
        }
        work = 0.1 * 4000 * 2 * 3

        def model(ranks, costs, **options):
            return scaling.scale.simulate(scaling.SCALE, ranks, 16, costs, job, **options)

        one = model(1, free)
        self.assertAlmostEqual(one.seconds / work, 1, delta=0.06)
        self.assertEqual((one.messages, one.waited), (0, 0))
        for ranks in 2, 8, 64:
            run = model(ranks, free)
            self.assertAlmostEqual(run.speedup / ranks, 1, delta=0.06)
            self.assertAlmostEqual(run.seconds * ranks / work, 1, delta=0.06)
            blocks = 4000 * 2 * 3 / 16
            self.assertLess(run.messages, 2 * (blocks + 12 * ranks))
        alone, together = model(256, dear), model(256, dear, all_write=True)
        self.assertGreater(
            alone.seconds, 4000 * 2 * 3 * 400 * 1e-5
        )  # the bytes one after the other
        self.assertGreater(together.speedup, 2 * alone.speedup)


if __name__ == "__main__":
    unittest.main()
