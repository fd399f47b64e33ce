"""The result file has the groups, types, attributes and figures that docs/formats.md promises."""

import datetime
import itertools
import os
import socket
import time
import unittest

import h5py
import numpy as np

from inputs import random_images, write_set
from results import PER_IMAGE, STATISTICS, check_statistics, status_names
from support import RunTest, parameters, purify


def types(dataset, promised):
    """The types of the promised fields.  There may be other fields."""
    return {
        name: dataset.dtype[name].newbyteorder("=").str.lstrip("<|")
        for name in dataset.dtype.names
        if name in promised
    }


class Format(RunTest):
    """One result has everything: two attacks, clean images, three channels, a sweep, two
    snapshots."""

    SWEEP = {
        "solver.theta": [1e5, 10],
        "marginals.set": ["B4", "identity + rotate 2.5 + translate 1 -2"],
    }
    JOB = {
        "solver.iterations": "2, 6",
        "solver.gamma": 0.3,
        "solver.tau": 0.1,
        "solver.window": 5,
        "run.block": 4,
        "sweep.solver.theta": "1e5, 10",
        "sweep.marginals.set": "B4, identity + rotate 2.5 + translate 1 -2",
    }
    COUNT = 7

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.input = os.path.join(cls.folder, "set.h5")
        cls.clean, cls.alpha, cls.zeta = (
            random_images(cls.COUNT, 3, seed=seed).astype("f4") for seed in range(3)
        )
        write_set(
            cls.input,
            {"zeta": (cls.zeta, "l2", 1.5, "first"), "alpha": (cls.alpha, "linf", 0.25, "second")},
            clean=cls.clean,
            labels=np.array([3, 1, 4, 1, 5, 9, 2], "u1"),
        )
        cls.before = time.time()
        cls.result = purify(cls.folder, cls.JOB, "--set", "baseline.blur_sigma=0.7", ranks=2)
        cls.after = time.time()
        cls.file = h5py.File(cls.result, "r")
        cls.addClassCleanup(cls.file.close)

    def each_group(self):
        for run, attack in itertools.product(range(8), ["alpha", "zeta", "clean"]):
            yield run, attack, self.file[f"runs/{run:03d}/{attack}"]

    def text(self, name):
        value = self.file.attrs[name]
        return value.decode() if isinstance(value, bytes) else value

    def test_root_attributes_are_all_there(self):
        self.assertEqual(self.text("schema"), "barydef-result")
        self.assertEqual(
            (
                self.file.attrs["schema_version"],
                self.file.attrs["complete"],
                self.file.attrs["ranks"],
            ),
            (1, 1, 2),
        )
        self.assertRegex(self.text("program_version"), r"^\d+\.\d+")
        self.assertRegex(self.text("git_revision"), r"^(unknown|[0-9a-f]{7,40}.*)$")
        self.assertRegex(
            self.text("command_line"), r"run .*job\.ini.* --set baseline\.blur_sigma=0\.7"
        )
        self.assertEqual(self.text("input_file"), self.input)
        self.assertRegex(self.text("input_digest"), r"^[0-9a-f]{32}$")
        self.assertEqual(self.text("hosts"), socket.gethostname())
        self.assertNotIn("slurm_job_id", self.file.attrs)
        started, finished = (
            datetime.datetime.strptime(self.text(name), "%Y-%m-%dT%H:%M:%S%z").timestamp()
            for name in ("started", "finished")
        )
        self.assertLessEqual(int(self.before), started)
        self.assertLessEqual(started, finished)
        self.assertLessEqual(finished, self.after)
        for line in ["blur_sigma = 0.7", "gamma = 0.3", "kernel = auto", "solver.theta = 1e5, 10"]:
            self.assertIn(line, self.text("job").split("\n"))

    def test_slurm_job_id_is_kept(self):
        path = purify(self.folder, {"input.limit": 1}, output="slurm.h5", SLURM_JOB_ID="4711")
        with h5py.File(path, "r") as file:
            self.assertEqual(file.attrs["slurm_job_id"].decode(), "4711")

    def test_labels_are_kept(self):
        self.assertEqual(self.file["labels"].dtype, np.dtype("i8"))
        self.assertEqual(self.file["labels"][()].tolist(), [3, 1, 4, 1, 5, 9, 2])

    def test_groups_and_types_are_as_promised(self):
        self.assertEqual(sorted(self.file), ["checksums", "labels", "runs", "statistics"])
        self.assertEqual(sorted(self.file["runs"]), [f"{run:03d}" for run in range(8)])
        self.assertEqual(types(self.file["statistics"], STATISTICS), STATISTICS)
        self.assertEqual(self.file["statistics"].shape, (24,))
        for run, attack, group in self.each_group():
            self.assertEqual(sorted(group.parent), ["alpha", "clean", "zeta"])
            self.assertEqual(
                (group["images"].shape, group["images"].dtype),
                ((self.COUNT, 3, 8, 10), np.dtype("f4")),
            )
            self.assertEqual(group["per_image"].shape, (self.COUNT,))
            self.assertEqual(types(group["per_image"], PER_IMAGE), PER_IMAGE)
            images = group["images"][()]
            self.assertTrue(np.all((images >= 0) & (images <= 1)) and images.std() > 0.01)

    def test_status_names_stand_in_an_attribute(self):
        for run, attack, group in self.each_group():
            names = status_names(group["per_image"])
            self.assertEqual(names[0], "ok")
            self.assertTrue(len(set(names.values())) == len(names) >= 4)

    def test_attacks_keep_their_attributes(self):
        rows = self.file["statistics"][()]
        self.assertEqual(
            [(row["run"], row["attack"]) for row in rows],
            [(run, attack) for run in range(8) for attack in (b"alpha", b"zeta", b"clean")],
        )
        for row in rows:
            expected = {b"alpha": (b"linf", 0.25), b"zeta": (b"l2", 1.5), b"clean": (b"none", 0)}[
                row["attack"]
            ]
            self.assertEqual((row["norm"], row["epsilon"]), expected)

    def test_runs_are_the_product_with_iterations_fastest(self):
        points = itertools.product([1e5, 10], self.SWEEP["marginals.set"], [2, 6])
        for (theta, marginals, iterations), (name, run) in zip(
            points, sorted(self.file["runs"].items())
        ):
            self.assertEqual(
                (run.attrs["solver.theta"], run.attrs["marginals.set"].decode()),
                (theta, marginals),
                name,
            )
            self.assertEqual(
                (run.attrs["solver.iterations"], run.attrs["solver.iterations"].shape),
                (iterations, ()),
            )
            for group in run.values():
                self.assertEqual(set(group["per_image"]["iterations"]), {iterations})

    def test_runs_carry_every_parameter(self):
        expected = {
            **{
                name: default
                for name, (default, allowed) in parameters().items()
                if not name.startswith("attack ")  # an attack's group has its own attributes
            },
            "input.file": "set.h5",
            "baseline.blur_sigma": 0.7,
            **{name: value for name, value in self.JOB.items() if name[:6] != "sweep."},
        }
        for run in self.file["runs"].values():
            for name, value in expected.items():
                # A run has no attributes that change no number.  The columns tell which views there
                # are, and a view that came later brings its parameter.
                if name.split(".")[0] in ("run", "output", "attacks") or name in (
                    "baseline.views",
                    "baseline.jpeg_quality",
                    "baseline.tv_weight",
                ):
                    self.assertNotIn(name, run.attrs)
                    continue
                stored = run.attrs[name]
                if name not in ("solver.theta", "marginals.set", "solver.iterations"):
                    self.assertEqual(
                        stored.decode() if isinstance(stored, bytes) else stored,
                        str(value) if isinstance(stored, bytes) else float(value),
                        name,
                    )

    def test_figures_of_each_image_are_right(self):
        inputs = {"alpha": self.alpha, "zeta": self.zeta, "clean": self.clean}
        for run, attack, group in self.each_group():
            images, figures = group["images"][()].astype("f8"), group["per_image"][()]
            self.assertEqual(figures["label"].tolist(), [3, 1, 4, 1, 5, 9, 2])
            self.assertEqual(set(figures["status"]), {0})
            for other, name in (inputs[attack], "attacked"), (self.clean, "clean"):
                distance = np.abs(images - other).reshape(self.COUNT, -1)
                np.testing.assert_array_equal(figures[f"linf_to_{name}"], distance.max(axis=1))
                np.testing.assert_allclose(
                    figures[f"l2_to_{name}"], np.sqrt((distance**2).sum(axis=1)), rtol=1e-14
                )
            self.assertTrue(np.all((figures["residual"] > 0) & (figures["residual"] < 2)))
            self.assertTrue(
                np.all((figures["mass_defect"] >= 0) & (figures["mass_defect"] < 1e-13))
            )
            for name in PER_IMAGE:
                if name.startswith("predicted"):
                    self.assertEqual(set(figures[name]), {-1})

    def test_statistics_sum_up_the_tables(self):
        self.assertEqual(len(check_statistics(self, self.result, has_victim=False)), 24)


if __name__ == "__main__":
    unittest.main()
