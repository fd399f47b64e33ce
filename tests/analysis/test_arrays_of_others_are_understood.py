"""`barydef convert` takes the arrays of Foolbox, ART, Keras and RobustBench, or says why not."""

import json
import os
import unittest
from unittest import mock

from inputs import random_images
from support import RunTest, launch
from package import command

import h5py
import numpy as np
from barydef import command_line, convert, errors
from barydef.attack import datasets


class Arrays(RunTest):
    def test_npy_files_with_channels_last_are_understood(self):
        images = random_images(7, 3, 9, 11).astype("f4")
        np.save(os.path.join(self.folder, "pgd.npy"), images.transpose(0, 2, 3, 1))
        np.save(os.path.join(self.folder, "y.npy"), np.arange(7))
        command(
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

    def test_options_stand_anywhere_and_sources_name_their_files(self):
        """`convert clean.npy --labels y.npy noise.npy made.h5` works, as does any other order."""
        folder, set_of = os.path.join(self.folder, "orders"), random_images(4).astype("f4")
        os.mkdir(folder)
        x, clean, noise, y, made = (
            os.path.join(folder, name)
            for name in ("x.npy", "clean.npy", "noise.npy", "y.npy", "made.h5")
        )
        for path in x, clean, noise:
            np.save(path, set_of)
        np.save(y, np.arange(4))
        option = ("--labels", y)
        for first in x, clean:
            files = (first, noise, made)
            for place in range(len(files) + 1):
                command("convert", *files[:place], *option, *files[place:], "--overwrite")
                with h5py.File(made) as file:
                    self.assertEqual(list(file), ["attacks", "clean", "labels"])
                    self.assertEqual(
                        file["attacks/noise"].attrs["source"], f"converted from {noise}"
                    )
        for words, known in (
            (("attack", "d", "--limit", 3, "v.pt", "--seed", 4, "s.h5"), "'output': 's.h5'"),
            (("report", "--run", 1, "r.h5", "--attack", "a", "to"), "'folder': 'to'"),
            (("report", "r.h5", "--attack", "a", "--attack", "b"), "'attack': ['a', 'b']"),
            (("report", "r.h5", "--run", 1), "'folder': None"),
        ):
            with mock.patch.object(command_line, words[0], vars):
                self.assertIn(known, command(*words).stdout)
        self.assertIn("--bogus", command("convert", x, "--bogus", made, status=2).stderr)

    def test_names_of_others_mean_the_same(self):
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
            self.assertRaisesRegex(errors.Unsuitable, "a second array of clean", read)

    def test_labels_in_columns_and_one_hot_rows_are_understood(self):
        """Keras gives columns, and ART gives one-hot rows.

        Such labels tell the data set too."""
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
            command("convert", path, made, "--overwrite")
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

    def test_arrays_that_do_not_fit_are_refused(self):
        some, labels = random_images(4), np.arange(4)
        for name, arrays, text in (
            ("range", {"a": 255 * some, "labels": labels}, "floats must be in"),
            ("count", {"a": some, "labels": np.arange(5)}, "4 images, but 5 labels"),
            ("parts", {"a": some, "b": some[:3], "labels": labels}, "b: 3 images, but 4 labels"),
            (
                "sizes",
                {"a": some, "clean": random_images(4, 1, 9), "labels": labels},
                "clean: images of 1 x 9 x 10 (channels, height, width), but those of a are of 1 "
                "x 8 x 10",
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
                {"a": some, "labels": labels[:, None] / 2},
                "labels: float64 (4,); integers [n] are needed",
            ),
            ("cube", {"a": some, "labels": labels[:, None, None]}, "integers [n] are needed"),
            (
                "floats",
                {"a": some, "labels": labels / 2},
                "floats.npz: labels: float64 (4,); integers [n] are needed: "
                "save labels.astype(int)",
            ),
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
            with self.assertRaises(errors.Unsuitable) as caught:
                convert.to_set([path], os.path.join(self.folder, "bad.h5"))
            self.assertIn(text, str(caught.exception))
        self.assertIn(
            text, command("convert", path, os.path.join(self.folder, "bad.h5"), status=2).stderr
        )
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("bad")], [])


if __name__ == "__main__":
    unittest.main()
