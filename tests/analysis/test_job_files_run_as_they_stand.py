"""Every job file and script of jobs/ runs as it stands."""

import glob
import os
import re
import shutil
import subprocess
import unittest

from support import (
    DEMO_SET,
    DEMO_VICTIM,
    ENVIRONMENT,
    PROGRAM,
    RunTest,
    SOURCE,
    launch,
    need_victim,
    purify,
)
from package import tool

import h5py
import numpy as np
from barydef import selection
from barydef.result import Result


# The demo's set stands for those of the paper, and lacks their attack "autoattack".
READ = "\nattacks = linf_pgd, autoattack\n"


class Jobs(RunTest):
    def test_every_job_file_can_be_run(self):
        paths = [
            os.path.join(parent, name)
            for parent, _, names in os.walk(os.path.join(SOURCE, "jobs"))
            for name in names
            if name.endswith(".ini")
        ]
        self.assertGreater(len(paths), 10)
        for path in paths:
            with open(path) as file:
                text = file.read()
            attacks = "\n[attack " in text
            if attacks:
                need_victim()
            done = launch(
                "run",
                path,
                "--dry-run",
                "--set",
                f"input.file={DEMO_SET}",
                "--set",
                f"victim.file={DEMO_VICTIM if attacks else ''}",
                "--set",
                f"output.file={self.folder}/none.h5",
                *["--set", "input.attacks=linf_pgd"] * (READ in text),
            )
            self.assertEqual(done.status, 0, f"{path}: {done}")
            self.assertRegex(done.out, r"runs?, \d+ attacks of \d+ images", path)
            self.assertTrue(text.startswith("# "), f"{path} does not say what it is for")

    def test_scripts_are_valid_bash(self):
        for name in "demo.sh", "paper/reproduce.sh":
            subprocess.run(["bash", "-n", os.path.join(SOURCE, "jobs", name)], check=True)


class Commands(RunTest):
    """Commands that the job files of jobs/paper/ give, as they stand."""

    def test_commands_in_job_files_run_as_they_stand(self):
        need_victim()
        shutil.copytree(
            os.path.join(SOURCE, "jobs", "paper"), os.path.join(self.folder, "jobs", "paper")
        )
        for name in "mnist", "fashion_mnist", "cifar10", "cifar100":
            os.symlink(DEMO_SET, os.path.join(self.folder, f"{name}.h5"))
            os.symlink(DEMO_VICTIM, os.path.join(self.folder, f"{name}.pt"))
        there = set(os.listdir(self.folder))
        environment = {
            **ENVIRONMENT,
            "PATH": os.path.dirname(PROGRAM) + os.pathsep + os.environ["PATH"],
            "PWD": self.folder,
        }
        for path in sorted(glob.glob(os.path.join(self.folder, "jobs", "paper", "*.ini"))):
            with open(path) as file:
                text = file.read().replace("\\\n#", "")  # a command may go on
            with self.subTest(job=os.path.basename(path)):
                (command,) = re.findall("^# +(mpirun -n 2 barydef run .*)", text, re.M)
                stored = re.search(r"\[output\]\nfile = (.*)", text)[1]
                if path.endswith("/mnist.ini"):
                    command += " --set input.limit=40"
                else:
                    command = command.replace("mpirun -n 2 ", "") + " --dry-run"
                if READ in text:
                    command += " --set input.attacks=linf_pgd"
                done = subprocess.run(
                    command,
                    shell=True,
                    cwd=self.folder,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=120,
                )
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(f" jobs/paper/{os.path.basename(path)} ", command)
                self.assertIn(f'output.file="$PWD/{stored}"', command)
        self.assertEqual(set(os.listdir(self.folder)) - there, {"mnist-result.h5"})
        self.assertEqual(Result(os.path.join(self.folder, "mnist-result.h5")).runs, ["000", "001"])


class Reproduce(RunTest):
    SCRIPT = os.path.join(SOURCE, "jobs", "paper", "reproduce.sh")

    def test_errors_come_before_anything_is_built(self):
        data, out = os.path.join(self.folder, "data"), os.path.join(self.folder, "out")
        os.makedirs(os.path.join(data, "victims"))
        cases = [
            ((), 2, "reproduce.sh DATA [OUT]"),
            (("a", "b", "c"), 2, "reproduce.sh DATA [OUT]"),
            ((os.path.join(self.folder, "none"), out), 2, "none: no such folder"),
        ]
        for name in (
            "mnist.h5",
            "victims/mnist.pt",
            "fashion_mnist.h5",
            "victims/fashion_mnist.pt",
            "cifar10.h5",
            "victims/cifar10.pt",
        ):
            cases.append(((data, out), 2, f"{name}: missing, or not readable"))
        cases.append(((data, os.path.join(data, "mnist.h5", "out")), 1, "cannot be written to"))
        for arguments, status, why in cases:
            done = subprocess.run(
                ["bash", self.SCRIPT, *arguments], capture_output=True, text=True, timeout=60
            )
            self.assertEqual(
                (done.returncode, done.stdout, done.stderr.count("\n")), (status, "", 1), done
            )
            self.assertIn(why, done.stderr)
            if "missing" in why:
                open(os.path.join(data, why.split(":")[0]), "w").close()
        self.assertFalse(os.path.exists(out))

    def test_tables_are_those_of_the_page(self):
        """docs/reproduction.md has the same heads, and the tool reads results of these names.

        Each figure is that which h5py gives, of all images or of the second half."""
        need_victim()
        folder = os.path.join(self.folder, "results")
        os.mkdir(folder)
        job = {
            "input.file": DEMO_SET,
            "victim.file": DEMO_VICTIM,
            "input.limit": 60,
            "output.images": "no",
            "solver.iterations": 10,
        }
        for name, others in (
            ("mnist", {"sweep.marginals.set": "B4, B6"}),
            ("best-mnist", {"sweep.solver.gamma": "0.5, 2"}),
            ("blur-mnist", {"solver.iterations": 0, "sweep.baseline.blur_sigma": "0.5, 1"}),
            ("best-fashion_mnist", {}),
        ):
            with h5py.File(
                purify(self.folder, {**job, **others}, output=f"results/{name}.h5"), "a"
            ) as file:
                file.attrs["dataset"] = "MNIST"
        made = tool("reproduction", folder).stdout
        with h5py.File(os.path.join(folder, "mnist.h5")) as file:
            labels = file["labels"][:]
            second = selection.is_second(labels)

            def percent(run, attack, field, part=slice(None)):
                table = file[f"runs/{run}/{attack}/per_image"][:]
                return f"{100 * np.mean((table[f'predicted_{field}'] == labels)[part]):.1f}"

            whole, half = (
                [
                    line.strip("| ").split(" | ")
                    for line in part.split("\n")
                    if line.startswith("| ")
                ]
                for part in made.split("**MNIST**: ")
            )
            self.assertIn("## MNIST: 60 images\n\n| attack | attacked |", made)
            self.assertEqual(
                [row[0] for row in whole[1:]],
                ["fgsm", "l2_pgd", "linf_deepfool", "linf_pgd", "clean"],
            )
            for row in whole[1:]:
                self.assertEqual(
                    row[1:8],
                    [
                        percent(run, row[0], field)
                        for run, field in (
                            ("001", "attacked"),
                            ("001", "rounded"),
                            ("001", "blurred"),
                            ("000", "mean"),
                            ("000", "purified"),
                            ("001", "mean"),
                            ("001", "purified"),
                        )
                    ],
                )
            self.assertEqual(half[0][0], f"attack (second half, {second.sum()} images)")
            for row in half[1:]:
                self.assertEqual(
                    (row[1], row[-1]),
                    (
                        percent("001", row[0], "attacked", second),
                        percent("001", row[0], "purified", second),
                    ),
                )
        with open(os.path.join(SOURCE, "docs", "reproduction.md")) as file:
            document = re.sub(r"half, \d+ images|sigma [\d.]+", "", file.read())
        for head in re.findall(r"^\| attack.*\n", made, re.M):
            self.assertIn(re.sub(r"half, \d+ images|sigma [\d.]+", "", head), document)
        os.unlink(os.path.join(folder, "blur-mnist.h5"))
        self.assertNotIn("second half", tool("reproduction", folder).stdout)
        self.assertIn(
            "no result of jobs/paper/reproduce.sh in it",
            tool("reproduction", self.folder, status=2).stderr,
        )

    def test_results_are_kept_out_of_git(self):
        shutil.copy(os.path.join(SOURCE, ".gitignore"), self.folder)
        subprocess.run(["git", "init", "-q", self.folder], check=True)
        for path, status in (
            ("build/reproduction/mnist.h5", 0),
            ("jobs/paper/best-result.h5", 0),
            ("jobs/demo-result-report/report.html", 0),
            ("jobs/paper/mnist.h5", 0),
            ("jobs/demo/digits.h5", 1),
            ("jobs/paper/best.ini", 1),
        ):
            self.assertEqual(
                subprocess.run(["git", "-C", self.folder, "check-ignore", "-q", path]).returncode,
                status,
                path,
            )


if __name__ == "__main__":
    unittest.main()
