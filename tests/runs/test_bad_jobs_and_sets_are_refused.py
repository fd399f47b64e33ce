"""Bad jobs, sets and victims: one clear line, exit status 2, and nothing is written."""

import os
import re
import unittest
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np

from support import (
    BASE,
    RunTest,
    folder_contents,
    job_text,
    launch,
    need_victim,
    random_images,
    write_set,
    write_victim,
)

# Not numbers, whatever the key: C's strtod takes some of them.
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
    "baseline.views": ["purified", "mean, mean", "meen"],
    "victim.batch": ["0", "1.5", "-2", "nan"],
    "run.block": ["0", "-3", "2.5", "nan", "1e999", "0x10"],
    "run.progress": ["-1", "nan", "inf"],
    "input.limit": ["-1", "1.5", "nan", "1e12"],
    "input.clean": ["maybe"],
    "output.images": ["2"],
}


def numbers(count):
    """So many different values of a sweep."""
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
# Text added to a good job: its last line is the one the message must name.
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


def remove(name):
    def change(file):
        del file[name]

    return change


def put(name, data):
    """Replace or add a dataset."""

    def change(file):
        if name in file:
            del file[name]
        file[name] = data

    return change


def attribute(name, value):
    def change(file):
        file.attrs.pop(name)
        if value is not None:
            file.attrs[name] = value

    return change


def lzf(file):
    del file["attacks/a/images"]
    file.create_dataset("attacks/a/images", data=IMAGES, compression="lzf")


IMAGES = random_images(6, 2, 7, 9)
A, B, CLEAN = "attacks/a/images", "attacks/b/images", "clean/images"
# name: (change of a good file, what the line must name beside the file)
BAD_SETS = {
    "no schema": (attribute("schema", None), ["schema"]),
    "another schema": (attribute("schema", "barydef-result"), ["schema"]),
    "schema is a number": (attribute("schema", 1), ["schema"]),
    "no schema version": (attribute("schema_version", None), ["schema_version"]),
    "another schema version": (attribute("schema_version", 2), ["schema_version"]),
    "no labels": (remove("labels"), ["/labels"]),
    "labels are a group": (
        lambda file: [remove("labels")(file), file.create_group("labels")],
        ["/labels"],
    ),
    "fewer labels": (put("labels", np.arange(5)), ["images", "labels", "5", "6"]),
    "more labels": (put("labels", np.arange(7)), ["images", "labels", "7", "6"]),
    "no label at all": (put("labels", np.zeros(0, "i8")), ["/labels"]),
    "labels of floats": (put("labels", np.zeros(6)), ["/labels"]),
    "labels of strings": (put("labels", np.array([b"0"] * 6)), ["/labels"]),
    "labels in two dimensions": (put("labels", np.zeros((6, 1), "i8")), ["/labels"]),
    "a single label": (put("labels", 3), ["/labels"]),
    "no images": (remove(A), [A]),
    "no group of images": (
        lambda file: [remove("attacks")(file), remove("clean")(file)],
        ["attacks"],
    ),
    "attacks are a dataset": (put("attacks", np.zeros(3)), ["attacks"]),
    "attack is a dataset": (put("attacks/c", IMAGES), ["attacks/c"]),
    "images are a group": (lambda file: [remove(B)(file), file.create_group(B)], [B]),
    "three dimensions": (put(A, IMAGES[:, 0]), [A]),
    "five dimensions": (put(A, IMAGES[None]), [A]),
    "a single number": (put(A, 0.5), [A]),
    "no width": (put(A, IMAGES[..., :0]), [A]),
    **{
        f"images of {kind}": (put(A, np.zeros(IMAGES.shape, kind)), [A])
        for kind in ("i4", "i1", "u2", "f2", "S3", "bool", "c8")
    },
    **{
        f"{group}: other {part}": (put(group, images), ["images", "7", "9"])
        for group in (A, B, CLEAN)
        for part, images in (
            ("channels", IMAGES[:, :1]),
            ("height", IMAGES[:, :, :6]),
            ("width", IMAGES[..., :8]),
        )
    },
    **{
        f"{group}: fewer images": (put(group, IMAGES[:5]), [group, "5", "6"])
        for group in (A, B, CLEAN)
    },
    "attack named clean": (put("attacks/clean/images", IMAGES), ["clean"]),
    "name of an attack too long": (put(f"attacks/{'x' * 64}/images", IMAGES), ["x" * 64]),
    "compression that HDF5 does not know": (lzf, [A]),
}
# name: (body of forward, what the line must name beside the file).  Images are [n, 2, 7, 9], labels
# 0 to 5.
BAD_VICTIMS = {
    "gives images": ("return x", ["2, 7, 9"]),
    "gives one number for an image": ("return x.sum((1, 2, 3))", []),
    "gives one row for all": ("return x.flatten(1)[:1]", []),
    "gives a tuple": ("return (x.flatten(1), x)", []),
    "gives a number": ("return 3", []),
    "gives NaN": ("return x.flatten(1) * float('nan')", ["NaN"]),
    "throws": ("raise RuntimeError('out of order')\nreturn x", ["out of order"]),
    "wants other images": (
        "return torch.conv2d(x, torch.ones(4, 3, 3, 3)).flatten(1)",
        ["2 x 7 x 9"],
    ),
    "knows too few classes": ("return x.flatten(1)[:, :5]", ["set.h5", "labels", "5"]),
    "takes no images": ("return 1", [], "self"),
}


def whole_text(job):
    """INI text of BASE with these changes."""
    return job_text({name: value for name, value in {**BASE, **job}.items() if value is not None})


def line_of(job, key):
    """The number of a key's line in whole_text(job); the key need not be known."""
    section, key = key.split(".", 1)
    text = whole_text(job)
    start = text.find(f"[{section}]\n")
    return text[: text.find(f"\n{key} =", start)].count("\n") + 2


Case = namedtuple("Case", "name ranks folder words options")


def attempt(case):
    """Run the job of a case: how it ended, the files it left behind, the files it changed."""
    before = folder_contents(case.folder)
    finished = launch("run", os.path.join(case.folder, "job.ini"), *case.options, ranks=case.ranks)
    after = folder_contents(case.folder)
    return (
        finished,
        sorted(set(after) - set(before)),
        [name for name in before if before[name] != after.get(name)],
    )


class BadInput(RunTest):
    """Every case has a folder of its own, whose good set.h5 and old.h5 must stay as they are."""

    def make(self, name, ranks=0):
        folder = os.path.join(
            self.folder, f"{re.sub(r'[^a-z0-9]', '_', name)}-{ranks}-{len(os.listdir(self.folder))}"
        )
        os.makedirs(os.path.join(folder, "folder"))
        write_set(os.path.join(folder, "set.h5"), {"a": IMAGES, "b": IMAGES}, clean=IMAGES)
        with open(os.path.join(folder, "old.h5"), "w") as file:
            file.write("what was here before\n")
        return folder

    def case(self, name, job, words, *options, ranks=0, change=None, victim=None):
        """A folder with a job (INI text, or changes of BASE), its set.h5 changed, with a victim."""
        folder = self.make(name, ranks)
        with open(os.path.join(folder, "job.ini"), "w") as file:
            file.write(job if isinstance(job, str) else whole_text(job))
        if change:
            with h5py.File(os.path.join(folder, "set.h5"), "r+") as file:
                change(file)
        if victim is not None:
            write_victim(os.path.join(folder, "victim.pt"), *victim)
        return Case(name, ranks, folder, words, options)

    def refused(self, cases):
        """Each ends with status 2 and one line with the words of the case, and writes nothing."""
        cases = list(cases)
        self.assertGreater(len(cases), 0)
        with ThreadPoolExecutor(2) as pool:
            for case, (finished, left, changed) in zip(cases, pool.map(attempt, cases)):
                with self.subTest(case.name, ranks=case.ranks):
                    self.check_line(finished, case.words)
                with self.subTest(f"{case.name}: files", ranks=case.ranks):
                    self.assertEqual(
                        (left, changed), ([], []), f"left behind, and changed, by\n{finished}"
                    )

    def check_line(self, finished, words):
        self.assertEqual(finished.status, 2, finished)
        self.assertEqual(len(finished.err_lines), 1, finished)
        self.assertTrue(finished.err_lines[0].startswith("barydef: "), finished)
        self.assertEqual(finished.out, "", finished)
        for word in words:
            self.assertIn(word, finished.err_lines[0], finished)

    def bad_job(self, name, ranks=0):
        job, options, words = BAD_JOBS[name]
        line = str(line_of(job, next(iter(job), "input.file")))
        return self.case(
            name, job, [word.replace("LINE", line) for word in words], *options, ranks=ranks
        )

    def bad_set(self, name, ranks=0):
        change, words = BAD_SETS[name]
        return self.case(name, {}, ["set.h5", *words], ranks=ranks, change=change)

    def bad_victim(self, name, ranks=0):
        body, words, *arguments = BAD_VICTIMS[name]
        return self.case(
            name,
            {"victim.file": "victim.pt"},
            ["victim.pt", *words],
            ranks=ranks,
            victim=[body, *arguments],
        )

    # ---- the job -----------------------------------------------------------------

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
            # How many weights there must be is no property of the line.
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

    def test_inspect_refuses_bad_files(self):
        folder = self.make("inspect")
        with h5py.File(os.path.join(folder, "set.h5"), "r+") as file:
            del file["labels"]
        h5py.File(os.path.join(folder, "other.h5"), "w").close()
        for name, words in (
            ("absent.h5", []),
            ("old.h5", []),
            ("folder", []),
            ("set.h5", ["labels"]),
            ("other.h5", []),
        ):
            with self.subTest(name):
                self.check_line(launch("inspect", os.path.join(folder, name)), [name, *words])

    # ---- the input ---------------------------------------------------------------

    def test_bad_sets_are_refused(self):
        only_clean = self.case(
            "only clean",
            {"input.clean": "no"},
            ["set.h5", "no attack", "input.clean"],
            change=remove("attacks"),
        )
        self.refused([*map(self.bad_set, BAD_SETS), only_clean])

    def test_files_that_are_no_hdf5_are_refused(self):
        with open(write_set(os.path.join(self.folder, "good.h5"), {"a": IMAGES}), "rb") as file:
            good = file.read()
        files = {
            "text": b"[input]\n" * 1000,
            "empty": b"",
            "first bytes": good[:64],
            "half": good[: len(good) // 2],
            "all but the last byte": good[:-1],
            "overwritten superblock": b"\0" * 96 + good[96:],
        }
        self.refused(self.data_case(name, "set.h5", data, {}) for name, data in files.items())

    def data_case(self, name, file_name, data, job):
        """A case in which one file is these bytes."""
        case = self.case(name, job, [file_name])
        with open(os.path.join(case.folder, file_name), "wb") as file:
            file.write(data)
        return case

    # ---- the victim --------------------------------------------------------------

    def test_bad_victims_are_refused(self):
        need_victim()
        self.refused(map(self.bad_victim, BAD_VICTIMS))

    def test_bad_victim_files_are_refused(self):
        torch = need_victim()
        with open(write_victim(os.path.join(self.folder, "good.pt")), "rb") as file:
            good = file.read()
        torch.save({"weight": torch.zeros(3)}, os.path.join(self.folder, "weights.pt"))
        with open(os.path.join(self.folder, "weights.pt"), "rb") as file:
            weights = file.read()
        files = {
            "empty": b"",
            "text": b"def forward\n" * 100,
            "half": good[: len(good) // 2],
            "weights without a program": weights,
        }
        self.refused(
            [
                self.case("missing", {"victim.file": "no.pt"}, ["no.pt"]),
                self.case("a folder", {"victim.file": "folder"}, ["folder"]),
                *(
                    self.data_case(name, "victim.pt", data, {"victim.file": "victim.pt"})
                    for name, data in files.items()
                ),
            ]
        )

    def test_labels_below_zero_are_refused(self):
        need_victim()
        self.refused(
            [
                self.case(
                    "labels below zero",
                    {"victim.file": "victim.pt"},
                    ["set.h5", "labels", "-1"],
                    victim=[],
                    change=put("labels", np.array([0, 1, 2, -1, 4, 5])),
                )
            ]
        )

    # ---- under mpirun ------------------------------------------------------------

    def test_one_rank_reports_for_all(self):
        need_victim()
        for ranks in 1, 2:
            self.refused(
                [
                    *(
                        self.bad_job(name, ranks)
                        for name in (
                            "unknown attack",
                            "unknown key",
                            "missing input",
                            "output exists",
                            "--set of a bad value",
                            "folder of the output missing",
                        )
                    ),
                    self.case("missing victim", {"victim.file": "no.pt"}, ["no.pt"], ranks=ranks),
                    *(
                        self.bad_set(name, ranks)
                        for name in ("no labels", f"{B}: other height", "images of i4")
                    ),
                    *(
                        self.bad_victim(name, ranks)
                        for name in ("gives images", "knows too few classes")
                    ),
                ]
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
