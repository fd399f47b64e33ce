"""A resume of another job, input or program is refused, and the difference is named."""

import os
import shutil
import unittest

import h5py

from interrupted import Interrupted
from inputs import write_victim
from support import FAULTS, folder_contents, launch


class Refusals(Interrupted):
    """Nothing changes where a resume is refused."""

    def refused(self, text, *options, lines=1):
        before = folder_contents(self.folder)
        finished = launch("run", self.job, "--resume", *options, ranks=2)
        self.assertEqual(finished.status, 2, finished)
        self.assertEqual(len(finished.err_lines), lines, finished)
        self.assertRegex(finished.err, text)
        self.assertEqual(folder_contents(self.folder), before)

    def setUp(self):
        super().setUp()
        finished = launch("run", self.job, "--set=run.max_minutes=0.000001")
        self.assertEqual(finished.status, 75, finished)

    def test_another_job_is_refused(self):
        for option, text in (
            ("solver.theta=10", 'solver.theta is "1e5" there, "10" now'),
            ("solver.iterations=3, 21", "solver.iterations"),
            ("sweep.solver.gamma=0.05, 0.6", 'solver.gamma is "0.5" there, "0.6" now'),
            (
                "sweep.solver.gamma=0.05",
                'the number of points of \\[sweep\\] is "2" there, "1" now',
            ),
            ("input.attacks=a", "input.attacks"),
            ("input.limit=9", "input.limit"),
            ("output.images=no", "output.images"),
            ("victim.batch=9", "victim.batch"),
            ("victim.file=", "victim_digest"),
        ):
            self.refused(text, f"--set={option}")
        self.refused('part is "1/1" there, "1/2" now', "--part=1/2")

    def test_what_may_differ_is_accepted(self):
        self.resume(
            "--set=run.block=7",
            "--set=run.progress=1",
            "--set=run.writers=all",
            "--set=solver.theta=100000.0",
            ranks=3,
        )
        self.check_whole()

    def test_another_input_or_victim_is_refused(self):
        path = os.path.join(self.folder, "set.h5")
        shutil.copy(path, path + ".kept")
        finished = launch(
            "run",
            self.job,
            "--resume",
            "--set=run.block=4",
            FAULT="kill",
            FAULT_AT="60",
            FAULT_FILE="result.h5",
            LD_PRELOAD=FAULTS,
        )
        self.assertEqual(finished.status, -9)
        try:
            with h5py.File(path, "r+") as file:
                file["attacks/a/images"][1, 0, 3, 3] += 1e-3
            self.refused("the pixels of image 1 of a in \\S*set.h5 are not those it was begun with")
            shutil.copy(path + ".kept", path)
            with h5py.File(path, "r+") as file:
                file["labels"][1] += 1
            self.refused("input_digest")
        finally:
            shutil.move(path + ".kept", path)
        write_victim(os.path.join(self.folder, "victim.pt"), "    return x.flatten(1)[:, :10]\n")
        self.refused("victim_digest")
        write_victim(os.path.join(self.folder, "victim.pt"))

    def test_another_program_is_refused(self):
        for name, value in ("program_version", "0.0.9"), ("schema_version", 2):
            with h5py.File(self.result, "r+") as file:
                kept = file.attrs[name]
                file.attrs[name] = value
            self.refused(name)
            with h5py.File(self.result, "r+") as file:
                file.attrs[name] = kept
        with h5py.File(self.result, "r+") as file:
            for run in file["runs"].values():
                run.attrs["instructions_used"] = "sse9"
        self.refused('instructions_used is "sse9" there')

    def test_resume_and_overwrite_together_are_refused(self):
        self.refused("--resume keeps the output, --overwrite replaces it", "--overwrite", lines=2)


if __name__ == "__main__":
    unittest.main()
