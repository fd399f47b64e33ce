"""CMake names all that is missing in one message, leaves out in one line each what can be done
without, and finds libraries that have no .pc file."""

import os
import re
import shutil
import subprocess
import unittest

from support import PATIENCE, SOURCE, RunTest


def rows():
    """{name: [Debian, Fedora, Spack, what for]} of cmake/requirements.txt."""
    with open(os.path.join(SOURCE, "cmake", "requirements.txt")) as file:
        cells = [
            [cell.strip() for cell in line.split("|")]
            for line in file
            if line.strip() and not line.startswith("#")
        ]
    return {name: rest for name, *rest in cells}


class Configure(RunTest):
    def configure(self, name, *options):
        """CMake's exit status and what it says, of a build tree of its own."""
        done = subprocess.run(
            ["cmake", "-S", SOURCE, "-B", os.path.join(self.folder, name), "-DBUILD_TESTING=OFF"]
            + ["-Wno-dev", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120 * PATIENCE,
        )
        return done.returncode, done.stdout

    def without_anything(self, name, *options):
        """Nothing is found but compilers."""
        modes = (f"-DCMAKE_FIND_ROOT_PATH_MODE_{of}=ONLY" for of in ("LIBRARY", "INCLUDE"))
        return self.configure(
            name,
            f"-DCMAKE_FIND_ROOT_PATH={self.folder}/nothing",
            *modes,
            *(f"-DCMAKE_DISABLE_FIND_PACKAGE_{of}=ON" for of in ("MPI", "HDF5", "PkgConfig")),
            *options,
        )

    def names_in(self, text):
        """The packages that a message tells to install, in the order of the table's columns."""
        found = re.findall(r"^ +(?:Debian|Fedora|Spack).*:.* install (.*)$", text, re.M)
        return [set(line.split()) for line in found]

    def expect_missing(self, text, *names):
        table = rows()
        expected = [set(), set(), set()]
        for name in names:
            for column in range(3):
                expected[column] |= set(table[name][column].split()) - {"-"}
            self.assertRegex(text, rf"(?m)^ +{name}: {table[name][3]}$")
        self.assertEqual(self.names_in(text), expected, text)
        self.assertEqual(text.count("CMake Error"), 1, text)
        for name, hint in ("MPI", "mpicc in PATH, or below MPI_HOME"), ("HDF5", "h5cc in PATH, or"):
            self.assertEqual(f"{name} is found by {hint}" in text, name in names, text)

    def test_everything_that_is_needed_is_named_in_one_message(self):
        status, text = self.without_anything("bare")
        self.assertNotEqual(status, 0)
        self.expect_missing(text, "MPI", "HDF5", "FFTW", "inih", "xxHash", "libdeflate")
        for optional in "libtorch", "libjpeg":
            package = rows()[optional][0]
            left_out = [line for line in text.split("\n") if f"{optional} was not found" in line]
            self.assertEqual(len(left_out), 1, text)
            self.assertIn(f"barydef: {optional} was not found (Debian: {package}), so ", *left_out)

    def test_what_was_asked_for_by_name_is_needed(self):
        text = self.without_anything("asked", "-DBARYDEF_VICTIM=ON", "-DBARYDEF_JPEG=ON")[1]
        needed = "MPI", "HDF5", "FFTW", "inih", "xxHash", "libdeflate", "libjpeg", "libtorch"
        self.expect_missing(text, *needed)

    def test_what_is_too_old_is_missing(self):
        with open(os.path.join(self.folder, "xxhash.h"), "w") as file:
            file.write("#define XXH_VERSION_MINOR 7\n")
        status, text = self.configure("old", f"-DXXHASH_INCLUDE_DIR={self.folder}")
        self.assertNotEqual(status, 0)
        self.expect_missing(text, "xxHash")

    def test_libraries_without_pc_files_are_found_below_a_prefix(self):
        """As modules have them.  What is installed there finds its libraries there again."""
        prefix = os.path.join(self.folder, "prefix")
        include, library = os.path.join(prefix, "include"), os.path.join(prefix, "lib")
        os.makedirs(include)
        os.makedirs(library)
        cache = os.path.join(os.path.dirname(os.environ["BARYDEF"]), "CMakeCache.txt")
        with open(cache) as file:
            known = dict(re.findall(r"^(\w+):\w+=(.+)$", file.read(), re.M))
        for name, header in ("FFTW", "fftw3.h"), ("INIH", "ini.h"), ("XXHASH", "xxhash.h"):
            for folder, path in (
                (include, os.path.join(known[f"{name}_INCLUDE_DIR"], header)),
                (library, known[f"{name}_LIBRARY"]),
            ):
                shutil.copy(path, folder)
        status, text = self.configure(
            "modules",
            f"-DCMAKE_PREFIX_PATH={prefix}",
            "-DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON",
            "-DBARYDEF_VICTIM=OFF",
            "-DBARYDEF_LIBDEFLATE=OFF",
        )
        self.assertEqual(status, 0, text)
        self.assertNotIn("was not found", text)
        with open(os.path.join(self.folder, "modules", "CMakeCache.txt")) as file:
            cache = file.read()
        for name in "FFTW", "INIH", "XXHASH":
            self.assertRegex(cache, rf"(?m)^{name}_LIBRARY:FILEPATH={library}/")
            self.assertRegex(cache, rf"(?m)^{name}_INCLUDE_DIR:PATH={include}$")
        with open(os.path.join(self.folder, "modules", "cmake_install.cmake")) as file:
            paths = re.findall(r'NEW_RPATH "(.*)"', file.read())
        self.assertTrue(paths)
        for path in paths:  # of library and program
            self.assertEqual(path.split(":")[1:], [library])


if __name__ == "__main__":
    unittest.main()
