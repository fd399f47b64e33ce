"""The package in analysis/: attacks, conversion, tables, figures and the page in a browser."""

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
from unittest import mock

SOURCE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path[:0] = [
    os.path.join(SOURCE, "tests", "runs"),
    os.path.join(SOURCE, "tests", "reference"),
    os.path.join(SOURCE, "analysis"),
]
from support import (
    DEMO_SET,
    DEMO_VICTIM,
    RunTest,
    launch,
    need_victim,
    parameters,
    purify,
    random_images,
    write_set,
)
from test_inputs import analysis

import h5py
import numpy as np
import torch

import drawn
import figures
import gradcam
import paper
import presets
import reference
import report
import result as results

torch.set_num_threads(1)


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
            done = launch(
                "run",
                path,
                "--dry-run",
                "--set",
                f"input.file={DEMO_SET}",
                "--set",
                "victim.file=",
                "--set",
                f"output.file={self.folder}/none.h5",
            )
            self.assertEqual(done.status, 0, f"{path}: {done}")
            self.assertRegex(done.out, r"runs?, \d+ attacks of \d+ images", path)
            with open(path) as file:
                self.assertTrue(file.read().startswith("# "), f"{path} does not say what it is for")

    def test_scripts_parse(self):
        for name in "demo.sh", "paper/reproduce.sh":
            subprocess.run(["bash", "-n", os.path.join(SOURCE, "jobs", name)], check=True)


def rows_of(path):
    with open(path) as file:
        return list(csv.DictReader(file))


class Report(RunTest):
    JOB = {
        "input.file": DEMO_SET,
        "victim.file": DEMO_VICTIM,
        "input.limit": 60,
        "solver.tau": 0.2,
        "solver.iterations": "10, 50",
        "sweep.solver.gamma": "0.05, 0.5, 2",
        "sweep.solver.theta": "1e5, 10",
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_victim()
        cls.path = purify(cls.folder, cls.JOB)
        cls.page = analysis("report", cls.path, "--use-victim-of-result").stdout.strip()
        cls.result = results.Result(cls.path)

    def test_tables(self):
        folder = os.path.dirname(self.page)
        run, _ = report.best_run_of(self.result)
        rows = rows_of(os.path.join(folder, f"accuracy-{run}.csv"))
        self.assertEqual([row["attack"] for row in rows], self.result.attacks)
        for row in rows:
            stored = self.result.row(run, row["attack"])
            self.assertEqual(row["barycenter"], f"{100 * stored['barycenter_accuracy']:.1f}")
            self.assertEqual(row["mean of marginals"], f"{100 * stored['mean_accuracy']:.1f}")
        runs = rows_of(os.path.join(folder, "runs.csv"))
        self.assertEqual(
            [row["run"] for row in runs],
            ["attacked", "8 bits", "blurred", "mean of marginals", *self.result.runs],
        )
        self.assertEqual({row["gamma"] for row in runs[:4]}, {""})
        for attack in self.result.attacks:
            self.assertEqual(
                runs[0][attack], f"{100 * self.result.row(run, attack)['attack_accuracy']:.1f}"
            )
        self.assertEqual([run["gamma"] for run in runs[4:9]], ["0.05"] * 4 + ["0.5"])
        for row in runs:
            means = [float(row[attack]) for attack in self.result.robust]
            self.assertAlmostEqual(float(row["mean of attacks"]), np.mean(means), delta=0.11)
        with open(os.path.join(folder, f"accuracy-{run}.tex")) as file:
            latex = file.read()
        self.assertIn(r"linf\_pgd &", latex)
        self.assertEqual(latex.count(r"\\"), 1 + len(self.result.attacks))
        columns = re.search(r"begin\{tabular\}\{(\w+)\}", latex).group(1)
        for line in latex.splitlines():
            if line.endswith(r"\\"):
                self.assertEqual(len(re.findall(r"(?<!\\)&", line)), len(columns) - 1, line)
                self.assertNotRegex(line, r"(?<!\\)[%#$_]")
        classes = rows_of(os.path.join(folder, "per-class.csv"))
        weights = [int(row["images"]) for row in classes]
        for attack in self.result.attacks:
            overall = np.average([float(row[attack]) for row in classes], weights=weights)
            self.assertAlmostEqual(overall, 100 * self.result.accuracy(run, attack), delta=0.06)

    def test_files(self):
        names = os.listdir(os.path.dirname(self.page))
        for name in [
            "front",
            "along-solver-gamma",
            "along-solver-theta",
            "along-solver-iterations",
            "map-solver-gamma-solver-theta",
            "sensitivity",
            "per-class",
            "grad-cam",
        ]:
            for kind in "png", "svg":
                self.assertIn(f"{name}.{kind}", names)
        self.assertEqual(
            sum(name.startswith("gallery-") and name.endswith(".png") for name in names), 3
        )
        with open(self.page) as file:
            page = file.read()
        self.assertNotRegex(page, r"""(src|href)=['"]?(https?:)?//""", "the page needs the network")
        for link in re.findall(r"href='([^']+)'", page):
            self.assertIn(link, names)
        self.assertEqual(
            len(re.findall(r"<img [^>]*alt='[^']{20,}'", page)),
            page.count("<img "),
            "a picture without words",
        )

    def test_without_victim_images_or_sweep(self):
        for name, job in {
            "victim": {"victim.file": "", "sweep.solver.gamma": "0.5"},
            "images": {"output.images": "no"},
            "one": {"solver.iterations": 5},
        }.items():
            values = {
                "input.limit": 40,
                **{
                    key: value
                    for key, value in self.JOB.items()
                    if key != "input.limit" and (name != "one" or not key.startswith("sweep"))
                },
            }
            page = analysis(
                "report",
                purify(self.folder, {**values, **job}, output=f"{name}.h5"),
                os.path.join(self.folder, name),
            ).stdout.strip()
            self.assertGreater(os.path.getsize(page), 2000)
        other = os.path.join(self.folder, "others.h5")
        write_set(other, {"fgsm": random_images(5)})
        for arguments, text in (
            ((DEMO_SET,), "not a result of barydef"),
            ((__file__,), f"{__file__}: Unable to open"),
            (("none.h5",), "none.h5: no such file"),
            ((self.path, "--input", other), "its labels are not those of"),
            ((self.path, "--blurs", os.path.join(self.folder, "victim.h5")), "of other images"),
        ):
            self.assertIn(text, analysis("report", *arguments, status=2).stderr)
        for folder in other, os.path.join(other, "below"):
            self.assertEqual(
                analysis("report", self.path, folder, status=2).stderr,
                f"analysis: {folder}: a report is a folder, but there is a file of this name or in its path\n",
            )
        for folder in "/proc/foo", "/proc":  # which take nothing of root, either
            self.assertEqual(
                analysis("report", self.path, folder, status=1).stderr,
                f"analysis: {folder}: cannot be written into (No such file or directory)\n",
            )
        with mock.patch(
            "report.drawn.front", side_effect=OSError(28, "No space left on device", "front.png")
        ):
            self.assertEqual(
                analysis("report", self.path, os.path.join(self.folder, "late"), status=1).stderr,
                "analysis: front.png: No space left on device\n",
            )
        for count in 0, -3, "many":
            self.assertRegex(
                analysis("report", self.path, "--images", count, status=2).stderr,
                f"^analysis report: argument --images: .*{count}.*; see analysis report --help\n$",
            )

    def test_failed_images_colour_and_names_from_elsewhere(self):
        """Sets are downloaded files: an attack of which no image can be purified, and names that are HTML, formulas, Markdown."""
        images = random_images(9, 3, 12, 12)
        images[2] = np.nan
        names = {
            "all failed": np.full_like(images, np.nan),
            "<img src=x onerror=alert(1)>": images,
            "a$x_{$|b' x='": images,
            'q"&%': images,
        }
        path = os.path.join(self.folder, "hostile.h5")
        write_set(path, names)
        with h5py.File(path, "a") as file:
            file.attrs["dataset"] = "<script>alert(1)</script>"
        made = purify(
            self.folder,
            {"input.file": path, "solver.iterations": "2, 5", "sweep.solver.gamma": "0.1, 1"},
            output="hostile-result.h5",
            status=3,
        )
        page = analysis("report", made).stdout.strip()
        with open(page) as file:
            text = file.read()
        self.assertNotIn("<script", text)
        self.assertNotIn("<img src=x", text)
        self.assertEqual(set(re.findall(r"<img ([a-z]+)=", text)), {"src"})
        folder = os.path.dirname(page)
        for link in re.findall(r"href='([^']+)'", text):
            self.assertIn(link, os.listdir(folder))
        rows = {row["attack"]: row for row in rows_of(os.path.join(folder, "changes.csv"))}
        self.assertEqual((rows["all failed"]["failed"], rows['q"&%']["failed"]), ("9", "1"))
        self.assertLess(float(rows['q"&%']["mass defect, most"]), 1e-12)
        with open(os.path.join(folder, "changes.md")) as file:
            lines = file.read().splitlines()
        self.assertEqual(
            ({len(re.findall(r"(?<!\\)\|", line)) for line in lines[2:]}, lines[1]), ({12}, "")
        )
        self.assertNotIn("<", "".join(lines))

    def test_texts_that_would_drive_a_terminal(self):
        """Neither program writes control characters, whatever a result's author called things; nor are names of attributes HTML."""
        attack, tag = "\033[31mX", "solver.'><img src=x onerror=alert(1)>"
        inputs, path = shutil.copy(DEMO_SET, os.path.join(self.folder, "driving-set.h5")), purify(
            self.folder,
            {**self.JOB, "input.limit": 30, "solver.iterations": 5, "sweep.solver.theta": 10},
            output="driving.h5",
        )
        with h5py.File(inputs, "a") as file:
            file["attacks"].move("fgsm", attack)
        with h5py.File(path, "a") as file:
            for run, group in file["runs"].items():
                group.move("fgsm", attack)
                group.attrs.update(
                    {
                        "solver.cost": f"l{run}\033]0;pwn\007\n\u202e",
                        "victim.file": "\033[2J.pt",
                        tag: float(run),
                    }
                )
            rows, job = file["statistics"][:], file.attrs["job"].decode()
            rows["attack"][rows["attack"] == b"fgsm"] = attack.encode()
            rows["norm"] = b"l\x9b2\033"
            file["statistics"][:] = rows
            file.attrs.update(
                attacks=file.attrs["attacks"].decode().replace("fgsm", attack),
                dataset="d\033c\n",
                job=f"{job}\033c",
                hosts=np.bytes_(b"\xff\x07"),
            )
        self.assertEqual(results.Result(path).swept, ["solver.cost", "solver.gamma"])
        done = analysis(
            "report",
            path,
            "--input",
            inputs,
            "--use-victim-of-result",
            "--attack",
            "?[31mX",
            "--attack",
            "clean",
        )
        page, said = done.stdout.strip(), [
            done.stdout,
            done.stderr,
            analysis(path, command="best.py").stdout,
        ]
        names = os.listdir(os.path.dirname(page))
        self.assertIn("gallery-__31mX.png", names)
        for name in names:
            if not name.endswith("png"):
                with open(os.path.join(os.path.dirname(page), name), newline="") as file:
                    said.append(file.read())
        self.assertEqual(len(said), 3 + sum(not name.endswith("png") for name in names))
        for one in said:
            self.assertEqual(
                re.findall(r"[^\n\r\t\x20-\x7e\xa0-\u2027\u202f-\u2065\u206a-\ud7ff]", one), []
            )
        with open(page) as file:
            text = file.read()
        self.assertEqual(set(re.findall(r"<img src=(.....)", text)), {"'data"})
        self.assertNotIn("onerror", text)
        self.assertIn("victim]\nfile", text)
        self.assertEqual(
            [
                row["cost"]
                for row in rows_of(os.path.join(os.path.dirname(page), "runs.csv"))
                if row["cost"]
            ],
            [f"l00{i}?]0;pwn???" for i in range(3)],
        )
        self.assertRegex(said[2], r"(?s)cost l00\d\?\]0;pwn\?\?\?.*\| \?\[31mX \|")
        with h5py.File(path, "a") as file:
            file.attrs["attacks"] = f"{attack}/\x07[31mX/clean"
        self.assertIn("two of its attacks have one name", analysis("report", path, status=2).stderr)
        with h5py.File(path, "a") as file:
            file["runs"].move("000", "\x1f000")
        self.assertIn(
            "its runs have other names than numbers", analysis("report", path, status=2).stderr
        )

    def test_short_names_of_marginals(self):
        for long, short in (
            ("B6", "B6"),
            ("identity + rotate 2 + rotate -2 + translate 3 0", "id, \u00b12\u00b0, shift (3,0)"),
            (
                "identity + identity + translate 1 0 + translate -1 0 + translate 0 1 + translate 0 -1",
                "2 id, shift \u00b11",
            ),
            ("0.5", "0.5"),
            ("rotate 3", "3\u00b0"),
            (
                "translate 1 1 + translate -1 -1 + translate 1 -1 + translate -1 1",
                "diagonal \u00b11",
            ),
        ):
            self.assertEqual(results.shortened(long), short)

    def test_marginals_are_those_of_the_product(self):
        image = random_images(1, 3, 9, 12)[0]
        for motions in "B6", "identity + rotate 12.5 + translate 1.25 -2.5":
            for interpolation in "bilinear", "nearest":
                found = results.marginals(image, motions, interpolation)
                for c in range(3):
                    wanted = reference.marginals(
                        image[c], reference.operators(motions), interpolation
                    )
                    np.testing.assert_allclose(found[:, c], wanted.astype(float), atol=1e-12)

    def test_mean_of_marginals_is_what_was_predicted(self):
        """The victim sees in it the class that the result holds."""
        model = torch.jit.load(DEMO_VICTIM).eval()
        rows = list(range(40))
        images = self.result.attacked("fgsm", rows)
        means = np.stack([results.mean_of_marginals(image, "B6") for image in images])
        with torch.no_grad():
            seen = model(torch.as_tensor(means, dtype=torch.float32)).argmax(1).numpy()
        np.testing.assert_array_equal(
            seen, self.result.per_image("000", "fgsm")["predicted_mean"][rows]
        )

    def test_mean_of_marginals_is_where_the_solver_starts(self):
        """The image of L = 0, of each channel's mass or of all together, whatever the weights."""
        images = random_images(4, 3, 9, 12)  # and gamma small, so that the kernel moves nothing
        images[:, 1] *= 0.1  # channels that lose different shares at the border
        images[:, 2, :, 3:] = 0
        write_set(os.path.join(self.folder, "colour.h5"), {"fgsm": images})
        made = []
        for job in (
            {"solver.mass": "channel"},
            {"solver.mass": "joint"},
            {"solver.mass": "joint", "solver.weights": "1, 2 3.5,4"},
        ):
            path = purify(
                self.folder,
                {
                    "input.file": "colour.h5",
                    "solver.iterations": 0,
                    "solver.gamma": 0.02,
                    "marginals.set": "identity + rotate 30 + translate 3 0 + translate 0 -4",
                    **job,
                },
                output=f"start-{len(made)}.h5",
            )
            result = results.Result(path)
            _, rows = drawn.gallery(result, "000", "fgsm", 4)
            made.append(next(row.images for row in rows if row.name == "mean of marginals"))
            np.testing.assert_allclose(made[-1], result.images("000", "fgsm", range(4)), atol=1e-6)
        self.assertGreater(abs(made[0] - made[1]).max(), 0.01)

    def test_paper_figures(self):
        """Of an attack by its name, norm and epsilon; where a set does not say these the figures stand there, but nothing is concluded."""

        def of(dataset, **bounds):
            result = types.SimpleNamespace(dataset=dataset, attacks=list(bounds), bound=bounds.get)
            return (
                paper.figures(result),
                list(paper.figures(result, surely=True)),
                paper.unsure(result),
                paper.note(result).removeprefix(paper.NOTE),
            )

        here = {
            "autoattack": ("linf", 0.1),
            "linf_pgd_0.17": ("linf", 0.17),
            "clean": ("none", 0.0),
        }
        for dataset in "MNIST", "mnist":
            self.assertEqual(
                of(dataset, **here),
                (
                    {"autoattack": (9.1, 28.1), "clean": (99.0, 98.9)},
                    ["autoattack", "clean"],
                    [],
                    "",
                ),
            )
        self.assertEqual(
            of(
                "Fashion-MNIST",
                l2_carlini_wagner=("l2", 1.0),
                autoattack=("linf", float(np.float32(0.1))),
            )[:2],
            (
                {"l2_carlini_wagner": ("", 80.4), "autoattack": ("", 2.8)},
                ["l2_carlini_wagner", "autoattack"],
            ),
        )
        self.assertEqual(of("digits", **here), ({}, [], [], ""))
        for other in (
            ("linf", 0.3),
            ("linf", 0.17),
            ("linf", np.inf),
            ("linf", 0.0),
            ("l2", 0.1),
            ("l2", np.nan),
            ("unknown", 0.3),
        ):
            self.assertEqual(of("MNIST", fgsm=other), ({}, [], ["fgsm"], ""), other)
        for unknown in ("linf", np.nan), ("unknown", np.nan), ("", np.nan), ("unknown", 0.1):
            self.assertEqual(
                of("MNIST", fgsm=unknown),
                (
                    {"fgsm": (71.8, 75.0)},
                    [],
                    ["fgsm"],
                    " Norm or epsilon of fgsm are not known here: they may be others than the paper's.",
                ),
                unknown,
            )

    def test_the_papers_attacks_are_those_of_the_presets(self):
        for dataset, attacks in paper.FIGURES.items():
            for attack, (norm, epsilon, *_) in attacks.items():
                if attack != "clean":
                    self.assertEqual(
                        (presets.ATTACKS[attack][1], presets.DATASETS[dataset]["epsilon"][norm]),
                        (norm, epsilon),
                    )

    def test_pandas_and_xarray(self):
        """As the README shows."""
        try:
            import pandas
            import xarray
        except ImportError as problem:
            self.skipTest(f"SKIPPED LOUDLY: {problem}")
        with h5py.File(self.path) as file:
            frame = pandas.DataFrame(file["statistics"][:])
            frame["attack"] = frame["attack"].str.decode("utf-8")
            table = frame.pivot(index="run", columns="attack", values="barycenter_accuracy")[
                "clean"
            ]
            self.assertEqual(
                list(table), [self.result.accuracy(run, "clean") for run in self.result.runs]
            )
            array = xarray.DataArray(
                file["runs/000/clean/images"], dims=("image", "channel", "y", "x")
            )
            self.assertEqual(array.shape, (60, 1, 28, 28))


class Blurs(RunTest):
    def test_a_sweep_over_the_blur(self):
        """It is told by the blurred images, which alone it changes: no picture of barycenters has it for an axis."""
        need_victim()
        path = purify(
            self.folder,
            {
                "input.file": DEMO_SET,
                "victim.file": DEMO_VICTIM,
                "input.limit": 60,
                "solver.iterations": 5,
                "sweep.baseline.blur_sigma": "0.3, 1, 3",
                "sweep.solver.gamma": "0.05, 2",
                "sweep.solver.theta": "1e5, 10",
            },
        )
        result = results.Result(path)
        page = analysis("report", path).stdout.strip()
        runs = rows_of(os.path.join(os.path.dirname(page), "runs.csv"))
        self.assertEqual(
            [row["run"] for row in runs[:4]],
            ["attacked", "8 bits", "mean of marginals", "000"],
            "no row for the blur, which differs",
        )
        self.assertEqual(list(runs[0])[-1], "blurred, mean of attacks")
        self.assertEqual(
            [row["blurred, mean of attacks"] for row in runs],
            [""] * 3
            + [f"{100 * result.robust_accuracy(run, 'blurred'):.1f}" for run in result.runs],
        )
        self.assertEqual(len({row["blurred, mean of attacks"] for row in runs[3:]}), 3)
        for attack, (line, dots) in drawn.along(result, "baseline.blur_sigma").items():
            wanted = [
                100 * result.accuracy(run, attack, "blurred") for run in ("000", "004", "008")
            ]
            np.testing.assert_allclose(line, wanted)
            np.testing.assert_allclose(dots, [[value] * 4 for value in wanted])
        self.assertEqual(
            drawn.along(result, "solver.gamma")["fgsm"][0],
            [
                100 * max(result.accuracy(run, "fgsm") for run in some)
                for some in (
                    result.runs[0::4] + result.runs[1::4],
                    result.runs[2::4] + result.runs[3::4],
                )
            ],
        )
        pictures = [
            name
            for name in os.listdir(os.path.dirname(page))
            if re.match(r"(along|map)-.*png", name)
        ]
        self.assertEqual(
            sorted(pictures),
            [
                "along-baseline-blur_sigma.png",
                "along-solver-gamma.png",
                "along-solver-theta.png",
                "map-solver-gamma-solver-theta.png",
            ],
        )
        grid = drawn.sensitivity(result, "000", "fgsm")
        self.assertEqual(
            (grid.down, grid.across, grid.fixed, len(grid.runs)),
            ("solver.gamma", ["solver.theta"], {}, 4),
        )
        figure = figures.along(
            "baseline.blur_sigma", ["1"], {"fgsm": ([1], [[1]])}, "blurred images"
        )
        self.assertEqual(figure.axes[0].get_ylabel(), "accuracy on blurred images, %")
        figures.plt.close(figure)
        with open(page) as file:
            text = file.read()
        for words in (
            "Accuracy on blurred images against baseline.blur_sigma: ",
            "Accuracy on barycenters against solver.gamma: ",
            "of others the mean is at the right",
        ):
            self.assertIn(words, text)
        alone = purify(
            self.folder,
            {
                "input.file": DEMO_SET,
                "victim.file": DEMO_VICTIM,
                "input.limit": 20,
                "solver.iterations": 0,
                "sweep.baseline.blur_sigma": "0.3, 1",
            },
            output="alone.h5",
        )
        self.assertIsNone(drawn.sensitivity(results.Result(alone), "000", "fgsm"))


class Captions(RunTest):
    def test_without_victim_the_first_run_that_iterates_is_shown(self):
        """One of no iterations purifies nothing; where there are no others it is the first."""
        for iterations, shown, words in (
            ("0, 5", "001", "the first that iterates"),
            ("5, 10", "000", "the first"),
            ("0", "000", "the first"),
        ):
            job = {
                "input.file": DEMO_SET,
                "input.limit": 2,
                "output.images": "no",
                "solver.iterations": iterations,
                "sweep.solver.gamma": "1, 2",
            }
            run, why = report.best_run_of(
                results.Result(purify(self.folder, job, "--overwrite", output="first.h5"))
            )
            self.assertEqual(
                (run, why),
                (
                    shown,
                    f"Run {shown}, {words}, is shown in detail: without accuracies none is the best.",
                ),
            )

    def test_they_name_what_is_not_usual_and_nothing_that_is_not_used(self):
        job = {
            "input.file": DEMO_SET,
            "input.limit": 2,
            "output.images": "no",
            "solver.gamma": 1,
            "solver.iterations": 2,
            "marginals.set": "identity + rotate 3",
        }
        others = {
            "marginals.interpolation": "nearest",
            "solver.method": "fista",
            "solver.mass": "joint",
            "solver.tolerance": 0.001,
            "solver.weights": "1, 2",
            "sweep.solver.regularizer": "none, norm",
        }
        result = results.Result(purify(self.folder, {**job, **others}, output="unusual.h5"))
        named = "gamma 1, iterations 2, marginals identity + rotate 3, window 7, cost l1, theta 100000, "
        unusual = f"interpolation nearest, method fista, tolerance 0.001, mass joint, weights {results.plain(result.attribute('000', 'solver.weights'))}"
        self.assertEqual(
            [result.parameters(run) for run in ("001", None)],
            [f"{named}regularizer norm, {unusual}", named + unusual],
        )
        result = results.Result(
            purify(self.folder, {**job, "sweep.solver.method": "fb, fista"}, output="methods.h5")
        )
        self.assertEqual(
            [result.parameters(run) for run in ("000", "001", None)],
            [f"{named}tau 0.2, method fb", f"{named}method fista", f"{named}tau 0.2"],
        )

    def test_what_is_usual_is_what_the_program_says(self):
        defaults = {
            name: default
            for name, (default, _) in parameters().items()
            if re.match(r"(solver|marginals)\.", name) and name not in results.NAMED
        }
        self.assertEqual(results.USUAL, defaults)


class GradCam(unittest.TestCase):
    def test_gradient_by_hand(self):
        """A convolution whose map is known: heat is relu of the class's weighted channels."""

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = torch.nn.Conv2d(1, 2, 3, padding=1)
                self.out = torch.nn.Linear(2, 3)

            def forward(self, x):
                return self.out(torch.relu(self.conv(x)).mean((2, 3)))

        torch.manual_seed(0)
        net = Net().eval()
        path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"gradcam-{os.getpid()}.pt")
        torch.jit.script(net).save(path)
        try:
            victim = gradcam.Victim(path)
            x = torch.rand(4, 1, 8, 8)
            heat, classes = victim.maps(x.numpy())
            with torch.no_grad():
                features, logits = net.conv(x), net(x)
                slope = net.out.weight[logits.argmax(1)][:, :, None, None] * (features > 0) / 64
                wanted = torch.relu((slope.mean((2, 3), keepdim=True) * features).sum(1))
                wanted = wanted / wanted.amax((1, 2), keepdim=True).clamp_min(1e-12)
            np.testing.assert_array_equal(classes, logits.argmax(1).numpy())
            np.testing.assert_allclose(heat, wanted.numpy(), atol=1e-5)
            self.assertRaises(gradcam.Unsuitable, gradcam.Victim, path, 5)
        finally:
            os.unlink(path)
        np.testing.assert_allclose(
            gradcam.similarity(heat, heat), heat.any((1, 2)), atol=1e-6
        )  # 0 where nothing speaks for the class

    def test_layer_by_name(self):
        """The name leads to the maps of the convolution's number, also before a normalisation that freezing would fold into it."""

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.features = torch.nn.Sequential(
                    torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Conv2d(4, 4, 3)
                )
                self.last, self.norm, self.out = (
                    torch.nn.Conv2d(4, 4, 3),
                    torch.nn.BatchNorm2d(4),
                    torch.nn.Linear(4, 3),
                )

            def forward(self, x):
                return self.out(torch.relu(self.norm(self.last(self.features(x)))).mean((2, 3)))

        torch.manual_seed(1)
        net, x = Net().eval(), np.random.default_rng(1).random((3, 1, 12, 12))
        net.norm.running_var.fill_(0.3)
        net.out.weight.data[:, :2] = 1  # so that something speaks for each class
        features = (
            net.last(net.features(torch.as_tensor(x, dtype=torch.float32)))
            .detach()
            .requires_grad_()
        )
        logits = net.out(torch.relu(net.norm(features)).mean((2, 3)))
        (slopes,) = torch.autograd.grad(logits.amax(1).sum(), features)
        wanted = torch.relu((slopes.mean((2, 3), keepdim=True) * features).sum(1, keepdim=True))
        wanted = torch.nn.functional.interpolate(
            wanted, (12, 12), mode="bilinear", align_corners=False
        )[:, 0].detach()
        wanted = (wanted / wanted.amax((1, 2), keepdim=True)).numpy()
        with tempfile.TemporaryDirectory() as folder:
            path, frozen = os.path.join(folder, "net.pt"), os.path.join(folder, "frozen.pt")
            for made in torch.jit.script(net), torch.jit.trace(net, torch.zeros(1, 1, 12, 12)):
                made.save(path)
                first, second = (gradcam.Victim(path, number).maps(x)[0] for number in (0, 1))
                self.assertTrue(first.any() and second.any() and not np.allclose(first, second))
                np.testing.assert_allclose(
                    gradcam.Victim(path, "features.0").maps(x)[0], first, atol=1e-5
                )
                np.testing.assert_allclose(
                    gradcam.Victim(path, "features.2").maps(x)[0], second, atol=1e-5
                )
                np.testing.assert_allclose(
                    gradcam.Victim(path, "last").maps(x)[0], wanted, atol=1e-5
                )
                self.assertRaisesRegex(
                    gradcam.Unsuitable,
                    "convolution nose was asked for; it has features.0, features.2, last$",
                    gradcam.Victim,
                    path,
                    "nose",
                )
            torch.jit.freeze(torch.jit.script(net)).save(frozen)
            self.assertRaisesRegex(
                gradcam.Unsuitable,
                "none with a name, but 3, numbered from 0",
                gradcam.Victim,
                frozen,
                "last",
            )


if __name__ == "__main__":
    unittest.main()
