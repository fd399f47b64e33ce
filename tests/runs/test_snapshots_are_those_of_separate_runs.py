"""Snapshots of one trajectory are what separate runs give, bit for bit."""

import os
import unittest

import numpy as np

from inputs import random_images, write_set
from results import STATISTICS, contents, read
from support import DEMO_SET, DEMO_VICTIM, RunTest, need_victim, purify


class Snapshots(RunTest):
    def check(self, job, counts, statuses=(0,)):
        together = purify(
            self.folder,
            {**job, "solver.iterations": ", ".join(map(str, counts))},
            "--overwrite",
            output="together.h5",
            status=statuses,
        )
        for run, count in enumerate(counts):
            alone = purify(
                self.folder,
                {**job, "solver.iterations": count},
                "--overwrite",
                output=f"alone-{count}.h5",
                status=statuses,
            )
            rows = read(together, "statistics"), read(alone, "statistics")
            rows = rows[0][rows[0]["run"] == run], rows[1]
            with self.subTest(iterations=count):
                self.assert_same(contents(together, f"runs/{run:03d}"), contents(alone, "runs/000"))
                self.assert_same(
                    *(
                        {name: table[name].tobytes() for name in STATISTICS if name != "run"}
                        for table in rows
                    )
                )
        return together

    def test_snapshots_are_those_of_shorter_runs(self):
        write_set(
            os.path.join(self.folder, "set.h5"),
            {"a": random_images(10, 3)},
            clean=random_images(10, 3, seed=1),
        )
        together = self.check({}, [0, 1, 7, 20])
        self.assertEqual(
            len(
                {item[2] for name, item in contents(together).items() if name.endswith("a/images")}
            ),
            4,
        )

    DEMO = {
        "input.file": DEMO_SET,
        "input.attacks": "fgsm",
        "input.limit": 8,
        "victim.file": DEMO_VICTIM,
    }

    def test_snapshots_hold_where_images_leave_the_range_of_exponentials(self):
        need_victim()
        # With shortcuts most marginals need no exponential at this gamma.
        job = {**self.DEMO, "solver.gamma": 0.001, "solver.shortcuts": "no"}
        together = self.check(job, [1, 60], statuses=(0, 3))
        first, last = (read(together, f"runs/{run:03d}/clean/per_image") for run in (0, 1))
        self.assertEqual(set(first["status"]), {0})
        fallback = last["fallback"] if "fallback" in last.dtype.names else np.zeros(8, bool)
        self.assertTrue(np.all((last["status"] != 0) | fallback))

    def test_snapshots_hold_where_images_fail_on_the_way(self):
        need_victim()
        # The potential of the last marginal is divided by its weight.
        together = self.check(
            {**self.DEMO, "solver.weights": "1e-307 1 1 1 1 1e-307", "solver.tau": 1000},
            [0, 30],
            statuses=(0, 3),
        )
        first, last = (read(together, f"runs/{run:03d}/clean/per_image") for run in (0, 1))
        self.assertEqual(set(first["status"]), {0})
        self.assertNotIn(0, last["status"])


if __name__ == "__main__":
    unittest.main()
