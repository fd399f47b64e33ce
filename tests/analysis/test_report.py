"""What a report says and shows, against what h5py reads in the result: figures, sentences, choices, captions, costs; the page in a
browser."""

import csv
import functools
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

SOURCE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path[:0] = [os.path.join(SOURCE, "tests", "runs"), os.path.join(SOURCE, "analysis")]
from support import DEMO_SET, DEMO_VICTIM, RunTest, launch, need_victim, purify, write_set

import h5py
import numpy as np

import drawn
import figures
import report
import result as results
import tables

ATTACKS = ["fgsm", "linf_pgd", "clean"]


def write_digits(path, count):
    """The first digits of the demo, an image of linf_pgd being none: it fails, and counts as wrong."""
    with h5py.File(DEMO_SET) as file:
        stacks = {attack: file[f"attacks/{attack}/images"][:count] for attack in ATTACKS[:2]}
        stacks["linf_pgd"][3] = np.nan
        return write_set(path, stacks, file["clean/images"][:count], file["labels"][:count])


class Sweep(RunTest):
    """A result over three parameters, of which runs are read here with h5py alone."""

    @staticmethod
    @functools.cache
    def made():
        """For all classes."""
        folder = tempfile.mkdtemp(prefix="barydef-")
        unittest.addModuleCleanup(shutil.rmtree, folder)
        return write_digits(os.path.join(folder, "set.h5"), 60), purify(
            folder,
            {
                "victim.file": DEMO_VICTIM,
                "solver.iterations": "10, 50",
                "sweep.solver.gamma": "0.05, 2",
                "sweep.marginals.set": "B4, B6",
            },
            status=3,
        )

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_victim()
        cls.input, cls.path = cls.made()
        cls.result = results.Result(cls.path)
        cls.file = h5py.File(cls.path)
        cls.addClassCleanup(cls.file.close)
        cls.runs = sorted(cls.file["runs"])
        cls.addClassCleanup(figures.plt.close, "all")

    def right(self, run, attack, field):
        table = self.file[f"runs/{run}/{attack}/per_image"][:]
        return (table["status"] == 0) & (table[f"predicted_{field}"] == self.file["labels"][:])

    def percent(self, run, attack, field="purified"):
        return 100 * np.mean(self.right(run, attack, field))

    def mean(self, run, field="purified"):
        return np.mean([self.percent(run, attack, field) for attack in ATTACKS[:2]])

    def having(self, **wanted):
        """Runs with these values."""

        def same(run, name, value):
            stored = self.file[f"runs/{run}"].attrs[name.replace("_", ".", 1)]
            return stored.decode() == value if isinstance(stored, bytes) else stored == float(value)

        return [
            run
            for run in self.runs
            if all(same(run, name, value) for name, value in wanted.items())
        ]


class Figures(Sweep):
    def test_along(self):
        for name, values in (
            ("solver.gamma", ["0.05", "2"]),
            ("solver.iterations", ["10", "50"]),
            ("marginals.set", ["B4", "B6"]),
        ):
            self.assertEqual(self.result.values(name), values)
            figure = figures.along(name, values, drawn.along(self.result, name))
            lines = {
                line.get_label(): line.get_ydata()
                for line in figure.axes[0].lines
                if line.get_label()[0] != "_"
            }
            self.assertEqual(list(lines), ATTACKS)
            for attack, line in lines.items():
                every = [
                    [
                        self.percent(run, attack)
                        for run in self.having(**{name.replace(".", "_", 1): value})
                    ]
                    for value in values
                ]
                self.assertEqual([len(some) for some in every], [4, 4])
                np.testing.assert_allclose(line, [max(some) for some in every])
                np.testing.assert_allclose(drawn.along(self.result, name)[attack][1], every)
            dots = sorted(
                y
                for line in figure.axes[0].lines
                if line.get_label()[0] == "_"
                for y in line.get_ydata()
            )
            np.testing.assert_allclose(
                dots, sorted(self.percent(run, attack) for run in self.runs for attack in ATTACKS)
            )
            self.assertEqual(
                [label.get_text() for label in figure.axes[0].get_xticklabels()], values
            )

    def test_lines_that_coincide_are_all_seen(self):
        """Of each attack's colour something is in the axes, at each of the values."""
        for count, values in (
            (2, ["1", "2", "3"]),
            (5, ["1", "2", "3"]),
            (9, ["0.01", "1"]),
            (7, ["B4", "B6"]),
        ):
            figure = figures.along(
                "name",
                values,
                {f"attack {i}": ([80] * len(values), [[80]] * len(values)) for i in range(count)},
            )
            figure.canvas.draw()
            box, picture = (
                figure.axes[0].get_window_extent(),
                np.asarray(figure.canvas.buffer_rgba())[..., :3],
            )
            inside = picture[::-1][int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)]
            for i in range(count):
                colour = 255 * np.array(figures.matplotlib.colors.to_rgb(figures.COLOURS[i]))
                self.assertGreater(
                    np.sum(abs(inside - colour).max(-1) < 12), 5 * len(values), (count, values, i)
                )

    def test_legend_is_below_long_names(self):
        values = [
            "B6",
            "identity + rotate 2 + rotate -2 + rotate 4 + rotate -4 + rotate 6 + rotate -6 + translate 1 1",
            "identity + rotate 5 + translate 1 0",
            "a",
            "b",
        ]
        for name, chosen in ("marginals.set", values), ("solver.gamma", ["0.02", "1", "5"]):
            figure = figures.along(
                name,
                chosen,
                {f"attack {i}": ([50 + i] * len(chosen), [[1]] * len(chosen)) for i in range(9)},
            )
            figure.canvas.draw()
            ax = figure.axes[0]
            label, words = ax.xaxis.label.get_window_extent(), ax.get_legend().get_window_extent()
            self.assertGreaterEqual(label.y0 + 2, words.y1, name)
            self.assertTrue(
                -1 <= words.x0 and words.x1 <= figure.bbox.x1 + 1 and -1 <= words.y0, name
            )

    def test_heat_map(self):
        figure = figures.heat_map(*drawn.heat_map(self.result, "solver.gamma", "marginals.set"))
        ax = figure.axes[0]
        gammas, sets = (
            [label.get_text() for label in labels]
            for labels in (ax.get_yticklabels(), ax.get_xticklabels())
        )
        self.assertEqual(
            (gammas, sets, ax.get_ylabel(), ax.get_xlabel()),
            (["0.05", "2"], ["B4", "B6"], "solver.gamma", "marginals.set"),
        )
        texts = {text.get_position(): text.get_text() for text in ax.texts}
        self.assertEqual(len(texts), 4)
        for y, gamma in enumerate(gammas):
            for x, motions in enumerate(sets):
                best = max(
                    self.mean(run) for run in self.having(solver_gamma=gamma, marginals_set=motions)
                )
                self.assertAlmostEqual(ax.images[0].get_array()[y, x], best)
                self.assertAlmostEqual(float(texts[x, y]), best, delta=0.5001)

    def test_front(self):
        data = drawn.front(self.result)
        points = [(self.percent(run, "clean"), self.mean(run)) for run in self.runs]
        beaten = [any(a >= x and b >= y and (a, b) != (x, y) for a, b in points) for x, y in points]
        self.assertIn(True, beaten)
        figure = figures.front(data, 5, "words")
        lines = {line.get_label(): line.get_xydata().tolist() for line in figure.axes[0].lines}
        np.testing.assert_allclose(
            lines["runs"], [point for point, is_beaten in zip(points, beaten) if is_beaten]
        )
        np.testing.assert_allclose(
            sorted(lines["runs no other beats in both"]),
            sorted(point for point, is_beaten in zip(points, beaten) if not is_beaten),
        )
        np.testing.assert_allclose(lines["words"], [points[5]])
        for label, field in (
            ("attacked", "attacked"),
            ("8 bits", "rounded"),
            ("blurred", "blurred"),
            ("mean of marginals", "mean"),
        ):
            wanted = sorted(
                {
                    (round(self.percent(run, "clean", field), 3), round(self.mean(run, field), 3))
                    for run in self.runs
                }
            )
            np.testing.assert_allclose(sorted(lines[label]), wanted, err_msg=label)
        self.assertEqual(len(lines["mean of marginals"]), 2, "B4 and B6 have means of their own")
        full = figures.front(data._replace(points=np.full((8, 2), 100.0)), 5, "words").axes[0]
        self.assertEqual(
            (
                full.get_xlim()[1],
                full.get_ylim()[1],
                any(line.get_clip_on() for line in full.lines),
            ),
            (100, 100, False),
        )

    def test_by_class(self):
        labels = self.file["labels"][:]
        classes, grids = drawn.per_class(self.result, "003", ATTACKS)
        figure = figures.per_class(ATTACKS, classes, grids)
        for ax, title, field in zip(
            figure.axes, ("attacked", "barycenter"), ("attacked", "purified")
        ):
            self.assertEqual(ax.get_title(), title)
            self.assertEqual([label.get_text() for label in ax.get_xticklabels()], ATTACKS)
            texts = {text.get_position(): text.get_text() for text in ax.texts}
            for y, number in enumerate(sorted(set(labels))):
                for x, attack in enumerate(ATTACKS):
                    wanted = 100 * np.mean(self.right("003", attack, field)[labels == number])
                    self.assertAlmostEqual(ax.images[0].get_array()[y, x], wanted)
                    self.assertAlmostEqual(float(texts[x, y]), wanted, delta=0.5001)

    def test_words_on_colours_can_be_read(self):
        _, ax = figures.plt.subplots()
        grid = np.linspace(0, 100, 21)[None]
        figures.numbers(ax, ax.imshow(grid, cmap="viridis"), grid, 8)

        def light(colour):  # WCAG's relative luminance
            linear = np.array(
                [
                    c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
                    for c in figures.matplotlib.colors.to_rgb(colour)
                ]
            )
            return linear @ (0.2126, 0.7152, 0.0722)

        for text, value in zip(ax.texts, grid[0]):
            low, high = sorted(
                [light(text.get_color()), light(ax.images[0].cmap(ax.images[0].norm(value)))]
            )
            self.assertGreater((high + 0.05) / (low + 0.05), 4.4, value)

    def test_gallery(self):
        run, attack = "005", "linf_pgd"
        before, after = self.right(run, attack, "attacked"), self.right(run, attack, "purified")
        order = [
            i
            for wanted in ((False, True), (True, False), (False, False), (True, True))
            for i in range(60)
            if (before[i], after[i]) == wanted and i != 3
        ]
        order[sum(before != after) :] = sorted(order[sum(before != after) :])
        self.assertEqual(drawn.choose(self.result, run, attack, 99), order)
        chosen, rows = drawn.gallery(self.result, run, attack, 8)
        self.assertEqual(
            (chosen, [row.name for row in rows]),
            (
                order[:8],
                ["clean", "attacked", "mean of marginals", "barycenter", "barycenter - attacked"],
            ),
        )
        figure = figures.gallery(rows, self.file["labels"][:][chosen])
        axes = np.reshape(figure.axes, (5, 8))
        table = self.file[f"runs/{run}/{attack}/per_image"][:]
        with h5py.File(self.input) as file:
            for x, i in enumerate(order[:8]):
                attacked, purified = (
                    file[f"attacks/{attack}/images"][i, 0],
                    self.file[f"runs/{run}/{attack}/images"][i, 0],
                )
                for y, wanted in (
                    (0, file["clean/images"][i, 0]),
                    (1, attacked),
                    (3, purified),
                    (4, purified.astype(float) - attacked),
                ):
                    np.testing.assert_allclose(axes[y, x].images[0].get_array(), wanted, atol=1e-7)
                clean = self.file[f"runs/{run}/clean/per_image"][i]
                for y, one, field in (
                    (0, clean, "attacked"),
                    (1, table[i], "attacked"),
                    (2, table[i], "mean"),
                    (3, table[i], "purified"),
                ):
                    seen, label = one[f"predicted_{field}"], axes[y, x].xaxis.label
                    self.assertEqual(
                        (label.get_text(), label.get_color()),
                        (
                            f"seen as {seen}",
                            figures.GOOD if seen == table[i]["label"] else figures.BAD,
                        ),
                    )
        self.assertIn(f"red -{np.abs(rows[-1].images).max():.2f}", axes[4, 0].texts[0].get_text())

    def test_words_above_a_row_are_whole(self):
        """Of however few images, and of the widest differences."""
        for count in 1, 2, 3, 10:
            chosen, rows = drawn.gallery(self.result, "005", "linf_pgd", count)
            for figure in figures.gallery(rows, self.result.labels[chosen]), figures.heat(
                [
                    (
                        "barycenter - attacked (red -0.99, blue +0.99)",
                        rows[0].images,
                        rows[0].images[:, 0],
                        [1] * count,
                    )
                ],
                [1] * count,
            ):
                figure.canvas.draw()
                words = [text for ax in figure.axes for text in ax.texts]
                self.assertEqual(len(words), len(figure.axes) // count)
                for text in words:
                    box = text.get_window_extent()
                    self.assertTrue(
                        0 <= box.x0
                        and box.x1 <= figure.bbox.x1
                        and 0 <= box.y0
                        and box.y1 <= figure.bbox.y1,
                        (count, text.get_text(), box),
                    )
                figures.plt.close(figure)

    def test_sensitivity(self):
        """Numbers go down and across, the marginals stay at those of the run; each field is the image of the run it says."""
        grid = drawn.sensitivity(self.result, "003", "fgsm")
        self.assertEqual(
            (grid.down, grid.across, grid.fixed),
            ("solver.gamma", ["solver.iterations"], {"marginals.set": "B6"}),
        )
        figure = figures.sensitivity(self.result, "fgsm", grid)
        axes = np.reshape(figure.axes, (2, 2))
        self.assertEqual([ax.get_title() for ax in axes[0]], ["iterations 10", "iterations 50"])
        self.assertEqual([ax.get_ylabel() for ax in axes[:, 0]], ["gamma 0.05", "gamma 2"])
        for y, gamma in enumerate(["0.05", "2"]):
            for x, steps in enumerate(["10", "50"]):
                (run,) = self.having(
                    solver_gamma=gamma, solver_iterations=steps, marginals_set="B6"
                )
                np.testing.assert_allclose(
                    axes[y, x].images[0].get_array(),
                    self.file[f"runs/{run}/fgsm/images"][grid.image, 0],
                    atol=1e-7,
                )
                self.assertEqual(
                    axes[y, x].get_xlabel(),
                    f"seen as {self.file[f'runs/{run}/fgsm/per_image'][grid.image]['predicted_purified']}",
                )
        sound = self.file["runs/003/fgsm/per_image"]["status"] == 0
        right = sum(
            self.right(run, "fgsm", "purified").astype(int)
            for run in self.having(marginals_set="B6")
        )
        self.assertTrue(any(right[sound] == 2), "of four runs")
        self.assertEqual(grid.image, np.flatnonzero((right == 2) & sound)[0])
        self.assertEqual(
            grid.why,
            "It was chosen because it is classified rightly at 2 of these 4 settings and wrongly at the others: no other image comes nearer to half and half.",
        )
        same = drawn.changing(self.result, "003", "fgsm", ["003"])
        self.assertEqual(same[0], drawn.choose(self.result, "003", "fgsm", 1)[0])
        self.assertIn("first of the gallery, as no image is classified rightly at some", same[1])
        with mock.patch.object(self.result, "has_victim", False):
            self.assertIn(
                "first that did not fail", drawn.changing(self.result, "003", "fgsm", self.runs)[1]
            )
        failed = figures.sensitivity(
            self.result,
            "linf_pgd",
            drawn.sensitivity(self.result, "003", "linf_pgd")._replace(
                image=3, runs={(0, 0): "000"}
            ),
        )
        self.assertEqual(
            ([text.get_text() for text in failed.axes[0].texts], [ax.axison for ax in failed.axes]),
            (["failed"], [True, False, False, False]),
        )


class Words(Sweep):
    def test_summary(self):
        fields = {
            "attacked": "attacked",
            "8 bits": "rounded",
            "blurred": "blurred",
            "mean of marginals": "mean",
            "barycenter": "purified",
        }
        for run in self.runs:
            means = {label: f"{self.mean(run, field):.1f} %" for label, field in fields.items()}
            wanted = (
                f"Run {run}: the victim classifies {means['attacked']} of the attacked images rightly, and {means['barycenter']} of their barycenters (means over the attacks). "
                f"The baselines: 8 bits {means['8 bits']}, blurred {means['blurred']}, mean of marginals {means['mean of marginals']}. "
                f"Of the clean images {self.percent(run, 'clean', 'attacked'):.1f} %, of their barycenters {self.percent(run, 'clean'):.1f} % are right."
            )
            as_good = {
                label: [
                    attack
                    for attack in ATTACKS[:2]
                    if self.percent(run, attack, fields[label]) >= self.percent(run, attack)
                ]
                for label in ("8 bits", "blurred", "mean of marginals")
            }
            words = "; ".join(
                f"{label} on {', '.join(attacks)}" for label, attacks in as_good.items() if attacks
            )
            self.assertEqual(
                report.summary_words(self.result, run),
                f"{wanted} At least as good as the barycenter: {words or 'no baseline on any attack'}.",
            )

    def introduction(self, result, run="000", attacks=None, why="", victim=None):
        made = report.Report(result, self.folder, run, attacks or result.attacks, True)
        return dict(report.introduction(made, why, victim))

    def test_introduction(self):
        """Each thing the page speaks of is said in short sentences, before it is met."""
        terms = self.introduction(self.result, "005", ["fgsm"], "Asked for.")
        self.assertEqual(
            list(terms),
            [
                "Data set",
                "Attacks",
                "Runs",
                "Victim",
                "Columns",
                "Baselines",
                "Run 005",
                "Where to look first",
            ],
        )
        self.assertEqual(
            terms["Data set"],
            "without a name: 60 images, with labels."
            if not self.result.dataset
            else f"{self.result.dataset}: 60 images, with labels.",
        )
        self.assertRegex(
            terms["Attacks"],
            r"^fgsm \(linf 0.1\), linf_pgd \(linf 0.1\)\. .* The clean images are .* of fgsm; means are over all attacks\.$",
        )
        self.assertRegex(
            terms["Runs"],
            "^8. .* differ in marginals, gamma, iterations|^8. .* differ in gamma, iterations, marginals",
        )
        self.assertIn(DEMO_VICTIM, terms["Victim"])
        for table in tables.accuracies(self.result, "005", ATTACKS), [["95 %"]]:
            for name in table[0]:
                name = re.sub(r"95 % \w+", "95 %", name)
                if name not in ("attack", "norm", "epsilon"):
                    self.assertIn(
                        re.sub(r"^blurred.*", "blurred", name) + ": ",
                        f"{terms['Columns']} {terms['Baselines']}",
                    )
        for words in terms.values():
            self.assertLess(max(map(len, re.split(r"[.?:;] ", words))), 160, words)

    def test_introduction_without_victim_or_clean_images(self):
        with mock.patch.object(self.result, "has_victim", False):
            terms = self.introduction(self.result, victim="mine.pt")
            self.assertEqual(
                terms["Victim"],
                "The job named none, so there are no accuracies. mine.pt is that of the heat maps (Grad-CAM) alone.",
            )
            self.assertFalse({"Columns", "Baselines"} & set(terms))
        terms = self.introduction(self.altered("uncleaned", clean=False))
        self.assertNotIn("clean", terms["Attacks"] + terms["Where to look first"])

    def test_where_attacks_came_from(self):
        """In a line for each; what the author of the set wrote is text and nothing else."""
        path, wrote = shutil.copy(self.path, os.path.join(self.folder, "origin.h5")), {
            "fgsm": "<b>Mine</b> & 'yours'\n\x1b[1m\u202edone\x85",
            "linf_pgd": "",
        }
        for sources, said in (
            ({}, ["random numbers"] * 2),
            (
                wrote,
                [
                    "&lt;b&gt;Mine&lt;/b&gt; &amp; &#x27;yours&#x27;??[1m?done?",
                    "its set does not say how",
                ],
            ),
        ):
            with h5py.File(path, "a") as file:
                for run in self.runs:
                    for attack, source in sources.items():
                        file[f"runs/{run}/{attack}"].attrs["source"] = source
            made = report.Report(results.Result(path), self.folder, "005", ["linf_pgd"], True)
            report.provenance(made)
            made.result.file.close()
            found = re.findall("<dt>attack</dt><dd>(.*?)</dd>", "".join(made.parts), re.S)
            self.assertEqual(
                found, [f"{attack} (linf 0.1): {words}" for attack, words in zip(ATTACKS, said)]
            )

    def altered(self, name, purified=None, dataset="", clean=True):
        """The result with other predictions: {run: {attack: how many images are right}}."""
        path = os.path.join(self.folder, f"{name}.h5")
        shutil.copy(self.path, path)
        with h5py.File(path, "a") as file:
            file.attrs["dataset"] = dataset
            if not clean:
                file.attrs["attacks"] = "/".join(ATTACKS[:2])
            for run in self.runs:
                for attack, count in (
                    (purified or {}).get(run, {"clean": 0, "fgsm": 0, "linf_pgd": 0}).items()
                ):
                    table = file[f"runs/{run}/{attack}/per_image"][:]
                    table["predicted_purified"] = np.where(
                        np.arange(60) < count, table["label"], (table["label"] + 1) % 10
                    )
                    file[f"runs/{run}/{attack}/per_image"][:] = table
                    rows = file["statistics"][:]
                    rows["barycenter_accuracy"][
                        (rows["run"] == int(run)) & (rows["attack"] == attack.encode())
                    ] = (count / 60)
                    file["statistics"][:] = rows
        return results.Result(path)

    def test_best_run(self):
        """Cheap ones first; of those what reaches the paper; then the mean."""
        runs = {
            "001": {"clean": 60, "fgsm": 30, "linf_pgd": 30},
            "002": {"clean": 60, "fgsm": 20, "linf_pgd": 59},
            "003": {"clean": 0, "fgsm": 60, "linf_pgd": 60},
        }
        run, why = report.best_run_of(self.altered("mean", runs))
        self.assertEqual(run, "002")
        self.assertRegex(why, "^Run 002 is shown in detail.*costs? .*clean accuracy")
        reach = {
            "001": {"clean": 60, "fgsm": 55, "linf_pgd": 21},
            "002": {"clean": 60, "fgsm": 40, "linf_pgd": 60},
        }  # the paper: 75.0 and 31.8
        run, why = report.best_run_of(self.altered("reach", reach, "MNIST"))
        self.assertEqual(run, "001")
        self.assertRegex(why, "reach(es)? the paper's barycenter")
        unknown = self.altered("bounds", reach, "MNIST")
        unknown.rows["epsilon"][unknown.rows["attack"] != b"clean"] = np.nan
        run, why = report.best_run_of(unknown)
        self.assertEqual(run, "002", "what is not known to be the paper's attack chooses nothing")
        self.assertRegex(
            why,
            "Nothing is concluded from the paper's figures: norm or epsilon of fgsm, linf_pgd are not known here",
        )
        self.assertNotRegex(why, "reach|short")
        run, why = report.best_run_of(
            self.altered("short", {"001": {"clean": 60, "fgsm": 30, "linf_pgd": 30}}, "MNIST")
        )
        self.assertEqual(run, "001")
        self.assertRegex(why, r"falls .*short.* by up to \d+\.\d points")

    def test_no_run_qualifies_or_clean_was_not_measured(self):
        run, why = report.best_run_of(
            self.altered(
                "dear",
                {
                    "004": {"clean": 30, "fgsm": 1, "linf_pgd": 1},
                    "005": {"clean": 20, "fgsm": 60, "linf_pgd": 60},
                },
            )
        )
        self.assertEqual(run, "004")
        self.assertRegex(
            why, "(?i)no run costs at most (two|2) points of clean accuracy.* this one costs least"
        )
        unknown = self.altered(
            "unknown", {"005": {"clean": 0, "fgsm": 60, "linf_pgd": 60}}, clean=False
        )
        run, why = report.best_run_of(unknown)
        self.assertEqual(run, "005")
        self.assertRegex(why, "(?i)clean.* what .* costs .*is not known")
        self.assertNotRegex(why, "(two|2) points")
        self.assertIn("The job had no clean images.", report.summary_words(unknown, run))


class Page(Sweep):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with h5py.File(shutil.copy(cls.path, os.path.join(cls.folder, "mnist.h5")), "a") as file:
            file.attrs["dataset"] = "MNIST"  # of which the paper has figures
            cls.mnist = file.filename
        cls.page = report.make(
            cls.mnist,
            os.path.join(cls.folder, "page"),
            victim=DEMO_VICTIM,
            count=4,
            run="5",
            attacks=["linf_pgd", "clean"],
        )
        cls.text = cls.page.read_text()

    def test_run_and_attacks_can_be_chosen(self):
        names = os.listdir(self.page.parent)
        self.assertEqual(
            sorted(name for name in names if re.match(r"(accuracy|gallery)-.*(csv|svg)$", name)),
            ["accuracy-005.csv", "gallery-clean.svg", "gallery-linf_pgd.svg"],
        )
        for text in (
            "Run 005 is shown in detail, as asked for.",
            "Grad-CAM), linf_pgd",
            "best for each attack by itself",
            "may be of different runs",
            "(class ",
            f"Run 005: the victim classifies {self.mean('005', 'attacked'):.1f}&nbsp;% of",
            "means are over all attacks",
        ):
            self.assertIn(text, self.text)
        for name in "accuracy-005", "changes", "per-class", "runs":
            with open(self.page.parent / f"{name}.md") as file:
                table = file.read()
            self.assertIn("linf_pgd", table, name)
            self.assertNotIn("fgsm", table, name)
        for arguments, text in (
            (("--run", "8"), "no run 8 in it; there are 000 to 007"),
            (("--attack", "pgd"), "no attack pgd in it; there are fgsm, linf_pgd, clean"),
            (("--victim", "none.pt"), "none.pt: no such file"),
        ):
            done = subprocess.run(
                [sys.executable, os.path.join(SOURCE, "analysis"), "report", self.path, *arguments],
                capture_output=True,
                text=True,
            )
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
            self.assertIn(text, done.stderr)

    def test_tables_name_images_and_parameters(self):
        run = "Run 005: gamma 2, iterations 50, marginals B4, window 7, cost l1, theta 100000, tau 0.2."
        self.assertEqual(
            self.having(solver_gamma="2", solver_iterations="50", marginals_set="B4"), ["005"]
        )
        for name, words in {
            "accuracy-005": run,
            "changes": run,
            "per-class": run,
            "grad-cam-similarity": run,
            "runs": "All runs: window 7, cost l1, theta 100000, tau 0.2.",
        }.items():
            for kind, first in ("md", r"(.*)\n\n\| "), (
                "tex",
                r"\\begin\{table\}\n\\centering\n\\caption\{(.*)\}\n\\label\{tab:" + name,
            ):
                with open(self.page.parent / f"{name}.{kind}") as file:
                    text = file.read()
                caption = re.search(first, text).group(1)
                self.assertRegex(
                    caption, r"^\w.*: MNIST, 60 images\. " + re.escape(words), f"{name}.{kind}"
                )
            self.assertIn(words, self.text)
        with open(self.page.parent / "runs.csv") as file:
            self.assertIn(
                'run,marginals,gamma,iterations,clean,mean of attacks,linf_pgd,"mean of marginals, mean of attacks"\n',
                file.read().replace("\r", ""),
            )
        with open(self.page.parent / "per-class.md") as file:
            self.assertIn("| class | images | clean | linf_pgd |\n", file.read())

    def test_the_papers_figures(self):
        """Beside those of a set and attack that it has, and marked as what they are in every form; the interval is one column on the page."""
        with open(self.page.parent / "accuracy-005.csv") as file:
            head, *rows = csv.reader(file)
        self.assertEqual(head[-2:], ["paper: attacked", "paper: B6"])
        self.assertEqual(
            {row[0]: row[-2:] for row in rows},
            {"linf_pgd": ["16.4", "31.8"], "clean": ["99.0", "98.9"]},
        )
        low, high = (rows[0][head.index(f"95 % {end}")] for end in ("low", "high"))
        self.assertIn(f"<td>{low}-{high}</td>", self.text)
        for name, text in ("page", html.unescape(self.text)), *(
            (kind, (self.page.parent / f"accuracy-005.{kind}").read_text())
            for kind in ("md", "tex")
        ):
            self.assertIn(
                "barycenters are of B6 at its own setting, whatever run they stand beside",
                text,
                name,
            )
        self.assertNotIn(
            "paper: ",
            str(tables.accuracies(self.result, "005", ATTACKS)),
            "of a set that the paper has not",
        )
        with mock.patch.object(self.result, "dataset", "MNIST"):
            self.assertEqual(
                [row[-1] for row in tables.accuracies(self.result, "005", ATTACKS)],
                ["paper: B6", "75.0", "31.8", "98.9"],
            )
            self.assertNotIn("paper: ", str(tables.accuracies(self.result, "005", [])))
            for epsilon, figure in (0.3, ""), (np.nan, "75.0"):
                rows = self.result.rows.copy()
                rows["epsilon"][rows["attack"] == b"fgsm"] = epsilon
                with mock.patch.object(self.result, "rows", rows):
                    self.assertEqual(
                        [row[-1] for row in tables.accuracies(self.result, "005", ATTACKS)],
                        ["paper: B6", figure, "31.8", "98.9"],
                    )
        done = subprocess.run(
            [sys.executable, os.path.join(SOURCE, "analysis", "best.py"), self.mnist],
            capture_output=True,
            text=True,
        )
        self.assertRegex(done.stdout, r"B6 at its own setting.*\n\n\| attack .*\| paper: B6 \|\n")

    def test_the_run_in_detail_is_marked_among_all(self):
        """Also where it is not of those that the page has room for, beside what they are measured against."""
        self.assertEqual(re.findall(r"<tr class=marked><td>(\w+)<", self.text), ["005"])
        self.assertIn("In bold: run 005, which is shown in detail.", self.text)
        worst = min(self.runs, key=self.mean)
        with mock.patch.object(report, "LONGEST", 3):
            text = report.make(
                self.path, os.path.join(self.folder, "short"), run=worst, attacks=["fgsm"], count=2
            ).read_text()
        rows = re.findall(r"<tr(?: class=marked)?><td>(attacked|\d{3})<.*?</tr>", text)
        self.assertEqual((rows[0], len(rows), rows[-1]), ("attacked", 5, worst))
        self.assertRegex(
            text,
            f"<tr><td>attacked</td><td></td><td></td><td></td><td>{self.mean('000', 'attacked'):.1f}</td><td>{self.percent('000', 'fgsm', 'attacked'):.1f}</td>",
        )
        self.assertRegex(
            text,
            f"<tr class=marked><td>{worst}<.*In bold: run {worst}, which is shown in detail, at the end, as it is not one of these",
        )

    def test_into_the_folder_of_another_report(self):
        """What the earlier one made goes; what others put there stays, whatever it is called and a page says."""
        folder = shutil.copytree(self.page.parent, os.path.join(self.folder, "again"))
        old = {name for name in os.listdir(folder) if name != "wide.html"}
        self.assertEqual(set(re.findall("<a href='([^']+)'>", self.text)) | {"report.html"}, old)
        self.assertEqual(
            [name for name in old if not report.NAMES.fullmatch(name)], ["report.html"]
        )
        others = {"accuracy-009.csv", "gallery-mine.png", "notes.txt", "data.csv"}
        for name in others | {"../runs.csv"}:
            with open(os.path.join(folder, name), "w") as file:
                file.write("mine")
        with open(os.path.join(folder, "report.html"), "a") as file:
            file.write("<a href='data.csv'>csv</a><a href='../runs.csv'>csv</a>")
        text = report.make(self.path, folder, run="4", attacks=["fgsm"], count=2).read_text()
        self.assertEqual(
            set(os.listdir(folder)) - {"wide.html"},
            set(re.findall("<a href='([^']+)'>", text)) | {"report.html"} | others,
        )
        self.assertTrue(
            {"accuracy-005.csv", "gallery-linf_pgd.png", "grad-cam.svg", "accuracy-004.csv"}
            - set(os.listdir(folder))
            == {"accuracy-005.csv", "gallery-linf_pgd.png", "grad-cam.svg"}
        )
        self.assertTrue(os.path.exists(os.path.join(self.folder, "runs.csv")))
        with open(os.path.join(folder, "report.html"), "w") as file:
            file.write("<title>A page of another</title><a href='accuracy-009.csv'>csv</a>")
        report.make(self.path, folder, run="4", attacks=["fgsm"], count=2)
        self.assertTrue(others <= set(os.listdir(folder)))

    def test_in_a_browser(self):
        """No error, every image loaded, nothing wider than the window at any width but tables, which scroll in their own box past the names of
        their rows; clean accuracy is where no window hides it."""
        browser = shutil.which("chromium") or shutil.which("google-chrome")
        self.assertTrue(browser, "chromium is of cmake/packages.txt")
        frames, page = os.path.join(self.folder, "frames.html"), self.page.parent / "wide.html"
        page.write_text(
            self.text.replace("linf_pgd", "l2_carlini_wagner")
        )  # the longest name of the presets
        with open(frames, "w") as file:
            file.write(
                "<body style='margin:0'>"
                + "".join(
                    f"<iframe src='{page.as_uri()}' style='border:0;width:{width}px;height:3000px'></iframe>"
                    for width in (1200, 800, 400)
                )
                + """<script>addEventListener('load', () => { document.title = [...document.querySelectorAll('iframe')].map(frame => {
                       const page = frame.contentDocument, images = [...page.images], wide = page.documentElement.clientWidth;
                       const cut = [...page.body.querySelectorAll('*')].filter(x => !x.closest('table, details') && x.getBoundingClientRect().right > wide + 0.5);
                       const scrolled = [...page.querySelectorAll('.table')].filter(x => x.scrollWidth > x.clientWidth);
                       const hidden = [...page.querySelectorAll('th')].filter(x => x.textContent == 'clean' && x.getBoundingClientRect().right > wide);
                       scrolled.forEach(x => x.scrollLeft = 1e6);
                       const loose = scrolled.filter(x => x.scrollLeft < 2 || [...x.querySelectorAll('td:first-child')].some(y => Math.abs(y.getBoundingClientRect().left - x.getBoundingClientRect().left) > 1));
                       return `${wide} wide ${images.length} images ${images.filter(x => x.naturalWidth > 0).length} loaded ${cut.length} cut ${hidden.length} hidden ${loose.length} loose ${scrolled.length} scrolled`; }).join(); })</script>"""
            )
        common = [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--allow-file-access-from-files",
            "--enable-logging=stderr",
            f"--user-data-dir={self.folder}/browser",
        ]
        done = subprocess.run(
            [
                *common,
                "--window-size=1300,3000",
                "--virtual-time-budget=5000",
                "--dump-dom",
                f"file://{frames}",
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        found = re.search(r"<title>(.*?)</title>", done.stdout)
        self.assertTrue(found, done.stdout[:300] + done.stderr[-500:])
        for wide, frame in zip((1200, 800, 400), found.group(1).split(",")):
            self.assertRegex(
                frame,
                rf"^{wide} wide (\d\d) images \1 loaded 0 cut 0 hidden 0 loose "
                + (
                    r"[1-9] scrolled"
                    if wide == 400
                    else r"\d scrolled"
                    if wide == 800
                    else "0 scrolled"
                ),
            )
        self.assertNotIn("CONSOLE", done.stderr)
        shot = os.path.join(self.folder, "shot.png")
        subprocess.run(
            [*common, "--window-size=1200,4000", f"--screenshot={shot}", self.page.as_uri()],
            capture_output=True,
            timeout=120,
        )
        picture = figures.plt.imread(shot)[..., :3]
        self.assertGreater(np.mean(picture < 0.5), 0.005, "a blank page")
        self.assertGreater(picture[:1500].std(), 0.05)


class Cost(RunTest):
    def test_after_a_resume(self):
        """The time of the last session is over the images of that session."""
        write_digits(os.path.join(self.folder, "set.h5"), 60)
        job = {"run.block": 8, "solver.iterations": 20, "output.images": "no"}
        path = purify(self.folder, job, status=3)
        words = report.cost_words(results.Result(path))
        with h5py.File(path) as file:
            self.assertEqual(file.attrs["computed"], 180)
            self.assertIn(
                f"180 images (each run and attack counted) in {file.attrs['seconds']:.1f} s on 1 rank: {1e3 * file.attrs['seconds'] / 180:.2f} ms",
                words,
            )
        with h5py.File(path, "a") as file:  # as a kill leaves it
            file.attrs["complete"] = 0
            file["checksums/000/fgsm"][:50] = 0
        done = launch("run", os.path.join(self.folder, "job.ini"), "--resume")
        self.assertIn("130 of 180 images are done", done.err)
        computed = 50
        words = report.cost_words(results.Result(path))
        with h5py.File(path, "a") as file:
            self.assertEqual(file.attrs["computed"], computed)
            self.assertIn(
                f"180 images (each run and attack counted), {computed} of which were computed by the session",
                words,
            )
            self.assertIn(f": {1e3 * file.attrs['seconds'] / computed:.2f} ms of a core", words)
            del file.attrs["computed"]
        self.assertIn("The cost of one is not known", report.cost_words(results.Result(path)))


if __name__ == "__main__":
    unittest.main()
