"""The result file: its format, its numbers, and that equal input gives equal output."""

import datetime
import itertools
import os
import re
import resource
import socket
import time
import unittest

import h5py
import numpy as np

import reference
from support import (
    ACCURACIES,
    DEMO_SET,
    DEMO_VICTIM,
    FIGURES,
    PATIENCE,
    RunTest,
    check_statistics,
    contents,
    launch,
    need_victim,
    parameters,
    purify,
    random_images,
    read,
    skip,
    status_names,
    write_set,
)

PER_IMAGE = {
    "label": "i8",
    "status": "i1",
    "iterations": "i4",
    **{name: "f8" for name in FIGURES if name != "iterations"},
    **{
        f"predicted_{name}": "i4" for name in ("attacked", "rounded", "blurred", "mean", "purified")
    },
}
STATISTICS = {
    "run": "i4",
    "attack": "S64",
    "norm": "S16",
    "epsilon": "f8",
    "images": "i8",
    "failed": "i8",
    **{f"{name}_accuracy{part}": "f8" for name in ACCURACIES for part in ("", "_low", "_high")},
    "recovered": "i8",
    "broken": "i8",
    **{f"{name}_{part}": "f8" for name in FIGURES for part in ("mean", "max")},
}


def types(dataset, promised):
    """Types of the promised fields; there may be others."""
    return {
        name: dataset.dtype[name].newbyteorder("=").str.lstrip("<|")
        for name in dataset.dtype.names
        if name in promised
    }


class Format(RunTest):
    """One result of everything: two attacks and clean, three channels, a sweep, two snapshots."""

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
            **{name: default for name, (default, allowed) in parameters().items()},
            "input.file": "set.h5",
            "baseline.blur_sigma": 0.7,
            **{name: value for name, value in self.JOB.items() if name[:6] != "sweep."},
        }
        for run in self.file["runs"].values():
            for name, value in expected.items():
                # What changes no number is no parameter of a run, and what views there are is told
                # by the columns.  A parameter of a view that came later is there with it.
                if name.split(".")[0] in ("run", "output") or name in (
                    "baseline.views",
                    "baseline.jpeg_quality",
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

    def test_statistics(self):
        self.assertEqual(len(check_statistics(self, self.result, has_victim=False)), 24)


class Selection(RunTest):
    """What input.attacks, input.clean, input.limit and output.images leave in."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        sets = {name: random_images(9, seed=seed) for seed, name in enumerate("cab")}
        write_set(os.path.join(cls.folder, "set.h5"), sets, clean=random_images(9, seed=9))
        write_set(os.path.join(cls.folder, "attacks.h5"), sets)
        with h5py.File(
            write_set(os.path.join(cls.folder, "clean.h5"), sets, clean=sets["a"]), "r+"
        ) as file:
            del file["attacks"]
        cls.whole = purify(cls.folder, {}, output="whole.h5")

    def attacks(self, job, **others):
        return [
            row["attack"].decode()
            for row in read(purify(self.folder, job, "--overwrite", **others), "statistics")
        ]

    def test_attacks_and_their_order(self):
        for job, expected in [
            ({}, ["a", "b", "c", "clean"]),
            ({"input.attacks": "all"}, ["a", "b", "c", "clean"]),
            ({"input.attacks": "c , a"}, ["c", "a", "clean"]),
            ({"input.attacks": "b", "input.clean": "no"}, ["b"]),
            ({"input.clean": "no"}, ["a", "b", "c"]),
            ({"input.file": "attacks.h5"}, ["a", "b", "c"]),
            ({"input.file": "clean.h5"}, ["clean"]),
        ]:
            with self.subTest(job):
                self.assertEqual(self.attacks(job), expected)

    def test_attacks_chosen_are_unchanged(self):
        chosen = purify(
            self.folder, {"input.attacks": "c, a", "input.clean": "no"}, output="chosen.h5"
        )
        with h5py.File(chosen, "r") as file:
            self.assertEqual(sorted(file["runs/000"]), ["a", "c"])
        for attack in "ac":
            self.assert_same(
                contents(chosen, f"runs/000/{attack}"), contents(self.whole, f"runs/000/{attack}")
            )

    def test_limit_takes_the_first(self):
        limited = purify(self.folder, {"input.limit": 4, "run.block": 3}, output="limited.h5")
        self.assertEqual(read(limited, "labels").tolist(), [0, 1, 2, 3])
        for attack in ["a", "b", "c", "clean"]:
            for dataset in ["images", "per_image"]:
                some, every = (
                    read(path, f"runs/000/{attack}/{dataset}") for path in (limited, self.whole)
                )
                self.assertEqual(len(some), 4)
                self.assertEqual(some.tobytes(), every[:4].tobytes())
        self.assertEqual(set(read(limited, "statistics")["images"]), {4})
        more = purify(self.folder, {"input.limit": 1000, "input.attacks": "a"}, output="more.h5")
        self.assertEqual(len(read(more, "labels")), 9)

    def test_without_images(self):
        path = purify(self.folder, {"output.images": "no"}, output="figures.h5")
        lean, whole = contents(path), contents(self.whole)
        self.assertEqual([name for name in lean if name.endswith("/images")], [])
        whole, lean = (
            {name: value for name, value in some.items() if not name.startswith("checksums")}
            for some in (whole, lean)
        )
        self.assert_same(
            lean, {name: value for name, value in whole.items() if not name.endswith("/images")}
        )
        self.assertEqual(sum(name.endswith("/images") for name in whole), 4)

    def test_distance_to_clean_only_where_there_is_one(self):
        path = purify(self.folder, {"input.file": "attacks.h5"}, output="no-clean.h5")
        for attack in "abc":
            figures, with_clean = (
                read(result, f"runs/000/{attack}/per_image") for result in (path, self.whole)
            )
            for name in "l2_to_clean", "linf_to_clean":
                self.assertTrue(np.all(np.isnan(figures[name])) and np.all(with_clean[name] > 0))
        check_statistics(self, path, has_victim=False)


class EqualInput(RunTest):
    """The same numbers in another type, storage or arrangement give the same bits."""

    def run_variants(self, variants, job=None, status=0):
        """contents() of a run on each {name: (images, storage)}, in folders of their own."""
        found = []
        for name, (images, storage) in variants.items():
            folder = os.path.join(self.folder, self.id().split(".")[-1], name)
            os.makedirs(folder)
            write_set(os.path.join(folder, "set.h5"), {"a": images[::-1]}, clean=images, **storage)
            found.append(contents(purify(folder, {"run.block": 4, **(job or {})}, status=status)))
        return found

    def check(self, variants):
        first, *others = self.run_variants(variants)
        for other in others:
            self.assert_same(first, other)
        self.assertEqual(len([name for name in first if name.endswith("/images")]), 2)

    def test_float64_holding_float32_numbers(self):
        images = random_images(10, 2).astype("f4")
        self.check(
            {
                "f4": (images, {}),
                "f8": (images.astype("f8"), {}),
                "big-endian": (images.astype(">f4"), {}),
            }
        )

    def test_uint8_is_divided_by_255(self):
        images = np.round(random_images(10) * 255).astype("u1")
        self.check({"u1": (images, {}), "f8": (images / 255.0, {})})
        by_float32 = self.run_variants({"f4": ((images / 255.0).astype("f4"), {})})[0][
            "runs/000/a/images"
        ]
        by_uint8 = self.run_variants({"again": (images, {})})[0]["runs/000/a/images"]
        self.assertNotEqual(by_float32, by_uint8)
        np.testing.assert_allclose(
            np.frombuffer(by_float32[2], "f4"), np.frombuffer(by_uint8[2], "f4"), atol=1e-6
        )

    def test_black_and_white_in_all_types(self):
        images = random_images(10, 3) > 0.4
        self.check(
            {
                "u1": (images * np.uint8(255), {}),
                "f4": (images.astype("f4"), {}),
                "f8": (images.astype("f8"), {}),
            }
        )

    def test_chunks_and_compression(self):
        images = random_images(23, 3)
        self.check(
            {
                "contiguous": (images, {}),
                "gzip": (images, {"chunks": (5, 2, 3, 7), "compression": "gzip", "shuffle": True}),
                "one chunk": (
                    images,
                    {"chunks": images.shape, "compression": "gzip", "compression_opts": 9},
                ),
                "shuffle and checksum": (
                    images,
                    {"chunks": (1, 3, 8, 10), "shuffle": True, "fletcher32": True},
                ),
            }
        )

    def test_channels_are_independent(self):
        images = random_images(5, 5, 11, 6)
        colour, grey = self.run_variants(
            {"colour": (images, {}), "grey": (images.reshape(25, 1, 11, 6), {})}
        )
        for attack, order in ("clean", 1), ("a", -1):
            five, one = (
                np.frombuffer(found[f"runs/000/{attack}/images"][2], "f4")
                for found in (colour, grey)
            )
            five, one = five.reshape(5, 5, 66)[::order], one.reshape(25, 66)[::order].reshape(
                5, 5, 66
            )
            self.assertEqual(five.tobytes(), one.tobytes())

    def test_digest_sees_labels_types_shapes_and_attributes(self):
        images, digests = random_images(4), {}
        path = os.path.join(self.folder, "set.h5")
        for name, change in [
            ("label", {"labels": [0, 1, 2, 4]}),
            ("type", {"images": images.astype("f4")}),
            ("shape", {"images": images.reshape(4, 2, 4, 10)}),
            ("count", {"images": images[:3]}),
            ("norm", {"norm": "l2"}),
            ("epsilon", {"epsilon": 0.2}),
            ("source", {"source": "?"}),
            ("first", {}),
            ("the same", {}),
        ]:
            change = {"images": images, "norm": "linf", "epsilon": 0.1, "source": "", **change}
            attack = tuple(change[key] for key in ("images", "norm", "epsilon", "source"))
            write_set(path, {"a": attack}, labels=change.get("labels"))
            digests[name] = re.search(r"digest (\w+)", launch("inspect", path).out)[1]
        with h5py.File(purify(self.folder, {"solver.iterations": 0}), "r") as file:
            self.assertEqual(file.attrs["input_digest"].decode(), digests["the same"])
        self.assertEqual(digests.pop("first"), digests["the same"])
        self.assertEqual(len(set(digests.values())), len(digests), digests)


class Numbers(RunTest):
    """The numbers in the file are those of the method, with the parameters of the job."""

    JOBS = [
        (
            {
                "solver.iterations": "0, 9",
                "sweep.marginals.set": "B4, identity + rotate 30 + translate -1.5 0.5, identity",
                "sweep.solver.regularizer": "data, norm, none",
                "sweep.solver.mass": "channel, joint",
            },
            36,
            (2, 7, 9),
        ),
        (
            {
                "marginals.set": "B4",
                "solver.theta": 3,
                "sweep.marginals.interpolation": "bilinear, nearest",
                "sweep.solver.weights": "1 2 3 4, 2 1 1 0.5",
                "sweep.solver.window": "1, 3",
                "sweep.solver.tau": "0.3, 0.05",
            },
            16,
            (1, 12, 5),
        ),
        ({"solver.iterations": "4, 40", "sweep.solver.gamma": "0.05, 2"}, 4, (5, 5, 6)),
    ]

    def test_images_are_the_barycenters_of_the_reference(self):
        for job, runs, shape in self.JOBS:
            images = random_images(2, *shape)
            write_set(os.path.join(self.folder, "set.h5"), {"a": images})
            with h5py.File(purify(self.folder, job, "--overwrite"), "r") as file:
                self.assertEqual(len(file["runs"]), runs)
                for name, run in file["runs"].items():
                    with self.subTest(
                        run=name, **{key: str(run.attrs[key.split("sweep.")[-1]]) for key in job}
                    ):
                        self.compare(run, images)

    def compare(self, run, images):
        a = {
            key.split(".")[-1]: value.decode() if isinstance(value, bytes) else value
            for key, value in run.attrs.items()
        }
        weights = [float(word) for word in a["weights"].split()] or None
        for i, image in enumerate(images):
            (expected,) = reference.solve(
                image,
                reference.operators(a["set"]),
                a["gamma"],
                a["theta"],
                a["tau"],
                [int(a["iterations"])],
                a["cost"],
                int(a["window"]),
                a["regularizer"],
                a["mass"],
                a["interpolation"],
                weights,
                np.float64,
            )
            figures = run["a/per_image"][i]
            np.testing.assert_allclose(
                run["a/images"][i], expected.image, rtol=0, atol=3.1e-8
            )  # float32
            np.testing.assert_allclose(figures["residual"], expected.residual, rtol=0, atol=1e-12)
            self.assertLess(abs(figures["mass_defect"]), 1e-13)


class Snapshots(RunTest):
    """Snapshots of one trajectory are what separate runs give, bit for bit."""

    def check(self, job, counts, statuses=(0,)):
        together = purify(
            self.folder,
            {**job, "solver.iterations": ", ".join(map(str, counts))},
            "--overwrite",
            output="together.h5",
            status=statuses,
        )
        for run, count in enumerate(counts):
            alone = purify(
                self.folder,
                {**job, "solver.iterations": count},
                "--overwrite",
                output=f"alone-{count}.h5",
                status=statuses,
            )
            rows = read(together, "statistics"), read(alone, "statistics")
            rows = rows[0][rows[0]["run"] == run], rows[1]
            with self.subTest(iterations=count):
                self.assert_same(contents(together, f"runs/{run:03d}"), contents(alone, "runs/000"))
                self.assert_same(
                    *(
                        {name: table[name].tobytes() for name in STATISTICS if name != "run"}
                        for table in rows
                    )
                )
        return together

    def test_snapshots_are_those_of_shorter_runs(self):
        write_set(
            os.path.join(self.folder, "set.h5"),
            {"a": random_images(10, 3)},
            clean=random_images(10, 3, seed=1),
        )
        together = self.check({}, [0, 1, 7, 20])
        self.assertEqual(
            len(
                {item[2] for name, item in contents(together).items() if name.endswith("a/images")}
            ),
            4,
        )

    DEMO = {
        "input.file": DEMO_SET,
        "input.attacks": "fgsm",
        "input.limit": 8,
        "victim.file": DEMO_VICTIM,
    }

    def test_where_images_leave_the_range_of_plain_exponentials(self):
        need_victim()
        together = self.check({**self.DEMO, "solver.gamma": 0.001}, [1, 60], statuses=(0, 3))
        first, last = (read(together, f"runs/{run:03d}/clean/per_image") for run in (0, 1))
        self.assertEqual(set(first["status"]), {0})
        fallback = last["fallback"] if "fallback" in last.dtype.names else np.zeros(8, bool)
        self.assertTrue(np.all((last["status"] != 0) | fallback))

    def test_where_images_fail_on_the_way(self):
        need_victim()
        # The potential of the last marginal is divided by its weight.
        together = self.check(
            {**self.DEMO, "solver.weights": "1e-307 1 1 1 1 1e-307", "solver.tau": 1000},
            [0, 30],
            statuses=(0, 3),
        )
        first, last = (read(together, f"runs/{run:03d}/clean/per_image") for run in (0, 1))
        self.assertEqual(set(first["status"]), {0})
        self.assertNotIn(0, last["status"])


class Victim(RunTest):
    """Predictions are those of torch itself on the images as stored."""

    JOB = {
        "input.file": DEMO_SET,
        "input.limit": 40,
        "victim.file": DEMO_VICTIM,
        "solver.gamma": 0.02,
        "solver.iterations": "0, 30",
        "run.block": 7,
    }
    ATTACKS = ["fgsm", "l2_pgd", "linf_deepfool", "linf_pgd", "clean"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.torch = need_victim()
        cls.model = cls.torch.jit.load(DEMO_VICTIM)
        cls.result = purify(cls.folder, cls.JOB, ranks=2)

    def logits(self, images):
        with self.torch.inference_mode():
            return self.model(self.torch.from_numpy(np.ascontiguousarray(images, "f4"))).numpy()

    def assert_predicted(self, images, predicted):
        """The class predicted has the largest logit, or ties with it to rounding."""
        logits = self.logits(images)
        chosen = logits[np.arange(len(images)), predicted]
        np.testing.assert_array_less(logits.max(axis=1) - chosen, 1e-4)
        self.assertGreater(len(set(predicted)), 5)

    @staticmethod
    def blurred(images, sigma):
        """Gaussian to 4 sigma, the edge pixel repeated in the mirror."""
        radius = int(4 * sigma + 0.5)
        taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
        for axis in 2, 3:
            padded = np.pad(
                images, [(radius, radius) if a == axis else (0, 0) for a in range(4)], "symmetric"
            )
            parts = [
                np.take(padded, np.arange(images.shape[axis]) + i, axis) * tap
                for i, tap in enumerate(taps)
            ]
            images = sum(parts) / taps.sum()
        return images

    def test_predictions_are_the_victims(self):
        for attack in self.ATTACKS:
            group = "clean" if attack == "clean" else f"attacks/{attack}"
            attacked = read(DEMO_SET, f"{group}/images")[:40].astype("f8")
            # Before the first step, at gamma 0.02, the barycenter is the mean of the marginals.
            mean = read(self.result, f"runs/000/{attack}/images")
            for run in "000", "001":
                images, figures = read(
                    self.result, f"runs/{run}/{attack}/images", f"runs/{run}/{attack}/per_image"
                )
                for name, shown in [
                    ("purified", images),
                    ("attacked", attacked),
                    ("mean", mean),
                    ("blurred", self.blurred(attacked, 0.5)),
                    ("rounded", np.floor(attacked * 255 + 0.5) / 255),
                ]:
                    with self.subTest(run=run, attack=attack, prediction=name):
                        self.assert_predicted(shown, figures[f"predicted_{name}"])

    def test_statistics(self):
        rows = check_statistics(self, self.result, has_victim=True)
        accuracies = {row["attack"].decode(): row["attack_accuracy"] for row in rows}
        self.assertGreater(accuracies["clean"], accuracies["linf_pgd"] + 0.5)
        self.assertGreater(sum(rows["recovered"]), 0)

    def test_batch_changes_no_prediction_but_a_tie(self):
        for batch in 1, 64:
            other = purify(
                self.folder, {**self.JOB, "victim.batch": batch}, output=f"batch-{batch}.h5"
            )
            for attack in self.ATTACKS:
                images, figures = read(
                    other, f"runs/001/{attack}/images", f"runs/001/{attack}/per_image"
                )
                self.assertEqual(
                    images.tobytes(), read(self.result, f"runs/001/{attack}/images").tobytes()
                )
                self.assert_predicted(images, figures["predicted_purified"])

    def test_memory_of_activations_is_kept(self):
        """More batches meet no more new pages (some 30,000 where each met its own)."""
        if PATIENCE > 1:
            skip("the allocator of a sanitizer is another")

        def faults(limit):
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
            purify(
                self.folder,
                {
                    **self.JOB,
                    "victim.batch": 256,
                    "input.limit": limit,
                    "solver.iterations": 0,
                    "run.block": 16,
                },
                output=f"{limit}.h5",
            )
            return resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - before

        self.assertLess(faults(300) - faults(60), 5000)

    def test_blur_sigma_reaches_the_baseline(self):
        result = purify(
            self.folder,
            {**self.JOB, "sweep.baseline.blur_sigma": "0, 2.5", "solver.iterations": 0},
            output="blur.h5",
        )
        attacked = read(DEMO_SET, "attacks/fgsm/images")[:40].astype("f8")
        sharp, soft = (
            read(result, f"runs/{run}/fgsm/per_image")["predicted_blurred"]
            for run in ("000", "001")
        )
        self.assert_predicted(attacked, sharp)
        np.testing.assert_array_less(
            self.logits(self.blurred(attacked, 2.5)).max(axis=1)
            - self.logits(self.blurred(attacked, 2.5))[np.arange(40), soft],
            1e-4,
        )
        self.assertNotEqual(sharp.tolist(), soft.tolist())


if __name__ == "__main__":
    unittest.main()
