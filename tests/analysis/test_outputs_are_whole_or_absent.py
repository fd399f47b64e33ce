"""What is written is whole, judged before the work, and readable by barydef."""

import os
import unittest
import unittest.mock

from inputs import random_images, write_set
from support import RunTest, launch, run_job
from package import command

import h5py
import numpy as np
from barydef import errors, files, set_file


class Outputs(RunTest):
    """An output is whole, is judged before the work, and replaces nothing unasked."""

    def test_bad_outputs_are_refused_before_the_work(self):
        there, folder = os.path.join(self.folder, "there.h5"), os.path.join(
            self.folder, "none", "set.h5"
        )
        with open(there, "w") as file:
            file.write("mine")
        # The data and the victim do not exist, so they cannot have been looked at.
        for arguments, text in (
            (("attack", "no data", "no victim", there), "exists; --overwrite"),
            (("convert", "none.npz", there), "exists; --overwrite"),
            (("attack", "no data", "no victim", folder), "there is no folder"),
            (("convert", "none.npz", self.folder + "/x/y.h5"), "there is no folder"),
            (("attack", "no data", there, there, "--overwrite"), "is a file that is read"),
            (("attack", "no data", "no victim", self.folder), "is not a file"),
        ):
            self.assertIn(text, command(*arguments, status=2).stderr)
        with open(there) as file:
            self.assertEqual(file.read(), "mine")

    def test_a_folder_that_takes_nothing_fails(self):
        """The status is 1, as that of barydef, since the input is not to blame."""
        path = os.path.join(self.folder, "good.npz")
        np.savez(path, fgsm=random_images(3), labels=np.arange(3))
        with unittest.mock.patch("os.access", return_value=False):  # of root, too
            self.assertRaisesRegex(
                errors.Failed,
                "no right to write into",
                files.check_output,
                os.path.join(self.folder, "set.h5"),
                False,
            )
        self.assertRegex(
            command("convert", path, "/proc/set.h5", status=1).stderr,
            "/proc/set.h5: (cannot be written|no right to write)",
        )

    def test_outputs_are_whole_or_absent(self):
        path = os.path.join(self.folder, "half.h5")

        def fail(problem):
            with files.written(path) as temporary, open(temporary, "w") as file:
                file.write("half")
                raise problem

        self.assertRaisesRegex(
            errors.Failed,
            "half.h5: cannot be written .No space left",
            fail,
            OSError(28, "No space left on device"),
        )
        self.assertRaises(KeyboardInterrupt, fail, KeyboardInterrupt())
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("half")], [])

    def test_names_are_taken_and_refused_as_by_barydef(self):
        """Both take a name or both refuse it."""
        images, labels = random_images(4).astype("f4"), np.arange(4)
        good = [
            "..",
            "a b",
            "Grad-CAM, 0.1",
            "\u00e4" * 31,
            "x" * 63,
            "\u0e01" * 21,
            "<b>",
            "file",
            "CLEAN",
        ]
        bad = [
            "x" * 64,
            "\u00e4" * 32,
            "bell\x07",
            "tab\there",
            "two\nlines",
            "\x7f",
            "c1\x85",
            "line\u2028",
            "right\u202e",
            "isolate\u2066",
            "clean",
        ]
        path = os.path.join(self.folder, "names.h5")
        set_file.write_set(
            path, labels, None, {name: (images, "linf", 0.1, "") for name in good}, "noise"
        )
        shown = launch("inspect", path)
        self.assertEqual(shown.status, 0, shown)
        for name in good:
            self.assertIn(f"\n{name}", shown.out)
        for name in bad:
            write_set(path, {name: images})
            self.assertEqual(launch("inspect", path).status, 2, ascii(name))
        for name in *bad, "", "a/b", ".", "\ud800":  # HDF5 cannot hold the last four
            with self.assertRaisesRegex(errors.Unsuitable, "^the name of attack"):
                attacks = {name: (images, "linf", 0.1, "")}
                set_file.write_set(path + "2", labels, None, attacks, "")
        self.assertFalse(os.path.exists(path + "2"))

    def test_barydef_takes_what_is_written(self):
        """Large images come in chunks of few. Any type and byte order is taken, and NaN too."""
        large, small = os.path.join(self.folder, "large.npz"), os.path.join(
            self.folder, "small.npz"
        )
        np.savez(
            large,
            labels=np.arange(40),
            pgd=np.zeros((40, 400, 400, 1), "f4"),
            clean=np.zeros((40, 1, 400, 400), np.uint8),
        )
        images = random_images(6)
        images[2] = np.nan
        np.savez(
            small,
            labels=np.arange(6, dtype="u1"),
            half=images.astype("f2"),
            big=images.astype(">f8"),
            all_failed=np.full_like(images, np.nan),
        )
        for path, options, status in (large, ("--dry-run",), 0), (small, (), 3):
            command("convert", path, path[:-3] + "h5")
            finished = run_job(self.folder, {"input.file": path[:-3] + "h5"}, *options)
            self.assertEqual(finished.status, status, finished)
        with h5py.File(large[:-3] + "h5") as file:
            dataset = file["attacks/pgd/images"]
            self.assertLessEqual(np.prod(dataset.chunks) * dataset.dtype.itemsize, 4 << 20)


if __name__ == "__main__":
    unittest.main()
