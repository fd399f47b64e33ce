"""The choice of the best run, and the script that makes everything of docs/reproduction.md."""

import os
import re
import shutil
import subprocess
import types
import unittest
import warnings
from unittest import mock

from test_inputs import (
    DEMO_SET,
    DEMO_VICTIM,
    SOURCE,
    RunTest,
    analysis,
    need_victim,
    purify,
    write_set,
)

import h5py
import numpy as np

import best
import report
import result as results


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
        cls.result = results.Result(cls.path)

    def test_chosen_on_one_half(self):
        """Halves have the same classes; the choice knows nothing of the second one."""
        labels = np.tile(np.arange(10), 7)  # classes in turn
        second = best.is_second(labels)
        self.assertEqual([list(labels[second]).count(number) for number in range(10)], [3] * 10)
        candidates = [(self.result, run) for run in self.result.runs]
        first = {
            run: {
                attack: best.halves(self.result, run, attack, "purified")[0]
                for attack in self.result.attacks
            }
            for run in self.result.runs
        }
        before, _ = best.halves(self.result, "000", "clean", "attacked")
        _, run, cost, cheap, lack = best.choose(candidates, "purified", 2, {}, 0)
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
        _, other, _, _, lack = best.choose(candidates, "purified", 100, wanted, 0)
        self.assertEqual((first[other]["linf_deepfool"], lack), (wanted["linf_deepfool"], 0))
        self.assertEqual(best.shortfall({"a": 0.5, "b": 0.9}, {"a": 0.75, "b": 0.8, "c": 1}), 0.25)
        self.assertEqual(
            (best.shortfall({"a": 0.5}, {"a": 0.4}), best.shortfall({"a": 0.5}, {"b": 0.4})),
            (0, None),
        )
        weights = [
            np.sum(~best.is_second(self.result.labels)),
            np.sum(best.is_second(self.result.labels)),
        ]
        self.assertAlmostEqual(
            np.average(best.halves(self.result, run, "fgsm", "purified"), weights=weights),
            self.result.accuracy(run, "fgsm"),
            12,
        )

    def best(self, *paths, status=0):
        return analysis(*paths, status=status, command="best.py")

    def test_best_of_several_results(self):
        """A sweep over the blur goes beside one over the purifier; other images do not."""
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

    def test_wilson(self):
        row = self.result.row("000", "fgsm")
        low, high = best.wilson(row["barycenter_accuracy"], row["images"])
        self.assertAlmostEqual(low, row["barycenter_accuracy_low"], 6)
        self.assertAlmostEqual(high, row["barycenter_accuracy_high"], 6)

    def test_the_one_rule(self):
        """best_run by its definition, from the statistics; a report asks the same of all images as best.py of one half."""
        whole = best.best_run(self.result)
        clean = {run: self.result.accuracy(run, "clean") for run in self.result.runs}
        before = self.result.accuracy("000", "clean", "attack")
        cheap = [run for run in self.result.runs if clean[run] >= before - 0.02]
        self.assertTrue(cheap and whole.cheap)
        self.assertEqual(whole.run, max(cheap, key=self.result.robust_accuracy))
        self.assertAlmostEqual(whole.cost, before - clean[whole.run], 12)
        self.assertEqual(
            best.best_run(self.result, cost=-200).run,
            max(clean, key=lambda run: (clean[run], self.result.robust_accuracy(run))),
        )
        self.assertEqual(best.best_run([self.result], half=0), best.best_run(self.result, half=0))

    def test_what_is_said(self):
        """Whatever was not measured, not known or not reached."""

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
            chosen = best.best_run(result)
            return chosen.run, best.said(chosen)

        self.assertEqual(
            of([0.8, 0.76, 0.7], [0.96, 0.98, 0.99]),
            (
                "001",
                "It costs 1.0 points of clean accuracy. It reaches the paper's barycenter (B6) on every attack that the paper has.",
            ),
        )
        self.assertEqual(
            of([0.8, 0.6, 0.7], [0.96, 0.98, 0.99]),
            (
                "002",
                "It costs no clean accuracy. No run that costs at most 2 points of clean accuracy reaches the paper's barycenter (B6) "
                "on every attack that the paper has: this one falls short by up to 5.0 points.",
            ),
        )
        self.assertEqual(
            of([0.8, 0.7], [0.9, 0.95]),
            (
                "001",
                "No run costs at most 2 points of clean accuracy: this one costs least, 4.0 points. It falls short of the paper's barycenter (B6) by "
                "up to 5.0 points.",
            ),
        )
        self.assertEqual(
            of([0.7, 0.8]),
            (
                "001",
                "Clean accuracy was not measured: what the run costs is not known. It reaches the paper's barycenter (B6) on every attack that the paper has.",
            ),
        )
        self.assertEqual(
            of([0.7, 0.6]),
            (
                "000",
                "Clean accuracy was not measured: what the run costs is not known. No run reaches the paper's barycenter (B6) on every attack that the paper "
                "has: this one falls short by up to 5.0 points.",
            ),
        )
        self.assertEqual(
            of([0.7, 0.8], [0.99, 0.99], "digits"),
            (
                "001",
                "It costs no clean accuracy. The paper's figures for these attacks on this data set are not known here.",
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
                    "It costs no clean accuracy. Nothing is concluded from the paper's figures: norm or epsilon of "
                    "fgsm are not known here, or others than the paper's.",
                ),
            )
        self.assertEqual(
            of([0.8, 0.7], attacks=["fgsm", "linf_pgd"])[1],
            "Clean accuracy was not measured: what the run costs is not known. It reaches the paper's barycenter (B6) on every "
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
        """Runs that lose three of the clean images of the first half and none of the others: three prices, that of all 100 is 3 points."""
        path = shutil.copy(self.path, os.path.join(self.folder, "halves.h5"))
        with h5py.File(path, "a") as file:
            second = best.is_second(file["labels"][:])
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
        there = f"No run costs at most 2 points of clean accuracy: this one costs least, {points:.1f} points. It reaches the paper's"
        run = self.best(path).stdout
        self.assertIn(f"On the first half, where it was chosen: {there}", run)
        self.assertIn(
            "On the second half, as in the table: It costs no clean accuracy. It reaches the paper's",
            run,
        )
        self.assertRegex(run, r"\| clean \| 100\.0 \|.*\| 100\.0 \|")
        _, why = report.best_run_of(results.Result(path))
        self.assertIn(f"On every second image of each class, where it was chosen: {there}", why)
        self.assertIn(
            "On all images, as shown here: It costs 3.0 points of clean accuracy. It reaches the paper's",
            why,
        )

    def test_the_blur_of_like_clean_accuracy(self):
        """Nearest in clean accuracy to the run on the first half, of several that of the highest mean; told on the second."""
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
            attribute=lambda run, name: float(run),
        )

        def accuracy(result, run, attack, field, half=None):
            self.assertEqual(field, "purified" if run == "run" else "blurred")
            return table[run][half][attack == "a"]

        chosen = best.Choice(sweep, "run", None, True, None)
        with mock.patch.object(best, "accuracy", accuracy), mock.patch.object(
            best, "wanted_of", lambda result: {}
        ), mock.patch.object(
            best, "best_run", lambda *_: best.Choice(sweep, "2", None, True, None)
        ):
            blurs = best.blurs_beside([sweep], chosen)
            self.assertEqual([one.run for one in blurs], ["2", "3"])
            self.assertEqual(
                [best.duel(chosen, one) for one in blurs],
                [
                    "Blur of sigma 2 against this run: mean over the attacks 55.0 against 60.0; behind it on a (5.0), and at least as good on all others.",
                    "Blur of sigma 3 against this run: mean over the attacks 65.0 against 60.0; at least as good on every attack.",
                ],
            )
            table["2"] = ((0.98, 0.1), (0.9, 0.1))
            self.assertEqual([one.run for one in best.blurs_beside([sweep], chosen)], ["2"])

    def test_of_clean_images_alone(self):
        """What purifying costs is all there is to tell: no mean over no attacks, no blur to set against the run."""
        inputs = os.path.join(self.folder, "clean-set.h5")
        with h5py.File(DEMO_SET) as file:
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
        self.assertEqual(results.Result(path).attacks, ["clean"])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            said = self.best(path)
            analysis("report", path)
        self.assertEqual(said.stderr, "")
        self.assertNotRegex(said.stdout, "nan|against this run|as good")
        self.assertRegex(said.stdout, r"\n\| attack \| attacked .*\n.*\n\| clean \| ")

    def test_without_clean_or_whole(self):
        unclean = purify(
            self.folder,
            {**self.JOB, "input.clean": "no", "solver.iterations": 5},
            output="unclean.h5",
        )
        self.assertIn(
            "On the first half, where it was chosen: Clean accuracy was not measured",
            self.best(unclean).stdout,
        )
        damaged, victimless = os.path.join(self.folder, "damaged.h5"), purify(
            self.folder,
            {**self.JOB, "victim.file": "", "solver.iterations": 1},
            output="victimless.h5",
        )
        with open(self.path, "rb") as file:
            content = file.read()
        for data, why in (content[:5000], "damaged.h5: "), (b"none", "damaged.h5: Unable to open"):
            with open(damaged, "wb") as file:
                file.write(data)
            self.assertIn(why, self.best(damaged, status=2).stderr)
        shutil.copy(self.path, damaged)
        with h5py.File(damaged, "a") as file:
            del file["statistics"]
        self.assertIn(
            "damaged.h5: not a result of barydef, or damaged", self.best(damaged, status=2).stderr
        )
        self.assertIn("made without a victim", self.best(victimless, status=2).stderr)
        self.assertIn("absent.h5: no such file", self.best("absent.h5", status=2).stderr)
        self.assertIn("not a result of barydef", self.best(DEMO_SET, status=2).stderr)


class Reproduce(RunTest):
    SCRIPT = os.path.join(SOURCE, "jobs", "paper", "reproduce.sh")

    def test_errors_before_anything_is_built(self):
        data, out = os.path.join(self.folder, "data"), os.path.join(self.folder, "out")
        os.makedirs(os.path.join(data, "victims"))
        cases = [
            ((), 2, "reproduce.sh DATA [OUT]"),
            (("a", "b", "c"), 2, "reproduce.sh DATA [OUT]"),
            ((os.path.join(self.folder, "none"), out), 2, "none: no such folder"),
        ]
        for name in (
            "mnist.h5",
            "victims/mnist.pt",
            "fashion_mnist.h5",
            "victims/fashion_mnist.pt",
            "cifar10.h5",
            "victims/cifar10.pt",
        ):
            cases.append(((data, out), 2, f"{name}: missing, or not readable"))
        cases.append(((data, os.path.join(data, "mnist.h5", "out")), 1, "cannot be written to"))
        for arguments, status, why in cases:
            done = subprocess.run(
                ["bash", self.SCRIPT, *arguments], capture_output=True, text=True, timeout=60
            )
            self.assertEqual(
                (done.returncode, done.stdout, done.stderr.count("\n")), (status, "", 1), done
            )
            self.assertIn(why, done.stderr)
            if "missing" in why:
                open(os.path.join(data, why.split(":")[0]), "w").close()
        self.assertFalse(os.path.exists(out))

    def test_tables(self):
        """From results of these names, as the document has them; each figure by h5py, of all images or of the second half."""
        need_victim()
        folder = os.path.join(self.folder, "results")
        os.mkdir(folder)
        job = {
            "input.file": DEMO_SET,
            "victim.file": DEMO_VICTIM,
            "input.limit": 60,
            "output.images": "no",
            "solver.iterations": 10,
        }
        for name, others in (
            ("mnist", {"sweep.marginals.set": "B4, B6"}),
            ("best-mnist", {"sweep.solver.gamma": "0.5, 2"}),
            ("blur-mnist", {"solver.iterations": 0, "sweep.baseline.blur_sigma": "0.5, 1"}),
            ("best-fashion_mnist", {}),
        ):
            with h5py.File(
                purify(self.folder, {**job, **others}, output=f"results/{name}.h5"), "a"
            ) as file:
                file.attrs["dataset"] = "MNIST"
        made = analysis(folder, command="reproduction.py").stdout
        with h5py.File(os.path.join(folder, "mnist.h5")) as file:
            labels = file["labels"][:]
            second = best.is_second(labels)

            def percent(run, attack, field, part=slice(None)):
                table = file[f"runs/{run}/{attack}/per_image"][:]
                return f"{100 * np.mean((table[f'predicted_{field}'] == labels)[part]):.1f}"

            whole, half = (
                [
                    line.strip("| ").split(" | ")
                    for line in part.split("\n")
                    if line.startswith("| ")
                ]
                for part in made.split("**MNIST**: ")
            )
            self.assertIn("## MNIST: 60 images\n\n| attack | attacked |", made)
            self.assertEqual(
                [row[0] for row in whole[1:]],
                ["fgsm", "l2_pgd", "linf_deepfool", "linf_pgd", "clean"],
            )
            for row in whole[1:]:
                self.assertEqual(
                    row[1:8],
                    [
                        percent(run, row[0], field)
                        for run, field in (
                            ("001", "attacked"),
                            ("001", "rounded"),
                            ("001", "blurred"),
                            ("000", "mean"),
                            ("000", "purified"),
                            ("001", "mean"),
                            ("001", "purified"),
                        )
                    ],
                )
            self.assertEqual(half[0][0], f"attack (second half, {second.sum()} images)")
            for row in half[1:]:
                self.assertEqual(
                    (row[1], row[-1]),
                    (
                        percent("001", row[0], "attacked", second),
                        percent("001", row[0], "purified", second),
                    ),
                )
        with open(os.path.join(SOURCE, "docs", "reproduction.md")) as file:
            document = re.sub(r"half, \d+ images|sigma [\d.]+", "", file.read())
        for head in re.findall(r"^\| attack.*\n", made, re.M):
            self.assertIn(re.sub(r"half, \d+ images|sigma [\d.]+", "", head), document)
        os.unlink(os.path.join(folder, "blur-mnist.h5"))
        self.assertNotIn("second half", analysis(folder, command="reproduction.py").stdout)
        self.assertIn(
            "no result of jobs/paper/reproduce.sh in it",
            analysis(self.folder, command="reproduction.py", status=2).stderr,
        )

    def test_results_are_kept_out_of_git(self):
        shutil.copy(os.path.join(SOURCE, ".gitignore"), self.folder)
        subprocess.run(["git", "init", "-q", self.folder], check=True)
        for path, status in (
            ("build/reproduction/mnist.h5", 0),
            ("jobs/paper/best-result.h5", 0),
            ("jobs/demo-result-report/report.html", 0),
            ("jobs/paper/mnist.h5", 0),
            ("jobs/demo/digits.h5", 1),
            ("jobs/paper/best.ini", 1),
        ):
            self.assertEqual(
                subprocess.run(["git", "-C", self.folder, "check-ignore", "-q", path]).returncode,
                status,
                path,
            )


if __name__ == "__main__":
    unittest.main()
