"""`barydef report` writes tables and pictures of whatever result it is given."""

import itertools
import os
import re
import unittest
from unittest import mock

from inputs import random_images, write_set
from support import DEMO_SET, DEMO_VICTIM, RunTest, need, need_victim, purify
from package import command
from sweep import DIGITS_JOB, rows_of

import numpy as np
from barydef.hdf5 import open_file
from barydef.report import data as report_data, figures, words as sentences
from barydef.result import Result


class Report(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_victim()
        cls.path = purify(cls.folder, DIGITS_JOB)
        cls.page = command("report", cls.path, "--use-victim-of-result").stdout.strip()
        cls.result = Result(cls.path)

    def test_tables_hold_the_figures_of_the_result(self):
        folder = os.path.dirname(self.page)
        run, _ = sentences.best_run_of(self.result)
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

    def test_every_figure_is_there_and_the_page_needs_no_network(self):
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

    def test_without_victim_images_or_sweep_there_is_a_page(self):
        few = {
            "input.file": DEMO_SET,
            "victim.file": DEMO_VICTIM,
            "input.limit": 20,
            "solver.iterations": "5, 10",
        }
        sweep = {"sweep.solver.gamma": "0.05, 2"}
        for name, job in {
            "victim": {"victim.file": "", **sweep},
            "images": {"output.images": "no", **sweep},
            "one": {"solver.iterations": 5},
        }.items():
            path = purify(self.folder, {**few, **job}, output=f"{name}.h5")
            page = command("report", path, os.path.join(self.folder, name)).stdout.strip()
            self.assertGreater(os.path.getsize(page), 2000)

    def test_what_cannot_be_reported_is_refused_in_one_line(self):
        other = os.path.join(self.folder, "others.h5")
        write_set(other, {"fgsm": random_images(5)})
        for arguments, text in (
            ((DEMO_SET,), "not a result of barydef"),
            ((__file__,), f"{__file__}: Unable to "),
            (("none.h5",), "none.h5: no such file"),
            ((self.path, "--input", other), "its labels are not those of"),
            ((self.path, "--blurs", self.other()), "of other images"),
        ):
            self.assertIn(text, command("report", *arguments, status=2).stderr)
        for folder in other, os.path.join(other, "below"):
            self.assertEqual(
                command("report", self.path, folder, status=2).stderr,
                f"barydef: {folder}: a report is a folder, but there is a file of this name or "
                "in its path\n",
            )
        for folder in "/proc/foo", "/proc":  # which take nothing, not even of root
            self.assertEqual(
                command("report", self.path, folder, status=1).stderr,
                f"barydef: {folder}: cannot be written into (No such file or directory)\n",
            )
        with mock.patch(
            "barydef.report.data.front",
            side_effect=OSError(28, "No space left on device", "front.png"),
        ):
            self.assertEqual(
                command("report", self.path, os.path.join(self.folder, "late"), status=1).stderr,
                "barydef: front.png: No space left on device\n",
            )
        for count in 0, -3, "many":
            self.assertRegex(
                command("report", self.path, "--images", count, status=2).stderr,
                f"^barydef report: argument --images: .*{count}.*; see barydef report --help\n$",
            )

    def other(self):
        """A result of fewer images."""
        job = {"input.file": DEMO_SET, "input.limit": 2, "solver.iterations": 1}
        return purify(self.folder, job, output="other.h5")

    def test_pandas_and_xarray_read_it_as_the_pages_show(self):
        """docs/using.md shows how."""
        pandas, xarray = need("pandas"), need("xarray")
        with open_file(self.path) as file:
            frame = pandas.DataFrame(file["statistics"][:])
            for name in "attack", "norm":
                frame[name] = frame[name].str.decode("utf-8")
            self.assertTrue(set(frame["norm"]) <= {"linf", "l2", "none"}, set(frame["norm"]))
            runs = [file[f"runs/{run:03d}"].attrs for run in frame["run"]]
            frame["gamma"] = [run["solver.gamma"] for run in runs]
            frame["L"] = [run["solver.iterations"] for run in runs]
            self.assertEqual(
                set(zip(frame["gamma"], frame["L"])),
                set(itertools.product((0.05, 0.5, 2), (10, 50))),
            )
            table = frame.pivot(index="run", columns="attack", values="barycenter_accuracy")[
                "clean"
            ]
            self.assertEqual(
                list(table), [self.result.accuracy(run, "clean") for run in self.result.runs]
            )
            records = pandas.DataFrame(file["runs/000/clean/per_image"][:])
            self.assertEqual(list(records["label"]), list(file["labels"][:60]))
            array = xarray.DataArray(
                file["runs/000/clean/images"], dims=("image", "channel", "y", "x")
            )
            self.assertEqual(array.shape, (60, 1, 28, 28))


class Blurs(RunTest):
    def test_a_sweep_over_the_blur_changes_blurred_images_alone(self):
        """So no picture of barycenters has it for an axis."""
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
        result = Result(path)
        page = command("report", path).stdout.strip()
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
        for attack, (line, dots) in report_data.along(result, "baseline.blur_sigma").items():
            wanted = [
                100 * result.accuracy(run, attack, "blurred") for run in ("000", "004", "008")
            ]
            np.testing.assert_allclose(line, wanted)
            np.testing.assert_allclose(dots, [[value] * 4 for value in wanted])
        self.assertEqual(
            report_data.along(result, "solver.gamma")["fgsm"][0],
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
        grid = report_data.sensitivity(result, "000", "fgsm")
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
        self.assertIsNone(report_data.sensitivity(Result(alone), "000", "fgsm"))


if __name__ == "__main__":
    unittest.main()
