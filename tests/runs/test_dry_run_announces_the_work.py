"""`run --dry-run` says what a run would do, need and meet, and writes nothing."""

import itertools
import math
import os
import re
import subprocess
import sys
import unittest

import h5py

from command_line import CommandLine
from inputs import write_victim
from support import (
    DEMO_SET,
    DEMO_VICTIM,
    ENVIRONMENT,
    MPIRUN,
    PATIENCE,
    PEAK,
    PROGRAM,
    folder_contents,
    need_victim,
    peaks,
    purify,
    run_job,
)


class DryRun(CommandLine):
    def test_dry_run_describes_the_work(self):
        job = {
            "output.file": "dry.h5",
            "solver.iterations": "2, 4",
            "sweep.solver.gamma": "0.5, 0.25",
            "sweep.marginals.set": "B4, B6",
        }
        for ranks in 0, 2:
            before = folder_contents(self.folder)
            finished = run_job(self.folder, job, "--dry-run", ranks=ranks, name="dry.ini")
            self.assertEqual(finished.status, 0, finished)
            after = folder_contents(self.folder)
            after.pop(os.path.join(self.folder, "dry.ini"))
            before.pop(os.path.join(self.folder, "dry.ini"), None)
            self.assertEqual(before, after)
            shown = re.findall(r"^ *run (\d+): (.*)$", finished.out, re.MULTILINE)
            self.assertEqual(
                [name for name, label in shown], [f"{run:03d}" for run in range(8)], finished
            )
            points = itertools.product(["0.5", "0.25"], ["B4", "B6"], ["2", "4"])
            for (name, label), (gamma, marginals, count) in zip(shown, points):
                self.assertRegex(
                    label, rf"gamma {gamma}\b.*set {marginals}\b.*iterations {count}\b"
                )
            for word in "8 runs", "3 attacks", "6 images":
                self.assertIn(word, finished.out)
            # Six images of three attacks.  Four points of at most 4 iterations: two have 4
            # marginals and two have 6.
            self.assertIn(f"18 images x {4 * (4 + 6) * 2} iterations of a marginal", finished.out)
            self.assertIn(f"{18 * 80 * 160:.3g} updates of a pixel", finished.out)
            self.assertNotIn("exists", finished.out)
        self.assertEqual(run_job(self.folder, {"input.file": "absent.h5"}, "--dry-run").status, 2)

    def test_dry_run_announces_the_size_of_the_file(self):
        """For many runs without images that is mostly what HDF5 needs for their groups."""
        many = {
            "sweep.solver.gamma": ", ".join(f"0.{100 + i}" for i in range(100)),
            "solver.iterations": "0, 1",
        }
        for job, images in itertools.product(({}, many), ("yes", "no")):
            with self.subTest(job, images=images):
                job = {
                    "output.file": "size.h5",
                    "output.images": images,
                    "solver.iterations": 0,
                    **job,
                }
                shown = run_job(self.folder, job, "--overwrite", "--dry-run").out
                number, unit = re.search(
                    r"^result about ([\d.]+) (KiB|MiB)", shown, re.MULTILINE
                ).groups()
                size = os.path.getsize(
                    purify(self.folder, job, "--overwrite", "--quiet", output="size.h5")
                )
                announced = float(number) * {"KiB": 2**10, "MiB": 2**20}[unit]
                self.assertLess(
                    abs(announced - size), max(0.05 * size, 2**16), f"{shown} {size} bytes"
                )

    def compare_memory(self, job):
        shown = run_job(
            self.folder, {"output.file": "memory.h5", **job}, "--dry-run", "--overwrite"
        ).out
        finished = subprocess.run(
            [
                MPIRUN,
                "-n",
                "2",
                sys.executable,
                "-c",
                PEAK,
                PROGRAM,
                "run",
                "job.ini",
                "--overwrite",
            ],
            cwd=self.folder,
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(finished.returncode, 0, finished)
        announced, peak = int(re.search(r"--mem-per-cpu=(\d+)M", shown).group(1)), max(
            peaks(finished.stderr)
        )
        self.assertTrue(peak / 1.5 < announced < 1.5 * peak, f"{shown} {peak} MiB")

    @unittest.skipIf(PATIENCE > 1, "AddressSanitizer keeps what was freed")
    def test_dry_run_announces_the_memory_of_a_rank(self):
        self.compare_memory({})

    @unittest.skipIf(PATIENCE > 1, "AddressSanitizer keeps what was freed")
    def test_dry_run_announces_the_memory_of_a_rank_with_a_victim(self):
        need_victim()
        write_victim(os.path.join(self.folder, "victim.pt"))
        self.compare_memory({"victim.file": "victim.pt"})

    def test_dry_run_announces_the_memory_of_a_sweep(self):
        """Points that move their images alike keep them for each other, where there is room.
        Others need no more than one point does."""
        job = {
            "input.file": DEMO_SET,
            "output.file": "memory.h5",
            "run.block": 300,
            "solver.iterations": "2, 4, 6",
        }

        def needed(*options):
            shown = run_job(self.folder, job, "--dry-run", *options).out
            return float(re.search(r"blocks and solver about ([\d.]+) MiB", shown).group(1))

        alone, gammas = needed(), ["--set", "sweep.solver.gamma=0.02, 0.1"]
        self.assertEqual(needed("--set", "sweep.marginals.set=B6, B4"), alone)
        self.assertGreater(needed(*gammas), alone)
        most = math.ceil(alone)
        self.assertLessEqual(needed(*gammas, "--set", f"run.max_memory={most}"), most)

    def test_dry_run_shows_its_facts_when_quiet_too(self):
        for ranks in 0, 2:
            loud, quiet = (
                run_job(self.folder, {"output.file": "dry.h5"}, "--dry-run", *options, ranks=ranks)
                for options in ([], ["--quiet"])
            )
            self.assertIn("--mem-per-cpu", quiet.out)
            # What is measured differs from call to call.
            shown = [re.sub(r"[\d.:]+ ?(s|min|h|to)?\b", "#", out) for out in (quiet.out, loud.out)]
            shown = [re.sub(r"# to #", "#", out) for out in shown]
            self.assertEqual((quiet.status, shown[0], quiet.err), (0, shown[1], ""), quiet)

    def test_dry_run_announces_the_time(self):
        """Of attacks that never stop early.  The bounds are wide, as others use the machine."""
        need_victim()
        job = {
            "input.file": DEMO_SET,
            "input.attacks": "fgsm",
            "input.limit": 128,
            "victim.file": DEMO_VICTIM,
            "solver.gamma": 1,
            "solver.iterations": 20,
            "attack bare.sample": 0,
            "attack bare.steps": 200,
            "attack exact.sample": 0,
            "attack exact.steps": 3,
            "attack exact.through": "purified",
            "output.file": "time.h5",
        }
        shown = run_job(self.folder, job, "--dry-run").out
        self.assertIn(
            "attack bare (pgd, linf, epsilon 0.1, through victim): 201 passes forward and 200 "
            "backward an image, ",
            shown,
        )
        self.assertIn(
            "through purified): 4 passes forward and 3 backward an image, ",
            shown,
        )
        self.assertRegex(shown, r"--time=\d+:\d\d:00\n")
        least, most = re.search(
            r"^time: ([\d.]+) s(?: to ([\d.]+) s)? on 1 rank", shown, re.MULTILINE
        ).groups()
        finished = run_job(self.folder, job)
        took = float(re.search(r"images in ([\d.]+) s", finished.out).group(1))
        self.assertLess(float(least) / 4, took, shown)
        self.assertGreater(4 * float(most or least), took, shown)

    def test_dry_run_announces_the_passes_of_every_attack(self):
        """What images that are right when clean take lies within what is announced."""
        need_victim()
        attacks = {
            "fgsm_again": {"type": "fgsm"},
            "pgd": {"steps": 3, "restarts": 2},
            "deepfool": {"type": "deepfool", "steps": 2},
            "carlini_wagner": {"type": "carlini_wagner", "norm": "l2", "steps": 12},
            "apgd": {"type": "apgd", "steps": 6},
            "targeted": {"type": "apgd", "steps": 6, "loss": "dlr_targeted", "epsilon": 0.02},
            "fab": {"type": "fab", "steps": 2, "epsilon": 0.02},
            "square": {"type": "square", "steps": 9, "epsilon": 0.05},
            "autoattack": {"type": "autoattack", "steps": 5, "epsilon": 0.02},
            "growing": {"type": "growing", "steps": 15},
        }
        job = {
            "input.file": DEMO_SET,
            "input.attacks": "clean",
            "input.limit": 16,
            "victim.file": DEMO_VICTIM,
            "solver.iterations": 0,
            "output.file": "passes.h5",
        }
        for name, keys in attacks.items():
            job |= {f"attack {name}.{key}": value for key, value in {**keys, "sample": 0}.items()}
        shown = run_job(self.folder, job, "--dry-run").out
        tables, path = {}, purify(self.folder, job, output="passes.h5")
        with h5py.File(path) as file:
            for name in attacks:
                tables[name] = file[f"runs/000/{name}/per_image"][()]
            clean = file["runs/000/clean/per_image"][()]
        right = clean["predicted_attacked"] == clean["label"]
        for name, table in tables.items():
            line = re.search(rf"^  attack {name} .*$", shown, re.MULTILINE).group()
            for kind in "forward", "backward":
                announced = re.search(rf"(?:(\d+) to )?(\d+) (?:passes )?{kind}", line)
                found = table["passes_" + kind][right]
                with self.subTest(name, kind=kind, line=line):
                    self.assertGreaterEqual(found.min(), int(announced[1] or announced[2]))
                    self.assertLessEqual(found.max(), int(announced[2]))

    def test_dry_run_says_what_it_cannot_measure(self):
        shown = run_job(self.folder, {"output.file": "dry.h5"}, "--dry-run").out
        self.assertRegex(
            shown, r"time: .* on 1 rank .*purifying [\d.]+ s.*predicting - \(no victim\)"
        )
        job = {"output.file": "done.h5"}
        purify(self.folder, job, output="done.h5")
        shown = run_job(self.folder, job, "--dry-run", "--resume").out
        self.assertIn("time: - (nothing is left to do)", shown)

    def test_dry_run_leaves_an_output_alone(self):
        """It writes nothing, so it says what a run would meet."""
        path = purify(self.folder, {}, output="there.h5")
        with open(path, "rb") as file:
            before = file.read()
        finished = run_job(
            self.folder, {"output.file": "there.h5", "solver.iterations": 6}, "--dry-run"
        )
        self.assertEqual(finished.status, 0, finished)
        self.assertIn("there.h5 exists: the run will need --resume or --overwrite\n", finished.out)
        for option in "--resume", "--overwrite":
            self.assertNotIn(
                "exists", run_job(self.folder, {"output.file": "there.h5"}, "--dry-run", option).out
            )
        self.assertEqual(
            run_job(self.folder, {"output.file": "set.h5"}, "--dry-run").status,
            2,
            "what the run reads",
        )
        with open(path, "rb") as file:
            self.assertEqual(file.read(), before)


if __name__ == "__main__":
    unittest.main()
