"""--set wins over the job file, and only --overwrite replaces a result."""

import os
import unittest

import h5py

from command_line import CommandLine
from results import contents
from support import purify, run_job


class Options(CommandLine):
    def test_set_overrides_the_file(self):
        path = purify(
            self.folder,
            {"solver.tau": 0.1},
            "--set",
            "solver.gamma=0.5",
            "--set",
            "solver.tau = 0.3 ",
            "--set=solver.gamma=0.25",
            "--set",
            "sweep.solver.theta=7, 8",
            "--set",
            "output.images=no",
            output="set-result.h5",
            ranks=2,
        )
        with h5py.File(path, "r") as file:
            self.assertEqual(
                [
                    [run.attrs[f"solver.{key}"] for key in ("gamma", "tau", "theta")]
                    for run in file["runs"].values()
                ],
                [[0.25, 0.3, 7], [0.25, 0.3, 8]],
            )
            self.assertNotIn("images", file["runs/000/fast"])
        same = purify(
            self.folder,
            {
                "solver.gamma": 0.25,
                "solver.tau": 0.3,
                "sweep.solver.theta": "7, 8",
                "output.images": "no",
            },
            output="set-same.h5",
        )
        self.assert_same(contents(path), contents(same))

    def test_set_replaces_a_sweep(self):
        path = purify(
            self.folder,
            {"sweep.solver.theta": "1, 2, 3"},
            "--set",
            "sweep.solver.theta=5, 4",
            output="sweep-result.h5",
        )
        with h5py.File(path, "r") as file:
            self.assertEqual([run.attrs["solver.theta"] for run in file["runs"].values()], [5, 4])

    def test_set_ends_a_sweep(self):
        """A value from --set wins over those that the file sweeps, and is checked like any
        other."""
        job = {
            "output.file": "dry.h5",
            "sweep.solver.gamma": "0.5, 0.25",
            "sweep.solver.theta": "10, 100, 1000",
        }
        for runs, options in (
            (6, []),
            (3, ["solver.gamma=2"]),
            (1, ["solver.gamma=2", "solver.theta=1"]),
            (12, ["solver.gamma=2", "sweep.solver.gamma=1, 2, 3, 4"]),
        ):
            shown = run_job(
                self.folder, job, "--dry-run", *[f"--set={option}" for option in options]
            )
            self.assertIn(f"{runs} run{'s' * (runs > 1)}", shown.out)
        self.assertEqual(run_job(self.folder, job, "--dry-run", "--set=solver.gamma=-1").status, 2)

    def test_only_overwrite_replaces_a_result(self):
        path = os.path.join(self.folder, "twice.h5")
        purify(self.folder, {}, output="twice.h5")
        with open(path, "rb") as file:
            before = file.read()
        purify(self.folder, {"solver.iterations": 6}, output="twice.h5", status=2)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), before)
        purify(self.folder, {"solver.iterations": 6}, "--overwrite", output="twice.h5", ranks=2)
        with h5py.File(path, "r") as file:
            self.assertEqual(file["runs/000"].attrs["solver.iterations"], 6)
        with open(path, "w") as file:
            file.write("no result at all\n")
        self.assert_same(
            contents(purify(self.folder, {}, "--overwrite", output="twice.h5")),
            contents(self.result),
        )


if __name__ == "__main__":
    unittest.main()
