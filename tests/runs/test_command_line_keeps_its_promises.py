"""The command line: what each command and option prints, writes and ends with."""

import contextlib
import itertools
import math
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
import unittest

import h5py
import numpy as np

from support import (
    BASE,
    DEMO_SET,
    ENVIRONMENT,
    MPIRUN,
    PATIENCE,
    PEAK,
    PROGRAM,
    RunTest,
    contents,
    folder_contents,
    job_text,
    kill,
    launch,
    need_victim,
    parameters,
    peaks,
    purify,
    random_images,
    read,
    run_job,
    skip,
    write_set,
    write_victim,
)

# The job file of the formats' documentation: key, default, what must be among the allowed values.
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
    "baseline.views": ("rounded, blurred, mean", "rounded|blurred|mean|median|jpeg"),
    "victim.file": ("", "path"),
    "victim.batch": ("32", "integer from 1"),
    "run.block": ("64", "integer from 1"),
    "run.progress": ("30", "number from 0"),
}


class CommandLine(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.images = random_images(6, 2)
        write_set(
            os.path.join(cls.folder, "set.h5"),
            clean=cls.images.astype("f4"),
            labels=np.array([4, 9, 4, 5, 6, 7]),
            attacks={
                "fast": (cls.images, "linf", 0.125, "one step"),
                "slow": (cls.images, "l2", 1.5, "many"),
            },
        )
        cls.result = purify(cls.folder, {}, output="first.h5")

    def succeed(self, *arguments, **others):
        finished = launch(*arguments, **others)
        self.assertEqual(finished.status, 0, finished)
        return finished

    # ---- commands ----------------------------------------------------------------

    def test_version_names_what_it_is_built_of(self):
        finished = self.succeed("--version")
        self.assertEqual(finished.err, "")
        for pattern in [
            r"^barydef \d+\.\d+\.\d+$",
            r"^git revision (unknown|[0-9a-f]{7,})",
            r"^instructions (baseline|avx2|avx512)$",
            r"HDF5 1\.\d+",
            r"Open MPI v?4\.",
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

    # ---- options of run ----------------------------------------------------------

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
        """Of many runs without images it is mostly what HDF5 needs for their groups."""
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

    @unittest.skipIf(PATIENCE > 1, "AddressSanitizer keeps what was freed")
    def test_dry_run_announces_the_memory_of_a_rank(self):
        self.compare_memory({})

    @unittest.skipIf(PATIENCE > 1, "AddressSanitizer keeps what was freed")
    def test_dry_run_announces_the_memory_of_a_rank_with_a_victim(self):
        need_victim()
        write_victim(os.path.join(self.folder, "victim.pt"))
        self.compare_memory({"victim.file": "victim.pt"})

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

    def test_memory_of_a_sweep_is_announced(self):
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

    def test_dry_run_shows_its_facts_when_quiet_too(self):
        for ranks in 0, 2:
            loud, quiet = (
                run_job(self.folder, {"output.file": "dry.h5"}, "--dry-run", *options, ranks=ranks)
                for options in ([], ["--quiet"])
            )
            self.assertIn("--mem-per-cpu", quiet.out)
            self.assertEqual((quiet.status, quiet.out, quiet.err), (0, loud.out, ""), quiet)

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

    def test_without_victim_one_line_says_so(self):
        for ranks in 0, 2:
            finished = run_job(
                self.folder, {"output.file": "no-victim.h5"}, "--overwrite", ranks=ranks
            )
            self.assertEqual((finished.status, len(finished.err_lines)), (0, 1), finished)
            self.assertRegex(finished.err_lines[0], "^barydef: .*victim.*NaN")

    def test_without_libtorch_one_line_says_so(self):
        """A copy without the victim module beside it is a build without libtorch."""
        need_victim()
        library = os.path.join(os.path.dirname(PROGRAM), "libbarydef.so.0")
        if not os.path.exists(library):
            skip(
                "libbarydef.so.0 is not beside the program: "
                "a build without libtorch cannot be imitated"
            )
        folder = os.path.join(self.folder, "no-libtorch")
        os.makedirs(folder)
        shutil.copy(library, folder)
        write_victim(os.path.join(self.folder, "victim.pt"))
        finished = run_job(
            self.folder,
            {"victim.file": "victim.pt", "output.file": "no-libtorch.h5"},
            LD_LIBRARY_PATH=folder,
        )
        self.assertEqual((finished.status, len(finished.err_lines)), (0, 1), finished)
        self.assertRegex(finished.err_lines[0], "^barydef: .*libtorch.*victim.pt.*NaN")
        self.assertRegex(
            launch("--version", LD_LIBRARY_PATH=folder).out, "libtorch: not built in.*NaN"
        )
        rows = read(os.path.join(self.folder, "no-libtorch.h5"), "statistics")
        self.assertTrue(
            np.all(np.isnan(rows["attack_accuracy"])) and np.all(rows["l2_to_attacked_mean"] > 0)
        )

    def test_a_broken_libtorch_is_no_missing_one(self):
        """A victim module that does not load fails the run, on any rank, instead of giving NaN."""
        need_victim()
        folder = os.path.join(self.folder, "broken-libtorch")
        os.makedirs(folder)
        with open(os.path.join(folder, "libbarydef-victim.so"), "w") as file:
            file.write("this is no shared object")
        write_victim(os.path.join(self.folder, "victim.pt"))
        finished = run_job(
            self.folder,
            {"victim.file": "victim.pt", "output.file": "broken.h5"},
            LD_LIBRARY_PATH=folder,
        )
        self.assertEqual((finished.status, len(finished.err_lines)), (1, 1), finished)
        self.assertIn("rank 0 cannot load the victim module", finished.err)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "broken.h5")))
        job = os.path.join(self.folder, "job.ini")
        mixed = subprocess.run(
            [
                MPIRUN,
                "-n",
                "1",
                PROGRAM,
                "run",
                job,
                ":",
                "-n",
                "1",
                "env",
                f"LD_LIBRARY_PATH={folder}",
                PROGRAM,
                "run",
                job,
            ],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(mixed.returncode, 1, mixed)
        self.assertIn("rank 1 cannot load the victim module", mixed.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "broken.h5")))

    def test_alone_it_starts_no_daemon(self):
        """Without a launcher, its only other processes are the children that read files."""
        command = [PROGRAM, "run", os.path.join(self.folder, "job.ini"), "--overwrite"]
        with open(command[2], "w") as file:
            file.write(job_text({**BASE, "output.file": "alone.h5", "solver.iterations": 1000000}))
        process = subprocess.Popen(
            command,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.addCleanup(kill, process)
        seen = set()
        while process.poll() is None and not os.path.exists(os.path.join(self.folder, "alone.h5")):
            with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
                for child in file.read().split():
                    with contextlib.suppress(OSError), open(f"/proc/{child}/comm") as name:
                        seen.add(name.read().strip())
        self.assertIsNone(process.poll())
        self.assertLessEqual(seen, {"barydef"})

    def test_no_file_but_the_output_is_touched(self):
        bystanders = [
            os.path.join(self.folder, name)
            for name in ("touch.h5.creating", "touch.h5.tmp", "touch.h5~")
        ]
        for path in bystanders:
            with open(path, "w") as file:
                file.write("precious")
        before = sorted(os.listdir(self.folder))
        purify(self.folder, {}, "--overwrite", output="touch.h5")
        self.assertEqual(
            sorted(os.listdir(self.folder)), sorted(set(before) | {"touch.h5", "job.ini"})
        )
        for path in bystanders:
            with open(path) as file:
                self.assertEqual(file.read(), "precious")

    def test_programs_that_run_alone_share_no_folder(self):
        """Open MPI would make one of the same name for each, /tmp/ompi.HOST.USER/jf.0, and fail
        sometimes because another removes it."""
        self.succeed("run", "job.ini", "--overwrite", folder=self.folder, TMPDIR="/proc")

    # ---- paths and jobs ----------------------------------------------------------

    def test_paths_are_relative_to_the_job_file(self):
        deep = os.path.join(self.folder, "a folder", "jobs")
        os.makedirs(deep)
        with open(os.path.join(deep, "job.ini"), "w") as file:
            file.write(
                job_text({**BASE, "input.file": "../../set.h5", "output.file": "../deep.h5"})
            )
        for start, path, options, written in [
            (self.folder, os.path.join("a folder", "jobs", "job.ini"), [], "deep.h5"),
            (deep, "job.ini", [], "deep.h5"),
            (deep, "./job.ini", [], "deep.h5"),
            ("/", os.path.join(deep, "job.ini"), [], "deep.h5"),
            (
                os.path.dirname(deep),
                "jobs/../jobs/job.ini",
                ["--set", "output.file=jobs.h5"],
                os.path.join("jobs", "jobs.h5"),
            ),
        ]:
            with self.subTest(path, start=start):
                written = os.path.join(self.folder, "a folder", written)
                before = set(folder_contents(self.folder)) - {written}
                self.succeed(
                    "run", path, "--overwrite", *options, folder=start, ranks=0 if options else 2
                )
                self.assertEqual(set(folder_contents(self.folder)) - before, {written})
                same, first = (
                    {
                        name: item
                        for name, item in contents(path).items()
                        if not name.endswith(("@input.file", "@attributes_checksum"))
                    }
                    for path in (written, self.result)
                )
                self.assert_same(same, first)

    def test_the_job_of_a_result_is_a_job(self):
        need_victim()
        write_victim(os.path.join(self.folder, "victim.pt"))
        job = {
            "solver.iterations": "1, 3",
            "sweep.solver.gamma": "0.2, 0.4",
            "solver.weights": "1 2 0.5",
            "marginals.set": "identity + rotate -2.5 + translate 0.5 -1",
            "victim.file": "victim.pt",
            "input.attacks": "slow, fast",
            "input.limit": 5,
        }
        first = purify(self.folder, job, "--set", "baseline.blur_sigma=0.75", output="job-first.h5")
        with h5py.File(first, "r") as file:
            text = file.attrs["job"].decode()
        again = purify(
            self.folder,
            text,
            "--set",
            "output.file=job-again.h5",
            output="job-again.h5",
            name="again.ini",
        )
        self.assert_same(contents(first), contents(again))
        with h5py.File(again, "r") as file:
            self.assertEqual(
                file.attrs["job"].decode(), text.replace("job-first.h5", "job-again.h5")
            )

    def test_job_files_as_people_write_them(self):
        text = job_text(BASE)
        for name, written in [
            ("carriage returns", text.replace("\n", "\r\n")),
            (
                "comments",
                "; a job\n# of ours\n\n" + text.replace("\n", " ; as always\n", 3) + "\n; the end",
            ),
            ("blanks", text.replace(" = ", "  =\t").replace("gamma", "   gamma")),
            ("no blanks", text.replace(" = ", "=")),
            ("no line end", text.rstrip("\n")),
            ("byte order mark", "\ufeff" + text),
            ("a section in two parts", text + "\n[input]\nattacks = all\n"),
            (
                "a long line",
                f"{text}\n[marginals]\n"
                f"set = identity + rotate {2:.20f} + rotate {-2:.20f} + rotate {3:.20f}"
                f"{' ' * 300}+ rotate {-3:.20f} + translate {3:.20f} {0:.20f}\n",
            ),
        ]:
            with self.subTest(name):
                path = purify(
                    self.folder,
                    written,
                    "--overwrite",
                    "--set",
                    "output.file=people.h5",
                    output="people.h5",
                )
                same, first = (
                    {
                        key: item
                        for key, item in contents(result).items()
                        if not key.endswith(("@marginals.set", "@attributes_checksum"))
                    }
                    for result in (path, self.result)
                )
                self.assert_same(same, first)

    def test_unusual_paths(self):
        for name in ["with blank.h5", "semicolon;.h5", "#hash.h5", "per%cent=.h5", "umläut.h5"]:
            with self.subTest(name):
                shutil.copy(os.path.join(self.folder, "set.h5"), os.path.join(self.folder, name))
                path = purify(
                    self.folder,
                    {},
                    "--overwrite",
                    "--set",
                    f"input.file={name}",
                    output="unusual.h5",
                )
                with h5py.File(path, "r") as file:
                    self.assertEqual(os.path.basename(file.attrs["input_file"].decode()), name)

    # ---- progress ----------------------------------------------------------------

    LINE = r"barydef: (\d+)/(\d+) images \((\d+) %\), (\d+) images/s, (?:\d+:\d\d|\?) left"

    def test_progress_lines_in_a_log(self):
        for ranks in 0, 2:
            job = {
                "output.file": "log.h5",
                "run.progress": 1e-6,
                "run.block": 2,
                "solver.iterations": 300,
            }
            finished = run_job(self.folder, job, "--overwrite", ranks=ranks)
            self.assertEqual(finished.status, 0, finished)
            lines = [
                re.fullmatch(self.LINE, line) for line in finished.err_lines if "victim" not in line
            ]
            self.assertNotIn(None, lines, finished)
            done = [int(line[1]) for line in lines]
            self.assertEqual(done, sorted(done))
            self.assertTrue(
                len(done) >= 5
                and 0 <= done[0] < 18
                and len(set(done)) >= 5
                and {line[2] for line in lines} == {"18"},
                finished,
            )
            self.assertNotIn("\r", finished.err)

    def test_no_progress_lines_before_their_time_or_when_off(self):
        for interval in 0, 30:
            finished = run_job(
                self.folder,
                {"output.file": "log.h5", "run.progress": interval, "run.block": 1},
                "--overwrite",
            )
            self.assertNotIn("images/s", finished.err, finished)
            self.assertEqual(finished.status, 0)

    def run_on_terminal(self, *command):
        """Exit status of a command and what it sent to a terminal as its stderr."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        shown = []

        def collect():
            try:
                while True:
                    shown.append(os.read(master, 4096))
            except OSError:  # nobody has the terminal open any more
                os.close(master)

        reader = threading.Thread(target=collect)
        reader.start()
        try:
            process.wait(timeout=60)
        finally:
            kill(process)
            reader.join()
        return process.returncode, b"".join(shown).decode()

    def test_progress_bar_on_a_terminal(self):
        job = {
            "output.file": "bar.h5",
            "run.progress": 0,
            "run.block": 1,
            "solver.iterations": 5000,
        }
        with open(os.path.join(self.folder, "bar.ini"), "w") as file:
            file.write(job_text({**BASE, **job}))
        for launcher in [], [MPIRUN, "-n", "2"]:
            status, shown = self.run_on_terminal(
                *launcher, PROGRAM, "run", "bar.ini", "--overwrite"
            )
            self.assertEqual(status, 0, shown)
            bars = re.findall(
                r"\r\[([#.]{30})\] +(\d+) % +(\d+)/18 images +\d+ images/s +\d+:\d\d left", shown
            )
            self.assertGreaterEqual(len(bars), 2, shown)
            self.assertEqual(bars[-1], ("#" * 30, "100", "18"), shown)
            self.assertLess(int(bars[0][1]), 100, shown)


if __name__ == "__main__":
    unittest.main()
