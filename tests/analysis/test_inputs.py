"""The input side of the package in analysis/: attacks, conversion, job files.  What it writes, barydef must read."""

import contextlib
import glob
import io
import json
import os
import pty
import re
import runpy
import shutil
import subprocess
import sys
import unittest
import unittest.mock

SOURCE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path[:0] = [os.path.join(SOURCE, "tests", "runs"), os.path.join(SOURCE, "analysis")]
from support import (
    DEMO_SET,
    DEMO_VICTIM,
    ENVIRONMENT,
    PROGRAM,
    RunTest,
    launch,
    need_victim,
    purify,
    random_images,
    run_job,
    write_set,
    write_victim,
)

import h5py
import numpy as np
import torch

import attacks
import convert
import datasets
import files
import presets
import result as results
import victim

torch.set_num_threads(1)


def analysis(*arguments, status=0, command="__main__.py"):
    """A command, in this process: starting Python with torch takes longer than most of them.  Where it must fail, it says so in one line."""
    ended, out, err = 0, io.StringIO(), io.StringIO()
    with unittest.mock.patch(
        "sys.argv", ["analysis", *map(str, arguments)]
    ), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(os.path.join(SOURCE, "analysis", command), run_name="__main__")
        except SystemExit as problem:
            ended = problem.code
    done = subprocess.CompletedProcess(arguments, ended, out.getvalue(), err.getvalue())
    assert ended == status, done
    assert status == 0 or done.stderr.count("\n") == 1, done
    return done


class Attacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = torch.jit.load(DEMO_VICTIM).eval()
        with h5py.File(DEMO_SET) as file:
            cls.x, cls.y = torch.as_tensor(file["clean/images"][:100]), torch.as_tensor(
                file["labels"][:100].astype("i8")
            )

    def accuracy(self, x):
        with torch.no_grad():
            return float((self.model(x).argmax(1) == self.y).float().mean())

    def test_inside_the_ball_and_accuracy_falls(self):
        clean = self.accuracy(self.x)
        for attack, norm, epsilon, most in (
            (attacks.fgsm, "linf", 0.1, 0.75),
            (attacks.pgd, "linf", 0.1, 0.4),
            (attacks.pgd, "l2", 1.2, 0.6),
            (attacks.deepfool, "linf", 0.12, 0.5),
            (attacks.deepfool, "l2", 1.2, 0.8),
        ):
            with self.subTest(attack=attack.__name__, norm=norm):
                found = attack(self.model, self.x, self.y, epsilon, norm)
                self.assertTrue(0 <= found.min() and found.max() <= 1)
                self.assertLessEqual(
                    float(attacks.norms(found - self.x, norm).max()), epsilon * (1 + 1e-5)
                )
                self.assertLess(self.accuracy(found), min(most, clean))
                self.assertGreater(float(attacks.norms(found - self.x, norm).max()), 0.1 * epsilon)

    def test_stronger_with_epsilon(self):
        falling = [
            self.accuracy(attacks.pgd(self.model, self.x, self.y, epsilon))
            for epsilon in (0.02, 0.1, 0.2)
        ]
        self.assertEqual(falling, sorted(falling, reverse=True))
        self.assertLess(falling[-1], 0.1)

    def test_pgd_takes_all_its_steps(self):
        """Images that are misclassified on the way are driven on, away from the boundary; the file says so."""
        for norm, epsilon in ("linf", 0.1), ("l2", 1.2):
            losses, wrong = [], []
            for steps in 10, 40:
                found = attacks.pgd(
                    self.model,
                    self.x,
                    self.y,
                    epsilon,
                    norm,
                    steps,
                    epsilon / 16,
                    torch.Generator().manual_seed(0),
                )
                with torch.no_grad():
                    logits = self.model(found)
                losses.append(torch.nn.functional.cross_entropy(logits, self.y, reduction="none"))
                wrong.append(logits.argmax(1) != self.y)
            self.assertGreater(int(wrong[0].sum()), 10)
            self.assertGreater(float((losses[1] - losses[0])[wrong[0]].min()), 1, norm)
        settings = presets.setting("linf_pgd", "mnist")[2]
        self.assertRegex(
            presets.own("linf_pgd", self.model, self.x[:2], self.y[:2], "linf", 0.1, settings, 0)[
                1
            ],
            r"own pgd\(norm=linf, steps=40, .*, no early stop\)$",
        )

    def test_deepfool_finds_small_perturbations(self):
        """Without a ball it fools all, with less than FGSM's fixed step for most; in l2 less than in linf's direction."""
        for norm in "linf", "l2":
            found = attacks.deepfool(self.model, self.x, self.y, None, norm)
            self.assertLess(self.accuracy(found), 0.05)
            self.assertLess(
                float(attacks.norms(found - self.x, norm).median()), {"linf": 0.15, "l2": 2.0}[norm]
            )

    def test_seeded(self):
        one, two, other = (
            attacks.pgd(
                self.model, self.x, self.y, 0.1, generator=torch.Generator().manual_seed(seed)
            )
            for seed in (1, 1, 2)
        )
        self.assertTrue(torch.equal(one, two))
        self.assertFalse(torch.equal(one, other))


class Command(RunTest):
    def test_attack_convert_and_back(self):
        need_victim()
        with h5py.File(DEMO_SET) as file:
            np.savez(
                os.path.join(self.folder, "digits.npz"),
                images=file["clean/images"][:60],
                labels=file["labels"][:60],
            )
        made = os.path.join(self.folder, "made.h5")
        done = analysis(
            "attack",
            os.path.join(self.folder, "digits.npz"),
            DEMO_VICTIM,
            made,
            "--attacks",
            "fgsm,linf_pgd",
            "--epsilon",
            0.1,
        )
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

    def calls(self, *arguments, dataset="digits", shape=(30, 1, 28, 28), classes=10, status=0):
        """What `attack` asks of Foolbox and AutoAttack (neither is installed: stand-ins with their signatures record it); the file and what it says."""
        victim, data, made, record = (
            os.path.join(self.folder, name)
            for name in ("tiny.pt", f"{dataset}.npz", "made.h5", "record")
        )
        torch.manual_seed(0)
        torch.jit.trace(
            torch.nn.Sequential(
                torch.nn.Flatten(), torch.nn.Linear(int(np.prod(shape[1:])), classes)
            ).eval(),
            torch.zeros(1, *shape[1:]),
        ).save(victim)
        np.savez(
            data, images=random_images(*shape).astype("f4"), labels=np.arange(shape[0]) % classes
        )
        open(record, "w").close()
        with unittest.mock.patch.dict(os.environ, FAKES_RECORD=record), unittest.mock.patch.dict(
            sys.modules
        ), unittest.mock.patch(
            "sys.path", [os.path.join(SOURCE, "tests", "analysis", "fakes"), *sys.path]
        ):
            done = analysis(
                "attack",
                data,
                victim,
                made,
                "--overwrite",
                "--batch",
                20,
                *arguments,
                status=status,
            )
        with open(record) as file:
            return [json.loads(line) for line in file], made, done

    def test_foolbox_and_autoattack_get_the_presets(self):
        cw = {
            "binary_search_steps": 6,
            "steps": 300,
            "stepsize": 0.01,
            "confidence": 0,
            "initial_const": 0.001,
            "abort_early": True,
        }
        for dataset, shape, linf, l2, searched in (
            ("mnist", (30, 1, 28, 28), 0.1, 1.0, cw),
            ("fashion_mnist", (30, 1, 28, 28), 0.1, 1.0, cw),
            (
                "cifar10",
                (30, 3, 32, 32),
                8 / 255,
                0.5,
                {**cw, "binary_search_steps": 5, "steps": 100, "initial_const": 0.01},
            ),
            (
                "cifar100",
                (30, 3, 32, 32),
                8 / 255,
                0.5,
                {**cw, "binary_search_steps": 5, "steps": 100, "initial_const": 0.01},
            ),
        ):
            calls, made, _ = self.calls(dataset=dataset, shape=shape)
            self.assertEqual([call["images"] for call in calls], [20, 10] * 6)
            firsts = {call["attack"]: call for call in calls[::2]}
            self.assertEqual(
                {name: round(call["epsilon"], 9) for name, call in firsts.items()},
                {
                    "L2ProjectedGradientDescentAttack": l2,
                    "L2CarliniWagnerAttack": l2,
                    **dict.fromkeys(
                        (
                            "LinfProjectedGradientDescentAttack",
                            "LinfFastGradientAttack",
                            "LinfDeepFoolAttack",
                            "AutoAttack",
                        ),
                        round(linf, 9),
                    ),
                },
            )
            self.assertEqual(firsts["L2CarliniWagnerAttack"]["settings"], searched)
            self.assertEqual(
                firsts["L2ProjectedGradientDescentAttack"]["settings"],
                {"steps": 50, "rel_stepsize": 0.025, "abs_stepsize": None, "random_start": True},
            )
            self.assertEqual(
                firsts["LinfProjectedGradientDescentAttack"]["settings"],
                {
                    "steps": 40,
                    "rel_stepsize": 0.01 / 0.3,
                    "abs_stepsize": None,
                    "random_start": True,
                },
            )
            self.assertEqual(
                firsts["LinfDeepFoolAttack"]["settings"],
                {"steps": 50, "candidates": 10, "overshoot": 0.02, "loss": "logits"},
            )
            self.assertEqual(
                firsts["AutoAttack"]["settings"],
                {
                    "norm": "Linf",
                    "seed": 0,
                    "version": "standard",
                    "device": "cpu",
                    "targets": [9, 9],
                },
            )
            self.assertEqual(
                [call["seed"] for call in calls[:2]], [0, 20], "batches have seeds of their own"
            )
            with h5py.File(made) as file:
                for name, group in file["attacks"].items():
                    norm, epsilon = group.attrs["norm"], group.attrs["epsilon"]
                    self.assertEqual(
                        (norm, round(epsilon, 9)),
                        ("l2", l2) if name.startswith("l2") else ("linf", round(linf, 9)),
                    )
                    change = torch.as_tensor(
                        group["images"][:].astype("f8") - file["clean/images"][:]
                    )
                    self.assertLessEqual(
                        float(attacks.norms(change, norm).max()),
                        epsilon * (1 + 1e-6),
                        "the clipped images are kept",
                    )
                    self.assertGreater(float(change.abs().max()), 0)
                self.assertIn(
                    "L2CarliniWagnerAttack(binary_search_steps=",
                    file["attacks/l2_carlini_wagner"].attrs["source"],
                )
                self.assertIn(
                    "version=standard, n_target_classes=9; seed=0",
                    file["attacks/autoattack"].attrs["source"],
                )

    def test_what_their_attacks_return(self):
        """Images for which nothing was found stay clean, nothing is out of the range, and what is printed stands neither in the output nor in a bar."""
        calls, made, done = self.calls("--attacks", "l2_carlini_wagner,autoattack")
        with h5py.File(made) as file:
            same = np.all(
                file["attacks/l2_carlini_wagner/images"][:] == file["clean/images"][:],
                axis=(1, 2, 3),
            )
        lost = [start + i for start, count in ((0, 20), (20, 10)) for i in range(0, count, 3)]
        self.assertEqual(np.flatnonzero(same).tolist(), lost)
        self.assertEqual(done.stdout, made + "\n")
        lines = done.stderr.split("\n")
        at = lines.index("autoattack: Warning: there are 2 points with zero gradient!")
        self.assertEqual((lines[at - 1], lines.count(lines[at])), ("autoattack: 30 images", 1))
        said, x = {}, torch.full((2, 1, 2, 2), 0.5)
        beyond = x + torch.tensor([-0.5 - 1e-7, 0.5 + 1e-7]).view(2, 1, 1, 1)

        def attack(*_):
            presets.warnings.warn("odd")
            return beyond, "mine"

        with unittest.mock.patch("presets.own", attack), unittest.mock.patch(
            "presets.installed", lambda package: False
        ):
            found, _ = presets.run("fgsm", None, x, None, "linf", 0.1, {}, 0, said)
        self.assertEqual((found.unique().tolist(), said), ([0, 1], {"odd": None}))

    def test_victims_of_few_classes(self):
        """AutoAttack's targeted attacks try nine classes, and fail where there are fewer."""
        for classes, targets in (10, 9), (12, 9), (6, 5), (4, 3):
            calls, made, done = self.calls("--attacks", "autoattack", classes=classes)
            self.assertEqual(calls[0]["settings"]["targets"], [targets, targets])
            self.assertNotIn("more target classes", done.stderr)
            with h5py.File(made) as file:
                self.assertIn(
                    f"n_target_classes={targets}", file["attacks/autoattack"].attrs["source"]
                )
        calls, _, done = self.calls("--attacks", "fgsm,autoattack", classes=3, status=2)
        self.assertEqual(
            (calls, done.stderr),
            (
                [],
                "analysis: autoattack needs a victim of at least 4 classes, this one has 3; --attacks chooses others\n",
            ),
        )
        self.assertEqual(len(self.calls("--attacks", "fgsm,linf_deepfool", classes=3)[0]), 4)

    def test_presets_can_be_chosen(self):
        """Another set has the settings of its kind, --preset and --epsilon come before."""
        for arguments, epsilon in (
            ((), 0.1),
            (("--preset", "cifar10"), 8 / 255),
            (("--epsilon", 0.2), 0.2),
        ):
            calls, _, _ = self.calls("--attacks", "fgsm", *arguments)
            self.assertEqual({call["epsilon"] for call in calls}, {epsilon})
        for name, text in (
            ("fgsn", "no such attack"),
            *[("autoattack", "needs the package autoattack")]
            * (not presets.installed("autoattack")),
        ):
            data, victim = os.path.join(self.folder, "digits.npz"), os.path.join(
                self.folder, "tiny.pt"
            )
            done = analysis(
                "attack",
                data,
                victim,
                os.path.join(self.folder, "no.h5"),
                "--attacks",
                name,
                status=2,
            )
            self.assertIn(text, done.stderr)

    def test_what_is_left_out_is_named(self):
        """Without --attacks; on a line of its own."""
        line = "left out: l2_carlini_wagner (the package foolbox is not installed), autoattack (the package autoattack is not installed)"
        for here, expected in (
            ((), line),
            (("foolbox",), "left out: autoattack (the package autoattack is not installed)"),
            (("foolbox", "autoattack"), ""),
        ):
            with unittest.mock.patch("presets.installed", here.__contains__):
                self.assertEqual(presets.left_out(), expected)
        self.calls("--attacks", "fgsm")  # writes the victim and the data
        data, victim, made = (
            os.path.join(self.folder, name) for name in ("digits.npz", "tiny.pt", "made.h5")
        )
        done = analysis("attack", data, victim, made, "--overwrite")
        self.assertEqual(
            [one for one in done.stderr.split("\n") if one.startswith("left out")],
            [presets.left_out()] * bool(presets.left_out()),
        )

    def test_progress_bars(self):
        """On a terminal a bar after each batch, elsewhere a line for each attack."""
        self.calls("--attacks", "fgsm")
        command = [
            sys.executable,
            os.path.join(SOURCE, "analysis"),
            "attack",
            *(os.path.join(self.folder, name) for name in ("digits.npz", "tiny.pt", "made.h5")),
            "--overwrite",
            "--attacks",
            "fgsm",
            "--batch",
            "20",
        ]
        ours, theirs = pty.openpty()
        with open(ours, "rb", buffering=0) as terminal:
            try:
                subprocess.run(
                    command, stdout=subprocess.DEVNULL, stderr=theirs, check=True, timeout=60
                )
            finally:
                os.close(theirs)
            shown = b""
            with contextlib.suppress(OSError):  # EIO: the end
                while part := terminal.read(4096):
                    shown += part
        self.assertIn(
            f"\rfgsm: [{'#' * 20:30s}] 20/30\rfgsm: [{'#' * 30}] 30/30\r\n".encode(), shown
        )
        piped = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=60
        ).stderr
        self.assertIn("\nfgsm: 30 images\n", piped)
        self.assertNotIn("\r", piped)
        self.assertNotIn("left out", piped)  # with --attacks nothing is

    def test_npy_files_and_channels_last(self):
        images = random_images(7, 3, 9, 11).astype("f4")
        np.save(os.path.join(self.folder, "pgd.npy"), images.transpose(0, 2, 3, 1))
        np.save(os.path.join(self.folder, "y.npy"), np.arange(7))
        analysis(
            "convert",
            os.path.join(self.folder, "pgd.npy"),
            os.path.join(self.folder, "set.h5"),
            "--labels",
            os.path.join(self.folder, "y.npy"),
            "--norm",
            "linf",
            "--epsilon",
            0.03,
        )
        with h5py.File(os.path.join(self.folder, "set.h5")) as file:
            np.testing.assert_array_equal(file["attacks/pgd/images"][:], images)
            self.assertEqual(
                (file["attacks/pgd"].attrs["norm"], file["attacks/pgd"].attrs["epsilon"]),
                ("linf", 0.03),
            )
        self.assertEqual(launch("inspect", os.path.join(self.folder, "set.h5")).status, 0)

    def test_names_of_others(self):
        """ART's and RobustBench's names mean the same to `convert` and to `attack`."""
        clean, adversarial, labels = (
            random_images(4).astype("f4"),
            random_images(4, seed=1).astype("f4"),
            np.arange(4),
        )
        path, made = (os.path.join(self.folder, name) for name in ("art.npz", "art.h5"))
        for images, numbers in (
            ("x_test", "y_test"),
            ("X_test", "y"),
            ("x_clean", "y"),
            ("x", "Y"),
            ("images", "labels"),
            ("clean", "labels"),
        ):
            with self.subTest(images=images, numbers=numbers):
                np.savez(path, **{images: clean, numbers: labels, "x_adv": adversarial})
                convert.to_set([path], made)
                with h5py.File(made) as file:
                    self.assertEqual(list(file["attacks"]), ["x_adv"])
                    for place, whole in (
                        ("clean/images", clean),
                        ("attacks/x_adv/images", adversarial),
                        ("labels", labels),
                    ):
                        np.testing.assert_array_equal(file[place][:], whole)
                for read, whole in zip(datasets.read(path)[2:], (clean, labels)):
                    np.testing.assert_array_equal(read, whole)
        np.savez(path, images=adversarial, x_test=clean, y=labels)
        for read in lambda: convert.to_set([path], made), lambda: datasets.read(path):
            self.assertRaisesRegex(files.Unsuitable, "a second array of clean", read)

    def test_labels_of_others(self):
        """Keras' columns and ART's one-hot rows are the labels that they stand for, to `convert` and to `attack`; these tell the data set, too."""
        labels, images, (path, made) = (
            np.array(datasets.FIRST["mnist"]),
            random_images(10).astype("f4"),
            (os.path.join(self.folder, name) for name in ("shaped.npz", "shaped.h5")),
        )
        rows = np.eye(10)[labels]
        for shaped in (
            labels[:, None].astype("u1"),
            rows,
            rows.astype("f4"),
            rows.astype("i4"),
            rows.astype(bool),
        ):
            np.savez(path, x_test=images, y_test=shaped, x_adv=images)
            analysis("convert", path, made, "--overwrite")
            with h5py.File(made) as file:
                self.assertEqual(
                    (file["labels"].dtype, file["labels"][:].tolist()),
                    ("i8", labels.tolist()),
                    shaped.dtype,
                )
            name, how, _, read = datasets.read(path)
            self.assertEqual(
                (name, how, read.tolist()),
                ("mnist", "by its labels", labels.tolist()),
                shaped.dtype,
            )
        self.assertEqual(launch("inspect", made).status, 0)

    def test_what_is_refused(self):
        some, labels = random_images(4), np.arange(4)
        for name, arrays, text in (
            ("range", {"a": 255 * some, "labels": labels}, "floats must be in"),
            ("count", {"a": some, "labels": np.arange(5)}, "4 images, but 5 labels"),
            ("parts", {"a": some, "b": some[:3], "labels": labels}, "b: 3 images, but 4 labels"),
            (
                "sizes",
                {"a": some, "clean": random_images(4, 1, 9), "labels": labels},
                "clean: images of 1 x 9 x 10 (channels, height, width), but those of a are of 1 x 8 x 10",
            ),
            (
                "colours",
                {"a": some, "b": random_images(4, 3), "labels": labels},
                "b: images of 3 x 8 x 10",
            ),
            ("none", {"a": some[:0], "labels": labels[:0]}, "labels: there are none"),
            ("huge", {"a": some, "labels": np.full(4, 1 << 63, "u8")}, "is too large"),
            (
                "soft",
                {"a": some, "labels": np.full((4, 4), 0.25)},
                "labels: of shape (4, 4): where these are one-hot, labels.argmax(1)",
            ),
            (
                "two-hot",
                {"a": some, "labels": np.eye(4, dtype="i8") + np.eye(4, k=1, dtype="i8")},
                "labels.argmax(1)",
            ),
            ("a cold row", {"a": some, "labels": np.eye(4, k=1)}, "labels.argmax(1)"),
            (
                "no number",
                {"a": some, "labels": np.where(np.eye(4), 1, np.nan)},
                "labels.argmax(1)",
            ),
            ("texts", {"a": some, "labels": np.eye(4).astype("U1")}, "labels.argmax(1)"),
            (
                "column",
                {"a": some, "labels": labels[:, None] / 1},
                "labels: float64 (4, 1); integers [n] are needed",
            ),
            ("cube", {"a": some, "labels": labels[:, None, None]}, "integers [n] are needed"),
            ("floats", {"a": some, "labels": labels / 1}, "integers [n] are needed"),
            ("unlabelled", {"a": some}, "no array named labels"),
            ("twice", {"a": some, "labels": labels, "Y": labels}, "a second array of labels"),
            ("shape", {"a": np.zeros((4, 5)), "labels": labels}, "images of shape"),
            (
                "json",
                {"a": some, "labels": labels, "attributes": "{"},
                "attributes are no text in JSON",
            ),
            (
                "listed",
                {
                    "a": some,
                    "labels": labels,
                    "attributes": json.dumps({"attacks": {"a": {"epsilon": "much"}}}),
                },
                "attributes are no text",
            ),
        ):
            path = os.path.join(self.folder, f"{name}.npz")
            np.savez(path, **arrays)
            with self.assertRaises(files.Unsuitable) as caught:
                convert.to_set([path], os.path.join(self.folder, "bad.h5"))
            self.assertIn(text, str(caught.exception))
        self.assertIn(
            text, analysis("convert", path, os.path.join(self.folder, "bad.h5"), status=2).stderr
        )
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("bad")], [])


class Outputs(RunTest):
    """What is written is whole, is judged before anything is computed, and replaces nothing unasked."""

    def test_refused_before_the_work(self):
        there, folder = os.path.join(self.folder, "there.h5"), os.path.join(
            self.folder, "none", "set.h5"
        )
        with open(there, "w") as file:
            file.write("mine")
        # The data and the victim do not exist: they have not been looked at.
        for arguments, text in (
            (("attack", "no data", "no victim", there), "exists; --overwrite"),
            (("convert", "none.npz", there), "exists; --overwrite"),
            (("attack", "no data", "no victim", folder), "there is no folder"),
            (("convert", "none.npz", self.folder + "/x/y.h5"), "there is no folder"),
            (("attack", "no data", there, there, "--overwrite"), "is a file that is read"),
            (("attack", "no data", "no victim", self.folder), "is no file"),
        ):
            self.assertIn(text, analysis(*arguments, status=2).stderr)
        with open(there) as file:
            self.assertEqual(file.read(), "mine")

    def test_no_right_to_write(self):
        """Status 1, as barydef ends with: the input is not to blame."""
        path = os.path.join(self.folder, "good.npz")
        np.savez(path, fgsm=random_images(3), labels=np.arange(3))
        with unittest.mock.patch("os.access", return_value=False):  # of root, too
            self.assertRaisesRegex(
                files.Failed,
                "no right to write into",
                files.check_output,
                os.path.join(self.folder, "set.h5"),
                False,
            )
        self.assertRegex(
            analysis("convert", path, "/proc/set.h5", status=1).stderr,
            "/proc/set.h5: (cannot be written|no right to write)",
        )

    def test_whole_or_not_at_all(self):
        path = os.path.join(self.folder, "half.h5")

        def fail(problem):
            with files.written(path) as temporary, open(temporary, "w") as file:
                file.write("half")
                raise problem

        self.assertRaisesRegex(
            files.Failed,
            "half.h5: cannot be written .No space left",
            fail,
            OSError(28, "No space left on device"),
        )
        self.assertRaises(KeyboardInterrupt, fail, KeyboardInterrupt())
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("half")], [])

    def test_names_as_barydef_reads_them(self):
        """Both take a name, or both refuse it."""
        images, labels = random_images(4).astype("f4"), np.arange(4)
        good = [
            "..",
            "a b",
            "Grad-CAM, 0.1",
            "\u00e4" * 31,
            "x" * 63,
            "\u0e01" * 21,
            "<b>",
            "file",
            "CLEAN",
        ]
        bad = [
            "x" * 64,
            "\u00e4" * 32,
            "bell\x07",
            "tab\there",
            "two\nlines",
            "\x7f",
            "c1\x85",
            "line\u2028",
            "right\u202e",
            "isolate\u2066",
            "clean",
        ]
        path = os.path.join(self.folder, "names.h5")
        convert.write_set(
            path, labels, None, {name: (images, "linf", 0.1, "") for name in good}, "noise"
        )
        shown = launch("inspect", path)
        self.assertEqual(shown.status, 0, shown)
        for name in good:
            self.assertIn(f"\n{name}", shown.out)
        for name in bad:
            write_set(path, {name: images})
            self.assertEqual(launch("inspect", path).status, 2, ascii(name))
            self.assertRaisesRegex(
                files.Unsuitable,
                "^the name of attack",
                convert.write_set,
                path + "2",
                labels,
                None,
                {name: (images, "linf", 0.1, "")},
                "",
            )
        for name in "", "a/b", ".", "\ud800":  # HDF5 cannot hold them
            self.assertRaisesRegex(
                files.Unsuitable,
                "^the name of attack",
                convert.write_set,
                path + "2",
                labels,
                None,
                {name: (images, "linf", 0.1, "")},
                "",
            )
        self.assertFalse(os.path.exists(path + "2"))

    def test_barydef_takes_what_is_written(self):
        """Large images too, in chunks of few; of any type and byte order, and with the NaN of a failed image."""
        large, small = os.path.join(self.folder, "large.npz"), os.path.join(
            self.folder, "small.npz"
        )
        np.savez(
            large,
            labels=np.arange(40),
            pgd=np.zeros((40, 400, 400, 1), "f4"),
            clean=np.zeros((40, 1, 400, 400), np.uint8),
        )
        images = random_images(6)
        images[2] = np.nan
        np.savez(
            small,
            labels=np.arange(6, dtype="u1"),
            half=images.astype("f2"),
            big=images.astype(">f8"),
            all_failed=np.full_like(images, np.nan),
        )
        for path, options, status in (large, ("--dry-run",), 0), (small, (), 3):
            analysis("convert", path, path[:-3] + "h5")
            finished = run_job(self.folder, {"input.file": path[:-3] + "h5"}, *options)
            self.assertEqual(finished.status, status, finished)
        with h5py.File(large[:-3] + "h5") as file:
            dataset = file["attacks/pgd/images"]
            self.assertLessEqual(np.prod(dataset.chunks) * dataset.dtype.itemsize, 4 << 20)


class Victims(RunTest):
    def refused(self, path, images=None, labels=None):
        images = random_images(6).astype("f4") if images is None else images
        labels = np.arange(len(images)) if labels is None else labels
        with self.assertRaises(files.Unsuitable) as caught:
            victim.check(victim.load(path), path, images, labels, 4)
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_what_is_refused(self):
        path = os.path.join(self.folder, "victim.pt")
        write_victim(path)
        model, images = victim.load(path), random_images(60).astype("f4")
        seen = victim.logits_of(model, path, images, 7).argmax(1)
        self.assertEqual(victim.check(model, path, images, seen, 4), (1, False))
        self.assertEqual(victim.check(model, path, images, (seen + 1) % 10, 4), (0, True))
        self.assertIn(
            "labels from 0 to 10, but", self.refused(path, random_images(11).astype("f4"))
        )
        self.assertIn(
            "has 10 classes, numbered from 0", self.refused(path, labels=np.arange(6) - 1)
        )
        for body, text in (
            (
                "return x.flatten(1)[:, :10] @ torch.zeros(7, 10)",
                "cannot take images of 1 x 8 x 10 (",
            ),
            ("return x", "gives [4, 1, 8, 10] for 4 images, not floats"),
            ("return x.flatten(1).argmax(1)", "gives [4] for 4"),
            ("return x.flatten(1)[:2, :10]", "gives [2, 10] for 4"),
            ("return x.flatten(1)[:, :10], x", "gives tuple for 4"),
            ("return x.flatten(1)[:, :10] / 0", "not finite for image 0"),
            ("return x.detach().flatten(1)[:, :10]", "has no gradient"),
            ("return x.round().flatten(1)[:, :10]", "has no gradient"),
            ("return torch.ones(x.size(0), 10)", "has no gradient"),
        ):
            self.assertIn(text, self.refused(write_victim(path, body)), body)
        with open(path, "wb") as file:
            file.write(b"no program")
        self.assertIn("victim.pt: no TorchScript classifier (", self.refused(path))
        torch.save({"weight": torch.ones(3)}, path)
        self.assertIn("no TorchScript classifier (", self.refused(path))
        self.assertIn("no such file", self.refused(path + "2"))

    def test_one_line_and_no_output(self):
        data, path, made = (
            os.path.join(self.folder, name) for name in ("digits.npz", "no.pt", "made.h5")
        )
        with open(path, "wb") as file:
            file.write(b"no program")
        for labels, text in (np.arange(6), "no.pt: no TorchScript classifier"), (
            np.eye(6) / 2,
            "labels: of shape (6, 6): where these are one-hot",
        ):
            np.savez(data, images=random_images(6), labels=labels)
            self.assertIn(text, analysis("attack", data, path, made, status=2).stderr)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("made")], [])

    def test_other_failures(self):
        def work(problem):
            raise problem

        for problem, status in (
            (RuntimeError("first\nsecond"), 1),
            (MemoryError(), 1),
            (KeyboardInterrupt(), 1),
            (files.Failed("no space"), 1),
            (OSError(28, "full"), 1),
            (OSError(2, "x"), 2),
            (ValueError("x"), 2),
        ):
            with self.assertRaises(SystemExit) as caught, open(
                os.devnull, "w"
            ) as nowhere, contextlib.redirect_stderr(nowhere):
                files.run(lambda problem=problem: work(problem), "analysis")
            self.assertEqual(caught.exception.code, status)


class Jobs(RunTest):
    """Commands that the job files of jobs/paper/ give, as they stand."""

    def test_commands_as_they_stand(self):
        need_victim()
        shutil.copytree(
            os.path.join(SOURCE, "jobs", "paper"), os.path.join(self.folder, "jobs", "paper")
        )
        for name in "mnist", "fashion_mnist", "cifar10", "cifar100":
            os.symlink(DEMO_SET, os.path.join(self.folder, f"{name}.h5"))
            os.symlink(DEMO_VICTIM, os.path.join(self.folder, f"{name}.pt"))
        there = set(os.listdir(self.folder))
        environment = {
            **ENVIRONMENT,
            "PATH": os.path.dirname(PROGRAM) + os.pathsep + os.environ["PATH"],
            "PWD": self.folder,
        }
        for path in sorted(glob.glob(os.path.join(self.folder, "jobs", "paper", "*.ini"))):
            with open(path) as file:
                text = file.read().replace("\\\n#", "")  # a command may go on
            with self.subTest(job=os.path.basename(path)):
                (command,) = re.findall("^# +(mpirun -n 2 barydef run .*)", text, re.M)
                stored = re.search(r"\[output\]\nfile = (.*)", text)[1]
                if path.endswith("/mnist.ini"):
                    command += " --set input.limit=40"
                else:
                    command = command.replace("mpirun -n 2 ", "") + " --dry-run"
                done = subprocess.run(
                    command,
                    shell=True,
                    cwd=self.folder,
                    env=environment,
                    capture_output=True,
                    text=True,
                    timeout=120,
                )
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(f" jobs/paper/{os.path.basename(path)} ", command)
                self.assertIn(f'output.file="$PWD/{stored}"', command)
        self.assertEqual(set(os.listdir(self.folder)) - there, {"mnist-result.h5"})
        self.assertEqual(
            results.Result(os.path.join(self.folder, "mnist-result.h5")).runs, ["000", "001"]
        )


if __name__ == "__main__":
    unittest.main()
