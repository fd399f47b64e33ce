"""What `barydef convert` gives back is what went in."""

import contextlib
import json
import os
import shutil
import unittest

from inputs import random_images, write_set
from support import RunTest, launch, purify, run_job
from package import command

import h5py
import numpy as np
from barydef import convert, errors
from barydef.hdf5 import opened


class Back(RunTest):
    """Files go from HDF5 to NumPy's arrays and back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        images = random_images(5)
        cls.set = write_set(
            os.path.join(cls.folder, "set.h5"),
            {
                "a": (images.astype("f4"), "linf", 0.1 + 1e-17, "one"),
                "b": (images / 2, "l2", 1 / 3, "two"),
                "c": (np.uint8(255 * images), "l0", float("nan"), ""),
            },
            clean=images,
            labels=np.array([5, -1, 0, 9, 7]),
        )
        cls.result = purify(
            cls.folder, {"solver.iterations": "1, 3", "sweep.solver.gamma": "0.5, 0.25"}
        )

    def convert(self, *arguments, **others):
        output = os.path.join(self.folder, arguments[0])
        command("convert", *arguments[1:-1], arguments[-1], output, "--overwrite", **others)
        return output

    def test_a_set_comes_back_bit_by_bit(self):
        back = self.convert("back.h5", self.convert("there.npz", self.set))
        with h5py.File(self.set) as a, h5py.File(back) as b:
            self.assertEqual(a["labels"][:].tolist(), b["labels"][:].tolist())
            self.assertEqual(dict(a.attrs), dict(b.attrs))
            for name in "clean", "attacks/a", "attacks/b", "attacks/c":
                self.assertEqual(
                    (a[name]["images"].dtype, a[name]["images"][:].tobytes()),
                    (b[name]["images"].dtype, b[name]["images"][:].tobytes()),
                )
                np.testing.assert_equal(dict(a[name].attrs), dict(b[name].attrs))
        self.assertEqual(
            run_job(
                self.folder, {"input.file": "back.h5", "output.file": "none.h5"}, "--dry-run"
            ).status,
            0,
        )
        some = os.path.join(self.folder, "some.npz")
        command("convert", self.set, some, "--attack", "b", "--attack", "clean")
        with np.load(some) as arrays:
            self.assertEqual(set(arrays.files), {"labels", "attributes", "b", "clean"})
        again = os.path.join(self.folder, "again.h5")
        command("convert", some, again, "--attack", "b", "--dataset", "mine")
        with h5py.File(again) as file:
            self.assertEqual(
                (
                    list(file),
                    list(file["attacks"]),
                    file.attrs["dataset"],
                    file["attacks/b"].attrs["epsilon"],
                ),
                (["attacks", "labels"], ["b"], "mine", 1 / 3),
            )

    def test_a_run_of_a_result_becomes_a_set_that_names_it(self):
        there = os.path.join(self.folder, "run.npz")
        command("convert", self.result, there, "--run", 3, "--attack", "a", "--attack", "clean")
        with np.load(there) as arrays, h5py.File(self.result) as file:
            about, run = json.loads(str(arrays["attributes"])), file["runs/003"]
            self.assertEqual(set(arrays.files), {"labels", "attributes", "a", "clean"})
            self.assertEqual(arrays["labels"].tolist(), [5, -1, 0, 9, 7])
            for name in "a", "clean":
                self.assertEqual(arrays[name].tobytes(), run[name]["images"][:].tobytes())
            self.assertEqual(
                about["attacks"], {"a": {"norm": "linf", "epsilon": 0.1 + 1e-17, "source": "one"}}
            )
            self.assertEqual(
                (
                    about["run"],
                    about["dataset"],
                    about["parameters"]["solver.gamma"],
                    about["parameters"]["solver.iterations"],
                ),
                ("003", "noise", 0.25, 3),
            )
            self.assertEqual(set(about["parameters"]), set(run.attrs))
        # The purified images are a set of their own without clean images, and say what made them.
        # Clean images can be put beside them.
        made, again, clean = (
            os.path.join(self.folder, name) for name in ("purified.h5", "again.npz", "clean.npy")
        )
        command("convert", there, made)
        self.assertEqual(launch("inspect", made).status, 0)
        with h5py.File(made) as file, h5py.File(self.result) as result:
            self.assertEqual(
                (set(file), set(file["attacks"])), ({"labels", "attacks"}, {"a", "purified_clean"})
            )
            self.assertEqual(
                file["attacks/purified_clean/images"][:].tobytes(),
                result["runs/003/clean/images"][:].tobytes(),
            )
            known = {name: dict(group.attrs) for name, group in file["attacks"].items()}
        for name, norm, epsilon, source in ("a", "linf", 0.1 + 1e-17, "one"), (
            "purified_clean",
            "none",
            0,
            "clean images",
        ):
            self.assertEqual((known[name]["norm"], known[name]["epsilon"]), (norm, epsilon))
            self.assertRegex(
                known[name]["source"],
                "^run 003 of result.h5: marginals.set=B6, solver.gamma=0.25, "
                f".*solver.iterations=3, .*solver.method=fb.*; made from: {source}$",
            )
        command("convert", made, again)
        command("convert", again, made, "--overwrite")
        with h5py.File(made) as file:
            self.assertEqual(
                {name: dict(group.attrs) for name, group in file["attacks"].items()}, known
            )
        command("convert", self.result, again, "--run", 3, "--attack", "a", "--overwrite")
        np.save(clean, random_images(5))
        command("convert", again, clean, made, "--overwrite")
        with h5py.File(made) as file:
            self.assertEqual(
                (list(file["attacks"]), file["clean/images"][:].tobytes()),
                (["a"], random_images(5).tobytes()),
            )

    def test_long_sources_are_cut(self):
        """HDF5 keeps less than 64 KiB of an attribute."""
        path, made = (os.path.join(self.folder, name) for name in ("long.npz", "long.h5"))
        np.savez(
            path,
            a=random_images(3),
            labels=np.arange(3),
            attributes=json.dumps({"attacks": {"a": {"source": "\u00e4" * 40000}}}),
        )
        command("convert", path, made)
        with h5py.File(made) as file:
            self.assertEqual(file["attacks/a"].attrs["source"], "\u00e4" * 32500)

    def test_files_that_point_elsewhere_are_refused(self):
        """No other file is opened, as by barydef. A cycle of groups is no reason to refuse."""
        path, storage = os.path.join(self.folder, "pointing.h5"), h5py.h5p.create(
            h5py.h5p.DATASET_CREATE
        )
        storage.set_external(b"secret.raw", 0, 8)
        layout = h5py.VirtualLayout((1,), "f8")
        layout[:] = h5py.VirtualSource("secret.h5", "x", (1,))
        for made, text in (
            (
                lambda file: file.__setitem__("runs/000/x", h5py.ExternalLink("secret.h5", "/x")),
                "/runs/000/x is no hard link",
            ),
            (lambda file: file.__setitem__("x", h5py.SoftLink("/labels")), "/x is no hard link"),
            (
                lambda file: h5py.h5d.create(
                    file.id, b"x", h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple((1,)), storage
                ),
                "/x keeps its data in other files",
            ),
            (
                lambda file: file["runs"].create_virtual_dataset("x", layout),
                "/runs/x keeps its data in other files",
            ),
            (lambda file: file.__setitem__("runs/000/x", file["runs"]), ""),
        ):
            # A file of its own for each, since HDF5 1.14 keeps that of the virtual dataset open.
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
            shutil.copy(self.result, path)
            with h5py.File(path, "a") as file:
                made(file)
            for arguments in (
                [
                    (
                        "convert",
                        path,
                        os.path.join(self.folder, "pointing.npz"),
                        "--overwrite",
                        "--run",
                        "0",
                    ),
                    ("report", path, os.path.join(self.folder, "pointing")),
                ]
                if text
                else []
            ):
                self.assertIn(f"{path}: {text}", command(*arguments, status=2).stderr)
        opened(path).close()

    def test_what_cannot_be_converted_is_refused(self):
        strange, empty, text, made = (
            os.path.join(self.folder, name)
            for name in ("strange.h5", "empty.h5", "text.h5", "made.npz")
        )
        write_set(strange, {"Y": random_images(3)})
        with open(text, "w") as file:
            file.write("no HDF5")
        with h5py.File(empty, "w") as file:
            file.attrs["schema"] = "attacked-images"
        bare = purify(self.folder, {"output.images": "no"}, output="bare.h5")
        for path, run, chosen, why in (
            (self.result, None, None, "4 runs, 000 to 003; --run chooses one"),
            (self.result, 4, None, "no run 004; there are 000 to 003"),
            (self.result, 0, ["d"], "no attack d; there are a, b, c, clean"),
            (self.set, 0, None, "has no runs"),
            (strange, None, None, "attack Y would be taken for labels"),
            (bare, None, None, "output.images = no"),
            (empty, None, None, "or damaged"),
            (text, None, None, "open file .file signature not found"),
            (text + "2", None, None, "no such file"),
        ):
            self.assertRaisesRegex(
                errors.Unsuitable, why, convert.to_arrays, path, made, run, chosen
            )
        for arguments, why in (
            ((self.set, made, "--run", 0), "has no runs"),
            ((made, "x.h5", "--run", 0), "--run is for results"),
            ((self.set, "x.txt"), ".h5 is written from"),
            ((self.set, self.set, made), ".npz from one .h5"),
        ):
            self.assertIn(why, command("convert", *arguments, status=2).stderr)
        self.assertFalse(os.path.exists(made))


if __name__ == "__main__":
    unittest.main()
