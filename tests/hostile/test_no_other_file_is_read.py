"""A set that names other files is refused in one line, and none of them is opened."""

import os
import subprocess
import unittest

import h5py
import numpy as np

from hostile import IMAGES, Hostile


class Elsewhere(Hostile):
    """A set can name other files, and reading it would read any file of the user."""

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

    def test_external_storage_of_images_is_refused(self):
        self.external("attacks/a/images", IMAGES)
        self.refused(
            r"set.h5: /attacks/a/images keeps its data in other files "
            r"\(external storage\), which are not read"
        )
        self.secret_is_not_opened()

    def test_external_storage_of_labels_is_refused(self):
        self.external("labels", np.arange(6))
        self.refused("/labels keeps its data in other files", ranks=2)
        self.secret_is_not_opened()

    def test_external_links_are_refused(self):
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

    def test_soft_links_are_refused(self):
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

    def test_links_of_another_kind_are_refused(self):
        """Type 64 is an external link.  Patched to 70 it is a kind that a user defined."""
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

    def test_names_that_are_paths_or_come_twice_are_refused(self):
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

    def test_virtual_datasets_are_refused(self):
        with self.change("attacks/a/images") as file:
            layout = h5py.VirtualLayout(IMAGES.shape, IMAGES.dtype)
            layout[:] = h5py.VirtualSource("secret.h5", "attacks/a/images", IMAGES.shape)
            file.create_virtual_dataset("attacks/a/images", layout)
        self.refused(
            "/attacks/a/images is a virtual dataset, made of other files, which are not read"
        )
        self.secret_is_not_opened()

    def test_object_references_are_refused(self):
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

    def test_no_filter_is_loaded(self):
        """A plugin on HDF5's path would be loaded, and run, for a filter it does not know."""
        plugins = os.path.join(self.folder, "plugins")
        os.makedirs(plugins, exist_ok=True)
        marker = os.path.join(self.folder, "loaded")
        code = f"""
            #include <stdio.h>
            __attribute__((constructor)) static void f(void) {{
              FILE *m = fopen("{marker}", "w");
              if (m) fclose(m);
            }}
            int H5PLget_plugin_type(void) {{ return 0; }}
            const void *H5PLget_plugin_info(void) {{ return 0; }}
            """
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
                rf"/{name} is compressed by filter 3\d+ .*; "
                "deflate, shuffle and fletcher32 can be read",
            )
            self.assertFalse(os.path.exists(marker))
            self.setUp()

    def test_other_filters_are_refused(self):
        for options in (
            {"scaleoffset": 3},
            {"compression": "szip", "chunks": IMAGES.shape, "compression_opts": ("nn", 8)},
        ):
            with self.change("attacks/a/images") as file:
                file.create_dataset("attacks/a/images", data=IMAGES, **options)
            self.refused("/attacks/a/images is compressed by filter")

    def test_what_is_no_file_is_refused(self):
        os.mkfifo(os.path.join(self.folder, "fifo"))
        for name in "fifo", "/dev/zero", "/dev/null", ".":
            self.refused("not a file", job={"input.file": name})


if __name__ == "__main__":
    unittest.main()
