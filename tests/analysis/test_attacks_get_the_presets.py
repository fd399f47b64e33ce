"""`barydef attack` gives Foolbox and AutoAttack the presets, and says what it left out.

Foolbox is that of PyPI. AutoAttack is not there: BARYDEF_AUTOATTACK names the folder of a clone of
fra31/auto-attack, and elsewhere a stand-in records what it is asked for."""

import contextlib
import glob
import os
import pty
import re
import subprocess
import sys
import unittest
import unittest.mock

from environments import FOOLBOX, environment, install_or_skip
from inputs import random_images
from support import DEMO_SET, DEMO_VICTIM, RunTest, SOURCE, launch, need_victim, purify
from package import command

import h5py
import numpy as np
import torch
from barydef.attack import presets, runners
from barydef.result import Result

AUTOATTACK = os.environ.get("BARYDEF_AUTOATTACK")


def norms(change, norm):
    """Of each perturbation of [n,C,H,W]."""
    flat = change.flatten(1)
    return flat.abs().amax(1) if norm == "linf" else flat.norm(dim=1)


def write_digits(path, count=60):
    with h5py.File(DEMO_SET) as file:
        np.savez(path, images=file["clean/images"][:count], labels=file["labels"][:count])


def watched(kind, record):
    """Foolbox's call of an attack, which also records it."""
    original = kind.__call__

    def call(self, model, inputs, criterion, *, epsilons, **others):
        settings = {name: value for name, value in vars(self).items() if is_setting(value)}
        record(
            {
                "attack": type(self).__name__,
                "settings": settings,
                "epsilon": epsilons,
                "bounds": tuple(model.bounds),
                "images": len(inputs),
                "seed": torch.initial_seed(),
            }
        )
        return original(self, model, inputs, criterion, epsilons=epsilons, **others)

    return call


def is_setting(value):
    return value is None or isinstance(value, (bool, int, float, str))


def watched_autoattack(kind, record):
    """AutoAttack's evaluation, which also records it."""
    original = kind.run_standard_evaluation

    def call(self, images, labels, bs=250):
        names = "norm", "seed", "version", "device"
        targets = [self.apgd_targeted.n_target_classes, self.fab.n_target_classes]
        record(
            {
                "attack": "AutoAttack",
                "settings": {**{name: getattr(self, name) for name in names}, "targets": targets},
                "epsilon": self.epsilon,
                "images": len(images),
            }
        )
        return original(self, images, labels, bs=bs)

    return call


class Command(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        python = environment(cls.folder, "originals", "--system-site-packages")
        install_or_skip(python, "--no-deps", *FOOLBOX)
        lib = os.path.join(os.path.dirname(os.path.dirname(python)), "lib")
        if not AUTOATTACK:
            print("REDUCED: a stand-in for AutoAttack; BARYDEF_AUTOATTACK names a clone")
        folders = [
            *glob.glob(os.path.join(lib, "python3*", "site-packages")),
            AUTOATTACK or os.path.join(SOURCE, "tests", "analysis", "fakes"),
        ]
        sys.path[:0] = folders
        cls.addClassCleanup(lambda: [sys.path.remove(one) for one in folders])
        path = os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])
        cls.enterClassContext(unittest.mock.patch.dict(os.environ, PYTHONPATH=path))
        import autoattack
        import foolbox

        cls.calls_made = []
        record = cls.calls_made.append
        for kind in "FixedEpsilonAttack", "MinimizationAttack":
            of_kind = getattr(foolbox.attacks.base, kind)
            cls.enterClassContext(
                unittest.mock.patch.object(of_kind, "__call__", watched(of_kind, record))
            )
        cls.enterClassContext(
            unittest.mock.patch.object(
                autoattack.AutoAttack,
                "run_standard_evaluation",
                watched_autoattack(autoattack.AutoAttack, record),
            )
        )

    def test_attacked_sets_can_be_purified_and_converted(self):
        need_victim()
        write_digits(os.path.join(self.folder, "digits.npz"))
        made = os.path.join(self.folder, "made.h5")
        done = command(
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
        row = Result(path).row("000", "linf_pgd")
        self.assertAlmostEqual(100 * row["attack_accuracy"], falls[2], 1)
        # There and back, bit by bit.
        there, back = os.path.join(self.folder, "there.npz"), os.path.join(self.folder, "back.h5")
        command("convert", made, there)
        command("convert", there, back)
        with h5py.File(made) as a, h5py.File(back) as b:
            for name in "labels", "clean/images", "attacks/fgsm/images", "attacks/linf_pgd/images":
                self.assertEqual(a[name][:].tobytes(), b[name][:].tobytes(), name)
                self.assertEqual(a[name].dtype, b[name].dtype)
            self.assertEqual(dict(a["attacks/fgsm"].attrs), dict(b["attacks/fgsm"].attrs))
            self.assertEqual(dict(a.attrs), dict(b.attrs))

    def test_the_layer_can_stand_in_front(self):
        """Who knows the purifier leaves less, and the set says what was known, as the program."""
        need_victim()
        data, job = (os.path.join(self.folder, name) for name in ("front.npz", "front"))
        write_digits(data, 40)
        with open(f"{job}.ini", "w") as file:
            file.write(
                f"[input]\nfile = {DEMO_SET}\nlimit = 40\n[output]\nfile = front.h5\n"
                "[solver]\ngamma = 0.5 ; wide\niterations = 9\n"
                f"[baseline]\nblur_sigma = 1.25\n[victim]\nfile = {DEMO_VICTIM}\n"
                "[attack fgsm]\ntype = fgsm\nthrough = purified\ngradient = mean\n"
            )
        purifier = "--job", job, "--set", "solver.gamma=1"
        left, about, made = {}, {}, os.path.join(self.folder, "front-made.h5")
        for name, words in {
            "victim": (),
            "blurred": ("--through", "blurred", "--set", "baseline.blur_sigma=1.25"),
            "identity": ("--through", "purified", "--gradient", "identity", *purifier),
            "mean": ("--through", "purified", "--gradient", "mean", *purifier),
            "exact": ("--through", "purified", *purifier),
        }.items():
            words = (data, DEMO_VICTIM, made, "--overwrite", "--attacks", "linf_pgd", *words)
            done = command("attack", *words)
            with h5py.File(made) as file:
                about[name] = dict(file["attacks/linf_pgd"].attrs)
            settings = {"solver.gamma": 1, "solver.iterations": 9, "victim.file": DEMO_VICTIM}
            result = Result(purify(self.folder, {"input.file": made, **settings}, "--overwrite"))
            left[name] = result.row("000", "linf_pgd")["barycenter_accuracy"]
            result.close()
        self.assertIn("linf_pgd, linf 0.1: accuracy", done.stderr)
        self.assertRegex(done.stderr, r"purified: Purify\(.*'solver.gamma': '1'.*accuracy \d")
        self.assertGreater(left["victim"], left["identity"])
        self.assertGreater(left["identity"], left["exact"])
        self.assertGreater(left["blurred"], left["exact"])
        told = {
            name: (one.get("through"), one.get("gradient"), "purifier" in one)
            for name, one in about.items()
        }
        self.assertEqual(
            told,
            {
                "victim": ("victim", None, False),
                "blurred": ("blurred", None, True),
                "identity": ("purified", "identity", True),
                "mean": ("purified", "mean", True),
                "exact": ("purified", "exact", True),
            },
        )
        # The text is that of the program.
        theirs = os.path.join(self.folder, "theirs.h5")
        changes = "--set", f"output.file={theirs}", "--set", "solver.gamma=1"
        done = launch("attack", f"{job}.ini", *changes, folder=self.folder)
        self.assertEqual(done.status, 0, done)
        with h5py.File(theirs) as file:
            text = file["attacks/fgsm"].attrs["purifier"].decode()
        self.assertEqual(about["exact"]["purifier"], text)
        # There and back.
        there, back = (os.path.join(self.folder, name) for name in ("front-1.npz", "front-1.h5"))
        command("convert", made, there)
        command("convert", there, back)
        with h5py.File(back) as file:
            self.assertEqual(dict(file["attacks/linf_pgd"].attrs), about["exact"])

    def test_layers_that_cannot_be_are_refused(self):
        data, made = (os.path.join(self.folder, name) for name in ("few.npz", "few.h5"))
        write_digits(data, 4)
        jobs = {
            "swept": "[solver]\ngamma = 1\n[sweep]\nsolver.gamma = 1, 2\n",
            "none": "solver.gamma = 1\n",
        }
        for name, text in jobs.items():
            with open(os.path.join(self.folder, f"{name}.ini"), "w") as file:
                file.write(text)
        for words, line in (
            (("--job", "swept"), "swept.ini: sweeps solver.gamma; --set solver.gamma=VALUE"),
            (("--job", "none"), "none.ini: no job ("),
            (("--job", "absent"), "absent.ini: no such file"),
            (("--set", "solver.gamma"), "--set solver.gamma: needs KEY=VALUE"),
            (("--set", "victim.file=x"), "--set victim.file=x: needs KEY=VALUE"),
            (("--set", "solver.gamma=none"), "solver.gamma = none"),
            (("--set", "solver.method=fista"), "fista"),
            (("--through", "victim", "--job", "swept"), "which --through purified needs"),
        ):
            words = [
                os.path.join(self.folder, one) if one in (*jobs, "absent") else one for one in words
            ]
            words = ("--attacks", "fgsm", "--through", "purified", *words)
            done = command("attack", data, DEMO_VICTIM, made, *words, status=2)
            self.assertIn(line, done.stderr)
        self.assertFalse(os.path.exists(made))

    def calls(self, *arguments, dataset="digits", shape=(30, 1, 28, 28), classes=10, status=0):
        """(calls, file, done): what `attack` asks of Foolbox and AutoAttack, and what it makes."""
        victim, data, made = (
            os.path.join(self.folder, name) for name in ("tiny.pt", f"{dataset}.npz", "made.h5")
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
        del self.calls_made[:]
        done = command(
            *("attack", data, victim, made, "--overwrite", "--batch", 20),
            *arguments,
            status=status,
        )
        return list(self.calls_made), made, done

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
                        float(norms(change, norm).max()),
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

    def test_attacks_that_find_nothing_leave_images_clean(self):
        """Foolbox's Carlini-Wagner returns black where it finds nothing, as on half of these."""
        victim, data, made = (
            os.path.join(self.folder, name) for name in ("sure.pt", "sure.npz", "made.h5")
        )
        # Where the first pixel is 1 an image is of class 0 for ever.  A larger weight would have
        # Foolbox stop early for all, since it compares the losses of the whole batch.
        layer = torch.nn.Linear(16, 2, bias=False)
        with torch.no_grad():
            layer.weight[:] = 0.1
            layer.weight[0, 0], layer.weight[1, 1:8], layer.weight[1, 8:] = 100, 0.5, -0.5
        model = torch.nn.Sequential(torch.nn.Flatten(), layer).eval()
        torch.jit.trace(model, torch.zeros(1, 1, 4, 4)).save(victim)
        images = np.full((6, 1, 4, 4), 0.5, "f4")
        images[::2, 0, 0, 0], images[1::2, 0, 0, 0] = 1, 0
        np.savez(data, images=images, labels=np.zeros(6, int))
        command("attack", data, victim, made, "--overwrite", "--attacks", "l2_carlini_wagner")
        with h5py.File(made) as file:
            same = np.all(file["attacks/l2_carlini_wagner/images"][:] == images, axis=(1, 2, 3))
        self.assertEqual(same.tolist(), [True, False] * 3)

    def test_what_packages_print_is_kept_apart(self):
        """It stands neither in the output nor in a progress bar, and nothing leaves the range."""
        _, made, done = self.calls("--attacks", "autoattack")
        self.assertEqual(done.stdout, made + "\n")
        lines = done.stderr.split("\n")
        warnings = [line for line in lines if line.startswith("autoattack: Warning: ")]
        self.assertEqual(len(warnings), len(set(warnings)))
        if not AUTOATTACK:
            at = lines.index("autoattack: Warning: there are 2 points with zero gradient!")
            self.assertEqual(lines[at - 1], "autoattack: 30 images")
        said, x = {}, torch.full((2, 1, 2, 2), 0.5)
        beyond = x + torch.tensor([-0.5 - 1e-7, 0.5 + 1e-7]).view(2, 1, 1, 1)

        def attack(*_):
            runners.warnings.warn("odd")
            return beyond, "theirs"

        with unittest.mock.patch("barydef.attack.runners.by_foolbox", attack):
            setting = presets.Setting("fgsm", "linf", 0.1, {})
            found, _ = runners.run(setting, None, runners.Batch(x, None), 0, said)
        self.assertEqual((found.unique().tolist(), said), ([0, 1], {"odd": None}))

    def test_autoattack_targets_no_more_classes_than_there_are(self):
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
                "barydef: autoattack needs a victim of at least 4 classes, this one has 3; "
                "--attacks chooses others\n",
            ),
        )
        self.assertEqual(len(self.calls("--attacks", "fgsm,linf_deepfool", classes=3)[0]), 4)

    def test_presets_can_be_chosen(self):
        """Another set has the settings of its kind. --preset and --epsilon override them."""
        for arguments, epsilon in (
            ((), 0.1),
            (("--preset", "cifar10"), 8 / 255),
            (("--epsilon", 0.2), 0.2),
        ):
            calls, _, _ = self.calls("--attacks", "fgsm", *arguments)
            self.assertEqual({call["epsilon"] for call in calls}, {epsilon})
        data, victim, made = (
            os.path.join(self.folder, name) for name in ("digits.npz", "tiny.pt", "no.h5")
        )
        done = command("attack", data, victim, made, "--attacks", "fgsn", status=2)
        self.assertIn("no such attack", done.stderr)

    def test_what_is_left_out_is_named(self):
        """A line of its own says so where --attacks is not given, and what makes attacks else."""
        others = "l2_pgd, l2_carlini_wagner, linf_pgd, fgsm, linf_deepfool".split(", ")
        without_foolbox = ", ".join(
            f"{name} (the package foolbox is not installed)" for name in others
        )
        for here, expected in (
            (("autoattack",), f"left out: {without_foolbox}"),
            (("foolbox",), "left out: autoattack (the package autoattack is not installed)"),
            (("foolbox", "autoattack"), ""),
        ):
            with unittest.mock.patch("barydef.attack.presets.installed", here.__contains__):
                self.assertEqual(presets.left_out(), expected)
        self.calls("--attacks", "fgsm")  # writes the victim and the data
        data, victim, made = (
            os.path.join(self.folder, name) for name in ("digits.npz", "tiny.pt", "made.h5")
        )
        for here, arguments, text in (
            ((), (), "neither foolbox nor autoattack is installed; barydef attack JOB.ini makes"),
            (("autoattack",), ("--attacks", "fgsm"), "fgsm needs the package foolbox, which"),
            (("foolbox",), ("--attacks", "autoattack"), "autoattack needs the package autoattack"),
        ):
            with unittest.mock.patch("barydef.attack.presets.installed", here.__contains__):
                done = command("attack", data, victim, made, "--overwrite", *arguments, status=2)
            self.assertIn(text, done.stderr)
            self.assertIn("JOB.ini", done.stderr)

    def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(self):
        """A terminal gets a bar after each batch, anything else a line for each attack."""
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
        self.assertNotIn("left out", piped)  # --attacks leaves nothing out


if __name__ == "__main__":
    unittest.main()
