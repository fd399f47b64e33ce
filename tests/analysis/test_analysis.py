"""The package in analysis/: attacks, conversion, tables, figures and the page in a browser."""

import csv
import json
import os
import pickle
import re
import struct
import subprocess
import sys
import unittest

SOURCE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path[:0] = [os.path.join(SOURCE, "tests", "runs"), os.path.join(SOURCE, "tests", "reference"), os.path.join(SOURCE, "analysis")]
from support import DEMO_SET, DEMO_VICTIM, RunTest, launch, need_victim, purify, random_images, write_set

import h5py
import numpy as np
import torch

import attacks
import best
import convert
import datasets
import gradcam
import paper
import presets
import reference
import report
import result as results

torch.set_num_threads(1)


def analysis(*arguments, status=0, **others):
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "analysis"), *map(str, arguments)], capture_output=True, text=True, timeout=300, **others)
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


class Attacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = torch.jit.load(DEMO_VICTIM).eval()
        with h5py.File(DEMO_SET) as file:
            cls.x, cls.y = torch.as_tensor(file["clean/images"][:100]), torch.as_tensor(file["labels"][:100].astype("i8"))

    def accuracy(self, x):
        with torch.no_grad():
            return float((self.model(x).argmax(1) == self.y).float().mean())

    def test_inside_the_ball_and_accuracy_falls(self):
        clean = self.accuracy(self.x)
        for attack, norm, epsilon, most in ((attacks.fgsm, "linf", 0.1, 0.75), (attacks.pgd, "linf", 0.1, 0.4), (attacks.pgd, "l2", 1.2, 0.6),
                                            (attacks.deepfool, "linf", 0.12, 0.5), (attacks.deepfool, "l2", 1.2, 0.8)):
            with self.subTest(attack=attack.__name__, norm=norm):
                found = attack(self.model, self.x, self.y, epsilon, norm)
                self.assertTrue(0 <= found.min() and found.max() <= 1)
                self.assertLessEqual(float(attacks.norms(found - self.x, norm).max()), epsilon * (1 + 1e-5))
                self.assertLess(self.accuracy(found), min(most, clean))
                self.assertGreater(float(attacks.norms(found - self.x, norm).max()), 0.1 * epsilon)

    def test_stronger_with_epsilon(self):
        falling = [self.accuracy(attacks.pgd(self.model, self.x, self.y, epsilon)) for epsilon in (0.02, 0.1, 0.2)]
        self.assertEqual(falling, sorted(falling, reverse=True))
        self.assertLess(falling[-1], 0.1)

    def test_deepfool_finds_small_perturbations(self):
        """Without a ball it fools all, with less than FGSM's fixed step for most; in l2 less than in linf's direction."""
        for norm in "linf", "l2":
            found = attacks.deepfool(self.model, self.x, self.y, None, norm)
            self.assertLess(self.accuracy(found), 0.05)
            self.assertLess(float(attacks.norms(found - self.x, norm).median()), {"linf": 0.15, "l2": 2.0}[norm])

    def test_seeded(self):
        one, two, other = (attacks.pgd(self.model, self.x, self.y, 0.1, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
        self.assertTrue(torch.equal(one, two))
        self.assertFalse(torch.equal(one, other))


class Command(RunTest):
    def test_attack_convert_and_back(self):
        need_victim()
        with h5py.File(DEMO_SET) as file:
            np.savez(os.path.join(self.folder, "digits.npz"), images=file["clean/images"][:60], labels=file["labels"][:60])
        made = os.path.join(self.folder, "made.h5")
        done = analysis("attack", os.path.join(self.folder, "digits.npz"), DEMO_VICTIM, made, "--attacks", "fgsm,linf_pgd", "--epsilon", 0.1)
        falls = [float(number) for number in re.findall(r"accuracy ([\d.]+) %", done.stderr)]
        self.assertEqual(len(falls), 3)
        self.assertTrue(falls[0] > falls[1] > falls[2], falls)
        # What was made can be purified.
        path = purify(self.folder, {"input.file": made, "victim.file": DEMO_VICTIM})
        row = results.Result(path).row("000", "linf_pgd")
        self.assertAlmostEqual(100 * row["attack_accuracy"], falls[2], 1)
        # There and back, bit by bit.
        there, back = os.path.join(self.folder, "there.npz"), os.path.join(self.folder, "back.h5")
        analysis("convert", made, there)
        analysis("convert", there, back)
        with h5py.File(made) as a, h5py.File(back) as b:
            for name in "labels", "clean/images", "attacks/fgsm/images", "attacks/linf_pgd/images":
                self.assertEqual(a[name][:].tobytes(), b[name][:].tobytes(), name)
                self.assertEqual(a[name].dtype, b[name].dtype)
            self.assertEqual(dict(a["attacks/fgsm"].attrs), dict(b["attacks/fgsm"].attrs))
            self.assertEqual(dict(a.attrs), dict(b.attrs))
        analysis("convert", path, there)
        with np.load(there) as arrays, h5py.File(path) as file:
            self.assertEqual(arrays["fgsm"].tobytes(), file["runs/000/fgsm/images"][:].tobytes())

    def calls(self, *arguments, dataset="digits", shape=(30, 1, 28, 28)):
        """What `attack` asks of Foolbox and AutoAttack (neither is installed: stand-ins with their signatures record it)."""
        victim, data, made, record = (os.path.join(self.folder, name) for name in ("tiny.pt", f"{dataset}.npz", "made.h5", "record"))
        torch.jit.trace(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(int(np.prod(shape[1:])), 10)).eval(), torch.zeros(1, *shape[1:])).save(victim)
        np.savez(data, images=random_images(*shape).astype("f4"), labels=np.arange(shape[0]) % 10)
        open(record, "w").close()
        environment = {**os.environ, "PYTHONPATH": os.path.join(SOURCE, "tests", "analysis", "fakes"), "FAKES_RECORD": record}
        analysis("attack", data, victim, made, "--batch", 20, *arguments, env=environment)
        with open(record) as file:
            return [json.loads(line) for line in file], made

    def test_foolbox_and_autoattack_get_the_presets(self):
        cw = {"binary_search_steps": 6, "steps": 300, "stepsize": 0.01, "confidence": 0, "initial_const": 0.001, "abort_early": True}
        for dataset, shape, linf, l2, searched in (("mnist", (30, 1, 28, 28), 0.1, 1.0, cw), ("fashion_mnist", (30, 1, 28, 28), 0.1, 1.0, cw),
                                                   ("cifar10", (30, 3, 32, 32), 8 / 255, 0.5, {**cw, "binary_search_steps": 5, "steps": 100, "initial_const": 0.01}),
                                                   ("cifar100", (30, 3, 32, 32), 8 / 255, 0.5, {**cw, "binary_search_steps": 5, "steps": 100, "initial_const": 0.01})):
            calls, made = self.calls(dataset=dataset, shape=shape)
            self.assertEqual([call["images"] for call in calls], [20, 10] * 6)
            firsts = {call["attack"]: call for call in calls[::2]}
            self.assertEqual({name: round(call["epsilon"], 9) for name, call in firsts.items()},
                             {"L2PGD": l2, "L2CarliniWagnerAttack": l2, "LinfPGD": round(linf, 9), "FGSM": round(linf, 9), "LinfDeepFoolAttack": round(linf, 9),
                              "AutoAttack": round(linf, 9)})
            self.assertEqual(firsts["L2CarliniWagnerAttack"]["settings"], searched)
            self.assertEqual(firsts["L2PGD"]["settings"], {"steps": 50, "rel_stepsize": 0.025, "abs_stepsize": None, "random_start": True})
            self.assertEqual(firsts["LinfPGD"]["settings"], {"steps": 40, "rel_stepsize": 0.01 / 0.3, "abs_stepsize": None, "random_start": True})
            self.assertEqual(firsts["LinfDeepFoolAttack"]["settings"], {"steps": 50, "candidates": 10, "overshoot": 0.02, "loss": "logits"})
            self.assertEqual(firsts["AutoAttack"]["settings"], {"norm": "Linf", "seed": 0, "version": "standard", "device": "cpu"})
            self.assertEqual([call["seed"] for call in calls[:2]], [0, 20], "batches have seeds of their own")
            with h5py.File(made) as file:
                for name, group in file["attacks"].items():
                    norm, epsilon = group.attrs["norm"], group.attrs["epsilon"]
                    self.assertEqual((norm, round(epsilon, 9)), ("l2", l2) if name.startswith("l2") else ("linf", round(linf, 9)))
                    self.assertLessEqual(np.abs(group["images"][:] - file["clean/images"][:]).max(), epsilon, "the clipped images are kept")
                self.assertIn("L2CarliniWagnerAttack(binary_search_steps=", file["attacks/l2_carlini_wagner"].attrs["source"])
                self.assertIn("standard", file["attacks/autoattack"].attrs["source"])

    def test_presets_can_be_chosen(self):
        """Another set has the settings of its kind, --preset and --epsilon come before."""
        for arguments, epsilon in (((), 0.1), (("--preset", "cifar10"), 8 / 255), (("--epsilon", 0.2), 0.2)):
            calls, _ = self.calls("--attacks", "fgsm", *arguments)
            self.assertEqual({call["epsilon"] for call in calls}, {epsilon})
        for name, text in (("fgsn", "no such attack"), *[("autoattack", "needs the package autoattack")] * (not presets.installed("autoattack"))):
            data, victim = os.path.join(self.folder, "digits.npz"), os.path.join(self.folder, "tiny.pt")
            done = analysis("attack", data, victim, os.path.join(self.folder, "no.h5"), "--attacks", name, status=2)
            self.assertIn(text, done.stderr)

    def test_npy_files_and_channels_last(self):
        images = random_images(7, 3, 9, 11).astype("f4")
        np.save(os.path.join(self.folder, "pgd.npy"), images.transpose(0, 2, 3, 1))
        np.save(os.path.join(self.folder, "y.npy"), np.arange(7))
        analysis("convert", os.path.join(self.folder, "pgd.npy"), os.path.join(self.folder, "set.h5"), "--labels", os.path.join(self.folder, "y.npy"),
                 "--norm", "linf", "--epsilon", 0.03)
        with h5py.File(os.path.join(self.folder, "set.h5")) as file:
            np.testing.assert_array_equal(file["attacks/pgd/images"][:], images)
            self.assertEqual((file["attacks/pgd"].attrs["norm"], file["attacks/pgd"].attrs["epsilon"]), ("linf", 0.03))
        self.assertEqual(launch("inspect", os.path.join(self.folder, "set.h5")).status, 0)

    def test_what_is_refused(self):
        for name, arrays, text in (("range", {"a": 255 * random_images(4), "labels": np.arange(4)}, "floats must be in"),
                                   ("count", {"a": random_images(4), "labels": np.arange(5)}, "4 images, but 5 labels"),
                                   ("labels", {"a": random_images(4)}, "no array named labels"),
                                   ("shape", {"a": np.zeros((4, 5)), "labels": np.arange(4)}, "images of shape")):
            path = os.path.join(self.folder, f"{name}.npz")
            np.savez(path, **arrays)
            done = analysis("convert", path, os.path.join(self.folder, "bad.h5"), status=2)
            self.assertIn(text, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "bad.h5")))


class Datasets(RunTest):
    def test_mnist_and_cifar_folders(self):
        images, labels = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28), np.array([3, 4], np.uint8)
        folder = os.path.join(self.folder, "MNIST", "raw")
        os.makedirs(folder)
        with open(os.path.join(folder, "t10k-images-idx3-ubyte"), "wb") as file:
            file.write(struct.pack(">HBB3I", 0, 8, 3, 2, 28, 28) + images.tobytes())
        with open(os.path.join(folder, "t10k-labels-idx1-ubyte"), "wb") as file:
            file.write(struct.pack(">HBBI", 0, 8, 1, 2) + labels.tobytes())
        name, read, numbers = datasets.read(os.path.join(self.folder, "MNIST"))
        self.assertEqual(name, "mnist")
        np.testing.assert_array_equal(read[:, 0], images)
        np.testing.assert_array_equal(numbers, labels)
        for name, file_name, key in ("cifar10", "test_batch", b"labels"), ("cifar100", "test", b"fine_labels"):
            folder = os.path.join(self.folder, name)
            os.makedirs(folder)
            data = np.arange(3 * 3072, dtype=np.uint8).reshape(3, 3072)
            with open(os.path.join(folder, file_name), "wb") as file:
                pickle.dump({b"data": data, key: [1, 2, 3]}, file, protocol=2)
            found, read, numbers = datasets.read(folder)
            self.assertEqual((found, read.shape, list(numbers)), (name, (3, 3, 32, 32), [1, 2, 3]))
            np.testing.assert_array_equal(read.reshape(3, -1), data)

    def test_a_pickle_runs_nothing(self):
        class Bomb:
            def __reduce__(self):
                return os.system, ("touch " + self.mark,)
        folder = os.path.join(self.folder, "bomb")
        os.makedirs(folder)
        bomb = Bomb()
        Bomb.mark = os.path.join(self.folder, "exploded")
        with open(os.path.join(folder, "test_batch"), "wb") as file:
            pickle.dump({b"data": bomb}, file, protocol=2)
        self.assertRaisesRegex(convert.Unsuitable, "not a CIFAR batch", datasets.read, folder)
        self.assertFalse(os.path.exists(Bomb.mark))


class Jobs(RunTest):
    def test_every_job_file_can_be_run(self):
        paths = [os.path.join(parent, name) for parent, _, names in os.walk(os.path.join(SOURCE, "jobs")) for name in names if name.endswith(".ini")]
        self.assertGreater(len(paths), 10)
        for path in paths:
            done = launch("run", path, "--dry-run", "--set", f"input.file={DEMO_SET}", "--set", "victim.file=", "--set", f"output.file={self.folder}/none.h5")
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
    JOB = {"input.file": DEMO_SET, "victim.file": DEMO_VICTIM, "input.limit": 120, "solver.tau": 0.2, "solver.iterations": "10, 50",
           "sweep.solver.gamma": "0.05, 0.5, 2", "sweep.solver.theta": "1e5, 10"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_victim()
        cls.path = purify(cls.folder, cls.JOB)
        cls.page = analysis("report", cls.path, "--use-victim-of-result", cwd=cls.folder).stdout.strip()
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
        self.assertEqual(len(runs), 12)
        self.assertEqual([run["gamma"] for run in runs[:5]], ["0.05"] * 4 + ["0.5"])
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

    def test_chosen_on_one_half(self):
        """Halves have the same classes; the choice knows nothing of the second one."""
        labels = np.tile(np.arange(10), 7)  # classes in turn
        second = best.is_second(labels)
        self.assertEqual([list(labels[second]).count(number) for number in range(10)], [3] * 10)
        candidates = [(self.result, run) for run in self.result.runs]
        first = {run: {attack: best.halves(self.result, run, attack, "purified")[0] for attack in self.result.attacks} for run in self.result.runs}
        before, _ = best.halves(self.result, "000", "clean", "attacked")
        _, run, cheap, lack = best.choose(candidates, "purified", 2, {})
        self.assertEqual((cheap, lack), (first[run]["clean"] >= before - 0.02, 0))
        mean = {one: np.mean([figures[attack] for attack in self.result.robust]) for one, figures in first.items()}
        self.assertEqual(mean[run], max(mean[one] for one in first if not cheap or first[one]["clean"] >= before - 0.02))
        # What is wanted of each attack comes before the mean.
        wanted = {"linf_deepfool": max(figures["linf_deepfool"] for figures in first.values())}
        _, other, _, lack = best.choose(candidates, "purified", 100, wanted)
        self.assertEqual((first[other]["linf_deepfool"], lack), (wanted["linf_deepfool"], 0))
        self.assertEqual(best.shortfall({"a": 0.5, "b": 0.9}, {"a": 0.75, "b": 0.8, "c": 1}), 0.25)
        weights = [np.sum(~best.is_second(self.result.labels)), np.sum(best.is_second(self.result.labels))]
        self.assertAlmostEqual(np.average(best.halves(self.result, run, "fgsm", "purified"), weights=weights), self.result.accuracy(run, "fgsm"), 12)

    def best(self, *paths, status=0):
        done = subprocess.run([sys.executable, os.path.join(SOURCE, "analysis", "best.py"), *paths], capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def test_best_of_several_results(self):
        """A sweep over the blur goes beside one over the purifier; other images do not."""
        blur = purify(self.folder, {**{key: value for key, value in self.JOB.items() if not key.startswith("sweep")}, "solver.iterations": 0,
                                    "sweep.baseline.blur_sigma": "0.5, 1, 1.5"}, output="blur.h5")
        alone, both = self.best(self.path).stdout, self.best(self.path, blur).stdout
        self.assertIn(" of 12: ", alone)
        self.assertEqual(alone.split("\n")[0], both.split("\n")[0], "runs without an iteration purify nothing")
        sigma = float(re.search(r"blurred, sigma ([\d.]+)", both).group(1))
        self.assertIn(sigma, (0.5, 1, 1.5))
        self.assertIn("| clean |", both)
        other = purify(self.folder, {**self.JOB, "input.limit": 60, "solver.iterations": 5, "sweep.solver.gamma": "0.5"}, output="other.h5")
        self.assertIn("of other images", self.best(self.path, other, status=2).stderr)

    def test_wilson(self):
        row = self.result.row("000", "fgsm")
        low, high = best.wilson(row["barycenter_accuracy"], row["images"])
        self.assertAlmostEqual(low, row["barycenter_accuracy_low"], 6)
        self.assertAlmostEqual(high, row["barycenter_accuracy_high"], 6)

    def test_files(self):
        names = os.listdir(os.path.dirname(self.page))
        for name in ["front", "along-solver-gamma", "along-solver-theta", "along-solver-iterations", "map-solver-gamma-solver-theta", "sensitivity",
                     "per-class", "grad-cam"]:
            for kind in "png", "svg":
                self.assertIn(f"{name}.{kind}", names)
        self.assertEqual(sum(name.startswith("gallery-") and name.endswith(".png") for name in names), 3)
        with open(self.page) as file:
            page = file.read()
        self.assertNotRegex(page, r"""(src|href)=['"]?(https?:)?//""", "the page needs the network")
        for link in re.findall(r"href='([^']+)'", page):
            self.assertIn(link, names)
        self.assertEqual(len(re.findall(r"<img [^>]*alt='[^']{20,}'", page)), page.count("<img "), "a picture without words")

    def test_without_victim_images_or_sweep(self):
        for name, job in {"victim": {"victim.file": "", "sweep.solver.gamma": "0.5"}, "images": {"output.images": "no"}, "one": {"solver.iterations": 5}}.items():
            values = {key: value for key, value in self.JOB.items() if name != "one" or not key.startswith("sweep")}
            page = analysis("report", purify(self.folder, {**values, **job}, output=f"{name}.h5"), os.path.join(self.folder, name)).stdout.strip()
            self.assertGreater(os.path.getsize(page), 2000)
        other = os.path.join(self.folder, "others.h5")
        write_set(other, {"fgsm": random_images(5)})
        for arguments, text in (((DEMO_SET,), "not a result of barydef"), ((__file__,), f"{__file__}: Unable to open"), (("none.h5",), "none.h5: no such file"),
                                ((self.path, "--input", other), "its labels are not those of"), ((self.path, "--blurs", os.path.join(self.folder, "victim.h5")), "of other images")):
            self.assertIn(text, analysis("report", *arguments, status=2).stderr)

    def test_failed_images_colour_and_names_from_elsewhere(self):
        """Sets are downloaded files: an attack of which no image can be purified, and names that are HTML, formulas, Markdown."""
        images = random_images(9, 3, 12, 12)
        images[2] = np.nan
        names = {"all failed": np.full_like(images, np.nan), "<img src=x onerror=alert(1)>": images, "a$x_{$|b' x='": images, 'q"&%': images}
        path = os.path.join(self.folder, "hostile.h5")
        write_set(path, names)
        with h5py.File(path, "a") as file:
            file.attrs["dataset"] = "<script>alert(1)</script>"
        made = purify(self.folder, {"input.file": path, "solver.iterations": "2, 5", "sweep.solver.gamma": "0.1, 1"}, output="hostile-result.h5", status=3)
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
        self.assertEqual((rows["all failed"]["failed"], rows["q\"&%"]["failed"]), ("9", "1"))
        self.assertLess(float(rows['q"&%']["mass defect, most"]), 1e-12)
        with open(os.path.join(folder, "changes.md")) as file:
            lines = file.read().splitlines()
        self.assertEqual(({len(re.findall(r"(?<!\\)\|", line)) for line in lines[2:]}, lines[1]), ({12}, ""))
        self.assertNotIn("<", "".join(lines))

    def test_short_names_of_marginals(self):
        for long, short in (("B6", "B6"), ("identity + rotate 2 + rotate -2 + translate 3 0", "id, \u00b12\u00b0, shift (3,0)"),
                            ("identity + identity + translate 1 0 + translate -1 0 + translate 0 1 + translate 0 -1", "2 id, shift \u00b11"), ("0.5", "0.5"),
                            ("rotate 3", "3\u00b0"), ("translate 1 1 + translate -1 -1 + translate 1 -1 + translate -1 1", "diagonal \u00b11")):
            self.assertEqual(results.shortened(long), short)

    def test_marginals_are_those_of_the_product(self):
        image = random_images(1, 3, 9, 12)[0]
        for motions in "B6", "identity + rotate 12.5 + translate 1.25 -2.5":
            for interpolation in "bilinear", "nearest":
                found = results.marginals(image, motions, interpolation)
                for c in range(3):
                    wanted = reference.marginals(image[c], reference.operators(motions), interpolation)
                    np.testing.assert_allclose(found[:, c], wanted.astype(float), atol=1e-12)

    def test_mean_of_marginals_is_what_was_predicted(self):
        """The victim sees in it the class that the result holds."""
        model = torch.jit.load(DEMO_VICTIM).eval()
        rows = list(range(40))
        images = self.result.attacked("fgsm", rows)
        means = np.stack([results.mean_of_marginals(image, "B6") for image in images])
        with torch.no_grad():
            seen = model(torch.as_tensor(means, dtype=torch.float32)).argmax(1).numpy()
        np.testing.assert_array_equal(seen, self.result.per_image("000", "fgsm")["predicted_mean"][rows])

    def test_paper_figures(self):
        self.assertEqual(paper.figures("MNIST")["autoattack"], (9.1, 28.1))
        self.assertEqual(paper.figures("Fashion-MNIST")["l2_carlini_wagner"], ("", 80.4))
        self.assertEqual(paper.figures("digits"), {})

    def test_pandas_and_xarray(self):
        """As the README shows."""
        try:
            import pandas
            import xarray
        except ImportError as problem:
            self.skipTest(f"SKIPPED LOUDLY: {problem}")
        with h5py.File(self.path) as file:
            frame = pandas.DataFrame.from_records(file["statistics"][:])
            table = frame[frame.run == 0].set_index("attack")["barycenter_accuracy"]
            self.assertEqual(table[b"clean"], self.result.accuracy("000", "clean"))
            array = xarray.DataArray(file["runs/000/clean/images"], dims=("image", "channel", "y", "x"))
            self.assertEqual(array.shape, (120, 1, 28, 28))


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
        np.testing.assert_allclose(gradcam.similarity(heat, heat), heat.any((1, 2)), atol=1e-6)  # 0 where nothing speaks for the class


if __name__ == "__main__":
    unittest.main()
