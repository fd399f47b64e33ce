"""Bad files of attacked images: one clear line, exit status 2, and nothing is written."""

import os
import unittest

import h5py
import numpy as np

from bad_input import BadInput, IMAGES
from inputs import write_set
from support import launch, need_victim


def remove(name):
    def change(file):
        del file[name]

    return change


def put(name, data):
    """Replace or add a dataset."""

    def change(file):
        if name in file:
            del file[name]
        file[name] = data

    return change


def attribute(name, value):
    def change(file):
        file.attrs.pop(name)
        if value is not None:
            file.attrs[name] = value

    return change


A, B, CLEAN = "attacks/a/images", "attacks/b/images", "clean/images"


# name: (change of a good file, what the line must name beside the file)
BAD_SETS = {
    "no schema": (attribute("schema", None), ["schema"]),
    "another schema": (attribute("schema", "barydef-result"), ["schema"]),
    "schema is a number": (attribute("schema", 1), ["schema"]),
    "no schema version": (attribute("schema_version", None), ["schema_version"]),
    "another schema version": (attribute("schema_version", 2), ["schema_version"]),
    "no labels": (remove("labels"), ["/labels"]),
    "labels are a group": (
        lambda file: [remove("labels")(file), file.create_group("labels")],
        ["/labels"],
    ),
    "fewer labels": (put("labels", np.arange(5)), ["images", "labels", "5", "6"]),
    "more labels": (put("labels", np.arange(7)), ["images", "labels", "7", "6"]),
    "no label at all": (put("labels", np.zeros(0, "i8")), ["/labels"]),
    "labels of halves": (put("labels", np.arange(6) / 2), ["/labels", "1 ", "0.5"]),
    "labels of strings": (put("labels", np.array([b"0"] * 6)), ["/labels"]),
    "labels in two dimensions": (put("labels", np.zeros((6, 1), "i8")), ["/labels"]),
    "a single label": (put("labels", 3), ["/labels"]),
    "no images": (remove(A), [A]),
    "no group of images": (
        lambda file: [remove("attacks")(file), remove("clean")(file)],
        ["attacks"],
    ),
    "attacks are a dataset": (put("attacks", np.zeros(3)), ["attacks"]),
    "attack is a dataset": (put("attacks/c", IMAGES), ["attacks/c"]),
    "images are a group": (lambda file: [remove(B)(file), file.create_group(B)], [B]),
    "three dimensions": (put(A, IMAGES[:, 0]), [A]),
    "five dimensions": (put(A, IMAGES[None]), [A]),
    "a single number": (put(A, 0.5), [A]),
    "no width": (put(A, IMAGES[..., :0]), [A]),
    **{
        f"images of {kind}": (put(A, np.zeros(IMAGES.shape, kind)), [A])
        for kind in ("i4", "i1", "u2", "S3", "bool", "c8")
    },
    **{
        f"{group}: other {part}": (put(group, images), ["images", "7", "9"])
        for group in (A, B, CLEAN)
        for part, images in (
            ("channels", IMAGES[:, :1]),
            ("height", IMAGES[:, :, :6]),
            ("width", IMAGES[..., :8]),
        )
    },
    **{
        f"{group}: fewer images": (put(group, IMAGES[:5]), [group, "5", "6"])
        for group in (A, B, CLEAN)
    },
    "attack named clean": (put("attacks/clean/images", IMAGES), ["clean"]),
    "name of an attack too long": (put(f"attacks/{'x' * 64}/images", IMAGES), ["x" * 64]),
}


class BadSets(BadInput):
    def bad_set(self, name, ranks=0):
        change, words = BAD_SETS[name]
        return self.case(name, {}, ["set.h5", *words], ranks=ranks, change=change)

    def test_bad_sets_are_refused(self):
        only_clean = self.case(
            "only clean",
            {"input.clean": "no"},
            ["set.h5", "no attack", "input.clean"],
            change=remove("attacks"),
        )
        self.refused([*map(self.bad_set, BAD_SETS), only_clean])

    def test_files_that_are_no_hdf5_are_refused(self):
        with open(write_set(os.path.join(self.folder, "good.h5"), {"a": IMAGES}), "rb") as file:
            good = file.read()
        files = {
            "text": b"[input]\n" * 1000,
            "empty": b"",
            "first bytes": good[:64],
            "half": good[: len(good) // 2],
            "all but the last byte": good[:-1],
            "overwritten superblock": b"\0" * 96 + good[96:],
        }
        self.refused(self.data_case(name, "set.h5", data, {}) for name, data in files.items())

    def test_labels_below_zero_are_refused(self):
        need_victim()
        self.refused(
            [
                self.case(
                    "labels below zero",
                    {"victim.file": "victim.pt"},
                    ["set.h5", "labels", "-1"],
                    victim=[],
                    change=put("labels", np.array([0, 1, 2, -1, 4, 5])),
                )
            ]
        )

    def test_inspect_refuses_bad_files(self):
        folder = self.make("inspect")
        with h5py.File(os.path.join(folder, "set.h5"), "r+") as file:
            del file["labels"]
        h5py.File(os.path.join(folder, "other.h5"), "w").close()
        for name, words in (
            ("absent.h5", []),
            ("old.h5", []),
            ("folder", []),
            ("set.h5", ["labels"]),
            ("other.h5", []),
        ):
            with self.subTest(name):
                self.check_line(launch("inspect", os.path.join(folder, name)), [name, *words])

    def test_one_rank_reports_for_all(self):
        for ranks in 1, 2:
            self.refused(
                self.bad_set(name, ranks)
                for name in ("no labels", f"{B}: other height", "images of i4")
            )


if __name__ == "__main__":
    unittest.main()
