"""Heat maps are of the result's victim, and no victim is loaded that nobody named."""

import os
import shutil
import unittest
from unittest import mock

from inputs import write_victim
from support import DEMO_VICTIM, RunTest, need_victim, purify
from package import command
from sweep import write_digits

import numpy as np
from barydef import files
from barydef.hdf5 import open_file
from barydef.report import gradcam, heat_maps, make as report_maker
from barydef.report.page import Report
from barydef.report.make import Look, Shown, make
from barydef.result import Result


class Victims(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need_victim()
        write_digits(os.path.join(cls.folder, "set.h5"), 40)
        os.mkdir(os.path.join(cls.folder, "classifiers"))
        shutil.copy(DEMO_VICTIM, os.path.join(cls.folder, "classifiers", "mine.pt"))
        cls.path = purify(
            cls.folder, {"victim.file": "classifiers/mine.pt", "input.attacks": "fgsm"}
        )

        cls.bare = purify(
            cls.folder, {"victim.file": "", "input.attacks": "fgsm"}, output="bare.h5"
        )

    def victimless(self, victim, status):
        """(stderr, page or "") of a report of the result without victim, with this one."""
        folder = os.path.join(self.folder, "victimless")
        shutil.rmtree(folder, ignore_errors=True)
        done, page = command(
            "report", self.bare, folder, "--images", 2, "--victim", victim, status=status
        ), os.path.join(folder, "report.html")
        with open(page if os.path.exists(page) else os.devnull) as file:
            return done.stderr, file.read()

    def test_a_failure_of_the_victim_costs_its_heat_maps_alone(self):
        """What can be no victim is refused before anything is written.

        The report and the exit status tell of any other failure."""
        conv = "y = torch.conv2d(x, torch.ones(4, x.size(1), 3, 3), padding=1).flatten(1)\n"
        no_torchscript = os.path.join(self.folder, "text.pt")
        with open(no_torchscript, "w") as file:
            file.write("no victim")
        bodies = {
            "refuses": (
                conv + "assert x.size(1) == 3, 'these digits are refused'\nreturn y",
                "these digits are refused",
            ),
            "memory": (conv + "return y + torch.zeros(1 << 50)", "memory"),
            "shape": ("return torch.conv2d(x, torch.ones(4, 3, 3, 3)).flatten(1)", "channels"),
            "step": (conv + "return (y > 0).float()", "grad"),
        }
        for name, (body, text) in bodies.items():
            victim = write_victim(os.path.join(self.folder, f"{name}.pt"), body)
            err, page = self.victimless(victim, 1)
            self.assertRegex(
                err,
                f"^barydef: {self.folder}/victimless/report.html: written, but Grad-CAM of "
                f"{victim} left out: .*{text}",
            )
            self.assertRegex(page, f"Grad-CAM of {victim} left out: .*{text}.*How it was made")
            self.assertNotIn("grad-cam.png", page)
        with mock.patch.object(gradcam.Victim, "maps", side_effect=MemoryError):
            self.assertIn("left out: MemoryError", self.victimless(DEMO_VICTIM, 1)[0])
        with mock.patch.object(Result, "_open_inputs", return_value=None):
            self.assertIn(
                "left out: it needs the input file (--input)", self.victimless(DEMO_VICTIM, 1)[0]
            )
        flat = write_victim(os.path.join(self.folder, "flat.pt"), "return x.flatten(1)")
        for victim, text in (
            (no_torchscript, "zip archive"),
            (flat, "no convolution in it"),
            (self.folder, "Is a directory"),
            ("none.pt", "no such file"),
        ):
            err, page = self.victimless(victim, 2)
            self.assertRegex(err, f"^barydef: {victim}: .*{text}")
            self.assertEqual(page, "")
        for layer, text in (9, "convolution 9 was asked for; it has 2"), (
            "nose",
            "convolution nose was asked for; it has 0, 2",
        ):
            for victim in ("--victim", DEMO_VICTIM), ("--use-victim-of-result",):
                done = command(
                    "report",
                    self.path,
                    os.path.join(self.folder, "layer"),
                    *victim,
                    "--layer",
                    layer,
                    status=2,
                )
                self.assertIn(f": {text}", done.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "layer")))

    def test_batches_give_the_maps_of_all_at_once(self):
        """Batches are small enough for any memory."""
        result = Result(self.path)
        looker, sizes = gradcam.Victim(DEMO_VICTIM), []
        maps = looker.maps
        looker.maps = lambda images: sizes.append(len(images)) or maps(images)
        rows, found = heat_maps.heat_maps(
            Report(result, os.path.join(self.folder, "batches"), "000", result.attacks, False),
            looker,
            "fgsm",
        )
        self.assertEqual((len(rows), sizes), (40, [16] * 6 + [8] * 3))
        for name, images in (
            ("clean", result.attacked("clean", rows)),
            ("attacked", result.attacked("fgsm", rows)),
            ("barycenter", result.images("000", "fgsm", rows)),
        ):
            np.testing.assert_array_equal(found[name][0], images)
            np.testing.assert_allclose(found[name][1], maps(images)[0], atol=1e-5)
        np.testing.assert_array_equal(
            found["barycenter"][2], result.per_image("000", "fgsm")["predicted_purified"][rows]
        )

    def test_another_victim_than_the_results_is_refused(self):
        """Tables and heat maps are of one victim, whose digest tells it under any name."""
        other = write_victim(os.path.join(self.folder, "other.pt"))
        with open_file(self.path) as file:
            stored = file.attrs["victim_digest"].decode()
        self.assertEqual(files.digest(DEMO_VICTIM), stored)
        done = command(
            "report", self.path, os.path.join(self.folder, "another"), "--victim", other, status=2
        )
        self.assertEqual(
            done.stderr,
            f"barydef: {other} (XXH3-128 {files.digest(other)}) is not the victim of "
            f"{self.path}, which was classifiers/mine.pt ({stored})\n",
        )
        self.assertFalse(os.path.exists(os.path.join(self.folder, "another")))
        strange = shutil.copy(self.path, os.path.join(self.folder, "strange.h5"))
        with open_file(strange, "a") as file:
            file["runs/000"].attrs["victim.file"] = "a\nb\x1b[2J.pt"
        self.assertIn(
            "which was a b?[2J.pt (",
            command("report", strange, "--victim", other, status=2).stderr,
        )
        page = make(
            self.path,
            os.path.join(self.folder, "same"),
            shown=Shown(count=2),
            look=Look(DEMO_VICTIM),
        ).read_text()
        self.assertIn("grad-cam.png", page)
        self.assertNotIn("another class here", page)
        # The file that the job named may have been trained anew since. That costs its heat maps,
        # but not the report of a batch job.
        with mock.patch.object(report_maker, "victim_of", lambda result: other):
            done = command(
                "report",
                self.path,
                os.path.join(self.folder, "same"),
                "--images",
                2,
                "--use-victim-of-result",
            )
        self.assertIn(
            f"same/report.html: Grad-CAM of {other} left out: {other} (XXH3-128 ", done.stderr
        )
        with open(os.path.join(self.folder, "same", "report.html")) as file:
            self.assertNotIn("grad-cam.png", file.read())

    def test_a_result_without_victim_takes_any_victim(self):
        """Nothing but the heat maps is of that victim."""
        err, page = self.victimless(DEMO_VICTIM, 0)
        self.assertEqual(err, "")
        self.assertIn("grad-cam.png", page)
        self.assertIn(
            f"only the heat maps are of {DEMO_VICTIM}, and nothing else in this report is", page
        )

    def test_another_rounding_is_noticed(self):
        """Another PyTorch than that of the run may round otherwise."""
        result = Result(self.path)
        made, looker = (
            Report(result, os.path.join(self.folder, "rounding"), "000", result.attacks, False),
            gradcam.Victim(DEMO_VICTIM),
        )
        maps = looker.maps
        looker.maps = lambda images: (lambda heat, classes: (heat, (classes + 1) % 10))(
            *maps(images)
        )
        heat_maps.where_it_looks(made, "fgsm", DEMO_VICTIM, looker, -1, 4)
        self.assertIn(
            "In 80 images the victim sees another class here than in the run", "".join(made.parts)
        )

    def test_nothing_is_loaded_that_nobody_named(self):
        with mock.patch.object(gradcam, "Victim", side_effect=Exception("loaded")) as victim:
            page = make(
                self.path, os.path.join(self.folder, "safe"), shown=Shown(count=2)
            ).read_text()
            self.assertFalse(victim.called)
            for text in "--victim FILE", "--use-victim-of-result", "classifiers/mine.pt":
                self.assertIn(text, page)
            said = []
            make(
                self.path,
                os.path.join(self.folder, "asked"),
                shown=Shown(count=2),
                look=Look(use_victim_of_result=True),
                warn=said.append,
            )
            self.assertEqual(len(said), 1)
            self.assertRegex(said[0], r"left out: .*\(loaded\)$")
            victim.assert_called_once_with(os.path.join(self.folder, "classifiers", "mine.pt"), -1)


if __name__ == "__main__":
    unittest.main()
