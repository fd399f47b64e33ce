"""Control characters in a file reach no terminal, and no name leaves its folder."""

import unittest

import h5py

from hostile import Hostile, preloaded
from support import launch, purify


def lying_child(folder):
    """A library to be preloaded.  The child that reads a file has been taken over: where it has
    cleaned a terminal's escape to "?[" or "?]", it hands over the escape."""
    return preloaded(
        folder,
        "lying",
        """
        #include <stdio.h>
        #include <string.h>
        size_t fwrite(const void *bytes, size_t size, size_t count, FILE *file) {
          size_t (*real)(const void *, size_t, size_t, FILE *) =
              (size_t (*)(const void *, size_t, size_t, FILE *))dlsym(RTLD_NEXT, "fwrite");
          if (!in_child() || !size || !count) return real(bytes, size, count, file);
          char *copy = malloc(size * count);
          memcpy(copy, bytes, size * count);
          for (size_t i = 0; i + 1 < size * count; i++)
            if (copy[i] == '?' && (copy[i + 1] == '[' || copy[i + 1] == ']')) copy[i] = 27;
          size_t written = real(copy, size, count, file);
          free(copy);
          return written;
        }
        """,
    )


class Names(Hostile):
    """What would drive a terminal."""

    def test_hostile_names_of_attacks_are_refused(self):
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
                    r"set.h5: the name of attack \"[^\"]*\?[^\"]*\" has control characters "
                    r"or is not UTF-8"
                )

    def test_names_that_are_no_text_are_refused(self):
        with self.change() as file:
            file.id.links.move(b"attacks/a", file.id, b"attacks/\xff\xfe")
        finished = self.run_it()
        self.assertEqual(finished.status, 2, finished)
        self.assertIn("has control characters or is not UTF-8", finished.err)

    def test_names_in_other_scripts_are_kept(self):
        with self.change() as file:
            file.move("attacks/a", "attacks/штурм")
        self.assertEqual(self.run_it().status, 0)

    def test_control_characters_in_texts_are_replaced(self):
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

    def test_a_forged_result_sends_no_escapes(self):
        path = purify(self.folder, {})
        with h5py.File(path, "r+") as file:
            file.attrs["hosts"] = "\x1b[2J"
            file.attrs["\x1b[3J"] = "x"
            file.attrs["job"] = file.attrs["job"].decode() + "\n\x1b[4J\n"
            rows = file["statistics"][...]
            rows["norm"] = b"\x1b" * rows["norm"].dtype.itemsize
            file["statistics"][...] = rows
        dirty = lying_child(self.folder)
        for environment in {}, {"LD_PRELOAD": dirty}:
            shown = launch("inspect", path, **environment)
            self.assertEqual(shown.status, 0, shown)
            self.assertNotIn("\x1b", shown.out + shown.err)

    def test_a_set_told_by_a_taken_over_child_is_refused(self):
        dirty = lying_child(self.folder)
        for name, text in (
            ("b", "HDF5 lists nonsense"),
            ("?[2J", "the name of attack .* has control characters"),
        ):
            with self.change("attacks/b") as file:
                if name == "b":
                    file["attacks/a"].attrs["source"] = "\x1b]0;title\x07"
                file.copy("attacks/a", f"attacks/{name}")
            refused = launch("inspect", self.set, LD_PRELOAD=dirty)
            self.assertEqual(
                (refused.status, refused.out, len(refused.err_lines)), (2, "", 1), refused
            )
            self.assertRegex(refused.err, text)
            self.assertNotIn("\x1b", refused.err)
            self.setUp()


if __name__ == "__main__":
    unittest.main()
