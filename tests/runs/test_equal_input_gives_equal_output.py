"""The same numbers in another type, storage or arrangement give the same bits."""

import os
import re
import unittest

import h5py
import numpy as np

from inputs import random_images, write_set
from results import contents
from support import RunTest, launch, purify


class EqualInput(RunTest):
    def run_variants(self, variants, job=None, status=0):
        """contents() of a run on each {name: (images, storage)}, in folders of their own."""
        found = []
        for name, (images, storage) in variants.items():
            folder = os.path.join(self.folder, self.id().split(".")[-1], name)
            os.makedirs(folder)
            write_set(os.path.join(folder, "set.h5"), {"a": images[::-1]}, clean=images, **storage)
            found.append(contents(purify(folder, {"run.block": 4, **(job or {})}, status=status)))
        return found

    def check(self, variants):
        first, *others = self.run_variants(variants)
        for other in others:
            self.assert_same(first, other)
        self.assertEqual(len([name for name in first if name.endswith("/images")]), 2)

    def test_float32_numbers_in_another_type_change_no_bit(self):
        images = random_images(10, 2).astype("f4")
        self.check(
            {
                "f4": (images, {}),
                "f8": (images.astype("f8"), {}),
                "big-endian": (images.astype(">f4"), {}),
            }
        )

    def test_uint8_is_divided_by_255(self):
        images = np.round(random_images(10) * 255).astype("u1")
        self.check({"u1": (images, {}), "f8": (images / 255.0, {})})
        by_float32 = self.run_variants({"f4": ((images / 255.0).astype("f4"), {})})[0][
            "runs/000/a/images"
        ]
        by_uint8 = self.run_variants({"again": (images, {})})[0]["runs/000/a/images"]
        self.assertNotEqual(by_float32, by_uint8)
        np.testing.assert_allclose(
            np.frombuffer(by_float32[2], "f4"), np.frombuffer(by_uint8[2], "f4"), atol=1e-6
        )

    def test_black_and_white_is_the_same_in_all_types(self):
        images = random_images(10, 3) > 0.4
        self.check(
            {
                "u1": (images * np.uint8(255), {}),
                "f4": (images.astype("f4"), {}),
                "f8": (images.astype("f8"), {}),
            }
        )

    def test_chunks_and_compression_change_no_bit(self):
        images = random_images(23, 3)
        self.check(
            {
                "contiguous": (images, {}),
                "gzip": (images, {"chunks": (5, 2, 3, 7), "compression": "gzip", "shuffle": True}),
                "one chunk": (
                    images,
                    {"chunks": images.shape, "compression": "gzip", "compression_opts": 9},
                ),
                "shuffle and checksum": (
                    images,
                    {"chunks": (1, 3, 8, 10), "shuffle": True, "fletcher32": True},
                ),
            }
        )

    def test_channels_are_independent(self):
        images = random_images(5, 5, 11, 6)
        colour, grey = self.run_variants(
            {"colour": (images, {}), "grey": (images.reshape(25, 1, 11, 6), {})}
        )
        for attack, order in ("clean", 1), ("a", -1):
            five, one = (
                np.frombuffer(found[f"runs/000/{attack}/images"][2], "f4")
                for found in (colour, grey)
            )
            five, one = five.reshape(5, 5, 66)[::order], one.reshape(25, 66)[::order].reshape(
                5, 5, 66
            )
            self.assertEqual(five.tobytes(), one.tobytes())

    def test_digest_sees_labels_types_shapes_and_attributes(self):
        images, digests = random_images(4), {}
        path = os.path.join(self.folder, "set.h5")
        for name, change in [
            ("label", {"labels": [0, 1, 2, 4]}),
            ("type", {"images": images.astype("f4")}),
            ("shape", {"images": images.reshape(4, 2, 4, 10)}),
            ("count", {"images": images[:3]}),
            ("norm", {"norm": "l2"}),
            ("epsilon", {"epsilon": 0.2}),
            ("source", {"source": "?"}),
            ("first", {}),
            ("the same", {}),
        ]:
            change = {"images": images, "norm": "linf", "epsilon": 0.1, "source": "", **change}
            attack = tuple(change[key] for key in ("images", "norm", "epsilon", "source"))
            write_set(path, {"a": attack}, labels=change.get("labels"))
            digests[name] = re.search(r"digest (\w+)", launch("inspect", path).out)[1]
        with h5py.File(purify(self.folder, {"solver.iterations": 0}), "r") as file:
            self.assertEqual(file.attrs["input_digest"].decode(), digests["the same"])
        self.assertEqual(digests.pop("first"), digests["the same"])
        self.assertEqual(len(set(digests.values())), len(digests), digests)


if __name__ == "__main__":
    unittest.main()
