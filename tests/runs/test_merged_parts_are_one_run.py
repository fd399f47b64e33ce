"""Merged parts are what one run writes; parts that disagree are refused, and nothing is
replaced."""

import os
import shutil
import unittest

import h5py

from interrupted import Interrupted
from results import contents
from support import FAULTS, folder_contents, launch, small_file_system


class Parts(Interrupted):
    JOB = {**Interrupted.JOB, "sweep.solver.gamma": "0.05, 0.5, 2"}

    def part(self, number, of=2, name=None, **others):
        path = os.path.join(self.folder, name or f"part{number}.h5")
        finished = launch(
            "run",
            self.job,
            f"--part={number}/{of}",
            f"--set=output.file={path}",
            "--overwrite",
            **others,
        )
        self.assertEqual(finished.status, 3, finished)
        return path

    def merge(self, *parts, options=()):
        return launch("merge", self.result, *parts, *options)

    def test_merged_parts_are_what_one_run_writes(self):
        parts = [self.part(2, ranks=2), self.part(1)]
        finished = self.merge(*parts)
        self.assertEqual(finished.status, 0, finished)
        self.assert_same(self.expected, contents(self.result))
        checked = launch("check", self.result)
        self.assertIn("complete, 540 images, all checksums are right", checked.out)
        self.assertEqual(self.merge(*parts).status, 2)
        with h5py.File(parts[0], "r+") as file:
            file.attrs["git_revision"] = "another"
        finished = self.merge(*parts, options=["--overwrite"])
        self.assertEqual(finished.status, 0, finished)
        self.assertRegex(
            finished.err,
            r"^barydef: \S*part2.h5: computed by revision another of the program, "
            r"\S*part1.h5 by \S+\n$",
        )
        self.assertEqual(self.merge(*parts, options=["--overwrite"]).status, 0)
        self.assertIn("nothing left to do", self.resume().out)

    def test_a_finished_merge_is_left_alone(self):
        """With --resume a finished merge is left alone, and anything else is refused.  No part is
        ever replaced."""
        one, two = self.part(1), self.part(2)
        self.assertEqual(self.merge(one, two, options=["--resume"]).status, 0)
        before = folder_contents(self.folder)

        def again(status, text, *parts, option="--resume"):
            finished = self.merge(*parts, options=[option] if option else [])
            self.assertEqual(finished.status, status, finished)
            self.assertIn(text, finished.out + finished.err)

        again(0, "result: ", two, one)
        self.assertEqual(folder_contents(self.folder), before)
        again(2, "give only one of them", one, two, "--overwrite")
        kept, self.result = self.result, one
        for option in "--overwrite", "--resume", None:
            again(2, "part1.h5: is one of the parts that it would replace", one, two, option=option)
        self.result = kept
        self.assertEqual(folder_contents(self.folder), before)
        # Another result is there: of another job, damaged, not complete, a part, or no result at
        # all.
        with h5py.File(kept, "r+") as file:
            file["runs/002/a/images"][3] = 0.5
        again(
            2,
            "result.h5: exists, and is not what its parts give (" + kept + ": damaged (an image",
            one,
            two,
        )
        with h5py.File(kept, "r+") as file:
            file["checksums/002/a"][3] += 1
        again(2, "other numbers than in " + two + " (run 002, a)", one, two)
        shutil.copy(two, kept)
        again(2, "not complete, or of other runs", one, two)
        for options, status, text in (("--set=solver.theta=9",), 3, "attribute job differs"), (
            ("--set=run.max_minutes=0.000001",),
            75,
            "not complete",
        ):
            finished = launch("run", self.job, "--overwrite", *options)
            self.assertEqual(finished.status, status, finished)
            again(2, text, one, two)
        with open(kept, "w") as file:
            file.write("not a result")
        again(2, "not an HDF5 file", one, two)
        again(0, "result: ", one, two, option="--overwrite")
        self.assert_same(self.expected, contents(kept))

    def test_a_disk_that_is_full_or_fails_is_reported(self):
        """HDF5 crashes where it copies onto a full disk.  No file is blamed, and nothing is
        left."""
        parts = [self.part(1), self.part(2)]
        before = folder_contents(self.folder)
        for fault, calls in ("ENOSPC", (1, 5, 40)), ("EIO", (1, 5, 10, 20, 40)):
            for at in calls:
                finished = launch(
                    "merge",
                    self.result,
                    *parts,
                    LD_PRELOAD=FAULTS,
                    FAULT=fault,
                    FAULT_AT=str(at),
                    FAULT_FILE="result.h5",
                )
                self.assertEqual((finished.status, finished.err.count("\n")), (1, 1), finished)
                self.assertRegex(finished.err, "result.h5: (cannot be (created|written)|no room)")
                self.assertEqual(folder_contents(self.folder), before)
        small = os.path.join(self.folder, "small")
        with small_file_system(small, os.path.getsize(parts[0])):
            finished = launch("merge", os.path.join(small, "result.h5"), *parts)
            self.assertEqual(finished.status, 1, finished)
            self.assertRegex(
                finished.err, r"result.h5: no room for [\d.]+ MB: No space left on device"
            )
            self.assertEqual(os.listdir(small), [])
        self.assertEqual(self.merge(*parts).status, 0)
        self.assert_same(self.expected, contents(self.result))
        self.assertLess(
            os.stat(self.result).st_blocks * 512, os.path.getsize(self.result) + 16384
        )  # room taken in excess is given back

    def test_a_wrong_number_of_parts_is_refused(self):
        parts = [self.part(number, of=3) for number in (1, 2, 3)]
        for given, text in (
            ([1], "the sweep has 3 parts, 1 given; missing: 1/3, 3/3"),
            ([0, 2], "the sweep has 3 parts, 2 given; missing: 2/3"),
            ([0, 1, 2, 2], "the sweep has 3 parts, 4 given\n"),
        ):
            finished = self.merge(*(parts[i] for i in given))
            self.assertEqual(finished.status, 2, finished)
            self.assertIn("result.h5: " + text, finished.err)

    def test_parts_that_disagree_are_refused(self):
        one, two, other = self.part(1), self.part(2), self.part(2, of=3, name="other.h5")
        theta = os.path.join(self.folder, "theta.h5")
        finished = launch(
            "run", self.job, "--part=2/2", f"--set=output.file={theta}", "--set=solver.theta=9"
        )
        self.assertEqual(finished.status, 3, finished)
        half = os.path.join(self.folder, "half.h5")
        launch(
            "run",
            self.job,
            "--part=2/2",
            f"--set=output.file={half}",
            "--set=run.max_minutes=0.000001",
        )
        bent = os.path.join(self.folder, "bent.h5")
        shutil.copy(two, bent)
        with h5py.File(bent, "r+") as file:
            file["runs/003/a/images"][3] = 0.5
        pixels, set_path = os.path.join(self.folder, "pixels.h5"), os.path.join(
            self.folder, "set.h5"
        )
        with h5py.File(set_path, "r+") as file:
            file["attacks/b/images"][3, 0, 2, 2] *= 0.5
        self.part(2, name="pixels.h5")
        with h5py.File(set_path, "r+") as file:
            file["attacks/b/images"][3, 0, 2, 2] *= 2
        other_set = os.path.join(self.folder, "instructions.h5")
        shutil.copy(two, other_set)
        with h5py.File(other_set, "r+") as file:
            for run in file["runs"].values():
                run.attrs["instructions_used"] = "sse9"
        for parts, text in (
            ([one], "missing: 2/2"),
            ([one, pixels], "pixels.h5: not a part of the same sweep as"),
            ([one, other_set], "instructions.h5: computed with sse9"),
            ([one, one], "each part once"),
            ([one, other], "each part once"),
            ([one, theta], "attribute job differs"),
            ([one, half], "half.h5: not complete"),
            ([one, bent], "bent.h5: damaged"),
            ([one, self.job], "job.ini: not an HDF5 file"),
        ):
            finished = self.merge(*parts)
            self.assertEqual(finished.status, 2, finished)
            self.assertIn(text, finished.err)
            self.assertFalse(os.path.exists(self.result))


if __name__ == "__main__":
    unittest.main()
