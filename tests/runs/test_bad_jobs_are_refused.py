"""Bad jobs and wrong usage: one clear line, exit status 2, and nothing is written."""

import os
import unittest

from bad_input import BadInput, attempt, whole_text
from support import BASE, job_text, launch, need_victim


# These are no numbers for any key, though strtod() takes some of them.
NO_NUMBERS = [
    "nan",
    "NAN(1)",
    "inf",
    "-inf",
    "infinity",
    "1e999",
    "0x10",
    "0x1p-3",
    "one",
    "1 2",
    "1,5",
    "1e",
    "--1",
    "0.1x",
    "",
]


BAD_VALUES = {
    "solver.gamma": NO_NUMBERS + ["0", "-0.02", "1e9"],
    "solver.theta": ["nan", "0", "-1", "0x10"],
    "solver.tau": ["inf", "0", "-0.2", "1e999"],
    "solver.iterations": [value for value in NO_NUMBERS if value not in ("1 2", "1,5")]
    + ["-1", "1.5", "5, 3", "2, 2", "1, nan", "1e7", "3;4"],
    "solver.window": ["nan", "0", "4", "-7", "7.5", "0x7", ""],
    "solver.cost": ["l3", "", "L1"],
    "solver.kernel": ["fast"],
    "solver.regularizer": ["dat", "data norm"],
    "solver.mass": ["image"],
    "solver.weights": [
        "1 2",
        "1 1 1 1 1 1 1",
        "1 1 1 1 1 0",
        "1 1 1 1 1 -1",
        "1 1 1 1 1 nan",
        "1 1 1 1 1 0x1",
    ],
    "marginals.set": [
        "B5",
        "",
        "spin 3",
        "rotate",
        "identity +",
        "+ identity",
        "identity rotate 2",
        "translate 3",
        "rotate 2 3",
        "rotate nan",
        "rotate inf",
        "rotate 1e999",
        "rotate 0x10",
        "translate 0x3 0",
    ],
    "marginals.interpolation": ["cubic"],
    "solver.precision": ["single", "32"],
    "solver.instructions": ["avx", "sse2", "1"],
    "baseline.blur_sigma": ["-1", "nan", "1e999"],
    "baseline.jpeg_quality": ["0", "101", "75.5", "nan"],
    "baseline.tv_weight": ["0", "-1", "1001", "nan"],
    "baseline.views": ["purified", "mean, mean", "meen"],
    "victim.batch": ["0", "1.5", "-2", "nan"],
    "run.block": ["0", "-3", "2.5", "nan", "1e999", "0x10"],
    "run.progress": ["-1", "nan", "inf"],
    "input.limit": ["-1", "1.5", "nan", "1e12"],
    "input.clean": ["maybe"],
    "output.images": ["2"],
}


def numbers(count):
    """A sweep over so many values."""
    return ", ".join(map(str, range(1, count + 1)))


# name: (changes of the job, options, what the line must name).  A change to None removes a key.
BAD_JOBS = {
    "unknown attack": (
        {"input.attacks": "a, nonsense"},
        [],
        ["set.h5", "input.attacks", "nonsense"],
    ),
    "attack named twice": ({"input.attacks": "a, b, a"}, [], ["input.attacks", '"a"']),
    "empty name of an attack": ({"input.attacks": "a,,b"}, [], ["set.h5", "input.attacks"]),
    "unknown section": ({"solvers.gamma": 1}, [], ["job.ini:LINE", "solvers", "solver"]),
    "unknown key": ({"solver.gama": 1}, [], ["job.ini:LINE", "solver.gama", "gamma"]),
    "key of another section": ({"victim.gamma": 1}, [], ["job.ini:LINE", "victim.gamma", "batch"]),
    "no input file": ({"input.file": None}, [], ["job.ini", "input.file"]),
    "no output file": ({"output.file": None}, [], ["job.ini", "output.file"]),
    "missing input": ({"input.file": "no/such.h5"}, [], ["no/such.h5"]),
    "input is a folder": ({"input.file": "."}, [], ["/."]),
    "output exists": ({"output.file": "old.h5"}, [], ["old.h5", "--overwrite"]),
    "output exists and is a folder": ({"output.file": "folder"}, [], ["folder"]),
    "output to be replaced is a folder": ({"output.file": "folder"}, ["--overwrite"], ["folder"]),
    "bad input for an output to be replaced": (
        {"output.file": "old.h5", "input.file": "job.ini"},
        ["--overwrite"],
        ["job.ini", "HDF5"],
    ),
    "output is the job": (
        {},
        ["--overwrite", "--set", "output.file=job.ini"],
        ["job.ini", "output.file"],
    ),
    "output is the input": ({"output.file": "set.h5"}, ["--overwrite"], ["set.h5"]),
    "folder of the output missing": (
        {"output.file": "no/such/result.h5"},
        [],
        ["no/such/result.h5"],
    ),
    "folder of the output is a file": (
        {"output.file": "old.h5/result.h5"},
        [],
        ["old.h5/result.h5"],
    ),
    "sweep of an unknown key": ({"sweep.solver.gama": "1, 2"}, [], ["job.ini:LINE", "solver.gama"]),
    "sweep of no key": ({"sweep.gamma": "1, 2"}, [], ["job.ini:LINE", "gamma"]),
    "sweep of what cannot be swept": (
        {"sweep.input.limit": "1, 2"},
        [],
        ["job.ini:LINE", "input.limit"],
    ),
    "sweep with one bad value": (
        {"sweep.solver.gamma": "0.1, 0.2, 0x1"},
        [],
        ["job.ini:LINE", "solver.gamma", "0x1", "allowed"],
    ),
    "sweep with an empty value": (
        {"sweep.solver.gamma": "0.1,"},
        [],
        ["job.ini:LINE", "solver.gamma", "allowed"],
    ),
    "sweep of too many runs": (
        {"sweep.solver.gamma": numbers(40), "sweep.solver.tau": numbers(40)},
        [],
        ["job.ini", "1000 runs"],
    ),
    "sweep of too many runs with their iterations": (
        {"sweep.solver.gamma": numbers(600), "solver.iterations": "1, 2"},
        [],
        ["job.ini", "solver.iterations", "1000 runs"],
    ),
    "sweep of too many values": (
        {"sweep.solver.gamma": numbers(1025)},
        [],
        ["job.ini:LINE", "solver.gamma", "1024"],
    ),
    "path too long with its folder": (
        {"input.file": "x" * 4090},
        [],
        ["job.ini", "xxx...", "4095"],
    ),
    "--part of more parts than the sweep has": ({}, ["--part=2/3"], ["--part 2/3", "1 point"]),
    "--set without value": ({}, ["--set", "solver.gamma"], ["--set", "solver.gamma"]),
    "--set without section": ({}, ["--set", "gamma=1"], ["--set", "gamma"]),
    "--set of an unknown section": ({}, ["--set", "solvers.gamma=1"], ["--set", "solvers"]),
    "--set of an unknown key": ({}, ["--set", "solver.gama=1"], ["--set", "solver.gama", "gamma"]),
    "--set of nothing": ({}, ["--set", "=1"], ["--set"]),
    "--set of a bad value": (
        {},
        ["--set", "solver.gamma=0x10"],
        ["--set", "solver.gamma", "0x10", "0.001"],
    ),
    "--set of a bad value after a good one": (
        {},
        ["--set", "solver.gamma=1", "--set", "solver.gamma="],
        ["--set", "solver.gamma", "allowed"],
    ),
    "--set of an unknown attack": ({}, ["--set", "input.attacks=nonsense"], ["set.h5", "nonsense"]),
    "--set of what a job file cannot hold": (
        {},
        ["--set", "input.file=set.h5 ;.h5"],
        ["--set", "input.file"],
    ),
    "--set with a line break": ({}, ["--set", "solver.ga\nmma=1"], ["--set"]),
    "--set of two lines": ({}, ["--set", "solver.cost=l1\nl1"], ["--set", "solver.cost"]),
}


# Text that is added to a good job.  The message must name its last line.
BAD_TEXT = {
    "duplicate key": ("\n[solver]\ngamma = 0.1\n", "solver.gamma"),
    "duplicate key in one section": (
        "\n[baseline]\nblur_sigma = 1\nblur_sigma = 1\n",
        "baseline.blur_sigma",
    ),
    "duplicate sweep": ("\n[sweep]\nsolver.tau = 1\nsolver.tau = 2\n", "solver.tau"),
    "no equals sign": ("\n[solver]\ntau\n", "line"),
    "section not closed": ("\n[solver\n", "line"),
    "words": ("\nplease\n", "line"),
}


def line_of(job, key):
    """The number of a key's line in whole_text(job), whether the program knows the key or not."""
    section, key = key.split(".", 1)
    text = whole_text(job)
    start = text.find(f"[{section}]\n")
    return text[: text.find(f"\n{key} =", start)].count("\n") + 2


class BadJobs(BadInput):
    def bad_job(self, name, ranks=0):
        job, options, words = BAD_JOBS[name]
        line = str(line_of(job, next(iter(job), "input.file")))
        return self.case(
            name, job, [word.replace("LINE", line) for word in words], *options, ranks=ranks
        )

    def test_a_good_job_runs(self):
        """The folders of the cases have no other fault."""
        need_victim()
        good = self.case("good", {"victim.file": "victim.pt"}, [], victim=["return x.flatten(1)"])
        self.assertEqual(attempt(good)[0].status, 0)

    def test_bad_jobs_are_refused(self):
        self.refused(map(self.bad_job, BAD_JOBS))

    def test_bad_values_are_refused(self):
        def case(key, value):
            words = [f"job.ini:{line_of({key: value}, key)}:", "allowed"]
            # How many weights there must be depends on other lines too.
            if key == "solver.weights" and value in ("1 2", "1 1 1 1 1 1 1"):
                words = ["job.ini", "6 marginals"]
            return self.case(f"{key} = {value}", {key: value}, [key, *words])

        self.refused(case(key, value) for key, values in BAD_VALUES.items() for value in values)

    def test_bad_text_is_refused(self):
        self.refused(
            self.case(
                name,
                job_text(BASE) + text,
                ["job.ini", str((job_text(BASE) + text).count("\n")), word],
            )
            for name, (text, word) in BAD_TEXT.items()
        )

    def test_bad_job_files_are_refused(self):
        folder = self.make("job file")
        for name, data in [
            ("absent.ini", None),
            ("folder", None),
            ("nul.ini", b"[input]\0"),
            ("binary.ini", bytes(range(1, 256)) * 9),
            ("empty.ini", b""),
        ]:
            with self.subTest(name):
                if data is not None:
                    with open(os.path.join(folder, name), "wb") as file:
                        file.write(data)
                self.check_line(launch("run", os.path.join(folder, name)), [name])

    def test_wrong_usage_is_refused(self):
        folder = self.make("usage")
        for arguments in (
            [],
            ["nonsense"],
            ["run"],
            ["run", "a.ini", "b.ini"],
            ["run", "--nonsense", "a.ini"],
            ["run", "a.ini", "--set"],
            ["inspect"],
            ["inspect", "a.h5", "b.h5"],
            ["params", "x"],
            ["check", "a.h5", "b.h5"],
            ["merge", "a.h5"],
            ["run", "a.ini", "--part=3/2"],
            ["run", "a.ini", "--resume", "--overwrite"],
            ["run", "a.ini", *["--set=solver.gamma=1"] * 257],
        ):
            with self.subTest(arguments):
                finished = launch(*arguments, folder=folder)
                self.assertEqual((finished.status, finished.out), (2, ""), finished)
                self.assertNotEqual(finished.err_lines, [], finished)

    def test_one_rank_reports_for_all(self):
        for ranks in 1, 2:
            self.refused(
                self.bad_job(name, ranks)
                for name in (
                    "unknown attack",
                    "unknown key",
                    "missing input",
                    "output exists",
                    "--set of a bad value",
                    "folder of the output missing",
                )
            )
            with self.subTest("missing job", ranks=ranks):
                self.check_line(
                    launch("run", "absent.ini", ranks=ranks, folder=self.folder), ["absent.ini"]
                )
            with self.subTest("unknown option", ranks=ranks):
                finished = launch(
                    "run", "absent.ini", "--nonsense", ranks=ranks, folder=self.folder
                )
                self.assertEqual((finished.status, finished.out), (2, ""), finished)
                self.assertEqual(finished.err.count("nonsense"), 1, finished)


if __name__ == "__main__":
    unittest.main()
