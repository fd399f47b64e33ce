"""Sets that claim, inflate to or count more than they hold are refused in one line, within bounded
memory and ten seconds."""

import os
import time
import unittest
import zlib

import h5py
import numpy as np

from hostile import IMAGES, Hostile, hole
from inputs import random_images, write_set
from support import PATIENCE, launch


class Bombs(Hostile):
    """Few bytes that stand for many."""

    def bounded(self, text, memory=64):
        """It is refused with the memory of a program that has read nothing, and what is allowed."""
        quiet = self.peak("inspect", self.secret)[2]
        status, err, used = self.peak("inspect", self.set)
        self.assertEqual(status, 2, err)
        self.assertRegex(err, text)
        self.assertLess(used, quiet + memory * PATIENCE)
        self.refused(text)

    def declared(self, name, shape, chunks=None, kind="f4"):
        with self.change(name) as file:
            plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            if chunks:
                plan.set_chunk(chunks)
                plan.set_deflate(1)
            h5py.h5d.create(
                file.id,
                name.encode(),
                h5py.h5t.py_create(np.dtype(kind)),
                h5py.h5s.create_simple(shape),
                plan,
            )

    def one_chunk(self, stored, **options):
        """All images of an attack in one chunk, whose bytes in the file are these."""
        with self.change("attacks/a/images") as file:
            data = file.create_dataset(
                "attacks/a/images", IMAGES.shape, "f4", chunks=(6, 1, 8, 9), **options
            )
            data.id.write_direct_chunk((0, 0, 0, 0), stored)

    def test_labels_of_petabytes_are_refused(self):
        self.declared("labels", (1 << 47,), (1 << 20,), "i8")
        self.assertLess(os.path.getsize(self.set), 30000)
        self.bounded("/labels declares 140737488355328 labels, more than run.max_memory allows")

    def test_labels_never_written_are_refused(self):
        self.declared("labels", (1 << 23,), None, "i8")
        self.bounded("/labels declares 8388608 labels, but only 0 bytes are stored")

    def test_images_of_petabytes_are_refused(self):
        for chunks in None, (1, 1, 1024, 1024), (1, 1, 1, 1):
            self.setUp()
            with self.change("clean", "attacks/b"):
                pass
            self.declared("attacks/a/images", (6, 4096, 32768, 32768), chunks)
            self.bounded(
                "declares more than is stored: damaged, or never written|"
                "chunks of it were never written|"
                "more chunks than run.max_memory can list|"
                "lie in \\d+ chunks: HDF5 cannot list so many|"
                "chunks that do not fit into an eighth of run.max_memory"
            )

    def test_images_in_a_hole_are_refused(self):
        """HDF5 allocates them at once, and nobody writes them."""
        with self.change("clean", "attacks/b", "attacks/a/images") as file:
            hole(file["attacks/a"], "images", (6, 3, 16384, 16384))
        self.assertLess(os.stat(self.set).st_blocks * 512, 100000)
        self.bounded("/attacks/a/images declares more than is stored: damaged, or never written")

    def test_chunks_never_written_are_refused(self):
        self.declared("attacks/a/images", (6, 1, 8, 9), (2, 1, 8, 9))
        self.bounded("/attacks/a/images is not whole: chunks of it were never written")

    def test_a_huge_chunk_is_refused(self):
        with self.change("attacks/a/images") as file:
            file.create_dataset(
                "attacks/a/images",
                IMAGES.shape,
                "f8",
                maxshape=(None, None, None, None),
                chunks=(100, 64, 256, 256),
                compression="gzip",
            )
            file["attacks/a/images"][...] = 0
        self.bounded(
            r"/attacks/a/images is in chunks that do not fit into an eighth of "
            r"run.max_memory \(2048 MiB\)"
        )

    def test_a_chunk_that_inflates_to_more_is_refused(self):
        for size, status, text in (
            (300 << 20, 2, "/attacks/a/images has chunks of another size than declared"),
            (
                1 << 20,
                1,
                r"images 0 to 5 of a cannot be read \(cannot be inflated to the size declared\)",
            ),
        ):
            self.one_chunk(zlib.compress(bytes(size), 9), compression="gzip")
            self.assert_one_line(self.run_it(), status, text)

    def test_chunks_too_short_are_refused(self):
        for options, stored, text in (
            ({"compression": "gzip"}, zlib.compress(bytes(10)), "has another size than declared"),
            ({"compression": "gzip"}, b"\x78\x9c", "cannot be inflated"),
            ({"fletcher32": True}, b"ab", "is shorter than its checksum"),
            ({"fletcher32": True}, bytes(1728) + b"abcd", "has another checksum"),
            ({}, b"abc", None),
        ):
            with self.subTest(text):
                self.one_chunk(stored, **options)
                self.assert_one_line(
                    self.run_it({"output.file": f"result-{text}.h5"}),
                    1 if text else 2,
                    text or "chunks of another size than declared",
                )

    def test_attributes_of_any_length_do_no_harm(self):
        with self.change() as file:
            file["attacks/a"].attrs["source"] = "x" * 60000
            file["attacks/b"].attrs["norm"] = "y" * 1000
            file["attacks/b"].attrs.create("source", "z" * (40 << 20), dtype=h5py.string_dtype())
        finished = self.run_it()
        self.assertEqual(finished.status, 0, finished)
        inspected = launch("inspect", self.set)
        self.assertLess(len(inspected.out), 2000)
        quiet = self.peak("inspect", self.secret)[2]
        self.assertLess(self.peak("inspect", self.set)[2], quiet + 100 * PATIENCE)

    def test_attributes_of_other_types_do_no_harm(self):
        with self.change() as file:
            for name, value in (
                ("norm", 3),
                ("epsilon", "text"),
                ("source", np.arange(3)),
                ("more", h5py.Empty("f4")),
            ):
                file["attacks/a"].attrs[name] = value
            file.attrs["dataset"] = np.zeros(2, [("a", "i4"), ("b", "f8")])
        self.assertEqual(self.run_it().status, 0)

    def test_thousands_of_attributes_and_groups_do_no_harm(self):
        with self.change() as file:
            for number in range(3000):
                file["attacks/a"].attrs[f"attribute {number}"] = number
                file.create_group(f"other/{number}")
        self.assertEqual(self.run_it().status, 0)
        self.setUp()
        with self.change() as file:
            for number in range(1000):
                file.create_group(f"attacks/{number}")
        self.refused("/attacks is not a group of at most 1000 attacks")

    def test_datasets_that_share_their_bytes_are_refused(self):
        with self.change() as file:
            for number in range(900):
                file[f"attacks/{number}"] = file["attacks/a"]
        self.refused("declares more than is stored|chunks that are not in the file")

    def test_a_few_names_of_the_same_bytes_are_read(self):
        with self.change() as file:
            for number in range(16):
                file[f"attacks/{number}"] = file["attacks/a"]
        self.assertEqual(launch("inspect", self.set).status, 0)

    def test_a_chunk_for_each_of_many_images_is_read(self):
        """This is no attack.  HDF5 1.10 needs time that grows with their square, and gets it."""
        images = np.zeros((20000, 1, 4, 4), "u1")
        write_set(self.set, {"a": images}, chunks=(1, 1, 4, 4))
        start = time.time()
        shown = launch("inspect", self.set)
        self.assertEqual(shown.status, 0, shown)
        print(f"20,000 chunks listed in {time.time() - start:.1f} s")

    def test_more_chunks_than_can_be_listed_are_refused(self):
        with self.change("clean", "labels", "attacks/b") as file:
            file["labels"] = np.zeros(70000, "i1")
        self.declared("attacks/a/images", (70000, 1, 8, 9), (1, 1, 8, 9))
        self.bounded(
            "the images of a lie in 70000 chunks: HDF5 cannot list so many in a sensible time; "
            "h5repack -l CHUNK=... makes larger ones"
        )

    def test_blocks_larger_than_the_memory_are_refused(self):
        write_set(self.set, {"a": random_images(64, 1, 128, 128)})
        job = {"run.max_memory": 60, "solver.iterations": 1}
        self.assert_one_line(
            self.run_it(job),
            2,
            r"blocks and solver need about \d+ MiB on each rank, more than run.max_memory = 60; "
            r"a smaller run.block \(now 64\) needs less",
        )
        self.assertEqual(self.run_it({**job, "run.block": 4}).status, 0)

    def test_cyclic_groups_do_no_harm(self):
        with self.change() as file:
            file["attacks/a/attacks"] = file["attacks"]
            file["attacks/a/root"] = file["/"]
        self.assertEqual(self.run_it().status, 0)
        self.setUp()
        with self.change() as file:
            file["attacks/loop"] = file["attacks"]
        self.refused("set.h5: /attacks/loop/images is missing")

    def test_a_user_block_is_read_over(self):
        """The addresses of chunks begin behind it, or not, as the version of HDF5 has it."""
        os.unlink(self.set)
        with h5py.File(self.set, "w", userblock_size=512) as file, h5py.File(self.secret) as other:
            file.attrs.update(other.attrs)
            for name in "labels", "attacks", "clean":
                other.copy(name, file)
        self.assertEqual(self.run_it().status, 0)
        with open(self.set, "r+b") as file:
            file.write(os.urandom(512))
        self.assertEqual(launch("inspect", self.set).status, 0)


if __name__ == "__main__":
    unittest.main()
