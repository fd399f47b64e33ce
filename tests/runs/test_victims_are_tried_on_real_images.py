"""A victim is a function of one image, and what it says of an image is that image's own.

Victims are tried on images of the set before the work begins.  What it must not be is refused with
the cure, what is odd is said in a line, and NaN for an image is the status of that image."""

import os
import textwrap
import unittest
import zipfile

import h5py
import numpy as np

from inputs import VICTIM_BODY, random_images, write_set, write_victim
from results import check_statistics, read, status_names
from support import RunTest, need_victim, run_job

COUNT = 40
# An image whose first pixel is 1 gives NaN.
NAN_BODY = textwrap.dedent(VICTIM_BODY).replace("return ", "logits = ") + (
    "nan = torch.full_like(x[:, 0, 0, 0], float('nan'))\n"
    "factor = torch.where(x[:, 0, 0, 0] == 1, nan, torch.ones_like(nan))\n"
    "return logits * factor.unsqueeze(1)\n"
)


class Victims(RunTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.torch = need_victim()
        cls.images = random_images(COUNT) * 0.9
        cls.images[:, 0, 0, 0] = 0.5
        cls.images[[3, 17], 0, 0, 0] = 1
        write_set(os.path.join(cls.folder, "set.h5"), {"a": cls.images}, clean=cls.images)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_victim(self, name, job=None, *options, **others):
        """Run the job with a victim, into a result of its name."""
        return run_job(
            self.folder,
            {
                "input.file": "set.h5",
                "victim.file": name,
                "victim.batch": 8,
                "output.file": f"{name}.h5",
                **(job or {}),
            },
            *options,
            **others,
        )


class NaN(Victims):
    def test_it_is_the_status_of_the_image(self):
        write_victim(self.path("nan.pt"), NAN_BODY)
        finished = self.run_victim("nan.pt", {"run.block": 7, "solver.iterations": "2, 4"}, ranks=2)
        self.assertEqual(finished.status, 3, finished)
        for group in "000/a", "001/clean":
            with h5py.File(self.path("nan.pt.h5"), "r") as file:
                names = status_names(file[f"runs/{group}/per_image"])
            images, table = read(
                self.path("nan.pt.h5"), f"runs/{group}/images", f"runs/{group}/per_image"
            )
            self.assertEqual(
                {i: names[s] for i, s in enumerate(table["status"]) if s},
                {3: "victim-nan", 17: "victim-nan"},
            )
            failed = table["status"] != 0
            self.assertTrue(np.isnan(images[failed]).all() and np.isfinite(images[~failed]).all())
            for name in "predicted_attacked", "predicted_purified":
                self.assertEqual(set(table[name][failed]), {-1})
                self.assertGreaterEqual(min(table[name][~failed]), 0)
        rows = check_statistics(self, self.path("nan.pt.h5"), has_victim=True)
        self.assertEqual(rows["failed"].tolist(), [2] * 4)

    def test_an_attack_leaves_the_image_out_and_goes_on(self):
        """Of attacks of each kind, images beside it are what they are without it."""
        write_victim(self.path("nan-attacked.pt"), NAN_BODY)
        write_victim(self.path("sound.pt"), NAN_BODY.replace("== 1", "== 2"))
        kinds = {
            "fgsm": "linf",
            "pgd": "l2",
            "deepfool": "linf",
            "carlini_wagner": "l2",
            "apgd": "linf",
            "fab": "linf",
            "square": "linf",
            "autoattack": "linf",
            "growing": "linf",
        }
        job = {"input.limit": 20, "solver.iterations": 1}
        for kind, norm in kinds.items():
            job.update(
                {
                    f"attack {kind}.type": kind,
                    f"attack {kind}.norm": norm,
                    f"attack {kind}.epsilon": 0.1,
                    f"attack {kind}.steps": 3,
                }
            )
        del job["attack fgsm.steps"]
        job["attack pgd.through"] = "purified"
        for victim, status in ("nan-attacked.pt", 3), ("sound.pt", 0):
            finished = self.run_victim(victim, job)
            self.assertEqual(finished.status, status, finished)
        others = np.setdiff1d(np.arange(20), [3, 17])
        for kind in kinds:
            table, expected = (
                read(self.path(f"{victim}.pt.h5"), f"runs/000/{kind}/per_image")
                for victim in ("nan-attacked", "sound")
            )
            self.assertEqual(np.flatnonzero(table["status"]).tolist(), [3, 17], kind)
            for name in table.dtype.names:
                np.testing.assert_array_equal(table[name][others], expected[name][others], kind)

    def test_rows_that_fill_a_batch_are_images(self):
        """A victim that standardises each image is right for the set, and not for zeros."""
        body = VICTIM_BODY.replace("x - 0.3", "y").replace(
            "    kernel", "    y = (x - x.mean([1, 2, 3], True)) / x.std([1, 2, 3], keepdim=True)\n"
            "    kernel", 1
        )  # fmt: skip
        write_victim(self.path("standard.pt"), body)
        finished = self.run_victim("standard.pt", {"run.block": 3})
        self.assertEqual(finished.status, 0, finished)


class Net(Victims):
    """A table of classifiers as people have them."""

    def net(self, *more):
        nn = self.torch.nn
        self.torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(320, 10),
            *more,
        )

    def script(self, name, module):
        self.torch.jit.script(module.eval()).save(self.path(name))

    def accepted(self, name, *words):
        finished = self.run_victim(name)
        self.assertEqual(finished.status, 0, finished)
        for word in words:
            self.assertIn(word, finished.err)
        return read(self.path(name + ".h5"), "runs/000/a/per_image")["predicted_attacked"]

    def refused(self, name, *words, job=None):
        finished = self.run_victim(name, job)
        self.assertEqual((finished.status, len(finished.err_lines)), (2, 1), finished)
        self.assertLess(len(finished.err), 600)
        for word in (name, *words):
            self.assertIn(word, finished.err)
        self.assertFalse(os.path.exists(self.path(name + ".h5")))

    def test_weights_of_other_types_are_cast(self):
        self.script("float.pt", self.net())
        expected = self.accepted("float.pt")
        for name, type_name in ("half", "float16"), ("bfloat16", "bfloat16"), ("double", "float64"):
            module = getattr(self.net(), name)()
            self.script(name + ".pt", module)
            found = self.accepted(name + ".pt", f"weights in {type_name}, which are taken as")
            self.assertGreaterEqual((found == expected).sum(), COUNT - 4, name)

    def test_the_one_tensor_of_logits_is_taken(self):
        self.script("alone.pt", self.net())
        expected = self.accepted("alone.pt")
        for name, output, where in (
            ("tuple", "(y, x)", "output[0]"),
            ("list", "[x, y]", "output[1]"),
            ("dict", "{'image': x, 'logits': y}", "output[logits]"),
        ):
            body = f"y = self.net(x)\nreturn {output}\n"
            self.wrap(name + ".pt", body)
            np.testing.assert_array_equal(self.accepted(name + ".pt", where), expected)
        for name, output in ("two", "(y, y + 1)"), ("none", "(x, x)"):
            self.wrap(name + ".pt", f"y = self.net(x)\nreturn {output}\n")
            self.refused(name + ".pt", "tensors of shape [8, classes]")

    def wrap(self, name, body):
        """Save TorchScript with a net, whose forward has this body."""

        def begin(module, net):
            super(self.torch.jit.ScriptModule, module).__init__()
            module.net = net

        module = type("Whole", (self.torch.jit.ScriptModule,), {"__init__": begin})(
            self.torch.jit.script(self.net().eval())
        )
        module.define("def forward(self, x):\n" + textwrap.indent(body, "    "))
        module.save(self.path(name))

    def test_what_is_no_function_of_an_image_is_refused(self):
        """Unless the user wants it so, and is told."""
        nn, example = self.torch.nn, self.torch.rand(2, 1, 8, 10)
        traced = self.torch.jit.trace(self.net(nn.Dropout()).train(), example, check_trace=False)
        traced.save(self.path("dropout.pt"))
        whole = nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), self.net())
        self.script("statistics.pt", whole)
        self.wrap("noise.pt", "return self.net(x) + torch.rand(10)\n")
        self.wrap("mean.pt", "y = self.net(x)\nreturn y - 0.5 * y.mean(0)\n")
        self.wrap("row.pt", "return self.net(x) * torch.arange(x.size(0)).view(-1, 1)\n")
        self.wrap("nan-all.pt", "return self.net(x) * float('nan')\n")
        for name, why in (
            ("dropout", "model.eval()"),
            ("noise", "random"),
            ("statistics", "among other images"),
            ("mean", "among other images"),
            ("row", "another row"),
            ("nan-all", "NaN"),
        ):
            self.refused(name + ".pt", why, "victim.check = warn")
            finished = self.run_victim(name + ".pt", {"victim.check": "warn"})
            self.assertEqual(finished.status, 3 if name == "nan-all" else 0, finished)
            self.assertIn(why, finished.err)

    def test_a_batch_of_one_is_a_function_of_one_image(self):
        self.script(
            "one.pt",
            self.torch.nn.Sequential(
                self.torch.nn.BatchNorm2d(1, track_running_stats=False), self.net()
            ),
        )
        finished = self.run_victim("one.pt", {"victim.batch": 1}, ranks=2)
        self.assertEqual(finished.status, 0, finished)

    def test_what_is_odd_is_said(self):
        nn = self.torch.nn
        for name, last in ("softmax", nn.Softmax(1)), ("log_softmax", nn.LogSoftmax(1)):
            self.script(name + ".pt", self.net(last))
            self.accepted(name + ".pt", f"as after a {name}: ", "which is chance for 10 classes")

    def test_files_of_other_kinds_name_the_cure(self):
        torch, net = self.torch, self.net()
        old = {"_use_new_zipfile_serialization": False}
        for name, content, options, words in (
            ("state.pth", net.state_dict(), {}, ["weights without a program", "jit.script"]),
            ("old.pth", net.state_dict(), old, ["weights without a program"]),
            ("checkpoint.pt", {"net": net.state_dict(), "epoch": 3}, {}, ["weights without"]),
            ("pickled.pt", net, {}, ["a pickled module", "jit.script"]),
            ("old-pickled.pt", net, old, ["a pickled module"]),
        ):
            torch.save(content, self.path(name), **options)
            self.refused(name, *words)
        with open(self.path("page.pt"), "w") as file:
            file.write("<html>not found</html>")
        self.refused("page.pt", "no TorchScript")

    def test_what_libtorch_cannot_do_names_the_cure(self):
        self.wrap("gpu.pt", "return self.net(x) + torch.zeros(10, device='cuda')\n")
        self.wrap("half-code.pt", "return self.net(x.half())\n")
        self.wrap("fixed.pt", "return self.net(x.reshape(16, 1, 8, 10))\n")
        self.refused("gpu.pt", "asks for a GPU")
        self.refused("half-code.pt", "model.float()")
        self.refused("fixed.pt", "set victim.batch = 16")
        finished = self.run_victim("fixed.pt", {"victim.batch": 16})
        self.assertEqual(finished.status, 0, finished)
        self.script("plain.pt", self.net())
        for name, end, old, new in (
            ("newer.pt", ".py", b"relu", b"relu_of_tomorrow"),
            ("version.pt", "/version", b"3", b"99"),
        ):
            with zipfile.ZipFile(self.path("plain.pt")) as source, zipfile.ZipFile(
                self.path(name), "w"
            ) as changed:
                for entry in source.namelist():
                    data = source.read(entry)
                    changed.writestr(entry, data.replace(old, new) if entry.endswith(end) else data)
            self.refused(name, "newer PyTorch")


if __name__ == "__main__":
    unittest.main()
