"""The sentences of a report and its captions say what is in the result."""

import os
import re
import shutil
import unittest
from unittest import mock

from support import DEMO_SET, DEMO_VICTIM, RunTest, launch, parameters, purify
from sweep import ATTACKS, Sweep, write_digits

import numpy as np
from barydef.report import sections, tables, words as sentences
from barydef.hdf5 import open_file
from barydef.report.page import Report
from barydef.text import plain
from barydef.result import NAMED, Result, USUAL


class Words(Sweep):
    def test_summary_names_the_baselines_that_are_as_good(self):
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
                f"Run {run}: the victim classifies {means['attacked']} of the attacked images "
                f"rightly, and {means['barycenter']} of their barycenters (means over the "
                "attacks). "
                f"The baselines give: 8 bits {means['8 bits']}, blurred {means['blurred']}, "
                f"mean of marginals {means['mean of marginals']}. "
                f"It classifies {self.percent(run, 'clean', 'attacked'):.1f} % of the clean images "
                f"rightly, and {self.percent(run, 'clean'):.1f} % of their barycenters."
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
                sentences.summary(self.result, run),
                f"{wanted} At least as good as the barycenter: "
                f"{words or 'no baseline on any attack'}.",
            )

    def introduction(self, result, run="000", attacks=None, why="", victim=None):
        made = Report(result, self.folder, run, attacks or result.attacks, True)
        return dict(sentences.introduction(made, why, victim))

    def test_introduction_explains_every_column(self):
        """Short sentences explain each thing before the page speaks of it."""
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
            r"^fgsm \(linf 0.1\), linf_pgd \(linf 0.1\)\. .* The clean images are .* of fgsm; "
            r"means are over all attacks\.$",
        )
        self.assertRegex(
            terms["Runs"],
            "^8. .* differ in marginals, gamma, iterations|^8. .* differ in gamma, iterations, "
            "marginals",
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

    def test_introduction_leaves_out_victim_and_clean_images_that_are_not_there(self):
        with mock.patch.object(self.result, "has_victim", False):
            terms = self.introduction(self.result, victim="mine.pt")
            self.assertEqual(
                terms["Victim"],
                "The job named none, so there are no accuracies. mine.pt is that of the heat "
                "maps (Grad-CAM) alone.",
            )
            self.assertFalse({"Columns", "Baselines"} & set(terms))
        terms = self.introduction(self.altered("uncleaned", clean=False))
        self.assertNotIn("clean", terms["Attacks"] + terms["Where to look first"])

    def test_each_attack_says_where_it_came_from(self):
        """Each has a line. What the author of the set wrote is text and nothing else."""
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
            with open_file(path, "a") as file:
                for run in self.runs:
                    for attack, source in sources.items():
                        file[f"runs/{run}/{attack}"].attrs["source"] = source
            made = Report(Result(path), self.folder, "005", ["linf_pgd"], True)
            sections.provenance(made)
            made.result.file.close()
            found = re.findall("<dt>attack</dt><dd>(.*?)</dd>", "".join(made.parts), re.S)
            self.assertEqual(
                found, [f"{attack} (linf 0.1): {words}" for attack, words in zip(ATTACKS, said)]
            )

    def altered(self, name, purified=None, dataset="", clean=True):
        """The result with other predictions: {run: {attack: how many images are right}}."""
        path = os.path.join(self.folder, f"{name}.h5")
        shutil.copy(self.path, path)
        with open_file(path, "a") as file:
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
        return Result(path)

    def test_best_run_is_cheap_then_reaches_the_paper_then_has_the_best_mean(self):
        """Cheap runs come first, then those that reach the paper, then those of a high mean."""
        runs = {
            "001": {"clean": 60, "fgsm": 30, "linf_pgd": 30},
            "002": {"clean": 60, "fgsm": 20, "linf_pgd": 59},
            "003": {"clean": 0, "fgsm": 60, "linf_pgd": 60},
        }
        run, why = sentences.best_run_of(self.altered("mean", runs))
        self.assertEqual(run, "002")
        self.assertRegex(
            why,
            "^Run 002 is shown in detail.*"
            r"clean accuracy (does not fall|falls by [\d.]+ points)\.",
        )
        reach = {
            "001": {"clean": 60, "fgsm": 55, "linf_pgd": 21},
            "002": {"clean": 60, "fgsm": 40, "linf_pgd": 60},
        }  # the paper: 74.96 and 31.75
        run, why = sentences.best_run_of(self.altered("reach", reach, "MNIST"))
        self.assertEqual(run, "001")
        self.assertRegex(why, "reach(es)? the paper's barycenter")
        unknown = self.altered("bounds", reach, "MNIST")
        unknown.rows["epsilon"][unknown.rows["attack"] != b"clean"] = np.nan
        run, why = sentences.best_run_of(unknown)
        self.assertEqual(run, "002", "what is not known to be the paper's attack chooses nothing")
        self.assertRegex(
            why,
            "Nothing is concluded from the paper's figures: norm or epsilon of fgsm, linf_pgd "
            "are not known here",
        )
        self.assertNotRegex(why, "reach|short")
        run, why = sentences.best_run_of(
            self.altered("short", {"001": {"clean": 60, "fgsm": 30, "linf_pgd": 30}}, "MNIST")
        )
        self.assertEqual(run, "001")
        self.assertRegex(why, r"falls .*short.* by up to \d+\.\d points")

    def test_nothing_is_asked_of_an_attack_far_stronger_than_the_papers(self):
        """The paper's FGSM leaves 71.75 %, and here 6 of 60 images."""
        strong = self.altered(
            "strong",
            {
                "001": {"clean": 60, "fgsm": 30, "linf_pgd": 20},
                "002": {"clean": 60, "fgsm": 20, "linf_pgd": 59},
            },
            "MNIST",
        )
        for right, chosen, said in (
            (6, "002", "every attack that the paper has, but for fgsm, far stronger here"),
            (60, "001", "paper's barycenter (B6) by up to 25.0 points"),
        ):
            strong.rows["attack_accuracy"][strong.rows["attack"] == b"fgsm"] = right / 60
            run, why = sentences.best_run_of(strong)
            self.assertEqual(run, chosen)
            self.assertIn(said, why)

    def test_best_run_is_shown_where_none_qualifies_or_clean_was_not_measured(self):
        run, why = sentences.best_run_of(
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
            why, r"(?i)no run costs at most (two|2) points of clean accuracy\. this one costs least"
        )
        unknown = self.altered(
            "unknown", {"005": {"clean": 0, "fgsm": 60, "linf_pgd": 60}}, clean=False
        )
        run, why = sentences.best_run_of(unknown)
        self.assertEqual(run, "005")
        self.assertRegex(why, "(?i)clean.* what .* costs .*is not known")
        self.assertNotRegex(why, "(two|2) points")
        self.assertIn("The job had no clean images.", sentences.summary(unknown, run))


class Captions(RunTest):
    def test_without_victim_the_first_run_that_iterates_is_shown(self):
        """A run of no iterations purifies nothing. It is shown where there are no others."""
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
            run, why = sentences.best_run_of(
                Result(purify(self.folder, job, "--overwrite", output="first.h5"))
            )
            self.assertEqual(
                (run, why),
                (
                    shown,
                    f"Run {shown}, {words}, is shown in detail, since without accuracies none is "
                    "the best.",
                ),
            )

    def test_captions_name_what_is_not_usual_and_nothing_that_is_not_used(self):
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
        result = Result(purify(self.folder, {**job, **others}, output="unusual.h5"))
        named = (
            "gamma 1, iterations 2, marginals identity + rotate 3, window 7, cost l1, theta "
            "100000, "
        )
        unusual = (
            "interpolation nearest, method fista, tolerance 0.001, mass joint, weights "
            f"{plain(result.attribute('000', 'solver.weights'))}"
        )
        self.assertEqual(
            [result.parameters(run) for run in ("001", None)],
            [f"{named}regularizer norm, {unusual}", named + unusual],
        )
        result = Result(
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
            if re.match(r"(solver|marginals)\.", name) and name not in NAMED
        }
        self.assertEqual(USUAL, defaults)

    def test_a_result_without_a_newer_parameter_has_a_caption(self):
        write_digits(os.path.join(self.folder, "set.h5"), 4)
        job = {"solver.iterations": 2}
        path = purify(self.folder, job, "--overwrite", output="older.h5", status=3)
        before = Result(path)
        words = before.parameters()
        before.file.close()
        with open_file(path, "r+") as file:
            del file["runs/000"].attrs["solver.shortcuts"]
        self.assertEqual(Result(path).parameters(), words)


class Cost(RunTest):
    def test_cost_after_a_resume_is_of_its_own_images(self):
        """The time of the last session is over the images of that session."""
        write_digits(os.path.join(self.folder, "set.h5"), 60)
        job = {"run.block": 8, "solver.iterations": 20, "output.images": "no"}
        path = purify(self.folder, job, status=3)
        words = sentences.cost(Result(path))
        with open_file(path) as file:
            self.assertEqual(file.attrs["computed"], 180)
            self.assertIn(
                f"180 images (each run and attack counted) in {file.attrs['seconds']:.1f} s on 1 "
                f"rank: {1e3 * file.attrs['seconds'] / 180:.2f} ms",
                words,
            )
        with open_file(path, "a") as file:  # as a kill leaves it
            file.attrs["complete"] = 0
            file["checksums/000/fgsm"][:50] = 0
        done = launch("run", os.path.join(self.folder, "job.ini"), "--resume")
        self.assertIn("130 of 180 images are done", done.err)
        computed = 50
        words = sentences.cost(Result(path))
        with open_file(path, "a") as file:
            self.assertEqual(file.attrs["computed"], computed)
            self.assertIn(
                f"180 images (each run and attack counted), {computed} of which were computed by "
                "the session",
                words,
            )
            self.assertIn(f": {1e3 * file.attrs['seconds'] / computed:.2f} ms of a core", words)
            del file.attrs["computed"]
        self.assertIn("The cost of one is not known", sentences.cost(Result(path)))


if __name__ == "__main__":
    unittest.main()
