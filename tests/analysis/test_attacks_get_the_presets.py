"""`barydef attack` gives Foolbox and AutoAttack the presets, and says what it left out."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import unittest
import unittest.mock

from inputs import random_images
from support import DEMO_SET, DEMO_VICTIM, RunTest, SOURCE, need_victim, purify
from package import command

import h5py
import numpy as np
import torch
from barydef.attack import own, presets, runners
from barydef.result import Result


class Command(RunTest):
    def test_attacked_sets_can_be_purified_and_converted(self):
        need_victim()
        with h5py.File(DEMO_SET) as file:
            np.savez(
                os.path.join(self.folder, "digits.npz"),
                images=file["clean/images"][:60],
                labels=file["labels"][:60],
            )
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

    def calls(self, *arguments, dataset="digits", shape=(30, 1, 28, 28), classes=10, status=0):
        """(calls, file, done): what `attack` asks of Foolbox and AutoAttack, and what it makes.

        Neither need be installed, since stand-ins with their signatures record the calls."""
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
            done = command(
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
                        float(own.norms(change, norm).max()),
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
        """Images for which nothing was found stay clean, and nothing is out of the range.

        What the packages print stands neither in the output nor in a progress bar."""
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
            runners.warnings.warn("odd")
            return beyond, "mine"

        with unittest.mock.patch("barydef.attack.runners.own_attack", attack), unittest.mock.patch(
            "barydef.attack.runners.installed", lambda package: False
        ):
            setting = presets.Setting("fgsm", "linf", 0.1, {})
            found, _ = runners.run(setting, None, own.Batch(x, None), 0, said)
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
        for name, text in (
            ("fgsn", "no such attack"),
            *[("autoattack", "needs the package autoattack")]
            * (not presets.installed("autoattack")),
        ):
            data, victim = os.path.join(self.folder, "digits.npz"), os.path.join(
                self.folder, "tiny.pt"
            )
            done = command(
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
        """A line of its own says so where --attacks is not given."""
        line = (
            "left out: l2_carlini_wagner (the package foolbox is not installed), autoattack "
            "(the package autoattack is not installed)"
        )
        for here, expected in (
            ((), line),
            (("foolbox",), "left out: autoattack (the package autoattack is not installed)"),
            (("foolbox", "autoattack"), ""),
        ):
            with unittest.mock.patch("barydef.attack.presets.installed", here.__contains__):
                self.assertEqual(presets.left_out(), expected)
        self.calls("--attacks", "fgsm")  # writes the victim and the data
        data, victim, made = (
            os.path.join(self.folder, name) for name in ("digits.npz", "tiny.pt", "made.h5")
        )
        done = command("attack", data, victim, made, "--overwrite")
        self.assertEqual(
            [one for one in done.stderr.split("\n") if one.startswith("left out")],
            [presets.left_out()] * bool(presets.left_out()),
        )

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
