"""What each command prints and ends with."""

import os
import re
import shutil
import subprocess
import unittest

import h5py

from command_line import CommandLine
from inputs import write_victim
from results import read
from support import ENVIRONMENT, PROGRAM, launch, need_victim, parameters, purify, run_job


# The keys of docs/formats.md, each with its default and a part of what is allowed.
JOB_FILE = {
    "input.file": ("", "path"),
    "input.attacks": ("all", "names"),
    "input.clean": ("yes", "no|yes"),
    "input.limit": ("0", "integer from 0"),
    "output.file": ("", "path"),
    "output.images": ("yes", "no|yes"),
    "marginals.set": ("B6", "B4, B6"),
    "marginals.interpolation": ("bilinear", "bilinear|nearest"),
    "solver.gamma": ("0.02", "number from"),
    "solver.theta": ("1e5", "number from"),
    "solver.tau": ("0.2", "number from"),
    "solver.iterations": ("200", "list"),
    "solver.cost": ("l1", "l1"),
    "solver.window": ("7", "odd"),
    "solver.kernel": ("auto", "auto|direct"),
    "solver.regularizer": ("data", "data|norm|none"),
    "solver.mass": ("channel", "channel|joint"),
    "solver.precision": ("double", "double|auto"),
    "solver.instructions": ("auto", "auto|baseline|avx2|avx512"),
    "baseline.blur_sigma": ("0.5", "number from 0"),
    "baseline.jpeg_quality": ("75", "integer from 1 to 100"),
    "baseline.tv_weight": ("0.03", "number from 1e-06 to 1000"),
    "baseline.views": (
        "rounded, blurred, mean",
        "rounded|blurred|mean|median|jpeg|total_variation",
    ),
    "victim.file": ("", "path"),
    "victim.batch": ("32", "integer from 1"),
    "run.block": ("64", "integer from 1"),
    "run.progress": ("30", "number from 0"),
}


class Commands(CommandLine):
    def test_version_names_what_it_is_built_of(self):
        finished = self.succeed("--version")
        self.assertEqual(finished.err, "")
        for pattern in [
            r"^barydef \d+\.\d+\.\d+$",
            r"^git revision (unknown|[0-9a-f]{7,})",
            r"^instructions (baseline|avx2|avx512)$",
            r"HDF5 1\.\d+",
            r"^MPI: (Open MPI v?[45]\.|MPICH )",
            r"^libtorch(: not built in| \d)",
        ]:
            self.assertRegex(finished.out, re.compile(pattern, re.MULTILINE))

    def test_help_names_every_command(self):
        finished = self.succeed("--help")
        for word in ["run", "inspect", "params", "--version", "Exit status"]:
            self.assertIn(word, finished.out)
        for command, words in (
            ("run", ["--set", "--overwrite", "--dry-run", "--quiet"]),
            ("inspect", ["FILE"]),
            ("params", []),
        ):
            finished = self.succeed(command, "--help")
            self.assertEqual(finished.err, "")
            for word in ["Usage: barydef " + command, *words]:
                self.assertIn(word, finished.out)

    def test_params_lists_every_parameter(self):
        found = parameters()
        for name, (default, allowed) in JOB_FILE.items():
            with self.subTest(name):
                self.assertEqual(found[name][0], default)
                self.assertIn(allowed, found[name][1])
        self.assertIn("[sweep]", launch("params").out)

    def test_inspect_describes_a_set(self):
        out = self.succeed("inspect", os.path.join(self.folder, "set.h5")).out
        for words in [
            "noise",
            "6 images",
            "2 x 8 x 10",
            "4 to 9",
            "fast +linf +0.125 +float64 +one step",
            "slow +l2 +1.5 +float64 +many",
            "clean +none +0 +float32",
        ]:
            self.assertRegex(out, words)

    def test_inspect_describes_a_result(self):
        out = self.succeed("inspect", self.result).out
        for words in [
            "6 images",
            "3 attacks",
            "1 run",
            "gamma = 0.1",
            "program_version",
            "input_digest",
            r"complete",
            r"(?m)^fast +linf +0.125 .* 0/6$",
            r"(?m)^slow +l2 +1.5 .* 0/6$",
            r"(?m)^clean +none .* 0/6$",
        ]:
            self.assertRegex(out, words)
        self.assertNotIn("NOT COMPLETE", out)
        self.assertRegex(out, r"(?m)^kernel_used +direct$")
        best = re.search(r"(?m)^instructions (\w+)", launch("--version").out)[1]
        self.assertRegex(out, rf"(?m)^instructions_used +{best}$")
        two = purify(self.folder, {"sweep.solver.kernel": "fftw, direct, auto"}, output="two.h5")
        self.assertRegex(self.succeed("inspect", two).out, r"(?m)^kernel_used +fftw, direct$")
        with h5py.File(
            shutil.copy(self.result, os.path.join(self.folder, "unfinished.h5")), "r+"
        ) as file:
            file.attrs["complete"] = 0
        self.assertIn(
            "NOT COMPLETE", self.succeed("inspect", os.path.join(self.folder, "unfinished.h5")).out
        )

    def test_check_names_images_side_by_side(self):
        damaged = shutil.copy(self.result, os.path.join(self.folder, "damaged.h5"))
        with h5py.File(damaged, "r+") as file:
            file["runs/000/fast/images"][1:4] += 0.25
        finished = launch("check", damaged)
        self.assertEqual(finished.status, 1, finished)
        self.assertIn("run 000, fast: images 1 to 3 are damaged\n", finished.out)

    def test_a_full_disk_under_standard_output_fails(self):
        for arguments in ["params"], ["inspect", self.result]:
            finished = subprocess.run(
                ["sh", "-c", '"$@" >/dev/full', "sh", PROGRAM, *arguments],
                env=ENVIRONMENT,
                capture_output=True,
                text=True,
            )
            self.assertEqual(
                (finished.returncode, finished.stderr),
                (1, "barydef: standard output cannot be written: No space left on device\n"),
                finished,
            )

    def test_a_run_prints_the_table_that_inspect_prints(self):
        need_victim()
        write_victim(os.path.join(self.folder, "victim.pt"))
        job = {"victim.file": "victim.pt", "output.file": "table.h5", "solver.iterations": "1, 5"}
        finished = run_job(self.folder, job, ranks=2)
        self.assertEqual((finished.status, finished.err), (0, ""), finished)
        shown = self.succeed("inspect", os.path.join(self.folder, "table.h5")).out
        for row in read(os.path.join(self.folder, "table.h5"), "statistics"):
            line = [
                line for line in finished.out.split("\n") if line.startswith(row["attack"].decode())
            ][row["run"]]
            self.assertIn(line, shown)
            for name in "attack", "rounded", "blurred", "mean", "barycenter":
                self.assertIn(f" {100 * row[f'{name}_accuracy']:.1f} ", line)
            self.assertIn(
                f"{100 * row['barycenter_accuracy_low']:.1f}-"
                f"{100 * row['barycenter_accuracy_high']:.1f} ",
                line,
            )

    def test_quiet_prints_nothing(self):
        need_victim()
        write_victim(os.path.join(self.folder, "victim.pt"))
        for job in {"victim.file": "victim.pt"}, {}:
            for ranks in 0, 2:
                with self.subTest(job, ranks=ranks):
                    finished = run_job(
                        self.folder,
                        {"output.file": "quiet.h5", "run.progress": 1e-6, "run.block": 1, **job},
                        "--overwrite",
                        "--quiet",
                        ranks=ranks,
                    )
                    self.assertEqual(
                        (finished.status, finished.out, finished.err), (0, "", ""), finished
                    )
                    self.assertEqual(
                        read(os.path.join(self.folder, "quiet.h5"), "statistics")[
                            "images"
                        ].tolist(),
                        [6, 6, 6],
                    )
        self.assertNotEqual(run_job(self.folder, {"input.file": "absent.h5"}, "--quiet").err, "")


if __name__ == "__main__":
    unittest.main()
