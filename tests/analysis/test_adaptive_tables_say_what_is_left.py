"""python3 -m barydef.adaptive prints, for each defence, what h5py gives of the records."""

import math
import unittest

import h5py
import numpy as np

from package import tool
from support import attack, DEMO_SET, DEMO_VICTIM, RunTest, need_victim, purify

from barydef.adaptive import mcnemar

PGD = {"steps": 8, "step_size": 0.25}


class Adaptive(RunTest):
    def test_rows_are_those_of_the_records(self):
        need_victim()
        job = {
            "input.file": DEMO_SET,
            "input.attacks": "fgsm",
            "input.limit": 40,
            "output.images": "no",
            "victim.file": DEMO_VICTIM,
            "solver.iterations": 10,
            "sweep.solver.gamma": "0.5, 2",
            **attack("none", **PGD),
            **attack("blur", through="blurred", **PGD),
            **attack("exact", through="purified", **PGD),
            **attack("identity", through="purified", gradient="identity", **PGD),
            **attack("square", through="purified", type="square", steps=30),
        }
        path = purify(self.folder, job, output="adaptive.h5")
        lines = tool("adaptive", path).stdout.splitlines()
        self.assertRegex(lines[0], r"^## .*: 40 images$")
        table = [line for line in lines if line.startswith("|")]
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
        kinds = ["identity", "exact", "square"]
        self.assertEqual(
            head,
            ["defence", "clean", "fgsm", *kinds, "adaptive, 95 %", "worst case", "p", "trust"],
        )
        self.assertEqual(
            [row[0] for row in rows],
            ["none", "blurred 0.5", "barycenter, gamma 0.5, L 10", "barycenter, gamma 2, L 10"],
        )
        with h5py.File(path) as file:

            def right(run, view, *attacks):
                tables = [file[f"runs/{run}/{name}/per_image"][()] for name in attacks]
                return np.all([t[f"predicted_{view}"] == t["label"] for t in tables], axis=0)

            made = ["exact", "identity", "square"]
            blur = right("000", "blurred", "clean", "blur")
            for row, run, view, own in (
                (rows[0], "000", "attacked", ["none"]),
                (rows[1], "000", "blurred", ["blur"]),
                (rows[2], "000", "purified", made),
                (rows[3], "001", "purified", made),
            ):
                cells = dict(zip(head, row))
                adaptive = right(run, view, "clean", *own)
                self.assertEqual(cells["clean"], f"{100 * right(run, view, 'clean').mean():.1f}")
                self.assertEqual(cells["fgsm"], f"{100 * right(run, view, 'fgsm').mean():.1f}")
                self.assertTrue(
                    cells["adaptive, 95 %"].startswith(f"{100 * adaptive.mean():.1f} ("), row
                )
                everything = right(run, view, "fgsm", "none", "blur", *made, "clean")
                self.assertEqual(cells["worst case"], f"{100 * everything.mean():.1f}")
                if view != "blurred":
                    self.assertEqual(cells["p"], f"{mcnemar(adaptive, blur):.2g}")
                self.assertIn(cells["trust"], ("yes", "with care", "no"))

    def test_paired_test_is_exact(self):
        """Six images that one alone has right: 2 / 2^6. Three and three: 1."""
        one, other = np.array([1] * 6 + [0] * 4, bool), np.array([0] * 6 + [0] * 4, bool)
        self.assertEqual(mcnemar(one, other), 2 / 64)
        self.assertEqual(mcnemar(np.arange(6) < 3, np.arange(6) >= 3), 1)
        self.assertEqual(mcnemar(one, one), 1)
        tail = sum(math.comb(9, k) for k in range(3))
        self.assertAlmostEqual(mcnemar(np.arange(9) < 2, np.arange(9) >= 2), 2 * tail / 2**9)

    def test_a_result_without_attacks_is_refused(self):
        path = purify(
            self.folder,
            {"input.file": DEMO_SET, "input.limit": 3, "solver.iterations": 1},
            output="none.h5",
        )
        done = tool("adaptive", path, status=2)
        self.assertIn("its job made no attack", done.stderr)


if __name__ == "__main__":
    unittest.main()
