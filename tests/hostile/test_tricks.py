"""Sets of images made to harm, each known trick by name: one line that says what is wrong, the exit status, no other file read,
memory within bounds, and no more than ten seconds."""

import os
import subprocess
import time
import unittest
import zlib

import h5py
import numpy as np

from hostile import IMAGES, Hostile, preloaded
from support import ENVIRONMENT, PATIENCE, PROGRAM, launch, purify, random_images, write_set


class Elsewhere(Hostile):
    """What would read any file of the user."""

    def secret_is_not_opened(self):
        opened = self.opened_files()
        self.assertTrue(any("set.h5" in name for name in opened))
        self.assertFalse(any("secret" in name for name in opened), opened)

    def external(self, name, data):
        with self.change(name) as file:
            plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plan.set_external(self.secret.encode(), 0, data.nbytes)
            parent, last = name.rsplit("/", 1) if "/" in name else ("/", name)
            h5py.h5d.create(
                file[parent].id,
                last.encode(),
                h5py.h5t.py_create(data.dtype),
                h5py.h5s.create_simple(data.shape),
                plan,
            )

    def test_external_storage_of_images(self):
        self.external("attacks/a/images", IMAGES)
        self.refused(
            r"set.h5: /attacks/a/images keeps its data in other files \(external storage\), which are not read"
        )
        self.secret_is_not_opened()

    def test_external_storage_of_labels(self):
        self.external("labels", np.arange(6))
        self.refused("/labels keeps its data in other files", ranks=2)
        self.secret_is_not_opened()

    def test_external_links(self):
        for name, target in (
            ("attacks/a/images", "attacks/a/images"),
            ("attacks/a", "attacks/a"),
            ("attacks", "attacks"),
            ("labels", "labels"),
            ("clean", "clean"),
            ("clean/images", "clean/images"),
        ):
            with self.subTest(name):
                self.setUp()
                with self.change(name) as file:
                    file[name] = h5py.ExternalLink("secret.h5", target)
                self.refused(f"set.h5: /{name} is an external link; only hard links are followed")
                self.secret_is_not_opened()

    def test_soft_links(self):
        for name, target in (
            ("attacks/a/images", "/clean/images"),
            ("attacks/a", "/attacks/b"),
            ("labels", "/clean/images"),
            ("attacks/a", "/nowhere"),
        ):
            with self.subTest(name, target=target):
                self.setUp()
                with self.change(name) as file:
                    file[name] = h5py.SoftLink(target)
                self.refused(f"/{name} is a soft link; only hard links are followed")

    def test_link_of_another_kind(self):
        """Type 64 is an external link; patched to 70, it is some user's kind."""
        with self.change("attacks/a") as file:
            file["attacks/a"] = h5py.ExternalLink("secret.h5", "attacks/a")
        with open(self.set, "r+b") as file:
            data = file.read()
            at = data.rindex(b"\x40", 0, data.index(b"secret.h5"))
            self.assertLess(
                data.index(b"secret.h5") - at, 24
            )  # its length, name and character set lie between
            file.seek(at)
            file.write(b"\x46")
        self.refused("/attacks/a is some other kind of link")

    def test_names_that_are_paths_or_come_twice(self):
        for name, text in (b"z/x", 'an attack cannot be named "z/x"'), (
            b"zzz",
            'two attacks are named "zzz"',
        ):
            with self.subTest(name):
                self.setUp()
                with h5py.File(self.set, "a") as file:
                    for one in "zyx", "zzz":
                        file[f"attacks/{one}/images"] = IMAGES
                with open(self.set, "r+b") as file:
                    data = file.read()
                    self.assertEqual(data.count(b"zyx\0"), 1)
                    file.seek(data.index(b"zyx\0"))
                    file.write(name)
                self.refused(text)

    def test_virtual_dataset(self):
        with self.change("attacks/a/images") as file:
            layout = h5py.VirtualLayout(IMAGES.shape, IMAGES.dtype)
            layout[:] = h5py.VirtualSource("secret.h5", "attacks/a/images", IMAGES.shape)
            file.create_virtual_dataset("attacks/a/images", layout)
        self.refused(
            "/attacks/a/images is a virtual dataset, made of other files, which are not read"
        )
        self.secret_is_not_opened()

    def test_object_references(self):
        with self.change("attacks/a/images", "labels") as file:
            file.create_dataset(
                "attacks/a/images", data=[[[[file["clean/images"].ref]]]], dtype=h5py.ref_dtype
            )
            file["labels"] = np.arange(6)
        self.refused("/attacks/a/images is not a dataset of float32, float64 or uint8")
        with self.change("labels") as file:
            file.create_dataset(
                "labels", data=[file["clean/images"].regionref[0]], dtype=h5py.regionref_dtype
            )
        self.refused("/labels is not a one-dimensional dataset of integers")

    def test_filter_to_be_loaded(self):
        """A plugin on HDF5's path would be loaded, and run, for a filter it does not know."""
        plugins = os.path.join(self.folder, "plugins")
        os.makedirs(plugins, exist_ok=True)
        marker = os.path.join(self.folder, "loaded")
        code = (
            f'#include <stdio.h>\n__attribute__((constructor)) static void f(void) {{ FILE *m = fopen("{marker}", "w"); if (m) fclose(m); }}\n'
            "int H5PLget_plugin_type(void) { return 0; }\nconst void *H5PLget_plugin_info(void) { return 0; }\n"
        )
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", os.path.join(plugins, "libevil.so")],
            input=code,
            text=True,
            check=True,
        )
        for name, data in ("attacks/a/images", IMAGES), ("labels", np.arange(6)):
            with self.change(name) as file:
                file.create_dataset(name, data=data, compression="lzf")
            with open(self.set, "rb") as file:
                whole = file.read()
            # The number of the filter becomes one that nobody knows.
            with open(self.set, "wb") as file:
                file.write(
                    whole.replace(
                        (32000).to_bytes(2, "little") + b"\x08\x00",
                        (31999).to_bytes(2, "little") + b"\x08\x00",
                    )
                )
            finished = self.run_it(HDF5_PLUGIN_PATH=plugins)
            self.assertEqual(finished.status, 2, finished)
            self.assertRegex(
                finished.err,
                rf"/{name} is compressed by filter 3\d+ .*; deflate, shuffle and fletcher32 can be read",
            )
            self.assertFalse(os.path.exists(marker))
            self.setUp()

    def test_other_filters(self):
        for options in (
            {"scaleoffset": 3},
            {"compression": "lzf"},
            {"compression": "szip", "chunks": IMAGES.shape, "compression_opts": ("nn", 8)},
        ):
            with self.change("attacks/a/images") as file:
                file.create_dataset("attacks/a/images", data=IMAGES, **options)
            self.refused("/attacks/a/images is compressed by filter")

    def test_no_file(self):
        os.mkfifo(os.path.join(self.folder, "fifo"))
        for name in "fifo", "/dev/zero", "/dev/null", ".":
            self.refused("not a file", job={"input.file": name})


class Bombs(Hostile):
    """Few bytes that stand for many."""

    def bounded(self, text, memory=64):
        """Refused, with the memory of a program that has read nothing, and what is allowed."""
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

    def test_labels_of_petabytes(self):
        self.declared("labels", (1 << 47,), (1 << 20,), "i8")
        self.assertLess(os.path.getsize(self.set), 30000)
        self.bounded("/labels declares 140737488355328 labels, more than run.max_memory allows")

    def test_labels_never_written(self):
        self.declared("labels", (1 << 23,), None, "i8")
        self.bounded("/labels declares 8388608 labels, but only 0 bytes are stored")

    def test_images_of_petabytes(self):
        for chunks in None, (1, 1, 1024, 1024), (1, 1, 1, 1):
            self.setUp()
            with self.change("clean", "attacks/b"):
                pass
            self.declared("attacks/a/images", (6, 4096, 32768, 32768), chunks)
            self.bounded(
                "declares more than is stored: damaged, or never written|chunks of it were never written|"
                "more chunks than run.max_memory can list|lie in \\d+ chunks: HDF5 cannot list so many|chunks that do not fit into an eighth of run.max_memory"
            )

    def test_images_in_a_hole(self):
        """Allocated at once, and never written."""
        with self.change("clean", "attacks/b", "attacks/a/images") as file:
            plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            h5py.h5d.create(
                file["attacks/a"].id,
                b"images",
                h5py.h5t.NATIVE_FLOAT,
                h5py.h5s.create_simple((6, 3, 16384, 16384)),
                plan,
            )
        self.assertLess(os.stat(self.set).st_blocks * 512, 100000)
        self.bounded("/attacks/a/images declares more than is stored: damaged, or never written")

    def test_chunks_never_written(self):
        self.declared("attacks/a/images", (6, 1, 8, 9), (2, 1, 8, 9))
        self.bounded("/attacks/a/images is not whole: chunks of it were never written")

    def test_huge_chunk(self):
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
            r"/attacks/a/images is in chunks that do not fit into an eighth of run.max_memory \(2048 MiB\)"
        )

    def test_a_chunk_that_inflates_to_more(self):
        with self.change("attacks/a/images") as file:
            data = file.create_dataset(
                "attacks/a/images", IMAGES.shape, "f4", chunks=(6, 1, 8, 9), compression="gzip"
            )
            data.id.write_direct_chunk((0, 0, 0, 0), zlib.compress(bytes(300 << 20), 9))
        finished = self.run_it()
        self.assertEqual(finished.status, 2, finished)
        self.assertRegex(finished.err, "/attacks/a/images has chunks of another size than declared")
        with self.change("attacks/a/images") as file:
            data = file.create_dataset(
                "attacks/a/images", IMAGES.shape, "f4", chunks=(6, 1, 8, 9), compression="gzip"
            )
            data.id.write_direct_chunk((0, 0, 0, 0), zlib.compress(bytes(1 << 20), 9))
        finished = self.run_it()
        self.assertEqual(finished.status, 1, finished)
        self.assertRegex(
            finished.err,
            r"images 0 to 5 of a cannot be read \(cannot be inflated to the size declared\)",
        )

    def test_chunks_too_short(self):
        for options, stored, text in (
            ({"compression": "gzip"}, zlib.compress(bytes(10)), "has another size than declared"),
            ({"compression": "gzip"}, b"\x78\x9c", "cannot be inflated"),
            ({"fletcher32": True}, b"ab", "is shorter than its checksum"),
            ({"fletcher32": True}, bytes(1728) + b"abcd", "has another checksum"),
            ({}, b"abc", None),
        ):
            with self.subTest(text), self.change("attacks/a/images") as file:
                data = file.create_dataset(
                    "attacks/a/images", IMAGES.shape, "f4", chunks=(6, 1, 8, 9), **options
                )
                data.id.write_direct_chunk((0, 0, 0, 0), stored)
            finished = self.run_it(job={"output.file": f"result-{text}.h5"})
            self.assertEqual(finished.status, 1 if text else 2, finished)
            self.assertRegex(finished.err, text or "chunks of another size than declared")

    def test_attributes_of_any_length(self):
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

    def test_attributes_of_other_types(self):
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

    def test_thousands_of_attributes_and_groups(self):
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

    def test_datasets_that_share_their_bytes(self):
        with self.change() as file:
            for number in range(900):
                file[f"attacks/{number}"] = file["attacks/a"]
        self.refused("declares more than is stored|chunks that are not in the file")

    def test_a_chunk_for_each_of_many_images(self):
        """No trick: HDF5 1.10 takes time that grows with the square of their number, and is given it."""
        images = np.zeros((20000, 1, 4, 4), "u1")
        write_set(self.set, {"a": images}, chunks=(1, 1, 4, 4))
        start = time.time()
        shown = launch("inspect", self.set)
        self.assertEqual(shown.status, 0, shown)
        print(f"20,000 chunks listed in {time.time() - start:.1f} s")

    def test_more_chunks_than_can_be_listed(self):
        with self.change("clean", "labels", "attacks/b") as file:
            file["labels"] = np.zeros(70000, "i1")
        self.declared("attacks/a/images", (70000, 1, 8, 9), (1, 1, 8, 9))
        self.bounded(
            "the images of a lie in 70000 chunks: HDF5 cannot list so many in a sensible time; h5repack -l CHUNK=... makes larger ones"
        )

    def test_blocks_larger_than_the_memory(self):
        write_set(self.set, {"a": random_images(64, 1, 128, 128)})
        job = {"run.max_memory": 60, "solver.iterations": 1}
        finished = self.run_it(job)
        self.assertEqual((finished.status, len(finished.err_lines)), (2, 1), finished)
        self.assertRegex(
            finished.err,
            r"blocks and solver need about \d+ MiB on each rank, more than run.max_memory = 60: a smaller run.block \(now 64\) needs less",
        )
        self.assertEqual(self.run_it({**job, "run.block": 4}).status, 0)

    def test_cyclic_groups(self):
        with self.change() as file:
            file["attacks/a/attacks"] = file["attacks"]
            file["attacks/a/root"] = file["/"]
        self.assertEqual(self.run_it().status, 0)
        self.setUp()
        with self.change() as file:
            file["attacks/loop"] = file["attacks"]
        self.refused("set.h5: /attacks/loop/images is missing")

    def test_user_block(self):
        os.unlink(self.set)
        with h5py.File(self.set, "w", userblock_size=512) as file, h5py.File(self.secret) as other:
            file.attrs.update(other.attrs)
            for name in "labels", "attacks", "clean":
                other.copy(name, file)
        self.refused("set.h5: has a user block, which is not supported")


class Names(Hostile):
    """What would drive a terminal."""

    def test_names_of_attacks(self):
        for name in (
            "\x1b[2J\x1b]0;title\x07",
            "two\nlines",
            "a\ttab",
            "delete\x7f",
            "\x9b31m",
            "\u202eright",
            "\u2066left",
        ):
            with self.subTest(name):
                self.setUp()
                with self.change() as file:
                    file.move("attacks/a", f"attacks/{name}")
                self.refused(
                    r"set.h5: the name of attack \"[^\"]*\?[^\"]*\" has control characters or is no UTF-8"
                )

    def test_names_that_are_no_text(self):
        with self.change() as file:
            file.id.links.move(b"attacks/a", file.id, b"attacks/\xff\xfe")
        finished = self.run_it()
        self.assertEqual(finished.status, 2, finished)
        self.assertIn("has control characters or is no UTF-8", finished.err)

    def test_names_in_other_scripts(self):
        with self.change() as file:
            file.move("attacks/a", "attacks/штурм")
        self.assertEqual(self.run_it().status, 0)

    def test_texts(self):
        with self.change() as file:
            file.attrs["dataset"] = "\x1b[31mred"
            file["attacks/a"].attrs["source"], file["attacks/a"].attrs["norm"] = (
                "\x1b]0;title\x07",
                "l\x1b2\t",
            )
        path = purify(self.folder, {})
        for shown in (
            self.run_it(job={"output.file": "again.h5"}),
            launch("inspect", self.set),
            launch("inspect", path),
        ):
            self.assertEqual(shown.status, 0, shown)
            self.assertNotRegex(shown.out + shown.err, "[\x1b\t]")
        self.assertIn("?[31mred", launch("inspect", self.set).out)

    def test_result_made_up(self):
        path = purify(self.folder, {})
        with h5py.File(path, "r+") as file:
            file.attrs["hosts"] = "\x1b[2J"
            file.attrs["\x1b[3J"] = "x"
            file.attrs["job"] = file.attrs["job"].decode() + "\n\x1b[4J\n"
            rows = file["statistics"][...]
            rows["norm"] = b"\x1b" * rows["norm"].dtype.itemsize
            file["statistics"][...] = rows
        # A child that HDF5 has been made to work for others cleans nothing.
        dirty = preloaded(
            self.folder,
            "dirty",
            'void text_clean(char *text) { void (*real)(char *) = (void (*)(char *))dlsym(RTLD_NEXT, "text_clean"); '
            "if (!in_child()) real(text); }",
        )
        for environment in {}, {"LD_PRELOAD": dirty}:
            shown = launch("inspect", path, **environment)
            self.assertEqual(shown.status, 0, shown)
            self.assertNotIn("\x1b", shown.out + shown.err)

    def test_set_made_up(self):
        """By such a child."""
        dirty = preloaded(self.folder, "dirty", "void text_clean(char *text) { (void)text; }")
        careless = preloaded(
            self.folder,
            "careless",
            "int survey_check_name(void *a, void *b, int c, void *d) { return in_child() ? 0 : ((int (*)(void *, void *, int, void *))"
            'dlsym(RTLD_NEXT, "survey_check_name"))(a, b, c, d); }',
        )
        for library, name, text in (dirty, "b", "HDF5 lists nonsense"), (
            careless,
            "\x1b[2J",
            "the name of attack .* has control characters",
        ):
            with self.change("attacks/b") as file:
                file["attacks/a"].attrs["source"] = "\x1b]0;title\x07"
                file.copy("attacks/a", f"attacks/{name}")
            refused = launch("inspect", self.set, LD_PRELOAD=library)
            self.assertEqual(
                (refused.status, refused.out, len(refused.err_lines)), (2, "", 1), refused
            )
            self.assertRegex(refused.err, text)
            self.assertNotIn("\x1b", refused.err)
            self.setUp()


if __name__ == "__main__":
    unittest.main()
