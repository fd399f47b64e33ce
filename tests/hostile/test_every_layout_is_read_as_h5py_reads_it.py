"""The reader of chunks, which does without HDF5, agrees with h5py on every layout, filter, type and
byte order that is allowed, at every block."""

import itertools
import os
import random
import unittest

import h5py
import numpy as np

from inputs import random_images, write_set
from set_reader import Images
from support import RunTest


class Layouts(RunTest):
    COUNT, SHAPE = 23, (3, 7, 5)

    def compare(self, path, blocks=((0, 23), (0, 1), (22, 1), (3, 9), (5, 2))):
        with h5py.File(path) as file:
            truth = {name: file[f"attacks/{name}/images"][...] for name in file["attacks"]}
            truth["clean"] = file["clean/images"][...]
        opened = Images(path)
        joined = Images(path, joins=opened)
        for images in opened, joined:
            for first, count in blocks:
                for name, right in truth.items():
                    wanted = right[first : first + count].astype("f8") / (
                        255 if right.dtype == np.uint8 else 1
                    )
                    self.assertEqual(
                        images.read(name, first, count, self.SHAPE).tobytes(),
                        wanted.tobytes(),
                        (name, first, count),
                    )
        opened.close()
        joined.close()

    def test_contiguous_storage_is_read(self):
        for kind in "<f4", ">f4", "<f8", ">f8", "<f2", ">f2", "u1":
            images = self.images(kind)
            self.compare(
                write_set(
                    os.path.join(self.folder, f"{kind}.h5"),
                    {"a": images, "b": images[::-1]},
                    clean=images,
                )
            )

    def images(self, kind):
        images = random_images(self.COUNT, *self.SHAPE)
        return (images * 255).astype("u1") if kind == "u1" else images.astype(kind)

    def test_chunks_of_every_filter_are_read(self):
        dice = random.Random(3)
        filters = [
            dict(zip(("compression", "shuffle", "fletcher32"), chosen))
            for chosen in itertools.product((None, "gzip", "lzf"), (False, True), (False, True))
        ]
        for number, (kind, chosen) in enumerate(
            itertools.product(("<f4", ">f8", ">f2", "u1"), filters)
        ):
            for chunks in (
                (23, 3, 7, 5),
                (4, 3, 7, 5),
                tuple(dice.randint(1, size) for size in (self.COUNT, *self.SHAPE)),
                True,
            ):
                with self.subTest(kind=kind, chunks=chunks, **chosen):
                    path = os.path.join(self.folder, f"{number}-{chunks}.h5")
                    images = self.images(kind)
                    write_set(
                        path,
                        {"a": images, "b": images[::-1]},
                        clean=images,
                        chunks=chunks,
                        **chosen,
                    )
                    self.compare(path, blocks=((0, 23), (22, 1), (3, 9)))

    def test_chunk_indices_of_the_newest_format_are_read(self):
        """They are single, implicit, fixed arrays, extensible arrays and trees of version 2."""
        for chunks, most in (
            (None, None),
            ((23, 3, 7, 5), None),
            ((5, 2, 4, 3), None),
            ((5, 3, 7, 5), (None, 3, 7, 5)),
            ((5, 2, 4, 3), (None, None, 7, 5)),
        ):
            for options in {}, {"compression": "gzip"}:
                if not chunks and options:
                    continue
                with self.subTest(chunks=chunks, most=most, **options):
                    path = os.path.join(self.folder, "new.h5")
                    with h5py.File(path, "w", libver="latest") as file:
                        file.attrs["schema"], file.attrs["schema_version"], file["labels"] = (
                            "attacked-images",
                            1,
                            np.arange(self.COUNT),
                        )
                        for group in "attacks/a", "clean":
                            file.create_dataset(
                                f"{group}/images",
                                data=self.images("<f4"),
                                chunks=chunks,
                                maxshape=most,
                                **options,
                            )
                    self.compare(path)

    def test_a_chunk_that_skipped_a_filter_is_read(self):
        """HDF5 leaves out a filter that did not help, chunk by chunk."""
        path = write_set(
            os.path.join(self.folder, "skipped.h5"),
            {"a": self.images("<f4")},
            clean=self.images("<f4"),
            chunks=(4, 3, 7, 5),
            compression="gzip",
        )
        plain = np.random.default_rng(1).random((4, *self.SHAPE)).astype("f4")
        with h5py.File(path, "r+") as file:
            file["attacks/a/images"].id.write_direct_chunk(
                (8, 0, 0, 0), plain.tobytes(), filter_mask=1
            )
        with h5py.File(path) as file:
            self.assertEqual(file["attacks/a/images"][8:12].tobytes(), plain.tobytes())
        self.compare(path)

    def test_a_file_that_changed_or_was_replaced_is_refused(self):
        path = write_set(
            os.path.join(self.folder, "one.h5"), {"a": self.images("<f4")}, clean=self.images("<f4")
        )
        other = write_set(
            os.path.join(self.folder, "other.h5"),
            {"a": self.images("<f4")},
            clean=self.images("<f4") * np.float32(0.5),
        )
        opened = Images(path)
        with self.assertRaisesRegex(
            ValueError, "other.h5: another rank sees another file than rank 0"
        ):
            Images(other, joins=opened)
        opened.read("a", 0, 3, self.SHAPE)
        with h5py.File(path, "r+") as file:
            file["attacks/a/images"][20] = 0.5
        with self.assertRaisesRegex(
            ValueError, "one.h5: images 0 to 2 of a cannot be read .the file was changed meanwhile"
        ):
            opened.read("a", 0, 3, self.SHAPE)
        opened.close()


if __name__ == "__main__":
    unittest.main()
