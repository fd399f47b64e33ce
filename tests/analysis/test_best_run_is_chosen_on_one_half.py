"""The best run is chosen on one half of the images and reported on the other."""

import os
import re
import shutil
import types
import unittest
import warnings
from unittest import mock

from inputs import write_set
from support import DEMO_SET, DEMO_VICTIM, RunTest, need_victim, purify
from package import command, tool

import numpy as np
from barydef import best_run, selection
from barydef.hdf5 import open_file
from barydef.report import words as sentences
from barydef.result import Result


class Best(RunTest):
    JOB = {
        "input.file": DEMO_SET,
        "victim.file": DEMO_VICTIM,
        "input.limit": 100,
        "solver.iterations": "10, 50",
        "sweep.solver.gamma": "0.05, 0.5, 2",
        "output.images": "no",
    }

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_victim()
        cls.path = purify(cls.folder, cls.JOB)
        cls.result = Result(cls.path)

    def test_the_choice_knows_nothing_of_the_second_half(self):
        """Both halves have the same classes."""
        labels = np.tile(np.arange(10), 7)  # classes in turn
        second = selection.is_second(labels)
        self.assertEqual([list(labels[second]).count(number) for number in range(10)], [3] * 10)
        candidates = [(self.result, run) for run in self.result.runs]
        first = {
            run: {
                attack: selection.halves(self.result, run, attack, "barycenter")[0]
                for attack in self.result.attacks
            }
            for run in self.result.runs
        }
        before, _ = selection.halves(self.result, "000", "clean", "attack")
        _, run, cost, cheap, lack = selection.choose(candidates, "barycenter", 2, {}, 0)
        self.assertEqual((cheap, lack), (first[run]["clean"] >= before - 0.02, None))
        self.assertAlmostEqual(cost, before - first[run]["clean"], 12)
        mean = {
            one: np.mean([figures[attack] for attack in self.result.robust])
            for one, figures in first.items()
        }
        self.assertEqual(
            mean[run],
            max(mean[one] for one in first if not cheap or first[one]["clean"] >= before - 0.02),
        )
        # What is wanted of each attack comes before the mean.
        wanted = {"linf_deepfool": max(figures["linf_deepfool"] for figures in first.values())}
        _, other, _, _, lack = selection.choose(candidates, "barycenter", 100, wanted, 0)
        self.assertEqual((first[other]["linf_deepfool"], lack), (wanted["linf_deepfool"], 0))
        self.assertEqual(
            selection.shortfall({"a": 0.5, "b": 0.9}, {"a": 0.75, "b": 0.8, "c": 1}), 0.25
        )
        self.assertEqual(
            (
                selection.shortfall({"a": 0.5}, {"a": 0.4}),
                selection.shortfall({"a": 0.5}, {"b": 0.4}),
            ),
            (0, None),
        )
        weights = [
            np.sum(~selection.is_second(self.result.labels)),
            np.sum(selection.is_second(self.result.labels)),
        ]
        self.assertAlmostEqual(
            np.average(selection.halves(self.result, run, "fgsm", "barycenter"), weights=weights),
            self.result.accuracy(run, "fgsm"),
            12,
        )

    def best(self, *paths, status=0):
        return tool("best_run", *paths, status=status)

    def test_a_sweep_over_the_blur_goes_beside_and_other_images_do_not(self):
        """It goes beside one over the purifier."""
        blur = purify(
            self.folder,
            {
                **{key: value for key, value in self.JOB.items() if not key.startswith("sweep")},
                "solver.iterations": 0,
                "sweep.baseline.blur_sigma": "0.5, 1, 1.5",
            },
            output="blur.h5",
        )
        alone, both = self.best(self.path).stdout, self.best(self.path, blur).stdout
        self.assertIn(" of 6: ", alone)
        self.assertEqual(
            alone.split("\n")[0], both.split("\n")[0], "runs without an iteration purify nothing"
        )
        sigma = float(re.search(r"blurred, sigma ([\d.]+)", both).group(1))
        self.assertIn(sigma, (0.5, 1, 1.5))
        self.assertIn("| clean |", both)
        other = purify(
            self.folder,
            {**self.JOB, "input.limit": 60, "solver.iterations": 5, "sweep.solver.gamma": "0.5"},
            output="other.h5",
        )
        self.assertIn("of other images", self.best(self.path, other, status=2).stderr)

    def test_wilson_intervals_are_those_of_the_result(self):
        row = self.result.row("000", "fgsm")
        low, high = best_run.wilson(row["barycenter_accuracy"], row["images"])
        self.assertAlmostEqual(low, row["barycenter_accuracy_low"], 6)
        self.assertAlmostEqual(high, row["barycenter_accuracy_high"], 6)

    def test_best_run_keeps_its_rule(self):
        """The rule is computed here from the statistics."""
        whole = selection.best_run([self.result])
        clean = {run: self.result.accuracy(run, "clean") for run in self.result.runs}
        before = self.result.accuracy("000", "clean", "attack")
        cheap = [run for run in self.result.runs if clean[run] >= before - 0.02]
        self.assertTrue(cheap and whole.cheap)
        self.assertEqual(whole.run, max(cheap, key=self.result.robust_accuracy))
        self.assertAlmostEqual(whole.cost, before - clean[whole.run], 12)
        self.assertEqual(
            selection.best_run([self.result], cost=-200).run,
            max(clean, key=lambda run: (clean[run], self.result.robust_accuracy(run))),
        )
        self.assertEqual(selection.best_run([self.result], half=1).result, self.result)

    def test_what_was_not_measured_known_or_reached_is_said(self):
        """Each sentence fits what the result lacks."""

        def of(accuracies, clean=None, dataset="mnist", **others):
            runs = [f"{run:03d}" for run in range(len(accuracies))]

            def accuracy(run, attack, name="barycenter"):
                return (
                    (0.99 if name == "attack" else clean[int(run)])
                    if attack == "clean"
                    else accuracies[int(run)]
                )

            result = types.SimpleNamespace(
                runs=runs,
                robust=["fgsm"],
                attacks=["fgsm"] + ["clean"] * (clean is not None),
                dataset=dataset,
                has_victim=True,
                accuracy=accuracy,
                attribute=lambda run, name: 5,
                bound=lambda attack: ("linf", 0.1) if attack == "fgsm" else ("none", 0),
            )
            result.__dict__.update(others)
            chosen = selection.best_run([result])
            return chosen.run, selection.said(chosen)

        self.assertEqual(
            of([0.8, 0.76, 0.7], [0.96, 0.98, 0.99]),
            (
                "001",
                "Clean accuracy falls by 1.0 points. The run reaches the paper's barycenter (B6) "
                "on every attack that the paper has.",
            ),
        )
        self.assertEqual(
            of([0.8, 0.6, 0.7], [0.96, 0.98, 0.99]),
            (
                "002",
                "Clean accuracy does not fall. No run that costs at most 2 points of clean "
                "accuracy reaches the paper's barycenter (B6) "
                "on every attack that the paper has. This one falls short by up to 5.0 points.",
            ),
        )
        self.assertEqual(
            of([0.8, 0.7], [0.9, 0.95]),
            (
                "001",
                "No run costs at most 2 points of clean accuracy. This one costs least, 4.0 "
                "points. The run falls short of the paper's barycenter (B6) by "
                "up to 5.0 points.",
            ),
        )
        self.assertEqual(
            of([0.7, 0.8]),
            (
                "001",
                "Clean accuracy was not measured, so what the run costs is not known. The run "
                "reaches the paper's barycenter (B6) on every attack that the paper has.",
            ),
        )
        self.assertEqual(
            of([0.7, 0.6]),
            (
                "000",
                "Clean accuracy was not measured, so what the run costs is not known. No run "
                "reaches the paper's barycenter (B6) on every attack that the paper "
                "has. This one falls short by up to 5.0 points.",
            ),
        )
        self.assertEqual(
            of([0.7, 0.8], [0.99, 0.99], "digits"),
            (
                "001",
                "Clean accuracy does not fall. The paper's figures for these attacks on this data "
                "set are not known here.",
            ),
        )
        for other in ("linf", 0.3), ("unknown", np.nan):
            self.assertEqual(
                of(
                    [0.7, 0.8],
                    [0.99, 0.99],
                    bound=lambda attack: other if attack == "fgsm" else ("none", 0),
                ),
                (
                    "001",
                    "Clean accuracy does not fall. Nothing is concluded from the paper's figures: "
                    "norm or epsilon of "
                    "fgsm are not known here, or others than the paper's.",
                ),
            )
        self.assertEqual(
            of([0.8, 0.7], attacks=["fgsm", "linf_pgd"])[1],
            "Clean accuracy was not measured, so what the run costs is not known. The run reaches "
            "the paper's barycenter (B6) on every "
            "attack that the paper has with this norm and epsilon.",
        )
        self.assertEqual(
            of([], [0.9, 0.98], robust=[], attacks=["clean"], runs=["000", "001"])[0], "001"
        )
        self.assertEqual(
            of([0.7, 0.8], has_victim=False),
            ("000", "Without a victim there are no accuracies, and no run is better than another."),
        )

    def test_each_number_says_of_which_images_it_is(self):
        """Each run loses three clean images of the first half and none of the second.

        So there are three prices. That of all 100 images is 3 points."""
        path = shutil.copy(self.path, os.path.join(self.folder, "halves.h5"))
        with open_file(path, "a") as file:
            second = selection.is_second(file["labels"][:])
            lost = np.flatnonzero(~second)[:3]
            for run in file["runs"].values():
                for attack in run:
                    table = run[attack]["per_image"][:]
                    table["predicted_attacked"] = table["predicted_purified"] = table["label"]
                    if attack == "clean":
                        table["predicted_purified"][lost] += 1
                    run[attack]["per_image"][:] = table
            rows = file["statistics"][:]
            rows["attack_accuracy"] = rows["barycenter_accuracy"] = 1
            rows["barycenter_accuracy"][rows["attack"] == b"clean"] = 0.97
            file["statistics"][:] = rows
            file.attrs["dataset"] = "MNIST"
        points = 100 * 3 / np.sum(~second)
        there = (
            "no run costs at most 2 points of clean accuracy. This one costs least, "
            f"{points:.1f} points. The run reaches the paper's"
        )
        run = self.best(path).stdout
        self.assertIn(f"On the first half of the images, on which it was chosen, {there}", run)
        self.assertIn(
            "On the second half, shown in the table, clean accuracy does not fall. The run "
            "reaches the paper's",
            run,
        )
        self.assertRegex(run, r"\| clean \| 100\.0 \|.*\| 100\.0 \|")
        _, why = sentences.best_run_of(Result(path))
        self.assertIn(f"On the half of the images on which it was chosen, {there}", why)
        self.assertIn(
            "On all images, shown here, clean accuracy falls by 3.0 points. The run reaches the "
            "paper's",
            why,
        )

    def test_the_blur_of_like_clean_accuracy_stands_beside_the_run(self):
        """It is the nearest in clean accuracy on the first half, and is judged on the second.

        Of several such blurs it is the one of the highest mean."""
        table = {
            "run": ((0.98, 0.5), (0.97, 0.6)),
            "0": ((0.99, 0.9), (1, 1)),
            "1": ((0.97, 0.3), (1, 1)),
            "2": ((0.99, 0.8), (0.9, 0.55)),
            "3": ((0.97, 0.95), (0.9, 0.65)),
            "4": ((0.9, 1), (1, 1)),
        }
        sweep = mock.Mock(
            attacks=["a", "clean"],
            robust=["a"],
            runs=list("01234"),
            has_victim=True,
            views=["attack", "blurred", "barycenter"],
            attribute=lambda run, name: float(run),
        )

        def accuracy(result, run, attack, field, half=None):
            self.assertEqual(field, "barycenter" if run == "run" else "blurred")
            return table[run][half][attack == "a"]

        chosen = selection.Choice(sweep, "run", None, True, None)
        with mock.patch.object(best_run, "accuracy", accuracy), mock.patch.object(
            best_run, "best_run", lambda *_: selection.Choice(sweep, "2", None, True, None)
        ):
            blurs = best_run.blurs_beside([sweep], chosen)
            self.assertEqual([one.run for one in blurs], ["2", "3"])
            self.assertEqual(
                [best_run.duel(chosen, one) for one in blurs],
                [
                    "Blur of sigma 2 against this run: mean over the attacks 55.0 against 60.0; "
                    "behind it on a (5.0), and at least as good on all others.",
                    "Blur of sigma 3 against this run: mean over the attacks 65.0 against 60.0; "
                    "at least as good on every attack.",
                ],
            )
            table["2"] = ((0.98, 0.1), (0.9, 0.1))
            self.assertEqual([one.run for one in best_run.blurs_beside([sweep], chosen)], ["2"])

    def test_clean_images_alone_tell_what_purifying_costs(self):
        """There are no attacks for a mean or a blur."""
        inputs = os.path.join(self.folder, "clean-set.h5")
        with open_file(DEMO_SET) as file:
            write_set(inputs, {}, file["clean/images"][:60], file["labels"][:60])
        path = purify(
            self.folder,
            {
                **self.JOB,
                "input.file": inputs,
                "input.limit": 0,
                "solver.iterations": 5,
                "sweep.baseline.blur_sigma": "0.5, 3",
            },
            output="clean.h5",
        )
        self.assertEqual(Result(path).attacks, ["clean"])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            said = self.best(path)
            command("report", path)
        self.assertEqual(said.stderr, "")
        self.assertNotRegex(said.stdout, "nan|against this run|as good")
        self.assertRegex(said.stdout, r"\n\| attack \| attacked .*\n.*\n\| clean \| ")

    def test_missing_clean_images_are_told_and_damaged_results_refused(self):
        unclean = purify(
            self.folder,
            {**self.JOB, "input.clean": "no", "solver.iterations": 5},
            output="unclean.h5",
        )
        self.assertIn(
            "On the first half of the images, on which it was chosen, "
            "clean accuracy was not measured",
            self.best(unclean).stdout,
        )
        damaged, victimless = os.path.join(self.folder, "damaged.h5"), purify(
            self.folder,
            {**self.JOB, "victim.file": "", "solver.iterations": 1},
            output="victimless.h5",
        )
        with open(self.path, "rb") as file:
            content = file.read()
        for data, why in (content[:5000], "damaged.h5: "), (b"none", "damaged.h5: Unable to "):
            with open(damaged, "wb") as file:
                file.write(data)
            self.assertIn(why, self.best(damaged, status=2).stderr)
        shutil.copy(self.path, damaged)
        with open_file(damaged, "a") as file:
            del file["statistics"]
        self.assertIn(
            "damaged.h5: not a result of barydef, or damaged", self.best(damaged, status=2).stderr
        )
        self.assertIn("made without a victim", self.best(victimless, status=2).stderr)
        self.assertIn("absent.h5: no such file", self.best("absent.h5", status=2).stderr)
        self.assertIn("not a result of barydef", self.best(DEMO_SET, status=2).stderr)


if __name__ == "__main__":
    unittest.main()
